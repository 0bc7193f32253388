//! Decides how the dimensions of results have names: each group has one HDF5 dimension scale for
//! each name, with the numbers of its places, and datasets are attached to them, as in netCDF-4.
//!
//! Names are those of `docs/schema.md`; what it leaves open is named by a dataset of the group, or
//! of one above it, that has such a dimension. Scales are no part of a [`Tree`]: reading leaves
//! them out.
//!
//! Reference: HDF5 Dimension Scale Specification, 2005.

use super::values::{attribute, write_value};
use super::{Raw, text};
use crate::io::notes;
use crate::io::tree::{Tree, Value, shaped};
use ::hdf5::{Dataset, File};
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_uint};

#[link(name = "hdf5_hl")]
unsafe extern "C" {
    fn H5DSset_scale(dataset: i64, name: *const c_char) -> c_int;
    fn H5DSattach_scale(dataset: i64, scale: i64, dimension: c_uint) -> c_int;
}

/// Groups whose datasets are tables of a run; those of others are not numbered by anything.
const GROUPS: [&str; 12] = [
    "classical",
    "construct",
    "convert",
    "evolve",
    "hamiltonian",
    "holography",
    "lattice",
    "learn",
    "measure",
    "optimize",
    "phases",
    "regression",
];
/// Groups within them whose names are chosen by wave functions and networks.
const FREE: [&str; 4] = ["parameters", "gradient", "tensors", "matrices"];
/// An attribute that a scale has and no dataset of a tree.
const MARK: &str = "dimension";

/// Whether a dataset is a scale that [`attach`] has made.
pub(super) fn is_scale(dataset: &Dataset) -> Raw<bool> {
    let names = dataset.attr_names().map_err(text)?;
    Ok(names.iter().any(|name| name == MARK))
}

/// Names the dimensions of the datasets of a tree that stand in a file.
pub(super) fn attach(file: &File, tree: &Tree) -> Raw<()> {
    if !tree.datasets.contains_key("status/state") {
        return Ok(());
    }
    let mut scales = Scales {
        file,
        tree,
        made: BTreeMap::new(),
    };
    for (path, value) in &tree.datasets {
        let shape = shape(value);
        let parts: Vec<&str> = path.split('/').collect();
        let named = GROUPS.contains(&parts[0]) && !parts.iter().any(|p| FREE.contains(p));
        if named && !shape.is_empty() {
            let attached = scales.attach(path, shape);
            attached.map_err(|e| format!("dimensions of {path}: {e}"))?;
        }
    }
    Ok(())
}

fn shape(value: &Value) -> Vec<usize> {
    match value {
        Value::Real(a) => a.shape().to_vec(),
        Value::Complex(a) => a.shape().to_vec(),
        Value::Integer(a) => a.shape().to_vec(),
        Value::Spin(a) => a.shape().to_vec(),
        Value::Text(_) => Vec::new(),
        Value::Texts(list) => vec![list.len()],
    }
}

/// Names of the dimensions of a dataset as the page has them; `None` where it leaves them open.
fn of_page(path: &str, rank: usize) -> Vec<Option<String>> {
    let known = notes::of(path).map_or(&[][..], |line| &line.axes[..]);
    let open = known.iter().position(|axis| axis == "...");
    let own = |axis: &String| Some(axis.clone()).filter(|a| !a.starts_with(char::is_numeric));
    match open {
        Some(at) if known.len() <= rank + 1 => {
            let (before, after) = (&known[..at], &known[at + 1..]);
            let between = rank - before.len() - after.len();
            let gap = std::iter::repeat_n(None, between);
            before
                .iter()
                .map(own)
                .chain(gap)
                .chain(after.iter().map(own))
                .collect()
        }
        None if known.len() == rank => known.iter().map(own).collect(),
        _ => vec![None; rank],
    }
}

/// The group of a path; empty at the top.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(group, _)| group)
}

struct Scales<'s> {
    file: &'s File,
    tree: &'s Tree,
    /// Scales by path, with their length.
    made: BTreeMap<String, (usize, Dataset)>,
}

