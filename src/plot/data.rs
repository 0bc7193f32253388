//! Decides what a picture knows of a results file: its datasets, a short name, the lattice, the
//! exact energy.

use super::curve::{Curve, Look};
use crate::error::{Error, Result};
use crate::input;
use crate::io::hdf5;
use crate::io::roles::results;
use crate::io::tree::{Tree, Value};
use crate::lattice::Lattice;
use std::path::{Path, PathBuf};

/// One results file.
#[derive(Clone)]
pub struct ResultsFile {
    /// In legends.
    pub name: String,
    /// All datasets.
    pub tree: Tree,
    /// Number of sites.
    pub sites: usize,
    /// The lattice, or why there is none.
    pub lattice: std::result::Result<Lattice, String>,
    /// Exact energy of the whole system, where it is given.
    pub exact: Option<f64>,
    /// Place among the files, the number of its style.
    pub style: usize,
}

/// Reads the files. `exact` is one energy, or file of `exact --output`, for all or one per file.
pub fn read(paths: &[PathBuf], exact: &[String]) -> Result<Vec<ResultsFile>> {
    if !matches!(exact.len(), 0 | 1) && exact.len() != paths.len() {
        return Err(Error::input(
            "--exact",
            format!("{} energies for {} files", exact.len(), paths.len()),
            "give one for all files or one per file, in their order",
        ));
    }
    let energies = exact
        .iter()
        .map(|e| exact_energy(e))
        .collect::<Result<Vec<_>>>()?;
    let stem = |p: &Path| {
        p.file_stem()
            .map_or_else(String::new, |s| s.to_string_lossy().into_owned())
    };
    let mut runs = Vec::new();
    let trees = paths.iter().map(|path| results(path));
    let trees = trees.collect::<Result<Vec<_>>>()?;
    let titles: Vec<Option<String>> = trees.iter().map(title).collect();
    for (style, (path, tree)) in paths.iter().zip(trees).enumerate() {
        let unique = paths.iter().filter(|p| stem(p) == stem(path)).count() == 1;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let title = titles[style].as_deref();
        let alone = titles.iter().filter(|t| t.as_deref() == title).count() == 1;
        runs.push(ResultsFile {
            name: match title {
                _ if !unique => path.with_extension("").display().to_string(),
                Some(title) if alone => title.to_string(),
                _ => stem(path),
            },
            sites: tree
                .integer("status/sites")
                .map_or(1, |n| n.max(1) as usize),
            lattice: lattice(&tree, folder).map_err(|e| e.to_string()),
            exact: energies
                .get(style)
                .or(if energies.len() == 1 {
                    energies.first()
                } else {
                    None
                })
                .copied(),
            style,
            tree,
        });
    }
    Ok(runs)
}

/// The title of a file that its input says, where a legend has room for it.
fn title(tree: &Tree) -> Option<String> {
    let text = tree.text("input/title").ok()?;
    let short = !text.is_empty() && text.chars().count() <= LONGEST_NAME;
    (short && is_own(tree)).then(|| text.to_string())
}

/// Most letters of a title in a legend.
const LONGEST_NAME: usize = 48;

/// Whether the input itself says the title.
fn is_own(tree: &Tree) -> bool {
    let input = tree.text("input/resolved").unwrap_or_default();
    let table: toml::Table = input.parse().unwrap_or_default();
    table.contains_key("title")
}

fn exact_energy(text: &str) -> Result<f64> {
    let value = match text.parse::<f64>() {
        Ok(value) => value,
        Err(_) => hdf5::read(Path::new(text))
            .and_then(|tree| tree.real("energies"))
            .map_err(|e| {
                Error::input(
                    "--exact",
                    e.to_string(),
                    "give an energy or a file written by `nishina exact --output`",
                )
            })?,
    };
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::input(
            "--exact",
            format!("{text} is not an energy"),
            "give a finite number",
        )),
    }
}

