//! Decides the pictures of a learned space: its metric with bands, the points with the network's
//! answers, the losses of all seeds, the potential between two charges with its parts.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::map::{Map, Patch, sheet};
use super::panel::{Guide, Panel};
use super::plane::Plane;
use crate::error::Result;
use crate::holography::spline::Spline;

/// Points of each label that are drawn, at most.
const MOST: usize = 1200;
/// Half the size of a point, in units of the width.
const SIZE: f64 = 0.0045;
/// η beyond which the inset shows the metric, as a share of the range.
const OUTSIDE: f64 = 0.3;
/// There is an inset where the metric at the horizon is so many times larger.
const STEEP: f64 = 4.0;

/// Places at which a spline is drawn.
const FINE: usize = 241;

/// Styles of what is not the result itself.
const TRUTH: usize = 1;
const PUBLISHED: usize = 2;
const REPLICATES: usize = 4;

const UNFINISHED: &str = "the fits are not finished";

/// All pictures; none where no file has a learned space.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let here = |r: &&ResultsFile| r.tree.datasets.contains_key("holography/h");
    let runs: Vec<&ResultsFile> = runs.iter().filter(here).collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let maps: Vec<Map> = runs.iter().filter_map(|r| points(r)).collect();
    let answers = sheet(&maps, "answer y", false, 1)?;
    Ok(vec![
        Drawn::new("metric", metric(&runs), UNFINISHED),
        Drawn::new("training-points", answers, UNFINISHED),
        Drawn::new("loss", losses(&runs), "there were no epochs"),
        Drawn::new(
            "potential",
            potential(&runs),
            "no file has strings; add [holography.potential]",
        ),
    ])
}

/// A curve of `y` over the positions; that of the spline where they are knots.
fn over_eta(run: &ResultsFile, name: &str, style: usize, y: &[f64], error: &[f64]) -> Curve {
    let eta = run.reals("holography/eta");
    // Where the published network is trained beside, the metric is a spline.
    if !run.tree.datasets.contains_key("holography/euler/eta") || eta.len() < 2 {
        return Curve::new(name, style, Look::Line, &eta, y, Some(error));
    }
    let ascending = |list: &[f64]| list.iter().rev().copied().collect::<Vec<_>>();
    let x = ascending(&eta);
    let (low, high) = (x[0], x[x.len() - 1]);
    let fine = |k: usize| low + (high - low) * k as f64 / (FINE - 1) as f64;
    let fine: Vec<f64> = (0..FINE).map(fine).collect();
    let drawn = |list: &[f64]| {
        let spline = Spline::new(&x, &ascending(list));
        fine.iter()
            .map(|eta| spline.value(*eta))
            .collect::<Vec<_>>()
    };
    Curve::new(
        name,
        style,
        Look::Line,
        &fine,
        &drawn(y),
        Some(&drawn(error)),
    )
}

/// The seed of the smallest loss.
fn best(run: &ResultsFile) -> usize {
    let losses = run.reals("holography/loss");
    let all = 0..losses.len();
    all.min_by(|a, b| losses[*a].total_cmp(&losses[*b]))
        .unwrap_or(0)
}

/// The mean of the successful seeds; else the best seed.
fn learned(run: &ResultsFile, alone: bool) -> Curve {
    let (mean, spread) = (
        run.reals("holography/mean/h"),
        run.reals("holography/mean/spread"),
    );
    let name = |what: &str| match alone {
        true => what.to_string(),
        false => run.name.clone(),
    };
    if !mean.is_empty() {
        let name = name("mean of the successful seeds, band: their spread");
        return over_eta(run, &name, run.style, &mean, &spread);
    }
    let n = run.reals("holography/eta").len();
    let all = run.reals("holography/h");
    let rows = all.chunks_exact(n.max(1)).nth(best(run));
    let name = name("best seed, none is successful");
    over_eta(run, &name, run.style, rows.unwrap_or_default(), &[])
}

