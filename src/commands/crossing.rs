//! Decides where the Binder cumulants of classical spins on lattices of several sizes cross, and
//! how autocorrelation times grow with the size.
//!
//! U = 1 − ⟨m⁴⟩/(3 ⟨m²⟩²) depends on (T − T_c) L^{1/ν} alone near T_c (K. Binder, Z. Phys. B 43,
//! 119 (1981)): curves of two sizes cross there up to corrections, and their slopes at the crossing
//! have the ratio (L'/L)^{1/ν}. τ ∝ L^z at T_c.

use super::transition::physics;
use crate::error::{Error, Result};
use crate::io::roles::results;
use crate::io::tree::Tree;
use crate::run::lattice_length;
use crate::stats::{FitPoint, Line, fit, with_error};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One size.
struct SizeRun {
    file: String,
    /// What all files share.
    physics: String,
    length: f64,
    /// T, U, error, in ascending T; reweighted where the file has that.
    binder: Vec<[f64; 3]>,
    /// T; τ of the update and of single flips; effective samples of each.
    times: Vec<[f64; 5]>,
}

/// Where the curves of two sizes meet.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Meeting {
    lengths: [f64; 2],
    temperature: f64,
    error: f64,
    binder: f64,
    /// 1/ν of the ratio of slopes.
    exponent: f64,
}

/// Whether a file holds classical spins.
pub(super) fn is_classical(tree: &Tree) -> bool {
    tree.datasets.contains_key("classical/temperature")
}

fn read(path: &Path) -> Result<SizeRun> {
    let file = path.display().to_string();
    let tree = results(path)?;
    let list = |name: &str| tree.reals(&format!("classical/{name}"));
    let wrong = |_| {
        Error::input(
            &file,
            "the file has no averages of classical spins",
            "name results X.h5 of finished runs with [classical]",
        )
    };
    let under = match list("reweighted/temperature") {
        Ok(t) if t.len() > 1 => "reweighted/",
        _ => "",
    };
    let column = |name: &str| list(&format!("{under}{name}")).map_err(wrong);
    let (t, u) = (column("temperature")?, column("binder/mean")?);
    let errors = column("binder/error")?;
    let mut binder: Vec<[f64; 3]> = t
        .iter()
        .zip(u.iter().zip(&errors))
        .map(|(t, (u, e))| [*t, *u, *e])
        .collect();
    binder.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let tau = list("tau").unwrap_or_default();
    let local = list("local_tau").unwrap_or_default();
    let samples = list("effective_samples").unwrap_or_default();
    let local_samples = list("local_effective_samples").unwrap_or_default();
    let at = |list: &[f64], k: usize| list.get(k).copied().unwrap_or(f64::NAN);
    let t = list("temperature").map_err(wrong)?;
    let times = t.iter().enumerate();
    Ok(SizeRun {
        length: lattice_length(&tree).unwrap_or(f64::NAN),
        physics: physics(&tree),
        times: times
            .map(|(k, t)| {
                let counts = [at(&samples, k), at(&local_samples, k)];
                [*t, at(&tau, k), at(&local, k), counts[0], counts[1]]
            })
            .collect(),
        binder,
        file,
    })
}

/// Errors by which curves have to differ on both sides of their crossing.
const APART: f64 = 3.0;

/// What a straight line between two temperatures may be off by: the change by the nearest third
/// point, or a quarter of the step where there is none. Points are (T, difference of the curves).
fn bent(points: &[[f64; 2]], place: usize, straight: f64) -> f64 {
    let (a, b) = (points[place], points[place + 1]);
    let third = [place.checked_sub(1), Some(place + 2)];
    let third = third.into_iter().flatten().filter_map(|k| points.get(k));
    let near = |p: &&[f64; 2]| (p[0] - straight).abs();
    let Some(c) = third.min_by(|p, q| near(p).total_cmp(&near(q))) else {
        return 0.25 * (b[0] - a[0]);
    };
    // T of a vanishing difference on the parabola T(difference) through the three.
    let term = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| {
        p[0] * q[1] * r[1] / ((p[1] - q[1]) * (p[1] - r[1]))
    };
    let curved = term(a, b, *c) + term(b, *c, a) + term(*c, a, b);
    match curved.is_finite() && (a[0]..=b[0]).contains(&curved) {
        true => (curved - straight).abs(),
        false => 0.25 * (b[0] - a[0]),
    }
}