fn lattice(tree: &Tree, folder: PathBuf) -> Result<Lattice> {
    let source = input::from_results(tree, folder)?;
    let section = input::section(&source.input.lattice, "lattice")?;
    Lattice::new(&section.spec(&source.folder)?)
}

/// The files in groups whose observables have one unit, each with its name: numbers of spins S and
/// of Pauli matrices σ = 2 S do not stand on one axis. Files without observables go with the first.
pub fn of_one_unit(runs: &[ResultsFile]) -> Vec<(&'static str, Vec<ResultsFile>)> {
    let mut groups: Vec<(&'static str, Vec<ResultsFile>)> = Vec::new();
    let first = runs.iter().find_map(ResultsFile::spin_unit);
    for run in runs {
        let unit = run.spin_unit().or(first).unwrap_or_default();
        match groups.iter_mut().find(|(name, _)| *name == unit) {
            Some((_, group)) => group.push(run.clone()),
            None => groups.push((unit, vec![run.clone()])),
        }
    }
    groups
}

impl ResultsFile {
    /// "spin" or "pauli", what the observables of the file are of; `None` without any.
    fn spin_unit(&self) -> Option<&'static str> {
        let of_observable = |path: &&String| {
            path.starts_with("measure/observables/")
                || path.starts_with("evolve/output/observables/")
        };
        let mut units = self
            .tree
            .notes
            .iter()
            .filter(|(path, _)| of_observable(path));
        let any = self.tree.datasets.keys().any(|path| of_observable(&path));
        let spin = units.any(|(_, note)| note.0.contains("hbar"));
        any.then_some(if spin { "spin" } else { "pauli" })
    }

    /// Whether some section sampled a wave function.
    pub fn has_wave_function(&self) -> bool {
        self.tree.datasets.contains_key("status/sites")
    }

    /// Real numbers; empty where there are none of this name.
    pub fn reals(&self, path: &str) -> Vec<f64> {
        self.tree.reals(path).unwrap_or_default()
    }

    /// A dataset's shape; empty where there is none.
    pub fn shape(&self, path: &str) -> Vec<usize> {
        match self.tree.datasets.get(path) {
            Some(Value::Real(a)) => a.shape().to_vec(),
            Some(Value::Complex(a)) => a.shape().to_vec(),
            _ => Vec::new(),
        }
    }

    /// The unit of a dataset in brackets, with a blank before it; empty for pure numbers.
    pub fn unit(&self, path: &str) -> String {
        match self.tree.notes.get(path).map(|n| n.0.as_str()) {
            None | Some("1" | "") => String::new(),
            Some(unit) => format!(
                " [{}]",
                unit.replace("hbar", "ħ")
                    .replace("^2", "²")
                    .replace("^4", "⁴")
            ),
        }
    }

    /// A line of the column `y` of a history against `x`, `scale` times.
    pub fn line(&self, x: &[f64], y: &str, error: Option<&str>, scale: f64) -> Curve {
        let scaled = |path: &str| {
            self.reals(path)
                .iter()
                .map(|v| v * scale)
                .collect::<Vec<_>>()
        };
        let errors = error.map(scaled);
        Curve::new(
            &self.name,
            self.style,
            Look::Line,
            x,
            &scaled(y),
            errors.as_deref(),
        )
    }

    /// Numbers of the optimisation steps, from 1.
    pub fn steps(&self) -> Vec<f64> {
        (1..=self.reals("optimize/history/energy").len())
            .map(|k| k as f64)
            .collect()
    }

    /// Names of the observables that have the dataset `part`.
    pub fn observables(&self, part: &str) -> Vec<String> {
        let inside = |k: &String| {
            Some(
                k.strip_prefix("measure/observables/")?
                    .strip_suffix(part)?
                    .to_string(),
            )
        };
        self.tree
            .datasets
            .keys()
            .filter_map(inside)
            .filter(|name| !name.contains('/'))
            .collect()
    }
}