/// Metrics over η; the part far from the horizon once more in the corner.
fn metric(runs: &[&ResultsFile]) -> Panel {
    let mut curves = Vec::new();
    for run in runs {
        let band = run.reals("holography/bootstrap/band");
        let n = run.reals("holography/eta").len();
        if n > 0 && band.len() == 3 * n {
            let middle: Vec<f64> = (0..n).map(|k| 0.5 * (band[k] + band[2 * n + k])).collect();
            let half: Vec<f64> = (0..n).map(|k| 0.5 * (band[2 * n + k] - band[k])).collect();
            let name = "band of the bootstrap, 68 %";
            curves.push(over_eta(run, name, REPLICATES, &middle, &half));
        }
        curves.push(learned(run, runs.len() == 1));
    }
    if let [run] = runs {
        let truth = run.reals("holography/true_h");
        if !truth.is_empty() {
            curves.push(over_eta(run, "black hole, d coth(dη)", TRUTH, &truth, &[]));
        }
        let beside = run.reals("holography/euler/mean/h");
        if !beside.is_empty() {
            let eta = run.reals("holography/euler/eta");
            let spread = run.reals("holography/euler/mean/spread");
            let name = "published network, Euler steps";
            let look = Look::Line;
            curves.push(Curve::new(
                name,
                PUBLISHED,
                look,
                &eta,
                &beside,
                Some(&spread),
            ));
        }
    }
    let y = Axis::linear("metric h(η) [1/L]");
    let mut panel = Panel::new(
        Axis::linear("η [AdS radius L], horizon at the left"),
        y,
        curves,
    );
    panel.inset = outside(&panel).map(Box::new);
    panel
}

/// The part far from the horizon, where the metric near it hides the rest.
fn outside(whole: &Panel) -> Option<Panel> {
    let all = || whole.curves.iter().flat_map(|c| &c.points);
    let low = all().map(|p| p[0]).fold(f64::INFINITY, f64::min);
    let high = all().map(|p| p[0]).fold(f64::NEG_INFINITY, f64::max);
    let part = |curve: &Curve| {
        let mut part = curve.clone();
        part.points.retain(|p| p[0] > low + OUTSIDE * (high - low));
        part
    };
    let (x, y) = (Axis::linear("η [L]"), Axis::linear("h"));
    let curves = whole.curves.iter().map(part).collect();
    let mut inset = Panel::new(x.with_ticks(4), y.with_ticks(4), curves);
    inset.guides.push(Guide {
        y: 0.0,
        text: String::new(),
    });
    let highest = |panel: &Panel| {
        let values = panel.curves.iter().flat_map(|c| &c.points).map(|p| p[1]);
        values.fold(0.0, f64::max)
    };
    (inset.visible() && highest(whole) > STEEP * highest(&inset)).then_some(inset)
}

/// The points of the best seed in the colours of the answers; squares should have y = 0, diamonds
/// y = 1.
fn points(run: &ResultsFile) -> Option<Map> {
    let shape = run.shape("holography/data/x");
    let &[seeds, count, 2] = shape.as_slice() else {
        return None;
    };
    let seed = best(run).min(seeds.checked_sub(1)?);
    let rows = seed * count..(seed + 1) * count;
    let x = run.reals("holography/data/x");
    let x: Vec<&[f64]> = x.chunks_exact(2).skip(rows.start).take(count).collect();
    let y = run.reals("holography/data/y");
    let y = y.get(rows.clone())?;
    let labels = run.tree.integers("holography/data/label").ok()?;
    let labels = labels.get(rows)?;
    let column = |k: usize| x.iter().map(|x| x[k]).collect::<Vec<f64>>();
    let ends = |values: &[f64]| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        [
            low,
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ]
    };
    let (across, up) = (column(0), column(1));
    let plane = Plane {
        x: ends(&across),
        y: ends(&up),
        size: [1.0, 0.7],
    };
    let mut map = Map {
        title: format!("{}: squares have label 0, diamonds label 1", run.name),
        ..Map::default()
    };
    let mut left = [MOST; 2];
    for k in 0..count {
        let label = usize::from(labels[k] == 1);
        if left[label] == 0 {
            continue;
        }
        left[label] -= 1;
        let [px, py] = plane.place(across[k], up[k]);
        let corner = |a: f64, b: f64| [px + SIZE * a, py + SIZE * b];
        let corners = match label {
            0 => [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)],
            _ => [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        };
        map.patches.push(Patch {
            corners: corners.into_iter().map(|(a, b)| corner(a, b)).collect(),
            value: y[k],
            width: 0.0,
        });
    }
    let radius = run.tree.datasets.contains_key("holography/radius");
    let names = match radius {
        true => ("quark mass [GeV]", "condensate [GeV³]"),
        false => ("φ at the boundary", "π at the boundary"),
    };
    plane.add_ticks(&mut map, &across, &up);
    plane.add_frame(&mut map, names.0, names.1);
    Some(map)
}

