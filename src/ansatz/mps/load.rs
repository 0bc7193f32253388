//! Decides how the tensors of a matrix product state come from a file, with their bond dimensions.

use super::ProductShape;
use crate::ansatz::field::{Field, flatten, gaussian, unflatten};
use crate::ansatz::place::part_of;
use crate::error::{Error, Result};
use crate::io::hdf5;
use crate::io::tree::Value;
use crate::rng::Origin;
use num_complex::Complex64;
use std::path::Path;

/// Numbers of a tensor, at most.
const LARGEST: usize = 1 << 30;

/// Where tensors stand in a file: those of results, of any program, of a conversion.
const GROUPS: [&str; 3] = [RESULTS, "", "convert/tensors/"];
const RESULTS: &str = "parameters/";

/// What a file holds.
pub struct LoadedTensors {
    /// Bond dimensions, the first and the last included.
    pub bonds: Vec<usize>,
    /// The flat parameter vector.
    pub parameters: Vec<f64>,
}

const REMEDY: &str = "give a results file, or an HDF5 file with datasets A_0, A_1, ... of the \
                      shapes [values, left bond, right bond]";

/// Where the tensors that the input names at `key` stand in `file`.
fn groups(file: &Path, key: &str) -> [String; 3] {
    let prefix = part_of(file, key).prefix;
    GROUPS.map(|group| match group {
        RESULTS => format!("{RESULTS}{prefix}"),
        other => other.into(),
    })
}

/// The tensors of `file` for a state of this form, whose bonds are not known yet; `key` is where
/// the input names the file.
///
/// Errors: [`Error::Input`] where a tensor is missing, does not fit or is not finite.
pub fn load(
    file: &Path,
    key: &str,
    shape: &ProductShape,
    periodic: bool,
    complex: bool,
) -> Result<LoadedTensors> {
    let wrong =
        |problem: String| Error::input(key, format!("{}: {problem}", file.display()), REMEDY);
    let names: Vec<String> = match shape.uniform {
        true => vec!["A".into()],
        false => (0..shape.sites()).map(|i| format!("A_{i}")).collect(),
    };
    let groups = groups(file, key);
    let all: Vec<String> = groups
        .iter()
        .flat_map(|group| names.iter().map(move |name| format!("{group}{name}")))
        .collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let tree = hdf5::read_foreign(file, &all, LARGEST).map_err(|e| wrong(e.to_string()))?;
    let (mut bonds, mut parameters) = (Vec::new(), Vec::new());
    for name in &names {
        let found = (groups.iter()).find_map(|group| tree.datasets.get(&format!("{group}{name}")));
        let found = found.ok_or_else(|| wrong(format!("has no {name}")))?;
        let (theirs, numbers) = array(found)
            .ok_or_else(|| wrong(format!("{name} does not hold real or complex numbers")))?;
        let count = usize::from(shape.local.count);
        let fits = theirs.len() == 3
            && theirs[0] == count
            && theirs[1..].iter().all(|&bond| bond > 0)
            && bonds.last().is_none_or(|last| *last == theirs[1]);
        if !fits {
            let left = bonds.last().map_or("left bond".into(), usize::to_string);
            let expected = format!("[{count}, {left}, right bond]");
            return Err(wrong(format!(
                "{name} has the shape {theirs:?}, and {expected} is expected"
            )));
        }
        if bonds.is_empty() {
            bonds.push(theirs[1]);
        }
        bonds.push(theirs[2]);
        let own = parts(&numbers, complex);
        parameters.extend(own.map_err(|problem| wrong(format!("{name} {problem}")))?);
    }
    let (first, last) = (bonds[0], bonds[bonds.len() - 1]);
    if first != last || (!periodic && first != 1) {
        let asked = if periodic { "periodic" } else { "open" };
        return Err(wrong(format!(
            "the bonds at the ends have the dimensions {first} and {last}, the input asks for \
             boundary = \"{asked}\""
        )));
    }
    if shape.uniform {
        bonds.resize(shape.sites() + 1, first);
    }
    Ok(LoadedTensors { bonds, parameters })
}

impl LoadedTensors {
    /// The same tensors between larger bonds: the new entries are Gaussian, of the standard
    /// deviation `init` times the largest entry of their tensor.
    pub fn grown<T: Field>(self, larger: &ProductShape, init: f64, origin: Origin) -> Self {
        let (old, mut rng) = (unflatten::<T>(&self.parameters), origin.parameters());
        let (mut rest, mut all) = (old.as_slice(), Vec::new());
        for i in 0..larger.tensors() {
            let [count, rows, columns] = larger.tensor(i);
            let (left, right) = (self.bonds[i], self.bonds[i + 1]);
            let (own, after) = rest.split_at(count * left * right);
            rest = after;
            let largest = own.iter().fold(0.0, |m: f64, x| m.max(x.norm_sqr()));
            let mut tensor: Vec<T> =
                gaussian(count * rows * columns, init * largest.sqrt(), &mut rng);
            for (k, &x) in own.iter().enumerate() {
                let (s, a, b) = (k / (left * right), k / right % left, k % right);
                tensor[(s * rows + a) * columns + b] = x;
            }
            all.extend(tensor);
        }
        LoadedTensors {
            bonds: larger.bonds.clone(),
            parameters: flatten(all),
        }
    }
}

/// Shape and numbers of a dataset; `None` where it holds something else.
fn array(value: &Value) -> Option<(&[usize], Vec<Complex64>)> {
    match value {
        Value::Real(a) => Some((a.shape(), a.iter().map(|&x| x.into()).collect())),
        Value::Complex(a) => Some((a.shape(), a.iter().copied().collect())),
        _ => None,
    }
}

/// Numbers as parameters; what is wrong with them otherwise.
fn parts(numbers: &[Complex64], complex: bool) -> std::result::Result<Vec<f64>, String> {
    let mut flat = Vec::new();
    for value in numbers {
        if !value.is_finite() {
            return Err(format!("holds {value}, which is not a finite number"));
        }
        if !complex && value.im != 0.0 {
            return Err("is complex, the input asks for parameters = \"real\"".into());
        }
        flat.push(value.re);
        flat.extend(complex.then_some(value.im));
    }
    Ok(flat)
}
