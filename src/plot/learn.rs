//! Decides the pictures of wave functions that learn: the objective with what is held out and the
//! infidelity over the steps, measured correlations against those of the outcomes, and the
//! infidelity against the number of outcomes.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::Panel;
use crate::calculation::learn::CURVES;
use crate::error::Result;

/// Style of what is held out.
const HELD: usize = 1;
/// The measured correlations of pairs of sites.
const PAIRS: &str = "measure/observables/spin-correlations-zz";
const NO_PAIRS: &str = "it needs outcomes along z and the observable spin-correlations-zz";
const NO_COUNTS: &str = "it needs two files or more with a number of outcomes and a fidelity";

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
    let mut drawn = vec![Drawn::new("learning", panels, reason)];
    let panels = Vec::from_iter(correlations(&runs));
    let name = "learned-correlations";
    drawn.push(Drawn::new(name, panels, NO_PAIRS));
    if runs.len() > 1 {
        let panels = Vec::from_iter(against_outcomes(&runs));
        let name = "fidelity-against-outcomes";
        drawn.push(Drawn::new(name, panels, NO_COUNTS));
    }
    Ok(drawn)
}

/// The number across the diagonal of measured correlations that makes σσ of them.
fn to_sigma(run: &ResultsFile) -> f64 {
    match run.unit(&format!("{PAIRS}/mean")).is_empty() {
        true => 1.0,
        false => 4.0,
    }
}

/// Measured correlations of all pairs of sites against those of the outcomes.
fn correlations(runs: &[&ResultsFile]) -> Option<Panel> {
    let mut curves = Vec::new();
    let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
    for run in runs {
        let data = run.reals("learn/correlations/mean");
        let mean = run.reals(&format!("{PAIRS}/mean"));
        let sites = data.len().isqrt();
        if data.is_empty() || mean.len() != data.len() {
            continue;
        }
        let apart = (0..data.len()).filter(|k| k / sites < k % sites);
        let places: Vec<usize> = apart.collect();
        let pick = |all: &[f64], scale: f64| -> Vec<f64> {
            places.iter().map(|k| scale * all[*k]).collect()
        };
        let (x, scale) = (pick(&data, 1.0), to_sigma(run));
        let y = pick(&mean, scale);
        for v in &x {
            ends = (ends.0.min(*v), ends.1.max(*v));
        }
        let name = &run.name;
        curves.push(Curve::new(name, run.style, Look::Marks, &x, &y, None));
    }
    if curves.is_empty() {
        return None;
    }
    let (line, equal) = ([ends.0, ends.1], runs.len());
    curves.push(Curve::new("equal", equal, Look::Line, &line, &line, None));
    let x = Axis::linear("⟨σᶻᵢ σᶻⱼ⟩ of the outcomes");
    Some(Panel::new(x, Axis::linear("⟨σᶻᵢ σᶻⱼ⟩ measured"), curves))
}

/// 1 − F at the end against the number of outcomes, one point for each file.
fn against_outcomes(runs: &[&ResultsFile]) -> Option<Panel> {
    let of = |run: &&ResultsFile| {
        let part = |name: &str| run.tree.real(&format!("learn/{name}")).ok();
        let error = part("fidelity_error").unwrap_or(0.0);
        Some((part("outcomes")?, 1.0 - part("fidelity")?, error))
    };
    let mut points: Vec<(f64, f64, f64)> = runs.iter().filter_map(of).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.len() < 2 {
        return None;
    }
    let x: Vec<f64> = points.iter().map(|p| p.0).collect();
    let y: Vec<f64> = points.iter().map(|p| p.1).collect();
    let error: Vec<f64> = points.iter().map(|p| p.2).collect();
    let curve = Curve::new("learned", 0, Look::Points, &x, &y, Some(&error));
    let across = Axis::log("outcomes");
    Some(Panel::new(across, Axis::log("1 - fidelity"), vec![curve]))
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
