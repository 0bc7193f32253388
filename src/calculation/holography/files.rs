//! Decides how the files of `[holography]` are read: points with labels, a table of condensates, a
//! metric to start from.

use super::keys::{Experiment, HolographyInput, Recipe};
use crate::calculation::fits;
use crate::error::{Error, Result};
use crate::holography::data::{Examples, Law, TABLE};
use crate::input::Source;
use crate::io::hdf5;
use crate::lattice::files::rows;

/// Where points come from.
#[derive(Debug, Clone)]
pub(super) enum PointSource {
    /// Labelled by the exact black hole.
    BlackHole,
    /// A table of masses and condensates with its fit.
    Table(Vec<[f64; 2]>, Law),
    /// A file.
    Given(Examples),
}

/// The points of `holography.data`, the table of `holography.condensate`, or what is built in.
pub(super) fn origin(source: &Source, keys: &HolographyInput) -> Result<PointSource> {
    if let Some(file) = &keys.data {
        let header = match keys.experiment {
            Experiment::Synthetic => "phi,pi,label",
            Experiment::Condensate => "mass,condensate,label",
        };
        return points(source, file, header).map(PointSource::Given);
    }
    if keys.experiment == Experiment::Synthetic {
        return Ok(PointSource::BlackHole);
    }
    let table = match &keys.condensate {
        None => TABLE.to_vec(),
        Some(file) => table(source, file)?,
    };
    match Law::new(&table) {
        Some(law) => Ok(PointSource::Table(table, law)),
        None => Err(Error::input(
            "holography.condensate",
            "a cubic curve needs four different masses above 0",
            "add rows to the table",
        )),
    }
}

fn points(source: &Source, file: &str, header: &str) -> Result<Examples> {
    let key = "holography.data";
    let mut examples = Examples::default();
    rows(&source.folder.join(file), key, &[header], |place, f| {
        let label = match place.real(f[2])? {
            0.0 => false,
            1.0 => true,
            _ => {
                let problem = format!("`{}` is not a label", f[2]);
                return Err(place.error(problem, "labels are 0 (allowed) and 1"));
            }
        };
        examples.x.push([place.real(f[0])?, place.real(f[1])?]);
        examples.negative.push(label);
        Ok(())
    })?;
    match examples.len() {
        0 => Err(Error::input(
            key,
            "there are no points",
            "add rows to the file",
        )),
        _ => Ok(examples),
    }
}

fn table(source: &Source, file: &str) -> Result<Vec<[f64; 2]>> {
    let key = "holography.condensate";
    let mut table = Vec::new();
    rows(
        &source.folder.join(file),
        key,
        &["mass,condensate"],
        |place, f| {
            let row = [place.real(f[0])?, place.real(f[1])?];
            if row.iter().any(|v| *v < 0.0) {
                return Err(place.error("a negative number", "give masses and condensates above 0"));
            }
            table.push(row);
            Ok(())
        },
    )?;
    Ok(table)
}

/// Numbers of a dataset that is read, at most.
const LARGEST: usize = 1 << 16;

/// The numbers, λ and L of `holography.load`; results of this program bring the mean of their
/// successful seeds.
pub(super) fn load(source: &Source, file: &str, recipe: &Recipe) -> Result<Vec<f64>> {
    let wrong = |problem: String, remedy: &str| {
        Error::input("holography.load", format!("{file}: {problem}"), remedy)
    };
    let names = ["h", "coupling", "radius"];
    let means = names.map(|name| format!("holography/mean/{name}"));
    let names: Vec<&str> = names
        .into_iter()
        .chain(means.iter().map(String::as_str))
        .collect();
    let tree = hdf5::read_foreign(&source.folder.join(file), &names, LARGEST)
        .map_err(|e| wrong(e.to_string(), "give an HDF5 file with a dataset h"))?;
    let inside = |name: &str| {
        let root = tree.reals(name);
        root.or_else(|_| tree.reals(&format!("holography/mean/{name}")))
    };
    let mut theta = inside("h").map_err(|_| {
        wrong(
            "no dataset h".into(),
            "give real numbers h, from the boundary inward",
        )
    })?;
    let wanted = recipe.bulk.positions().len();
    if theta.len() != wanted {
        return Err(wrong(
            format!("h has {} numbers instead of {wanted}", theta.len()),
            "set holography.layers, or holography.knots, to their number",
        ));
    }
    for (name, start) in ["coupling", "radius"].iter().zip(recipe.constants) {
        let found = inside(name).ok().and_then(|list| list.first().copied());
        theta.push(found.unwrap_or(start));
    }
    let radius = theta.last().copied().unwrap_or(0.0);
    let lost = recipe.experiment == Experiment::Condensate && radius <= 0.0;
    match lost || theta.iter().any(|v| !v.is_finite()) {
        true => Err(wrong(
            "numbers that are not finite, or a radius of 0".into(),
            "correct the file",
        )),
        false => Ok(theta),
    }
}

/// A number for the content of each file that the keys name.
pub(super) fn digests(source: &Source, keys: &HolographyInput) -> Result<toml::Table> {
    let named = [
        ("data", &keys.data),
        ("condensate", &keys.condensate),
        ("load", &keys.load),
    ];
    let mut table = toml::Table::new();
    for (key, file) in named {
        let Some(file) = file else {
            continue;
        };
        let digest = fits::content(source, &format!("holography.{key}"), file)?;
        let digest = format!("{digest:016x}");
        table.insert(key.into(), toml::Value::String(digest));
    }
    Ok(table)
}
