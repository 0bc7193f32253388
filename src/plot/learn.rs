//! Decides the pictures of wave functions that learn: the objective with what is held out, and the
//! infidelity, over the steps.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Panel, stack};
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

/// A column over the steps where it is known, and above zero.
fn known(run: &ResultsFile, name: &str, of: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
    let all = run.reals(&format!("learn/history/{name}"));
    let each = all.iter().enumerate().filter(|(_, v)| **v != -1.0);
    let each = each.map(|(k, v)| (k as f64, of(*v)));
    each.filter(|(_, v)| *v > 0.0).unzip()
}

/// Kullback–Leibler divergences, or −ln F; of one file with what is held out.
fn objectives(runs: &[&ResultsFile]) -> Panel {
    let alone = runs.len() == 1;
    let (mut curves, mut divergence) = (Vec::new(), true);
    for run in runs {
        let entropy = run.tree.real("learn/entropy").ok();
        divergence &= entropy.is_some();
        let less = entropy.unwrap_or(0.0);
        let (x, y) = known(run, "objective", |v| v - less);
        if x.len() > 1 {
            let name = if alone { "learned" } else { &run.name };
            curves.push(Curve::new(name, run.style, Look::Line, &x, &y, None));
        }
        let (x, y) = known(run, "held_out", |v| v - less);
        if alone && x.len() > 1 {
            curves.push(Curve::new("held out", HELD, Look::Line, &x, &y, None));
        }
    }
    let label = match divergence {
        true => "-ln likelihood - entropy",
        false => "objective",
    };
    Panel::new(Axis::linear("step").tight(), Axis::log(label), curves)
}

/// 1 − F where the state is known.
fn infidelities(runs: &[&ResultsFile]) -> Panel {
    let of = |run: &&ResultsFile| {
        let (x, y) = known(run, "fidelity", |f| 1.0 - f);
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
