//! Decides what a frame of `watch` says of a results file: how far the run is, its curve, the last
//! steps, results and warnings.

use crate::calculation::{Registry, evolve, measure, optimize};
use crate::error::Result;
use crate::input::{self, Method, Source};
use crate::io::tree::{Tree, Value};
use crate::run::Curves;
use crate::stats::{v_score_words, with_error};

/// Rows that are listed.
const LISTED: usize = 8;

/// What a frame shows.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// Title of the run.
    pub title: String,
    /// Finished or not.
    pub state: String,
    /// Part that is done, and what that means.
    pub progress: (f64, String),
    /// What the curve shows, and against what.
    pub what: (String, &'static str),
    /// The curve.
    pub curve: Vec<(f64, f64)>,
    /// The last steps, the newest first.
    pub steps: Vec<String>,
    /// Result and warnings.
    pub notes: Vec<String>,
}

fn at(values: &[f64], k: usize) -> f64 {
    values.get(k).copied().unwrap_or(f64::NAN)
}

/// Hours, minutes and seconds.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".into();
    }
    let s = seconds.round() as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// Three digits of a time in seconds.
fn significant(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{s:.4}"),
        s if s < 9.995 => format!("{s:.2}"),
        s if s < 99.95 => format!("{s:.1}"),
        s => format!("{s:.0}"),
    }
}

/// Median of the last 20 values.
fn recent(values: &[f64]) -> f64 {
    let mut last: Vec<f64> = values[values.len().saturating_sub(20)..].to_vec();
    last.sort_by(f64::total_cmp);
    at(&last, last.len() / 2)
}

/// The scene of a results file; its sections are those of `registry`.
pub fn scene(tree: &Tree, registry: &Registry) -> Result<Scene> {
    let source = input::from_text(tree.text("input/resolved")?, Default::default())?;
    let state = tree.text("status/state")?.to_string();
    let mut scene = Scene {
        title: tree.text("input/title").unwrap_or_default().to_string(),
        progress: (1.0, "done".into()),
        ..Scene::default()
    };
    let begun = |name: &str| {
        tree.datasets
            .contains_key(&format!("progress/{name}/blocks"))
    };
    let sections = registry.sections.iter().map(|s| &s.declaration);
    let present = sections.filter(|d| begun(d.name)).last();
    let shown = |c: &&Curves| !c.shown.is_empty();
    match present.and_then(|d| Some((d.name, d.curves.iter().find(shown)?))) {
        Some((name, curves)) => scene.of_columns(tree, name, curves),
        None => scene.of_energies(tree, &source)?,
    }
    scene.note(tree);
    scene.state = match state.as_str() {
        "stopped" => "not finished: running, or stopped here".into(),
        _ => state,
    };
    Ok(scene)
}

/// The columns of a record, by name.
struct HistoryColumns<'t> {
    tree: &'t Tree,
    curves: &'t Curves,
}

impl HistoryColumns<'_> {
    fn get(&self, name: &str) -> Vec<f64> {
        let path = format!("{}/{name}", self.curves.group);
        self.tree.reals(&path).unwrap_or_default()
    }

    fn seconds(&self) -> Vec<f64> {
        self.tree.reals(self.curves.seconds).unwrap_or_default()
    }

    /// Along the axis, for `rows` rows.
    fn across(&self, rows: usize) -> Vec<f64> {
        match self.curves.across {
            Some(name) => self.get(name),
            None => (1..=rows).map(|k| k as f64).collect(),
        }
    }
}

impl Scene {
    /// Keeps the last quarter of the curve, 20 points at least.
    pub fn zoom(&mut self) {
        let kept = (self.curve.len() / 4).max(20).min(self.curve.len());
        self.curve.drain(..self.curve.len() - kept);
    }

    /// The shown columns of a section, the first one as the curve.
    fn of_columns(&mut self, tree: &Tree, name: &str, curves: &'static Curves) {
        let columns = HistoryColumns { tree, curves };
        let all: Vec<_> = curves.shown.iter().map(|c| (*c, columns.get(c))).collect();
        let Some((first, values)) = all.first() else {
            return;
        };
        let x = columns.across(values.len());
        self.what = (first.to_string(), curves.row);
        let points = x.iter().copied().zip(values.iter().copied());
        self.curve = points.filter(|(_, v)| curves.knows(*v)).collect();
        let part = |what: &str| tree.real(&format!("progress/{name}/{what}"));
        let blocks = tree
            .integer(&format!("progress/{name}/blocks"))
            .unwrap_or(0) as f64;
        let expected = part("expected").unwrap_or(blocks).max(1.0);
        let pace = part("seconds").unwrap_or(f64::NAN) / blocks;
        let left = duration((expected - blocks).max(0.0) * pace);
        let text = format!("{name}: block {blocks:.0} of {expected:.0}, {left} left");
        self.progress = (blocks / expected, text);
        for k in (0..values.len()).rev().take(LISTED) {
            let row = all.iter().map(|(name, values)| match at(values, k) {
                value if curves.knows(value) => format!("{name} {value}"),
                _ => format!("{name} -"),
            });
            let row: Vec<_> = row.collect();
            self.steps
                .push(format!("{} {}  {}", curves.row, at(&x, k), row.join("  ")));
        }
    }