impl Scales<'_> {
    fn attach(&mut self, path: &str, shape: Vec<usize>) -> Raw<()> {
        let mut taken: Vec<String> = Vec::new();
        for (k, (axis, length)) in of_page(path, shape.len())
            .into_iter()
            .zip(shape)
            .enumerate()
        {
            let axis = axis.unwrap_or_else(|| self.found(path, length));
            let again = taken.iter().filter(|name| **name == axis).count();
            taken.push(axis.clone());
            let name = match again {
                0 => axis.clone(),
                n => format!("{axis}_{}", n + 1),
            };
            let place = self.place(path, &name, length);
            if place == path {
                continue;
            }
            let scale = self.scale(&place, &axis, length)?;
            let dataset = self.file.dataset(path).map_err(text)?;
            link(&dataset, &scale, k as c_uint)?;
        }
        Ok(())
    }

    /// The name of a dimension of this length that a dataset beside or above has.
    fn found(&self, path: &str, length: usize) -> String {
        let mut group = parent(path);
        while group.contains('/') && !group.ends_with("observables") {
            let below = format!("{group}/");
            let beside = self.tree.datasets.range(below.clone()..);
            let beside = beside.take_while(|(other, _)| other.starts_with(&below));
            for (other, value) in beside {
                let shape = shape(value);
                let axes = of_page(other, shape.len()).into_iter().zip(shape);
                let mut same = axes
                    .filter(|(_, n)| *n == length)
                    .filter_map(|(axis, _)| axis);
                let of_output = path.starts_with("evolve/");
                let chosen = same.find(|axis| match axis.as_str() {
                    "bin" | "entry" | "end" => false,
                    "time" => !of_output,
                    _ => true,
                });
                if let Some(axis) = chosen {
                    return axis;
                }
            }
            group = parent(group);
        }
        let sites = self.tree.count("status/sites").unwrap_or(0);
        match length == sites && path.contains("observables") {
            true => "site".into(),
            false => format!("axis_{length}"),
        }
    }

    /// Where the scale of a name stands: numbers of this name in the group of the dataset or in one
    /// above, such as output times; else a scale of its own in the group, under another name where
    /// this one is taken.
    fn place(&self, path: &str, name: &str, length: usize) -> String {
        let mut above = parent(path);
        while !above.is_empty() {
            let place = format!("{above}/{name}");
            match self.tree.datasets.get(&place) {
                Some(own @ (Value::Real(_) | Value::Integer(_))) if shape(own) == [length] => {
                    return place;
                }
                _ => above = parent(above),
            }
        }
        let place = format!("{}/{name}", parent(path));
        let free = match self.made.get(&place) {
            Some((n, _)) => *n == length,
            None => !self.tree.datasets.contains_key(&place) && !self.is_group(&place),
        };
        match free {
            true => place,
            false => format!("{place}_of_{length}"),
        }
    }

    fn is_group(&self, place: &str) -> bool {
        let below = format!("{place}/");
        let next = self.tree.datasets.range(below.clone()..).next();
        next.is_some_and(|(path, _)| path.starts_with(&below))
    }

    fn scale(&mut self, place: &str, axis: &str, length: usize) -> Raw<Dataset> {
        if let Some((_, scale)) = self.made.get(place) {
            return Ok(scale.clone());
        }
        let scale = match self.tree.datasets.contains_key(place) {
            true => self.file.dataset(place).map_err(text)?,
            false => self.numbers(place, axis, length)?,
        };
        let name = place.rsplit('/').next().unwrap_or_default();
        let name = CString::new(name).map_err(|e| e.to_string())?;
        // SAFETY: the dataset is open and the name lives until the call returns.
        let done = ::hdf5::sync::sync(|| unsafe { H5DSset_scale(scale.id(), name.as_ptr()) });
        let made = (length, scale.clone());
        self.made.insert(place.into(), made);
        (done >= 0)
            .then_some(scale)
            .ok_or_else(|| format!("{place} is no scale"))
    }

    /// A scale of its own: steps count from 1, all else from 0.
    fn numbers(&self, place: &str, axis: &str, length: usize) -> Raw<Dataset> {
        let of_steps = self.tree.datasets.keys().any(|path| {
            let line = (parent(path) == parent(place))
                .then(|| notes::of(path))
                .flatten();
            line.is_some_and(|line| line.from_one)
        });
        let first = i64::from(axis == "step" && of_steps);
        let numbers = (first..first + length as i64).collect();
        let value = Value::Integer(shaped(&[length], numbers));
        let scale = write_value(self.file, place, &value)?;
        attribute(&scale, "unit", "1")?;
        attribute(
            &scale,
            "meaning",
            &format!("number of the {axis}, from {first}"),
        )?;
        attribute(&scale, MARK, axis)?;
        Ok(scale)
    }
}

/// Gives dimension `k` of a dataset a scale.
fn link(dataset: &Dataset, scale: &Dataset, k: c_uint) -> Raw<()> {
    // SAFETY: both datasets are open, and the library refuses a dimension that is not there.
    let done = ::hdf5::sync::sync(|| unsafe { H5DSattach_scale(dataset.id(), scale.id(), k) });
    (done >= 0)
        .then_some(())
        .ok_or_else(|| "a scale cannot be attached".to_string())
}
