//! Decides the pictures of an optimisation: energy with its distance to the exact one, quality of
//! the state, of the sampling.
//!
//! Relative error |E − E₀| / |E₀|; V-score N Var E / (E − E_∞)² (D. Wu et al., Science
//! 386, 296 (2024)).

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Guide, Panel};
use crate::error::Result;
use crate::stats::limits::MAX_R_HAT;

const NO_STEPS: &str = "no file has optimisation steps ([optimize] was not run)";

fn step() -> Axis {
    Axis::linear("optimisation step").tight()
}

/// Distance of a step's energy to the exact one.
fn relative_error(run: &ResultsFile, exact: f64) -> Curve {
    let scale = exact.abs().max(1e-300);
    let error: Vec<f64> = run
        .reals("optimize/history/energy")
        .iter()
        .map(|e| (e - exact).abs() / scale)
        .collect();
    Curve::new(&run.name, run.style, Look::Line, &run.steps(), &error, None)
}

/// The last part of the optimisation.
fn tail(run: &ResultsFile) -> Curve {
    let mut curve = energy_curve(run);
    let keep = (curve.points.len() / 4).max(20).min(curve.points.len());
    curve.points.drain(..curve.points.len() - keep);
    curve
}

fn energy_curve(run: &ResultsFile) -> Curve {
    let per_site = 1.0 / run.sites as f64;
    run.line(
        &run.steps(),
        "optimize/history/energy",
        Some("optimize/history/error"),
        per_site,
    )
}

/// The distance to the exact energies, or the last part of the curves where none is given.
fn detail(runs: &[ResultsFile]) -> Panel {
    let known: Vec<_> = runs
        .iter()
        .filter_map(|r| Some(relative_error(r, r.exact?)))
        .collect();
    if known.is_empty() {
        let axis = Axis::linear("step").with_ticks(3);
        Panel::new(
            axis,
            Axis::linear("E/N, last steps").with_ticks(4),
            runs.iter().map(tail).collect(),
        )
    } else {
        let axis = Axis::linear("step").tight().with_ticks(4);
        Panel::new(axis, Axis::log("relative error").with_ticks(5), known)
    }
}

/// Energy per site against the step, with an inset.
pub fn energy(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let curves: Vec<_> = runs.iter().map(energy_curve).collect();
    let label = "energy per site E/N [units of the couplings]";
    let mut panel = Panel::new(step(), Axis::linear(label), curves);
    let mut guides: Vec<f64> = runs
        .iter()
        .filter_map(|r| Some(r.exact? / r.sites as f64))
        .collect();
    guides.sort_by(f64::total_cmp);
    guides.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    panel.guides = guides
        .iter()
        .map(|&y| Guide {
            y,
            text: format!("exact {}", number(y)),
        })
        .collect();
    let all = || {
        panel
            .curves
            .iter()
            .flat_map(|c| &c.points)
            .map(|p| p[1])
            .chain(guides.iter().copied())
    };
    let (low, high) = (
        all().fold(f64::INFINITY, f64::min),
        all().fold(f64::NEG_INFINITY, f64::max),
    );
    if !guides.is_empty() && (high - low).is_finite() {
        panel.y.include.push(low - 0.06 * (high - low));
    }
    let inset = detail(runs);
    if inset.visible() && panel.curves.iter().any(|c| c.points.len() >= 20) {
        // Where it would cover a curve it stands below.
        if panel.has_room_for_inset() {
            panel.inset = Some(Box::new(inset));
        } else {
            let below = Panel { x: step(), ..inset };
            panel.y.label = "E/N [couplings]".into();
            return Ok(vec![Drawn::new("energy", vec![panel, below], NO_STEPS)]);
        }
    }
    Ok(vec![Drawn::new("energy", panel, NO_STEPS)])
}

/// Five digits after the point, with a true minus sign.
fn number(value: f64) -> String {
    format!("{value:.5}").replace('-', "−")
}

fn column(runs: &[ResultsFile], name: &str) -> Vec<Curve> {
    runs.iter()
        .map(|r| r.line(&r.steps(), &format!("optimize/history/{name}"), None, 1.0))
        .collect()
}

/// Variance and V-score.
pub fn quality(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let per_site = runs.iter().map(|r| {
        r.line(
            &r.steps(),
            "optimize/history/variance",
            None,
            1.0 / r.sites as f64,
        )
    });
    let panels = [
        Panel::new(
            step(),
            Axis::log("Var E / N [couplings²]").with_ticks(5),
            per_site.collect(),
        ),
        Panel::new(
            step(),
            Axis::log("V-score").with_ticks(5),
            column(runs, "v_score"),
        ),
    ];
    Ok(vec![Drawn::new("quality", panels, NO_STEPS)])
}

/// Acceptance and split R-hat.
pub fn sampling(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let sampled: Vec<Vec<Curve>> = ["acceptance", "r_hat"]
        .iter()
        .map(|c| column(runs, c))
        .collect();
    let mut panels: Vec<_> = sampled
        .into_iter()
        .zip([
            Axis::linear("acceptance").with(0.0),
            Axis::linear("split R-hat").with(1.0),
        ])
        .map(|(curves, y)| Panel::new(step(), y.with_ticks(5), curves))
        .collect();
    let highest = runs
        .iter()
        .flat_map(|r| r.reals("optimize/history/r_hat"))
        .filter(|v| v.is_finite());
    if highest.fold(0.0, f64::max) > 1.05 {
        panels[1].guides.push(Guide {
            y: MAX_R_HAT,
            text: format!("chains disagree above {MAX_R_HAT}"),
        });
    }
    let steps = runs.iter().any(|r| !r.steps().is_empty());
    let moves = runs.iter().any(|r| {
        r.reals("optimize/history/acceptance")
            .iter()
            .any(|a| *a > 0.0 && *a < 1.0)
    });
    let reason = if steps {
        "full sums and direct samples have no chains"
    } else {
        NO_STEPS
    };
    Ok(vec![match moves {
        true => Drawn::new("sampling", panels, reason),
        false => Drawn::left_out("sampling", reason),
    }])
}