    /// Energies of an optimisation or an evolution, and how far these and the measurement are.
    fn of_energies(&mut self, tree: &Tree, source: &Source) -> Result<()> {
        let sites = tree.integer("status/sites")?.max(1) as f64;
        let evolving =
            evolve::keys(source)?.filter(|_| tree.datasets.contains_key("evolve/history/time"));
        let curves = match evolving {
            Some(_) => &evolve::CURVES,
            None => &optimize::CURVES,
        };
        let columns = HistoryColumns { tree, curves };
        let energy = columns.get("energy");
        let (x, seconds) = (columns.across(energy.len()), columns.seconds());
        self.what = ("energy per site".into(), curves.row);
        let done = tree.integer("status/steps").unwrap_or(0) as usize;
        if let Some(evolve) = evolving {
            let now = x.last().copied().unwrap_or(0.0);
            let pace = recent(&seconds) / recent(&columns.get("step"));
            let left = duration((evolve.time - now).max(0.0) * pace);
            let text = format!("evolve: t = {now:.4} of {}, {left} left", evolve.time);
            self.progress = (now / evolve.time, text);
        } else if let Some(optimize) = optimize::keys(source)? {
            let left = optimize.steps.saturating_sub(done) as f64 * recent(&seconds);
            let left = duration(left);
            let text = format!("optimise: step {done} of {}, {left} left", optimize.steps);
            self.progress = (done as f64 / optimize.steps.max(1) as f64, text);
        }
        if let (Some(measure), true) = (measure::keys(source)?, self.progress.0 >= 1.0) {
            let samples = tree.integer("measure/samples").unwrap_or(0);
            let text = format!("measure: {samples} of {} samples", measure.samples);
            self.progress = (samples as f64 / measure.samples.max(1) as f64, text);
        }
        let points = x.iter().zip(&energy).map(|(x, e)| (*x, e / sites));
        self.curve = points.filter(|p| p.1.is_finite()).collect();
        let sampler = source.input.sampler.clone().unwrap_or_default();
        let exact = sampler.method == Method::FullSum;
        self.list(&columns, &x, (&energy[..], exact), &seconds);
        self.measured(tree, sites);
        Ok(())
    }

    /// The last steps; `exact` are energies without chains.
    fn list(
        &mut self,
        columns: &HistoryColumns,
        x: &[f64],
        (energy, exact): (&[f64], bool),
        seconds: &[f64],
    ) {
        let [error, variance, r_hat, acceptance] =
            ["error", "variance", "r_hat", "acceptance"].map(|name| columns.get(name));
        for k in (0..energy.len()).rev().take(LISTED) {
            let place = match columns.curves.across {
                Some(_) => format!("t {:.4}", at(x, k)),
                None => format!("step {}", at(x, k)),
            };
            let chains = match exact {
                true => String::new(),
                false => format!(
                    "  R-hat {:.3}  acc {:.2}",
                    at(&r_hat, k),
                    at(&acceptance, k)
                ),
            };
            self.steps.push(format!(
                "{place:<10} E = {:<16} var {:.2e}{chains}  {} s",
                with_error(energy[k], at(&error, k)),
                at(&variance, k),
                significant(at(seconds, k))
            ));
        }
    }

    /// The energy of the measurement.
    fn measured(&mut self, tree: &Tree, sites: f64) {
        let part = |name: &str| tree.real(&format!("measure/energy/{name}"));
        if let (Ok(mean), Ok(error)) = (part("mean"), part("error")) {
            self.notes.push(format!(
                "measured E = {}  per site {}  V-score {}",
                with_error(mean, error),
                with_error(mean / sites, error / sites),
                v_score_words(part("v_score").ok())
            ));
        }
    }

    fn note(&mut self, tree: &Tree) {
        if let Some(Value::Texts(list)) = tree.datasets.get("status/warnings") {
            let warnings = list.iter().map(|w| format!("warning: {w}"));
            self.notes.extend(warnings);
        }
    }
}
