//! Decides the pictures of networks that see a phase transition: outputs, their collapse, crossings
//! against the size, losses, what the last layer knows of the temperature.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Guide, Panel};
use crate::error::Result;
use crate::stats::mean_and_error;

/// ν of the correlation length, with which outputs are laid on each other: that of the Ising model
/// in two dimensions, and of its quantum chain.
const NU: f64 = 1.0;
/// Style of the classifier by |m| beside one file.
const BASELINE: usize = 1;
/// Style of a fitted curve beside one file.
const FITTED: usize = 2;
/// Places at which a fitted curve is drawn.
const FINE: usize = 201;

const UNFINISHED: &str = "no file has a finished classification";

/// All pictures; none where no file has networks.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let here = |r: &&ResultsFile| r.tree.datasets.contains_key("phases/task");
    let runs: Vec<&ResultsFile> = runs.iter().filter(here).collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let without = "no file has a lattice of equal sides";
    Ok(vec![
        Drawn::new("phases-output", outputs(&runs), UNFINISHED),
        Drawn::new("phases-collapse", collapse(&runs), without),
        Drawn::new(
            "phases-size",
            sizes(&runs),
            "crossings of two sizes are needed",
        ),
        Drawn::new("phases-loss", losses(&runs), "there were no epochs"),
        Drawn::new(
            "phases-second-difference",
            second_difference(&runs),
            "no file has a single layer over temperatures",
        ),
        Drawn::new(
            "phases-weights",
            weights(&runs),
            "no file has a convolution over temperatures",
        ),
    ])
}

/// Values of the parameter in ascending order, with the mean output over the seeds and its error.
fn output(run: &ResultsFile) -> Vec<[f64; 3]> {
    let values = run.reals("phases/temperature");
    let all = run.reals("phases/output");
    let rows: Vec<&[f64]> = all.chunks_exact(values.len().max(1)).collect();
    let point = |(k, value): (usize, &f64)| {
        let column: Vec<f64> = rows.iter().map(|row| row[k]).collect();
        let (mean, error) = mean_and_error(&column)?;
        Some([*value, mean, error])
    };
    let mut points: Vec<_> = values.iter().enumerate().filter_map(point).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    points
}

fn half() -> Guide {
    Guide {
        y: 0.5,
        text: String::new(),
    }
}

/// A curve of points (x, y, error).
fn curve(run: &ResultsFile, points: &[[f64; 3]], x: &dyn Fn(f64) -> f64) -> Curve {
    let column = |k: usize| points.iter().map(|p| p[k]).collect::<Vec<_>>();
    let across: Vec<f64> = points.iter().map(|p| x(p[0])).collect();
    let errors = column(2);
    let look = Look::Points;
    Curve::new(
        &run.name,
        run.style,
        look,
        &across,
        &column(1),
        Some(&errors),
    )
}

/// Mean outputs against the parameter.
fn outputs(runs: &[&ResultsFile]) -> Panel {
    let mut curves: Vec<Curve> = runs.iter().map(|r| curve(r, &output(r), &|x| x)).collect();
    if let [run] = runs {
        let mut points: Vec<_> = run
            .reals("phases/temperature")
            .into_iter()
            .zip(run.reals("phases/baseline_output"))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        curves.push(Curve::new("|m| alone", BASELINE, Look::Line, &x, &y, None));
    }
    let x = Axis::linear("temperature T [coupling], or the parameter of files");
    let mut panel = Panel::new(x, Axis::linear("mean output, ordered phase"), curves);
    panel.guides.push(half());
    panel
}

/// The same against t L^(1/ν) with t = T/T_c − 1.
fn collapse(runs: &[&ResultsFile]) -> Panel {
    let scaled = |run: &&ResultsFile| {
        let size = run.tree.real("phases/size").ok()?;
        let critical = run.tree.real("phases/critical").ok()?;
        let x = move |value: f64| (value / critical - 1.0) * size.powf(1.0 / NU);
        Some(curve(run, &output(run), &x))
    };
    let curves = runs.iter().filter_map(scaled).collect();
    let x = Axis::linear("(T/T_c - 1) L^(1/ν), ν = 1");
    let mut panel = Panel::new(x, Axis::linear("mean output, ordered phase"), curves);
    panel.guides.push(half());
    panel
}

