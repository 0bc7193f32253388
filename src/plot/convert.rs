//! Decides the pictures of machines that became products: entropies and ranks of the cuts, and the
//! largest of them against the range of the units.
//!
//! Units of range R, α of them a site, straddle a cut α (R − 1) times, so that its entropy is at
//! most α (R − 1) ln 2, and that of N/2 spins N/2 ln 2 (D.-L. Deng, X. Li, S. Das Sarma, PRX 7,
//! 021021 (2017)).

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Guide, Panel};
use crate::error::Result;
use std::f64::consts::LN_2;

const NO_ENTROPIES: &str = "the converted states have no entropies: they live in a sector";
const NO_RANGES: &str = "it needs two files or more with entropies and different ansatz.range";

/// All pictures; none where nothing was converted.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let here = |r: &&ResultsFile| r.tree.datasets.contains_key("convert/compressed");
    let runs: Vec<&ResultsFile> = runs.iter().filter(here).collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let panels = [entropies(&runs), ranks(&runs)];
    let mut drawn = vec![Drawn::new("cuts", panels, NO_ENTROPIES)];
    if runs.len() > 1 {
        let name = "range-against-entropy";
        drawn.push(match against_range(&runs) {
            Some(panels) => Drawn::new(name, panels, NO_RANGES),
            None => Drawn::left_out(name, NO_RANGES),
        });
    }
    Ok(drawn)
}

/// A line for each file over the sites left of a cut.
fn over_cuts(runs: &[&ResultsFile], values: impl Fn(&ResultsFile) -> Vec<f64>) -> Vec<Curve> {
    let curve = |run: &&ResultsFile| {
        let y = values(run);
        let x: Vec<f64> = (1..=y.len()).map(|cut| cut as f64).collect();
        Curve::new(&run.name, run.style, Look::Line, &x, &y, None)
    };
    runs.iter().map(curve).collect()
}

fn entropies(runs: &[&ResultsFile]) -> Panel {
    let curves = over_cuts(runs, |run| run.reals("convert/entropies"));
    Panel::new(
        Axis::linear("sites left of the cut").counting(),
        Axis::linear("entropy / nats"),
        curves,
    )
}

/// Ranks as numbers of bits.
fn bits(run: &ResultsFile) -> Vec<f64> {
    let ranks = run.tree.integers("convert/compressed").unwrap_or_default();
    ranks.iter().map(|&rank| (rank as f64).log2()).collect()
}

fn ranks(runs: &[&ResultsFile]) -> Panel {
    let y = Axis::linear("log₂ of the Schmidt rank");
    Panel::new(
        Axis::linear("sites left of the cut").counting(),
        y,
        over_cuts(runs, bits),
    )
}

/// What one file says: its range, units a site, the largest entropy and the largest rank in bits.
struct Ranged {
    range: f64,
    density: f64,
    entropy: f64,
    bits: f64,
}

fn ranged(run: &&ResultsFile) -> Option<Ranged> {
    let input: toml::Table = run.tree.text("input/resolved").ok()?.parse().ok()?;
    let range = input.get("ansatz")?.get("range");
    let range = range.map_or(Some(run.sites as i64), toml::Value::as_integer)?;
    let [sites, units] = *run.shape("parameters/W").as_slice() else {
        return None;
    };
    let largest = |list: Vec<f64>| list.into_iter().reduce(f64::max);
    Some(Ranged {
        range: range as f64,
        density: units as f64 / sites as f64,
        entropy: largest(run.reals("convert/entropies"))?,
        bits: largest(bits(run))?,
    })
}

/// Largest entropies and ranks against the range, each with its bounds.
fn against_range(runs: &[&ResultsFile]) -> Option<[Panel; 2]> {
    let mut points: Vec<Ranged> = runs.iter().filter_map(ranged).collect();
    points.sort_by(|a, b| a.range.total_cmp(&b.range));
    let (first, last) = (points.first()?, points.last()?);
    let one_density = points.iter().all(|p| p.density == first.density);
    if first.range == last.range || !one_density {
        return None;
    }
    let half = runs.iter().map(|run| run.sites / 2).max()? as f64;
    let x: Vec<f64> = points.iter().map(|p| p.range).collect();
    // A line up to where the spins themselves are the bound.
    let end = last.range.min(1.0 + half / first.density);
    let line = [first.range, end];
    let panel = |label: &str, y: Vec<f64>, unit: f64| {
        let found = Curve::new("largest of the cuts", 0, Look::Points, &x, &y, None);
        let bound = line.map(|range| first.density * (range - 1.0) * unit);
        let bound = Curve::new("bound of the units", 1, Look::Line, &line, &bound, None);
        let mut panel = Panel::new(
            Axis::linear("range of a unit / sites"),
            Axis::linear(label),
            vec![found, bound],
        );
        panel.guides.push(Guide {
            y: half * unit,
            text: "bound of half the spins".into(),
        });
        panel
    };
    let entropies = points.iter().map(|p| p.entropy).collect();
    let ranks = points.iter().map(|p| p.bits).collect();
    Some([
        panel("entropy / nats", entropies, LN_2),
        panel("log₂ of the Schmidt rank", ranks, 1.0),
    ])
}
