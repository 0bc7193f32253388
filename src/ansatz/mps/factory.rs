//! Decides what the input says of a matrix product state, `kind = "mps"`.

use super::load::{LoadedTensors, load};
use super::{Mps, ProductShape};
use crate::ansatz::field::Field;
use crate::ansatz::tied::check_tied;
use crate::ansatz::{Ansatz, Context, Erased, ParameterNumbers, schema_of};
use crate::error::Result;
use crate::linalg::dense::Lapack;
use num_complex::Complex64;
use serde::Deserialize;

/// Whether the matrices close to a ring.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum Ends {
    /// Bonds of dimension 1 at both ends.
    #[default]
    Open,
    /// The trace of the product.
    Periodic,
}

/// Which tensors are equal.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum Tied {
    /// None.
    #[default]
    None,
    /// All of them.
    Translations,
}

/// The order of the sites along the product.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum Order {
    /// By site number.
    #[default]
    Sites,
    /// Rows of a square lattice in alternating direction.
    Snake,
}

fn small() -> f64 {
    0.01
}

/// Matrix product state, ψ = Tr A_0 A_1 … A_{N−1} with one matrix for each value of a site.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Bond dimension D. An open state has the largest bonds that make sense up to D: near an end
    /// of spins one half 2, 4, 8 and so on. With `load` smaller bonds of the file grow to D, the
    /// new entries Gaussian of `init` times the largest of their tensor. No default without `load`.
    bond_dimension: Option<usize>,
    /// "open": bonds of dimension 1 at both ends; "periodic": the trace. Default "open".
    #[serde(default)]
    boundary: Ends,
    /// "none", or "translations": one tensor for all sites, of a periodic state. Default "none".
    #[serde(default)]
    symmetry: Tied,
    /// The order of the sites: "sites", by number, or "snake" on square lattices. Default "sites".
    #[serde(default)]
    order: Order,
    /// Whether parameters are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// Standard deviation of the real and imaginary parts of A - delta_ab at the start. Default
    /// 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from: results, or an HDF5 file with datasets A_0, A_1, ... of the shapes
    /// [values, left bond, right bond], or A with translations. Default none.
    load: Option<String>,
}

/// Largest bond dimension.
const LARGEST: usize = 1 << 15;

fn order(keys: &Keys, context: &Context) -> Result<Vec<usize>> {
    let sites = context.basis.sites();
    if keys.order == Order::Sites {
        return Ok((0..sites).collect());
    }
    let snake = context.lattice.snake().filter(|path| path.len() == sites);
    snake.ok_or_else(|| {
        let problem = "\"snake\" needs the rows of a square lattice";
        context.wrong("order", problem, "use order = \"sites\"")
    })
}

/// Bonds of dimension D, near the ends of an open state no larger than there are states.
fn bonds(keys: &Keys, context: &Context, count: usize) -> Result<Vec<usize>> {
    let Some(d) = keys.bond_dimension else {
        let remedy = "choose for example 8";
        return Err(context.wrong("bond_dimension", "is missing", remedy));
    };
    if !(1..=LARGEST).contains(&d) {
        let problem = format!("{d} is not a bond dimension");
        let remedy = "choose a number from 1 to 32768, such as 8";
        return Err(context.wrong("bond_dimension", problem, remedy));
    }
    let sites = context.basis.sites();
    let states = |sites: usize| {
        let power = u32::try_from(sites).ok().and_then(|k| count.checked_pow(k));
        power.unwrap_or(usize::MAX)
    };
    Ok(match keys.boundary {
        Ends::Periodic => vec![d; sites + 1],
        Ends::Open => (0..=sites)
            .map(|i| d.min(states(i)).min(states(sites - i)))
            .collect(),
    })
}

/// The form without the bond dimensions of a file.
fn shape(keys: &Keys, context: &Context) -> Result<ProductShape> {
    let locals = context.basis.locals();
    let Some(&local) = locals.first().filter(|l| locals.iter().all(|m| m == *l)) else {
        return Err(context.wrong(
            "kind",
            "a matrix product state needs the same values on all sites",
            "use kind = \"table\"",
        ));
    };
    let uniform = keys.symmetry == Tied::Translations;
    if uniform && keys.boundary == Ends::Open {
        return Err(context.wrong(
            "symmetry",
            "one tensor for all sites makes a periodic state",
            "use boundary = \"periodic\", or symmetry = \"none\"",
        ));
    }
    if uniform {
        let key = context.key("symmetry");
        check_tied(context, &context.lattice.translations()?, &key)?;
    }
    let bonds = match keys.load {
        Some(_) => Vec::new(),
        None => bonds(keys, context, usize::from(local.count))?,
    };
    Ok(ProductShape {
        local,
        order: order(keys, context)?,
        bonds,
        uniform,
    })
}

fn check_size(shape: &ProductShape, parts: usize) -> Result<()> {
    let size = |i| shape.tensor(i).iter().map(|&n| n as f64).product::<f64>();
    let numbers: f64 = (0..shape.tensors()).map(size).sum();
    crate::ansatz::check_parameters(parts as f64 * numbers, 2.0)
}

fn typed<T: Field + Lapack>(keys: &Keys, context: &Context) -> Result<Erased> {
    let mut shape = shape(keys, context)?;
    let whole = context.basis.charges().is_empty();
    let Some(file) = &keys.load else {
        check_size(&shape, T::PARTS)?;
        if shape.bonds.iter().any(|&bond| bond > 1) {
            crate::ansatz::warn_of_zeros(keys.init, context);
        }
        let state = Mps::<T>::random(shape, keys.init, context.origin, whole);
        return Ok(Erased::new(state));
    };
    let key = context.key("load");
    let periodic = keys.boundary == Ends::Periodic;
    let path = context.folder.join(file);
    let loaded = load(&path, &key, &shape, periodic, T::COMPLEX)?;
    let loaded = grown::<T>(loaded, &mut shape, keys, context)?;
    let mut state = Mps::<T>::random(shape, 0.0, context.origin, whole);
    state.set_parameters(&loaded.parameters)?;
    Ok(Erased::new(state))
}

/// The tensors of a file with the bonds of the key, where those are larger; `shape` gets them.
fn grown<T: Field>(
    loaded: LoadedTensors,
    shape: &mut ProductShape,
    keys: &Keys,
    context: &Context,
) -> Result<LoadedTensors> {
    shape.bonds = loaded.bonds.clone();
    let Some(d) = keys.bond_dimension else {
        return Ok(loaded);
    };
    let wanted = bonds(keys, context, usize::from(shape.local.count))?;
    let largest = loaded.bonds.iter().max().copied().unwrap_or(1);
    if d < largest {
        log::warn!(
            "{}.bond_dimension = {d} is not used: the file has bonds of {largest}",
            context.path
        );
        return Ok(loaded);
    }
    let pairs = wanted.into_iter().zip(&loaded.bonds);
    shape.bonds = pairs.map(|(new, &old)| new.max(old)).collect();
    if shape.bonds == loaded.bonds {
        return Ok(loaded);
    }
    check_size(shape, T::PARTS)?;
    crate::ansatz::warn_of_zeros(keys.init, context);
    Ok(loaded.grown::<T>(shape, keys.init, context.origin))
}

/// Builds a matrix product state from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    crate::ansatz::check_init(keys.init, context)?;
    match keys.parameters {
        ParameterNumbers::Real => typed::<f64>(&keys, context),
        ParameterNumbers::Complex => typed::<Complex64>(&keys, context),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