/// Losses over the epochs, a line per seed.
fn losses(runs: &[&ResultsFile]) -> Panel {
    let mut curves = Vec::new();
    for run in runs {
        let shape = run.shape("holography/history/loss");
        let &[_, epochs] = shape.as_slice() else {
            continue;
        };
        let success = run.tree.integers("holography/success").unwrap_or_default();
        let x: Vec<f64> = (1..=epochs).map(|k| k as f64).collect();
        let all = run.reals("holography/history/loss");
        for (seed, row) in all.chunks_exact(epochs.max(1)).enumerate() {
            let counts = success.get(seed).copied().unwrap_or(1) == 1;
            let name = match (runs.len(), counts) {
                (1, true) => "successful seeds",
                (1, false) => "other seeds",
                _ => &run.name,
            };
            let style = match (runs.len(), counts) {
                (1, false) => 1,
                _ => run.style,
            };
            curves.push(Curve::new(name, style, Look::Line, &x, row, None));
        }
    }
    Panel::new(Axis::linear("epoch").tight(), Axis::log("loss"), curves)
}

/// V(d) of the string, its linear part, and two straight strings.
fn potential(runs: &[&ResultsFile]) -> Panel {
    let read = |run: &ResultsFile, name: &str| run.reals(&format!("holography/potential/{name}"));
    let mut curves = Vec::new();
    for run in runs {
        let (d, v) = (read(run, "separation"), read(run, "energy"));
        let name = match runs.len() {
            1 => "string that hangs into the space",
            _ => &run.name,
        };
        curves.push(Curve::new(name, run.style, Look::Line, &d, &v, None));
    }
    if let [run] = runs {
        let (d, v) = (read(run, "separation"), read(run, "energy"));
        let widest = (0..d.len().min(v.len())).max_by(|a, b| d[*a].total_cmp(&d[*b]));
        let end = widest.map(|k| [d[k], v[k]]);
        let tension = read(run, "tension").last().copied();
        if let (Some([far, energy]), Some(slope)) = (end, tension) {
            let name = format!("linear part, slope {slope:.4}");
            let line = |x: f64| energy + slope * (x - far);
            let x = [0.35 * far, far];
            curves.push(Curve::new(&name, 1, Look::Line, &x, &x.map(line), None));
        }
        let screening = read(run, "screening_separation").first().copied();
        if let (Some([far, _]), Some(from)) = (end, screening) {
            let name = format!("two straight strings, lighter beyond d = {from:.4}");
            let x = [from, far.max(1.2 * from)];
            curves.push(Curve::new(&name, 2, Look::Line, &x, &[0.0; 2], None));
        }
    }
    let x = Axis::linear("separation d [AdS radius L]").with(0.0);
    let mut panel = Panel::new(x, Axis::linear("energy 2πα′ V [1/L]"), curves);
    panel.guides.push(Guide {
        y: 0.0,
        text: String::new(),
    });
    panel
}
