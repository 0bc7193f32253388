//! Decides what the input says of a pair state, `kind = "pair"`.

use super::growth::TableGrowth;
use super::start::{PairStart, WantedPairs, start};
use super::{PairState, PairTies, SpinProjectedPairs, ties};
use crate::ansatz::field::Field;
use crate::ansatz::{
    Context, Erased, LoadKey, ParameterGrowth, ParameterNumbers, check_init, check_parameters,
    schema_of,
};
use crate::basis::TOTAL_SZ;
use crate::error::Result;
use num_complex::Complex64;
use serde::Deserialize;

fn small() -> f64 {
    0.01
}

fn one() -> f64 {
    1.0
}

/// Pair state of spins one half, ψ = ± det f[up, down]: fermions in pairs with one fermion at every
/// site, in the sector of total Sz = 0. The signs are those of fermions in the order of the sites.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Extent of a unit in cells along each lattice vector, such as [2, 2]: f_ij is the same for
    /// pairs that a translation by whole units takes into each other. The whole lattice leaves
    /// every pair its own. Default 2 along periodic directions of even length, all cells along
    /// others.
    sublattice: Option<Vec<usize>>,
    /// Where f starts: "free", free fermions; "bcs", fermions paired in a d wave, on a square
    /// lattice; "random", Gaussian numbers of standard deviation 1. Default "random".
    #[serde(default)]
    start: PairStart,
    /// Size of the pairing of start = "bcs", in units of the hopping. Default 1.
    #[serde(default = "one")]
    delta: f64,
    /// For each direction, whether f changes its sign around the lattice. Default: none for
    /// "random"; for "free" and "bcs" the first of none, the last direction and all periodic ones
    /// for which the start is unique.
    antiperiodic: Option<Vec<bool>>,
    /// Whether parameters are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// Standard deviation of the random numbers that are added to "free" and "bcs", whose largest
    /// entry is 1; without them whole classes of amplitudes may vanish. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from: results, or an HDF5 file with the dataset f; { file, grow = true }: also
    /// with a smaller unit, or of a smaller lattice. Default none.
    load: Option<LoadKey>,
}

/// One flag for each direction, from the list of the input.
fn antiperiodic(keys: &Keys, context: &Context) -> Result<Option<[bool; 3]>> {
    let Some(given) = &keys.antiperiodic else {
        return Ok(None);
    };
    let (d, periodic) = (context.lattice.dimensions(), context.lattice.periodic());
    if given.len() != d {
        let problem = format!("{given:?} has {} entries", given.len());
        let remedy = format!("give {d}, one for each direction");
        return Err(context.wrong("antiperiodic", problem, remedy));
    }
    let mut flags = [false; 3];
    flags[..d].copy_from_slice(given);
    if (0..3).any(|a| flags[a] && !periodic[a]) {
        let problem = "a direction that is open leads nowhere around";
        return Err(context.wrong("antiperiodic", problem, "give false there"));
    }
    Ok(Some(flags))
}

/// An error unless there are as many spins up as down.
fn check_sector(context: &Context) -> Result<()> {
    if context.basis.fixed(TOTAL_SZ) == Some(0) {
        return Ok(());
    }
    let problem = "a pair state has as many spins up as down, and no flip of one spin leads to \
                   another configuration of it";
    let remedy = "add sector = { total_sz = 0 } to [hamiltonian]";
    Err(context.wrong("kind", problem, remedy))
}

fn typed<T: Field>(keys: &Keys, context: &Context) -> Result<Erased> {
    let state = state::<T>(keys, context)?;
    let growth = growth(&state.ties, context);
    let state = context.grown(state, keys.load.as_ref(), &growth)?;
    Ok(Erased::new(state))
}

/// What the table can take over.
fn growth(ties: &PairTies, context: &Context) -> ParameterGrowth {
    ParameterGrowth::by(TableGrowth {
        lattice: context.lattice.clone(),
        ties: ties.clone(),
    })
}

fn state<T: Field>(keys: &Keys, context: &Context) -> Result<PairState<T>> {
    let n = context.basis.sites() as f64;
    let unit = ties::unit(keys.sublattice.as_ref(), context)?;
    ties::held(unit, context)?;
    let cells = context.lattice.extent().iter().product::<usize>() as f64;
    let count = n * n * unit.iter().product::<usize>() as f64 / cells;
    // The table by rows and by columns beside the parameters and their classes.
    let whole = 3.0 * n * n / count;
    check_parameters(T::PARTS as f64 * count, 1.0 + whole)?;
    let wanted = WantedPairs {
        start: keys.start,
        delta: keys.delta,
        unit,
        antiperiodic: antiperiodic(keys, context)?,
        noise: keys.init,
    };
    let (ties, parameters) = start(&wanted, context)?;
    Ok(PairState::new(ties, parameters))
}

/// The keys of a table, where they fit the sector and each other.
fn checked(table: &toml::Table, context: &Context) -> Result<Keys> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_init(keys.init, context)?;
    check_sector(context)?;
    if !(keys.delta > 0.0 && keys.delta.is_finite()) {
        let problem = format!("{} is no size of a pairing", keys.delta);
        return Err(context.wrong("delta", problem, "give a number above 0, such as 1"));
    }
    Ok(keys)
}

/// Builds a pair state from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys = checked(table, context)?;
    match keys.parameters {
        ParameterNumbers::Real => typed::<f64>(&keys, context),
        ParameterNumbers::Complex => typed::<Complex64>(&keys, context),
    }
}

fn typed_projected<T: Field>(
    keys: &Keys,
    context: &Context,
    spin: usize,
    points: usize,
) -> Result<Erased> {
    let state = state::<T>(keys, context)?;
    let growth = growth(&state.ties, context);
    let state = SpinProjectedPairs::new(state, spin, points);
    let state = context.grown(state, keys.load.as_ref(), &growth)?;
    Ok(Erased::new(state))
}

/// The part of the pair state of a table with total spin `spin`, by `points` rotations.
pub(in crate::ansatz) fn projected(
    table: &toml::Table,
    context: &Context,
    spin: usize,
    points: usize,
) -> Result<Erased> {
    let keys = checked(table, context)?;
    match keys.parameters {
        ParameterNumbers::Real => typed_projected::<f64>(&keys, context, spin, points),
        ParameterNumbers::Complex => typed_projected::<Complex64>(&keys, context, spin, points),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
