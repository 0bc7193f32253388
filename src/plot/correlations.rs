//! Decides the pictures of what is measured by distance: correlations with error bars, all files in
//! one.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Guide, Panel};
use crate::error::Result;
use std::collections::BTreeSet;

/// What is across.
pub const DISTANCE: &str = "distance [nearest-neighbour distance]";

/// Names of all observables of the files that have the dataset `part`, in alphabetical order.
pub fn names(runs: &[ResultsFile], part: &str) -> BTreeSet<String> {
    runs.iter().flat_map(|r| r.observables(part)).collect()
}

/// The symbol of a spin correlation in the unit of a dataset.
pub fn symbol(run: &ResultsFile, name: &str, path: &str) -> String {
    let unit = run.unit(path);
    let spin = if unit.is_empty() { "σ" } else { "S" };
    let text = match name {
        "spin-correlations" => format!("⟨{spin}ᵢ·{spin}ⱼ⟩"),
        "spin-correlations-zz" => format!("⟨{spin}ᶻᵢ {spin}ᶻⱼ⟩"),
        "structure-factor" => "S(q)".into(),
        "structure-factor-zz" => "Sᶻᶻ(q)".into(),
        other => other.to_string(),
    };
    text + &unit
}

/// The symbol between bars, the unit behind them.
fn size_of(symbol: &str) -> String {
    match symbol.split_once(" [") {
        Some((symbol, unit)) => format!("|{symbol}| [{unit}"),
        None => format!("|{symbol}|"),
    }
}

/// The absolute values of the curves of a panel on a logarithmic axis: what decays with the
/// distance.
fn sizes(panel: &Panel, label: String) -> Panel {
    let size = |curve: &Curve| Curve {
        points: curve
            .points
            .iter()
            .map(|p| [p[0], p[1].abs(), p[2]])
            .collect(),
        ..curve.clone()
    };
    let curves = panel.curves.iter().map(size).collect();
    Panel::new(panel.x.clone(), Axis::log(label).with_ticks(5), curves)
}

/// One picture per observable with a mean by distance.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for name in names(runs, "/by_distance/mean") {
        let prefix = format!("measure/observables/{name}");
        let path = format!("{prefix}/by_distance/mean");
        let curve = |r: &ResultsFile| {
            let error = r.reals(&format!("{prefix}/by_distance/error"));
            let x = r.reals(&format!("{prefix}/distances"));
            // Shells of a plane follow no order that a line could show.
            let is_chain = r.lattice.as_ref().is_ok_and(|l| l.dimensions() == 1);
            let look = if is_chain { Look::Points } else { Look::Marks };
            Curve::new(&r.name, r.style, look, &x, &r.reals(&path), Some(&error))
        };
        let first = runs
            .iter()
            .find(|r| r.tree.datasets.contains_key(&path))
            .unwrap_or(&runs[0]);
        let x = Axis::linear(DISTANCE).with_ticks(8);
        let mut panel = Panel::new(
            x,
            Axis::linear(symbol(first, &name, &path)),
            runs.iter().map(curve).collect(),
        );
        let values = || panel.curves.iter().flat_map(|c| &c.points).map(|p| p[1]);
        if values().any(|v| v < 0.0) && values().any(|v| v > 0.0) {
            panel.guides.push(Guide {
                y: 0.0,
                text: String::new(),
            });
        }
        let sizes = sizes(&panel, size_of(&symbol(first, &name, &path)));
        drawn.push(Drawn::new(
            name,
            vec![panel, sizes],
            "none of its values is a number",
        ));
    }
    if drawn.is_empty() {
        let reason = "no file has them; add \"spin-correlations\" to measure.observables of a \
         lattice with distances";
        drawn.push(Drawn::left_out("spin-correlations", reason));
    }
    Ok(drawn)
}