/// The crossing of the curves of a smaller and a larger lattice: from above to below, with the
/// largest difference beside it, where they differ by more than their errors on both sides.
fn meeting(small: &SizeRun, large: &SizeRun) -> Option<Meeting> {
    let same = |a: f64, b: f64| (a - b).abs() < 1e-9 * b;
    let mut both = Vec::new();
    for [t, u, e] in &small.binder {
        let other = large.binder.iter().find(|o| same(o[0], *t));
        both.extend(other.map(|o| [*t, *u, o[1], (e * e + o[2] * o[2]).sqrt()]));
    }
    let difference = |p: &[f64; 4]| p[2] - p[1];
    let falls = |w: &&[[f64; 4]]| difference(&w[0]) > 0.0 && difference(&w[1]) <= 0.0;
    let size = |w: &&[[f64; 4]]| difference(&w[0]) - difference(&w[1]);
    let is_clear = |k: usize| {
        let above = |p: &[f64; 4]| difference(p) > APART * p[3];
        let below = |p: &[f64; 4]| difference(p) < -APART * p[3];
        both[..=k].iter().any(above) && both[k + 1..].iter().any(below)
    };
    let pairs = both.windows(2).enumerate();
    let pairs = pairs.filter(|(k, w)| falls(w) && is_clear(*k));
    let (place, best) = pairs.max_by(|a, b| size(&a.1).total_cmp(&size(&b.1)))?;
    let (a, b) = (best[0], best[1]);
    // Slopes need a wider range than the crossing.
    let more = both.len() / 6;
    let first = both[place.saturating_sub(more)];
    let last = both[(place + 1 + more).min(both.len() - 1)];
    let part = difference(&a) / size(&best);
    let step = b[0] - a[0];
    let slope = -size(&best) / step;
    let between = |k: usize| a[k] + part * (b[k] - a[k]);
    let slopes = [1, 2].map(|k: usize| (last[k] - first[k]) / (last[0] - first[0]));
    let ratio = (large.length / small.length).ln();
    let temperature = a[0] + part * step;
    let points: Vec<[f64; 2]> = both.iter().map(|p| [p[0], difference(p)]).collect();
    let off = bent(&points, place, temperature);
    Some(Meeting {
        lengths: [small.length, large.length],
        temperature,
        error: (between(3) / slope.abs()).hypot(off),
        binder: between(1),
        exponent: (slopes[1] / slopes[0]).ln() / ratio,
    })
}

/// T_c: where the crossings go for large lattices, x = 1/(L L'), or the last crossing where there
/// are too few.
fn critical(meetings: &[Meeting]) -> Option<(f64, f64)> {
    let point = |m: &Meeting| FitPoint {
        x: 1.0 / (m.lengths[0] * m.lengths[1]),
        y: m.temperature,
        x_variance: 0.0,
        y_variance: m.error * m.error,
        covariance: 0.0,
    };
    let points: Vec<FitPoint> = meetings.iter().map(point).collect();
    let line = if points.len() > 2 { fit(&points) } else { None };
    match line {
        Some(Line {
            intercept, error, ..
        }) => Some((intercept, error)),
        None => meetings.last().map(|m| (m.temperature, m.error)),
    }
}

/// The exponent of column `column` of the times against the size, at the temperature of all files
/// that is nearest to `near`.
fn growth(runs: &[SizeRun], column: usize, near: f64) -> Option<(f64, f64)> {
    let first = runs.first()?.times.iter();
    let shared = first.filter(|t| {
        let here = |run: &SizeRun| run.times.iter().any(|o| o[0] == t[0]);
        runs.iter().all(here)
    });
    let [t, ..] = shared.min_by(|a, b| (a[0] - near).abs().total_cmp(&(b[0] - near).abs()))?;
    let point = |run: &SizeRun| {
        let times = run.times.iter().find(|o| o[0] == *t)?;
        let (tau, samples) = (times[column], times[column + 2]);
        // The relative error of τ is about that of a window of 5 τ.
        let relative = (12.0 / samples.max(12.0)).sqrt();
        (tau > 0.0).then(|| FitPoint {
            x: run.length.ln(),
            y: tau.ln(),
            x_variance: 0.0,
            y_variance: relative * relative,
            covariance: 0.0,
        })
    };
    let points: Vec<FitPoint> = runs.iter().filter_map(point).collect();
    let line = fit(&points).filter(|_| points.len() > 2)?;
    Some((line.slope, line.slope_error))
}

/// Crossings, T_c and exponents of result files as one JSON object.
///
/// Fails with `Error::Input` for fewer than two sizes, and where no curves cross.
pub(super) fn crossing(files: &[PathBuf]) -> Result<Value> {
    let mut runs = files
        .iter()
        .map(|file| read(file))
        .collect::<Result<Vec<_>>>()?;
    let first = &runs[0];
    if let Some(other) = runs.iter().find(|run| run.physics != first.physics) {
        return Err(Error::input(
            &other.file,
            format!("lattice or Hamiltonian differ from those of {}", first.file),
            "extrapolate runs that differ in size alone",
        ));
    }
    runs.sort_by(|a, b| a.length.total_cmp(&b.length));
    let pairs = runs.windows(2).filter(|w| w[0].length < w[1].length);
    let meetings: Vec<Meeting> = pairs.filter_map(|w| meeting(&w[0], &w[1])).collect();
    let Some((temperature, error)) = critical(&meetings) else {
        return Err(Error::input(
            "extrapolate",
            "no Binder cumulants of two sizes cross at temperatures that both have",
            "name runs of one model on lattices of different sizes, at the same temperatures on \
             both sides of the transition; classical.reweight makes fine curves",
        ));
    };
    let pair = |value: Option<(f64, f64)>| {
        value.map(|(mean, error)| json!({ "mean": mean, "error": error }))
    };
    let of_meeting = |m: &Meeting| {
        json!({
            "sizes": m.lengths, "temperature": m.temperature, "error": m.error,
            "binder": m.binder, "inverse_nu": Some(m.exponent).filter(|e| e.is_finite()),
        })
    };
    Ok(json!({
        "critical_temperature": temperature, "error": error,
        "crossings": meetings.iter().map(of_meeting).collect::<Vec<_>>(),
        "dynamic_exponent": pair(growth(&runs, 1, temperature)),
        "local_dynamic_exponent": pair(growth(&runs, 2, temperature)),
        "files": runs.iter().map(|r| &r.file).collect::<Vec<_>>(),
    }))
}