/// Crossings against the inverse size.
fn sizes(runs: &[&ResultsFile]) -> Panel {
    let (mut network, mut alone) = (Vec::new(), Vec::new());
    let mut labels = Vec::new();
    for run in runs {
        let Ok(size) = run.tree.real("phases/size") else {
            continue;
        };
        let there = run.tree.integers("phases/crosses").unwrap_or_default();
        let crossings = run.reals("phases/crossing").into_iter().zip(there);
        let crossings: Vec<f64> = crossings.filter(|c| c.1 == 1).map(|c| c.0).collect();
        if let Some((mean, error)) = mean_and_error(&crossings) {
            network.push([1.0 / size, mean, error]);
        }
        let baseline = run.tree.real("phases/baseline_crossing").ok();
        alone.extend(baseline.map(|b| [1.0 / size, b, 0.0]));
        labels.extend(run.tree.real("phases/critical").ok());
    }
    let mut curves = Vec::new();
    for (points, style, name) in [(network, 0, "network"), (alone, BASELINE, "|m| alone")] {
        let mut points = points;
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        points.dedup_by(|a, b| a[0] == b[0]);
        if points.len() < 2 {
            continue;
        }
        let column = |k: usize| points.iter().map(|p| p[k]).collect::<Vec<_>>();
        let (x, y, error) = (column(0), column(1), column(2));
        curves.push(Curve::new(name, style, Look::Points, &x, &y, Some(&error)));
    }
    let x = Axis::linear("inverse size 1/L").with(0.0);
    let mut panel = Panel::new(x, Axis::linear("output 1/2 at T* [coupling]"), curves);
    if let (Some(critical), false) = (labels.first(), panel.curves.is_empty()) {
        panel.guides.push(Guide {
            y: *critical,
            text: "value of the labels".into(),
        });
    }
    panel
}

/// Objectives over the epochs, a line per seed.
fn losses(runs: &[&ResultsFile]) -> Panel {
    let mut curves = Vec::new();
    for run in runs {
        let &[_, epochs] = run.shape("phases/history/loss").as_slice() else {
            continue;
        };
        let x: Vec<f64> = (1..=epochs).map(|k| k as f64).collect();
        let all = run.reals("phases/history/loss");
        for row in all.chunks_exact(epochs.max(1)) {
            curves.push(Curve::new(&run.name, run.style, Look::Line, &x, row, None));
        }
    }
    Panel::new(
        Axis::linear("epoch").tight(),
        Axis::log("objective"),
        curves,
    )
}

/// 1/T of all classes.
fn betas(run: &ResultsFile) -> Vec<f64> {
    run.reals("phases/temperature")
        .iter()
        .map(|t| 1.0 / t)
        .collect()
}

/// Minus the second difference of the bias, which is Var E of the energy.
fn second_difference(runs: &[&ResultsFile]) -> Panel {
    let of = |run: &&ResultsFile| {
        let (beta, second) = (betas(run), run.reals("phases/second_difference"));
        let inner = beta
            .get(1..beta.len().saturating_sub(1))
            .unwrap_or_default();
        Curve::new(&run.name, run.style, Look::Line, inner, &second, None)
    };
    let y = Axis::linear("second difference of the bias [coupling²]");
    Panel::new(
        Axis::linear("1/T [1/coupling]"),
        y,
        runs.iter().map(of).collect(),
    )
}

/// Weights of a convolution, summed over all features, with the tanh through them.
fn weights(runs: &[&ResultsFile]) -> Panel {
    let mut curves = Vec::new();
    for run in runs {
        let (beta, sums) = (betas(run), run.reals("phases/weight_sum"));
        if beta.is_empty() || sums.is_empty() {
            continue;
        }
        let low = beta.iter().copied().fold(f64::INFINITY, f64::min);
        let high = beta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let fine = |k: usize| low + (high - low) * k as f64 / (FINE - 1) as f64;
        let fine: Vec<f64> = (0..FINE).map(fine).collect();
        let part = |name: &str| run.reals(&format!("phases/tanh/{name}"));
        let [a, c, b, d] = ["amplitude", "rate", "centre", "offset"].map(part);
        for (k, row) in sums.chunks_exact(beta.len()).enumerate() {
            curves.push(Curve::new(
                &run.name,
                run.style,
                Look::Points,
                &beta,
                row,
                None,
            ));
            let step = |x: &f64| Some(a.get(k)? * (c.get(k)? * (x - b.get(k)?)).tanh() + d.get(k)?);
            let fitted: Vec<f64> = fine.iter().filter_map(step).collect();
            let style = if runs.len() == 1 { FITTED } else { run.style };
            let name = if runs.len() == 1 { "tanh" } else { &run.name };
            curves.push(Curve::new(name, style, Look::Line, &fine, &fitted, None));
        }
    }
    let y = Axis::linear("sum of the weights over all features");
    Panel::new(Axis::linear("1/T [1/coupling]"), y, curves)
}
