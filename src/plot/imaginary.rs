//! Decides the picture of correlations in imaginary time: the correlations of the momenta that
//! decay slowest, and the gaps that they decay with.

use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::Panel;
use super::{Drawn, correlations::names};
use crate::error::Result;
use std::f64::consts::{PI, TAU};

/// Momenta that are shown of one file, at most.
const MOST: usize = 4;
/// Correlations at equal times below this are those of a conserved operator.
const LEAST: f64 = 1e-12;

/// One picture per observable with imaginary times.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for name in names(runs, "/times") {
        let prefix = format!("measure/observables/{name}");
        let (mut decays, mut gaps) = (Vec::new(), Vec::new());
        let most = if runs.len() == 1 { MOST } else { 1 };
        for run in runs {
            add(run, &prefix, most, (&mut decays, &mut gaps));
        }
        let time = || Axis::linear("imaginary time τ [1/energy]").with(0.0);
        let panels = [
            Panel::new(time(), Axis::log("C(τ)"), decays),
            Panel::new(time(), Axis::linear("gap Δ(τ) [energy]").with(0.0), gaps),
        ];
        let reason = "none of its values is a number above 0";
        drawn.push(Drawn::new(name, panels, reason));
    }
    Ok(drawn)
}

/// The rows of one quantity, or the one of all sites where there are no momenta.
fn rows(run: &ResultsFile, prefix: &str, group: [&str; 2], part: &str) -> Vec<Vec<f64>> {
    let count = run.shape(&format!("{prefix}/momenta")).first().copied();
    let group = if count.is_some() { group[1] } else { group[0] };
    let path = format!("{prefix}{group}/{part}");
    let values = run.reals(&path);
    let length = values.len() / count.unwrap_or(1).max(1);
    values.chunks(length.max(1)).map(<[f64]>::to_vec).collect()
}

/// The name of a curve; of two momenta with one curve it has the smaller one.
fn label(name: &str, momentum: Option<&[f64]>) -> String {
    let Some(q) = momentum else {
        return name.to_string();
    };
    let smaller = |q: f64| if q > PI { TAU - q } else { q };
    let angles: Vec<String> = match q {
        [q] => vec![format!("{:.3}", smaller(*q) / PI)],
        _ => q.iter().map(|q| format!("{:.3}", q / PI)).collect(),
    };
    format!("{name} q/π = {}", angles.join(", "))
}

/// The momenta of `order` without those that are the opposite of one before: C(q) = C(−q).
fn without_opposites(order: Vec<usize>, momenta: &[f64], components: usize) -> Vec<usize> {
    let of = |k: usize| momenta.chunks(components).nth(k).unwrap_or_default();
    let opposite = |a: &[f64], b: &[f64]| {
        let mut sums = a.iter().zip(b).map(|(a, b)| (a + b) / TAU);
        !a.is_empty() && sums.all(|n| (n - n.round()).abs() < 1e-9)
    };
    let mut kept: Vec<usize> = Vec::new();
    for k in order {
        if !kept.iter().any(|&other| opposite(of(other), of(k))) {
            kept.push(k);
        }
    }
    kept
}

/// Adds the curves of one file, of its `most` slowest momenta.
fn add(
    run: &ResultsFile,
    prefix: &str,
    most: usize,
    (decays, gaps): (&mut Vec<Curve>, &mut Vec<Curve>),
) {
    let times = run.reals(&format!("{prefix}/times"));
    let momenta = run.reals(&format!("{prefix}/momenta"));
    let directions = run.shape(&format!("{prefix}/momenta")).get(1).copied();
    let groups = [["", "/by_momentum"], ["/effective_gap", "/gap_by_momentum"]];
    let [values, slopes] = groups.map(|group| rows(run, prefix, group, "mean"));
    let [noise, slope_noise] = groups.map(|group| rows(run, prefix, group, "error"));
    let mut order: Vec<usize> = (0..values.len()).collect();
    let late = |k: &usize| values[*k].last().copied().unwrap_or(0.0);
    order.sort_by(|a, b| late(b).total_cmp(&late(a)));
    let components = directions.unwrap_or(1).max(1);
    let mut order = without_opposites(order, &momenta, components);
    order.truncate(most);
    let first = |k: &usize| values[*k].first().copied().unwrap_or(0.0);
    order.retain(|k| first(k) > LEAST);
    for (place, k) in order.into_iter().enumerate() {
        let q = momenta.chunks(components).nth(k);
        let label = label(&run.name, q);
        let of = |rows: &[Vec<f64>], at: usize| {
            rows.get(k)
                .and_then(|row| row.get(at))
                .copied()
                .unwrap_or(0.0)
        };
        // What stands out of the noise.
        let seen = |at: usize| of(&values, at) > 2.0 * of(&noise, at);
        let count = (0..times.len()).take_while(|at| seen(*at)).count();
        let decay = (0..count).map(|at| [times[at], of(&values, at), of(&noise, at)]);
        // A slope stands between two times.
        let slope = (1..count).map(|at| {
            let middle = 0.5 * (times[at - 1] + times[at]);
            [middle, of(&slopes, at - 1), of(&slope_noise, at - 1)]
        });
        let curve = |points: Vec<[f64; 3]>| Curve {
            name: label.clone(),
            style: run.style + place,
            look: Look::Points,
            points,
        };
        decays.push(curve(decay.collect()));
        gaps.push(curve(slope.collect()));
    }
}