/// The same for people.
pub(super) fn crossing_text(result: &Value) -> String {
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap_or(f64::NAN);
    let line = |m: &Value| {
        let size = |k: usize| m["sizes"][k].as_f64().unwrap_or(f64::NAN);
        let exponent = m["inverse_nu"].as_f64();
        format!(
            "L = {:.0}, {:.0}: T = {}  Binder {:.4}{}",
            size(0),
            size(1),
            with_error(number(m, "temperature"), number(m, "error")),
            number(m, "binder"),
            exponent.map_or(String::new(), |e| format!("  1/nu {e:.2}"))
        )
    };
    let crossings = result["crossings"].as_array();
    let mut lines: Vec<String> = crossings.into_iter().flatten().map(line).collect();
    let few = if lines.len() > 2 {
        "against 1/(L L')"
    } else {
        "of the largest sizes"
    };
    lines.push(format!(
        "T_c {few} = {}",
        with_error(
            number(result, "critical_temperature"),
            number(result, "error")
        )
    ));
    for (key, what) in [
        ("dynamic_exponent", "tau ~ L^z of the update, z"),
        ("local_dynamic_exponent", "tau ~ L^z of single flips, z"),
    ] {
        if let Some(mean) = result[key]["mean"].as_f64() {
            let error = number(&result[key], "error");
            lines.push(format!("{what} = {}", with_error(mean, error)));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(length: f64) -> SizeRun {
        // U = 0.61 − (T − 2.27) L/10 + 0.05/L²: crossings move with 1/(L L').
        let u = |t: f64| 0.61 - (t - 2.27) * length / 10.0 + 0.05 / length.powi(2);
        let t: Vec<f64> = (0..9).map(|k| 2.2 + 0.02 * f64::from(k)).collect();
        SizeRun {
            file: String::new(),
            physics: String::new(),
            length,
            binder: t.iter().map(|t| [*t, u(*t), 1e-4]).collect(),
            times: vec![[2.28, length.powf(2.1), length.powf(2.2), 1e4, 100.0]],
        }
    }

    #[test]
    fn noise_does_not_cross_and_coarse_grids_have_larger_errors() {
        // U bends: tanh of the distance from 2.27.
        let curve = |length: f64, t: &[f64], error: f64| SizeRun {
            binder: t
                .iter()
                .map(|t| [*t, 0.6 - 0.3 * ((t - 2.27) * length).tanh(), error])
                .collect(),
            ..run(length)
        };
        let pair = |t: &[f64], error: f64| meeting(&curve(8.0, t, error), &curve(16.0, t, error));
        let fine: Vec<f64> = (0..60).map(|k| 2.0 + 0.01 * f64::from(k)).collect();
        let coarse = [2.0, 2.2, 2.4, 2.6];
        for t in [&fine[..], &coarse] {
            let found = pair(t, 1e-4).unwrap();
            assert!(
                (found.temperature - 2.27).abs() < 2.0 * found.error,
                "{found:?}"
            );
        }
        assert!(pair(&fine, 1e-4).unwrap().error < 1e-3);
        assert!(pair(&[1.0, 1.5, 3.0, 3.5], 0.2).is_none());
        assert!(pair(&fine, 0.2).is_none());
    }

    #[test]
    fn curves_with_a_known_crossing_cross_there() {
        let runs = [8.0, 16.0, 32.0, 64.0].map(run);
        let meetings: Vec<Meeting> = runs
            .windows(2)
            .filter_map(|w| meeting(&w[0], &w[1]))
            .collect();
        assert_eq!(meetings.len(), 3);
        for m in &meetings {
            let [a, b] = m.lengths;
            let shift = 0.5 * (1.0 / (b * b) - 1.0 / (a * a)) / (b - a);
            assert!((m.temperature - 2.27 - shift).abs() < 1e-12, "{m:?}");
            assert!((m.exponent - 1.0).abs() < 1e-9, "{m:?}");
        }
        let (t, error) = critical(&meetings).unwrap();
        assert!((t - 2.27).abs() < 3e-4 && error > 0.0, "{t} {error}");
        let (z, error) = growth(&runs, 1, t).unwrap();
        assert!((z - 2.1).abs() < 1e-9);
        // Each has the error of its own samples: 100 times fewer make it 10 times larger.
        let (local, rough) = growth(&runs, 2, t).unwrap();
        assert!((local - 2.2).abs() < 1e-9);
        assert!((rough / error - 10.0).abs() < 1e-9, "{rough} {error}");
    }
}
