//! Decides what the input says of a projected entangled pair state, `kind = "peps"`.

use super::Pairs;
use crate::ansatz::field::Field;
use crate::ansatz::{Context, Erased, ParameterNumbers, check_init, check_parameters, schema_of};
use crate::error::{Error, Result, gigabytes};
use crate::linalg::available_memory;
use num_complex::Complex64;
use serde::Deserialize;

fn small() -> f64 {
    0.01
}

/// Projected entangled pair state on a square lattice with open boundaries, ψ = Σ over bonds of
/// Π_i T_i[s_i, l, r, d, u] with s = 0 where the spin is up and legs to the left, right, down and
/// up neighbours.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Dimension D of the bonds between sites; 1 is a product state. No default without `load`.
    bond_dimension: Option<usize>,
    /// Largest bond dimension of the matrix product states that rows are contracted to; 0: no
    /// bound, an exact contraction. Default D².
    boundary_dimension: Option<usize>,
    /// Whether parameters are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// Standard deviation of the real and imaginary parts of the initial deviations from δ_l0
    /// δ_r0 δ_d0 δ_u0. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from: results, or an HDF5 file with the datasets T_0, T_1, …; the bond
    /// dimension is that of the file. Default none.
    load: Option<String>,
}

/// Lx and Ly of an open square lattice; an error elsewhere.
fn open_square(context: &Context) -> Result<[usize; 2]> {
    let size = context.lattice.square("projected entangled pair state")?;
    let periodic = context.lattice.periodic();
    if (0..2).any(|a| periodic[a] && size[a] > 1) {
        return Err(Error::input(
            "lattice.boundary",
            "projected entangled pair states are contracted on open boundaries alone",
            "choose boundary = \"open\", or ansatz.kind = \"eps\"",
        ));
    }
    Ok(size)
}

/// The bond dimension of the tensors in a file: the extent to the right of the first site, or up.
fn bond_of(file: &str, size: [usize; 2], context: &Context) -> Result<usize> {
    let names = ["parameters/T_0", "T_0"];
    let path = context.folder.join(file);
    let problem = |what: String| {
        let remedy = "give results of a peps, or an HDF5 file with datasets T_0, T_1, …";
        context.wrong("load", format!("{}: {what}", path.display()), remedy)
    };
    let tree = crate::io::hdf5::read_foreign(&path, &names, 1 << 30)
        .map_err(|e| problem(e.to_string()))?;
    let shape = names
        .iter()
        .find_map(|name| match tree.datasets.get(*name)? {
            crate::io::tree::Value::Real(a) => Some(a.shape().to_vec()),
            crate::io::tree::Value::Complex(a) => Some(a.shape().to_vec()),
            _ => None,
        });
    match (shape.as_deref(), size) {
        (Some(&[2, 1, right, 1, _]), [lx, _]) if lx > 1 => Ok(right),
        (Some(&[2, 1, 1, 1, up]), _) => Ok(up),
        (Some(other), _) => Err(problem(format!("T_0 has the shape {other:?}"))),
        (None, _) => Err(problem("has no T_0".into())),
    }
}

/// An error unless the bonds, and the boundaries of an exact contraction, fit in memory.
fn check_sizes(size: [usize; 2], bond: usize, chi: usize, parts: usize, c: &Context) -> Result<()> {
    if bond == 0 {
        let remedy = "choose for example 2 or 3";
        return Err(c.wrong("bond_dimension", "0 is no dimension", remedy));
    }
    let (d, n) = (bond as f64, (size[0] * size[1]) as f64);
    let least = size[0].min(size[1]) as i32;
    let tensor = 2.0 * d.powi(if least > 1 { 4 } else { 2 });
    if let Err(Error::Memory {
        needed, available, ..
    }) = check_parameters(parts as f64 * n * tensor, 1.0)
    {
        let problem = format!(
            "tensors of bonds of {bond} need {}, {} are available",
            gigabytes(needed),
            gigabytes(available)
        );
        return Err(c.wrong("bond_dimension", problem, "choose for example 2 or 3"));
    }
    let (numbers, available) = (d.powi(least), available_memory());
    if chi == 0 && 8.0 * parts as f64 * numbers > available {
        let problem = format!(
            "an exact contraction takes {bond}^{least} = {numbers:.1e} numbers, and {} are \
             available",
            gigabytes(available)
        );
        let remedy = "give the largest bond dimension of a boundary, such as bond_dimension^2";
        return Err(c.wrong("boundary_dimension", problem, remedy));
    }
    Ok(())
}

fn typed<T: Field>(keys: &Keys, context: &Context) -> Result<Erased> {
    let size = open_square(context)?;
    let bond = match (keys.bond_dimension, &keys.load) {
        (Some(bond), _) => bond,
        (None, Some(file)) => bond_of(file, size, context)?,
        (None, None) => {
            let remedy = "choose for example 2 or 3";
            return Err(context.wrong("bond_dimension", "the key is missing", remedy));
        }
    };
    let chi = keys.boundary_dimension.unwrap_or(bond.saturating_pow(2));
    check_sizes(size, bond, chi, T::PARTS, context)?;
    let state = Pairs::<T>::new(size, bond, chi, keys.init, context.origin);
    context.loaded(state, keys.load.as_ref())
}

/// Builds a projected entangled pair state from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_init(keys.init, context)?;
    if keys.load.is_none() && keys.bond_dimension != Some(1) {
        crate::ansatz::warn_of_zeros(keys.init, context);
    }
    match keys.parameters {
        ParameterNumbers::Real => typed::<f64>(&keys, context),
        ParameterNumbers::Complex => typed::<Complex64>(&keys, context),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
