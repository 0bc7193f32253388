//! Decides how configurations are read from files: samples of runs of this program, or HDF5 files
//! of any program with spins ±1. All is looked at before it is used.

use super::check::wrong;
use super::keys::{ParameterInput, PhasesInput, SampleFile, Task};
use super::spins::{Shares, SpinData};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::hdf5;
use crate::io::roles::Role;
use crate::io::tree::{Tree, Value};
use crate::linalg::available_memory;
use std::path::Path;

/// Datasets that are read.
const NAMES: [&str; 7] = [
    "configurations",
    "parameter",
    "energies",
    "chain",
    "step",
    "temperature",
    WEIGHTS,
];
/// Of samples that count differently.
const WEIGHTS: &str = "log_weights";
/// Parts into which samples without chains are cut.
const PARTS: usize = 10;
/// Most values of the parameter.
const MOST_VALUES: usize = 10_000;

/// What one file gives.
struct Part {
    sites: usize,
    spins: Vec<i8>,
    parameter: Vec<f64>,
    energies: Option<Vec<f64>>,
    chain: Option<Vec<i64>>,
}

fn broken(file: &str, problem: impl std::fmt::Display, remedy: &str) -> Error {
    Error::input("phases.files", format!("{file}: {problem}"), remedy)
}

/// The configurations of all files, values in ascending order.
pub(super) fn read(source: &Source, keys: &PhasesInput) -> Result<SpinData> {
    let files = keys.files.as_deref().unwrap_or_default();
    fit_in_memory(&source.folder, files)?;
    let parts = files
        .iter()
        .map(|file| part(&source.folder, file))
        .collect::<Result<Vec<_>>>()?;
    let sites = parts.first().map_or(0, |p| p.sites);
    if let Some(k) = parts.iter().position(|p| p.sites != sites) {
        return Err(broken(
            &files[k].file,
            format!(
                "configurations of {} sites, those of {} have {sites}",
                parts[k].sites, files[0].file
            ),
            "give files of one lattice",
        ));
    }
    let mut values: Vec<f64> = parts.iter().flat_map(|p| p.parameter.clone()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    check_values(&values, keys.task)?;
    let number = |v: &f64| values.partition_point(|x| x < v) as u32;
    let of_all: Vec<u32> = parts
        .iter()
        .flat_map(|p| p.parameter.iter().map(number))
        .collect();
    let mut count = vec![0usize; values.len()];
    of_all.iter().for_each(|v| count[*v as usize] += 1);
    if let Some(k) = count.iter().position(|n| *n < 2) {
        let problem = format!("there is one sample of the parameter {}", values[k]);
        return wrong("files", problem, "give at least two samples of each value");
    }
    let chain = chains(&parts, &of_all, values.len());
    let energies = parts.iter().map(|p| p.energies.clone());
    let energies: Option<Vec<Vec<f64>>> = energies.collect();
    let all = SpinData {
        sites,
        energies: energies.map(|list| list.concat()),
        spins: parts.into_iter().flat_map(|p| p.spins).collect(),
        shares: Shares::Drawn {
            value: of_all,
            chain,
        },
        values,
    };
    Ok(all.sorted())
}

/// An error where there are too few or too many values, or one that is no temperature for networks
/// that learn 1/T.
fn check_values(values: &[f64], task: Task) -> Result<()> {
    if !(2..=MOST_VALUES).contains(&values.len()) {
        let problem = format!("the samples have {} values of the parameter", values.len());
        let remedy = format!("give at least 2 and at most {MOST_VALUES}");
        return wrong("files", problem, &remedy);
    }
    let cold = |v: &&f64| !(**v > 0.0 && v.recip().is_finite());
    match values.iter().find(cold) {
        Some(value) if task == Task::Temperature => {
            let problem = format!("the parameter {value} is no temperature, which is positive");
            let remedy = "give positive temperatures, or use task = \"classify\"";
            wrong("files", problem, remedy)
        }
        _ => Ok(()),
    }
}

/// Chains with numbers of their own in each file; samples without chains have one. Where a value
/// has one chain it is cut into parts that follow each other.
fn chains(parts: &[Part], value: &[u32], values: usize) -> Vec<i64> {
    let mut all = Vec::with_capacity(value.len());
    let mut start = 0i64;
    for part in parts {
        let chain = part.chain.clone().unwrap_or(vec![0; part.parameter.len()]);
        let least = chain.iter().copied().min().unwrap_or(0);
        let shifted = chain
            .iter()
            .map(|c| start.wrapping_add(c.wrapping_sub(least)));
        all.extend(shifted);
        start = all.iter().copied().max().unwrap_or(0).wrapping_add(1);
    }
    let mut rows = vec![Vec::new(); values];
    value
        .iter()
        .enumerate()
        .for_each(|(r, v)| rows[*v as usize].push(r));
    for rows in rows {
        if rows.iter().all(|r| all[*r] == all[rows[0]]) {
            for (k, r) in rows.iter().enumerate() {
                all[*r] = (k * PARTS / rows.len()) as i64;
            }
        }
    }
    all
}

/// One file, checked.
fn part(folder: &Path, entry: &SampleFile) -> Result<Part> {
    let path = folder.join(&entry.file);
    let name = entry.file.as_str();
    let tree = datasets(&path, name)?;
    if tree.datasets.contains_key(WEIGHTS) {
        return Err(broken(
            name,
            format!("its samples have {WEIGHTS}, which [phases] does not use"),
            "give samples of a run with sampler.power = 2",
        ));
    }
    let (sites, mut spins) = configurations(&tree, name)?;
    let rows = spins.len() / sites;
    let mut parameter = parameters(&tree, &path, entry, rows)?;
    let energies = column(&tree, "energies", rows, name)?;
    let mut energies = energies.map(|e| finite(e, "energies", name)).transpose()?;
    let mut chain = integers(&tree, "chain", rows, name)?;
    // Of a run that has kept all samples those of its steps do not belong to one state.
    let step = integers(&tree, "step", rows, name)?.unwrap_or_default();
    if step.iter().any(|s| *s < 0) && step.iter().any(|s| *s >= 0) {
        let kept: Vec<usize> = (0..rows).filter(|r| step[*r] < 0).collect();
        let all = |r: &usize| spins[r * sites..(r + 1) * sites].to_vec();
        spins = kept.iter().flat_map(all).collect();
        parameter = kept.iter().map(|r| parameter[*r]).collect();
        energies = energies.map(|e| kept.iter().map(|r| e[*r]).collect());
        chain = chain.map(|c| kept.iter().map(|r| c[*r]).collect());
    }
    if parameter.is_empty() {
        return Err(broken(
            name,
            "there are no samples",
            "give a file with samples",
        ));
    }
    Ok(Part {
        sites,
        spins,
        parameter,
        energies,
        chain,
    })
}

/// An error where files are larger than the memory, before they are read; each number is there
/// twice. A file that cannot be opened says why when it is read.
fn fit_in_memory(folder: &Path, files: &[SampleFile]) -> Result<()> {
    let bytes = |name: &str| if name == NAMES[0] { 2.0 } else { 16.0 };
    let mut needed = 0.0;
    for entry in files {
        let shapes = hdf5::foreign_shapes(&folder.join(&entry.file), &NAMES);
        for (name, shape) in NAMES.iter().zip(shapes.unwrap_or_default()) {
            let count = |shape: Vec<usize>| shape.iter().map(|l| *l as f64).product();
            needed += bytes(name) * shape.map_or(0.0, count);
        }
    }
    let available = available_memory();
    match needed > available {
        true => Err(Error::Memory {
            what: "samples of phases.files".into(),
            needed,
            available,
        }),
        false => Ok(()),
    }
}

/// The number of sites, and the spins [sample, site], which may stand as any real numbers.
fn configurations(tree: &Tree, name: &str) -> Result<(usize, Vec<i8>)> {
    let spin = |v: f64| match v.abs() == 1.0 {
        true => Ok(v as i8),
        false => {
            let problem = format!("a configuration holds {v}");
            Err(broken(name, problem, "give spins +1 and -1"))
        }
    };
    let (shape, spins): (_, Result<Vec<i8>>) = match tree.datasets.get("configurations") {
        Some(Value::Spin(a)) => (a.shape(), a.iter().map(|s| spin(f64::from(*s))).collect()),
        Some(Value::Integer(a)) => (a.shape(), a.iter().map(|s| spin(*s as f64)).collect()),
        Some(Value::Real(a)) => (a.shape(), a.iter().map(|s| spin(*s)).collect()),
        Some(_) => {
            let problem = "configurations are no real numbers";
            return Err(broken(name, problem, "write them as int8, +1 and -1"));
        }
        None => {
            return Err(broken(
                name,
                "there is no dataset configurations",
                "give X.samples.h5 of a run, or a file with configurations int8 [sample, site]",
            ));
        }
    };
    match shape {
        [_, sites] if *sites > 0 => Ok((*sites, spins?)),
        _ => {
            let problem = format!("configurations have the shape {shape:?}");
            Err(broken(name, problem, "write them as [sample, site]"))
        }
    }
}

/// The datasets of a file of this program or of another one.
fn datasets(path: &Path, name: &str) -> Result<Tree> {
    let cannot = |e: Error| {
        let remedy = "give a file relative to the folder of the input";
        broken(name, e, remedy)
    };
    match Role::of_file(path) {
        Ok(Some(Role::Samples)) => hdf5::read(path).map_err(cannot),
        Ok(Some(role)) => {
            let problem = format!("this file holds {}, not samples", role.words());
            Err(broken(
                name,
                problem,
                "give the file X.samples.h5 of that run",
            ))
        }
        Ok(None) | Err(_) => {
            let most = (available_memory() / 8.0).min(1e12) as usize;
            hdf5::read_foreign(path, &NAMES, most).map_err(cannot)
        }
    }
}

/// The parameter of each sample.
fn parameters(tree: &Tree, path: &Path, entry: &SampleFile, rows: usize) -> Result<Vec<f64>> {
    let name = entry.file.as_str();
    let own = column(tree, "parameter", rows, name)?;
    let numbers = integers(tree, "temperature", rows, name)?;
    let beside = || {
        let whole = path.to_str()?;
        let results = format!("{}.h5", &whole[..whole.rfind(".samples.")?]);
        let tree = hdf5::read(Path::new(&results)).ok()?;
        tree.reals("classical/temperature").ok()
    };
    let listed = match (&entry.parameter, &own) {
        (Some(ParameterInput::One(value)), _) => {
            let numbers = numbers.as_deref().unwrap_or_default();
            let own = own.as_deref().unwrap_or_default();
            if numbers.iter().any(|k| *k != numbers[0]) || own.iter().any(|v| *v != own[0]) {
                let problem = "one parameter is given, its samples have several temperatures";
                let remedy = "give a list in the order of that run, or remove parameter";
                return Err(broken(name, problem, remedy));
            }
            return Ok(vec![*value; rows]);
        }
        (Some(ParameterInput::Many(list)), _) => Some(list.clone()),
        (None, Some(_)) => None,
        (None, None) => beside(),
    };
    let found = match (listed, numbers, own) {
        (Some(list), Some(numbers), _) => {
            let value = |k: &i64| list.get(usize::try_from(*k).ok()?).copied();
            let all: Option<Vec<f64>> = numbers.iter().map(value).collect();
            all.ok_or_else(|| {
                let problem = format!("its samples have more than {} temperatures", list.len());
                broken(name, problem, "list as many as the run had, in its order")
            })?
        }
        (None, _, Some(own)) => own,
        (Some(_), None, _) => {
            let problem = "a list of parameters needs a dataset temperature with their numbers";
            return Err(broken(name, problem, "give one number, or that dataset"));
        }
        (None, _, None) => {
            return Err(broken(
                name,
                "nothing says to which temperature or coupling the samples belong",
                "add parameter = ... beside the file, or a dataset parameter [sample]",
            ));
        }
    };
    finite(found, "parameter", name)
}

/// Real numbers of a dataset; an error where one of them is not finite.
fn finite(found: Vec<f64>, what: &str, name: &str) -> Result<Vec<f64>> {
    match found.iter().all(|v| v.is_finite()) {
        true => Ok(found),
        false => {
            let problem = format!("the dataset {what} holds a number that is not finite");
            Err(broken(name, problem, "correct the file"))
        }
    }
}

/// Real numbers, one for each sample.
fn column(tree: &Tree, what: &str, rows: usize, name: &str) -> Result<Option<Vec<f64>>> {
    let Some(value) = tree.datasets.get(what) else {
        return Ok(None);
    };
    match value {
        Value::Real(a) if a.shape() == [rows] => Ok(Some(a.iter().copied().collect())),
        Value::Integer(a) if a.shape() == [rows] => Ok(Some(a.iter().map(|v| *v as f64).collect())),
        _ => {
            let problem = format!("{what} does not have one real number for each sample");
            Err(broken(name, problem, "write it as float64 [sample]"))
        }
    }
}

/// Whole numbers, one for each sample.
fn integers(tree: &Tree, what: &str, rows: usize, name: &str) -> Result<Option<Vec<i64>>> {
    match tree.datasets.get(what) {
        None => Ok(None),
        Some(Value::Integer(a)) if a.shape() == [rows] => Ok(Some(a.iter().copied().collect())),
        Some(_) => {
            let problem = format!("{what} does not have one whole number for each sample");
            Err(broken(name, problem, "write it as int64 [sample]"))
        }
    }
}
