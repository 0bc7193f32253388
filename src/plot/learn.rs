//! Decides the pictures of wave functions that learn: the objective with what is held out, and the
//! infidelity, over the steps.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Panel, stack};
use crate::calculation::learn::CURVES;
use crate::error::Result;

/// Style of what is held out.
const HELD: usize = 1;

/// All pictures; none where no file has learned.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let here = |r: &&ResultsFile| r.tree.datasets.contains_key("learn/history/objective");
    let runs: Vec<&ResultsFile> = runs.iter().filter(here).collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let panels: Vec<Panel> = [objectives(&runs), infidelities(&runs)]
        .into_iter()
        .filter(|panel| !panel.curves.is_empty())
        .collect();
    let reason = "the objective was not known in any step, or there were no steps";
    Ok(vec![Drawn::new("learning", stack(&panels)?, reason)])
}

/// A column over the steps where it is known.
fn known(run: &ResultsFile, name: &str) -> (Vec<f64>, Vec<f64>) {
    let all = run.reals(&format!("learn/history/{name}"));
    let each = all.iter().enumerate().filter(|(_, v)| CURVES.knows(**v));
    each.map(|(k, v)| (k as f64, *v)).unzip()
}

/// Kullback–Leibler divergences, or the objective itself where there is no entropy or something
/// lies below it; of one file with what is held out.
fn objectives(runs: &[&ResultsFile]) -> Panel {
    let alone = runs.len() == 1;
    let mut lines = Vec::new();
    for run in runs {
        let name = if alone { "learned" } else { &run.name };
        lines.push((*run, name, run.style, known(run, "objective")));
        if alone {
            lines.push((*run, "held out", HELD, known(run, "held_out")));
        }
    }
    lines.retain(|(.., (x, _))| x.len() > 1);
    let entropy = |run: &ResultsFile| run.tree.real("learn/entropy").ok();
    let above = |(run, _, _, (_, y)): &(&ResultsFile, &str, usize, (Vec<f64>, Vec<f64>))| {
        entropy(run).is_some_and(|s| y.iter().all(|v| *v > s))
    };
    let divergence = lines.iter().all(above);
    let curve = |(run, name, style, (x, mut y)): (&ResultsFile, &str, _, (Vec<f64>, Vec<f64>))| {
        let less = entropy(run).filter(|_| divergence).unwrap_or(0.0);
        y.iter_mut().for_each(|v| *v -= less);
        Curve::new(name, style, Look::Line, &x, &y, None)
    };
    let axis = match divergence {
        true => Axis::log("-ln likelihood - entropy"),
        false => Axis::linear("objective"),
    };
    let curves = lines.into_iter().map(curve).collect();
    Panel::new(Axis::linear("step").tight(), axis, curves)
}

/// 1 − F where the state is known.
fn infidelities(runs: &[&ResultsFile]) -> Panel {
    let of = |run: &&ResultsFile| {
        let (x, f) = known(run, "fidelity");
        let y: Vec<f64> = f.iter().map(|f| 1.0 - f).collect();
        let curve = || Curve::new(&run.name, run.style, Look::Line, &x, &y, None);
        (x.len() > 1).then(curve)
    };
    let curves = runs.iter().filter_map(of).collect();
    Panel::new(
        Axis::linear("step").tight(),
        Axis::log("1 - fidelity"),
        curves,
    )
}
