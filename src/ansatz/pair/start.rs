//! Decides the parameters that a pair state starts from: a filled sea of free fermions, a paired
//! mean field, or random numbers.
//!
//! Free: f_ij = Σ_k φ_k(i) φ_k(j) over the N/2 lowest orbitals of −Σ (c†_i c_j + h.c.) on bonds of
//! nearest neighbours. Paired, on a square: f_ij = (1/N) Σ_k w_k cos k·(r_i − r_j), w = D/(ξ +
//! √(ξ² + D²)), ξ = −2 (cos k_x + cos k_y), D = 2 Δ (cos k_x − cos k_y) (C. Gros, Ann. Phys. 189,
//! 53 (1989)). Where f is antiperiodic in a direction, k lies half a step off in it.

use super::PairTies;
use crate::ansatz::Context;
use crate::ansatz::field::{Field, gaussian};
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use crate::linalg::dense::Lapack;
use ndarray::Array2;
use serde::Deserialize;
use std::f64::consts::TAU;

/// Where a pair state starts.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum PairStart {
    /// Free fermions.
    Free,
    /// Fermions paired in a d wave.
    Bcs,
    /// Gaussian numbers.
    #[default]
    Random,
}

/// Levels closer than this are one shell.
const SHELL: f64 = 1e-8;

/// f of the filled sea, row by row; `None` where the highest level is filled in part.
fn sea(lattice: &Lattice, antiperiodic: [bool; 3]) -> Result<Option<Array2<f64>>> {
    let n = lattice.sites;
    let mut hops = Array2::zeros((n, n));
    for bond in lattice.bonds(1)? {
        let crosses = |a: &usize| {
            antiperiodic[*a] && lattice.cells[bond.i][*a].abs_diff(lattice.cells[bond.j][*a]) > 1
        };
        let odd = (0..3).filter(crosses).count() % 2 == 1;
        let hop = if odd { 1.0 } else { -1.0 };
        (hops[(bond.i, bond.j)], hops[(bond.j, bond.i)]) = (hop, hop);
    }
    let (levels, orbitals) = f64::eigen(hops)?;
    let filled = n / 2;
    if filled > 0
        && levels
            .get(filled)
            .is_none_or(|&e| e - levels[filled - 1] < SHELL)
    {
        return Ok(None);
    }
    let filled = orbitals.slice(ndarray::s![..filled, ..]);
    Ok(Some(filled.t().dot(&filled)))
}

/// f of the mean field at r_i − r_j = `r`; `None` where a point k of zero D is filled.
fn paired(size: [usize; 2], antiperiodic: [bool; 3], delta: f64, r: [f64; 2]) -> Option<f64> {
    let shift = |a: usize| if antiperiodic[a] { 0.5 } else { 0.0 };
    let k = |m: usize, a: usize| TAU * (m as f64 + shift(a)) / size[a] as f64;
    let mut sum = 0.0;
    for (x, y) in (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y))) {
        let (kx, ky) = (k(x, 0), k(y, 1));
        let xi = -2.0 * (kx.cos() + ky.cos());
        let d = 2.0 * delta * (kx.cos() - ky.cos());
        let below = xi + xi.hypot(d);
        if below < SHELL {
            return None;
        }
        sum += d / below * (kx * r[0] + ky * r[1]).cos();
    }
    Some(sum / (size[0] * size[1]) as f64)
}

/// Directions around which f changes its sign: as given, or the first choice that `closed` takes
/// among none, the last direction, and all of them.
fn boundaries(
    given: Option<[bool; 3]>,
    lattice: &Lattice,
    mut closed: impl FnMut([bool; 3]) -> Result<bool>,
) -> Result<Option<[bool; 3]>> {
    if let Some(given) = given {
        return Ok(closed(given)?.then_some(given));
    }
    let periodic = lattice.periodic();
    let mut last = [false; 3];
    if let Some(a) = periodic.iter().rposition(|p| *p) {
        last[a] = true;
    }
    for choice in [[false; 3], last, periodic] {
        if closed(choice)? {
            return Ok(Some(choice));
        }
    }
    Ok(None)
}

/// What the input says of a start.
pub(super) struct WantedPairs {
    pub(super) start: PairStart,
    pub(super) delta: f64,
    pub(super) unit: [usize; 3],
    pub(super) antiperiodic: Option<[bool; 3]>,
    /// Standard deviation of what is added, in units of the largest entry.
    pub(super) noise: f64,
}

/// The error of a lattice without d waves.
fn no_d_wave(context: &Context) -> Error {
    let kind = &context.lattice.spec.kind;
    let problem = format!("a lattice of the kind \"{kind}\" has no d wave of pairs");
    let remedy = "use start = \"free\" or \"random\", or lattice.kind = \"square\"";
    context.wrong("start", problem, remedy)
}

/// Ties and parameters to start from, the largest entry of free and paired fermions scaled to 1.
pub(super) fn start<T: Field>(
    wanted: &WantedPairs,
    context: &Context,
) -> Result<(PairTies, Vec<T>)> {
    let lattice = context.lattice;
    let mut rng = context.origin.parameters();
    let ties = |antiperiodic| PairTies::new(lattice, wanted.unit, antiperiodic);
    let open = |what: &str| {
        let problem = format!("{what}: the amplitudes of the start are not unique");
        let remedy = "choose other `antiperiodic` directions, or start = \"random\"";
        context.wrong("start", problem, remedy)
    };
    let (ties, mut values) = match wanted.start {
        PairStart::Random => {
            let ties = ties(wanted.antiperiodic.unwrap_or_default());
            let values = gaussian(ties.count, 1.0, &mut rng);
            return Ok((ties, values));
        }
        PairStart::Free => {
            let mut found = None;
            let chosen = boundaries(wanted.antiperiodic, lattice, |choice| {
                found = sea(lattice, choice)?;
                Ok(found.is_some())
            })?;
            let (Some(chosen), Some(f)) = (chosen, found) else {
                return Err(open("the highest level of free fermions is filled in part"));
            };
            let ties = ties(chosen);
            let values: Vec<f64> = ties.pairs.iter().map(|&pair| f[pair]).collect();
            (ties, values)
        }
        PairStart::Bcs => {
            let size = lattice.square("d wave of pairs");
            let size = size.map_err(|_| no_d_wave(context))?;
            let at = |choice, r| paired(size, choice, wanted.delta, r);
            let chosen = boundaries(wanted.antiperiodic, lattice, |choice| {
                Ok(at(choice, [0.0; 2]).is_some())
            })?;
            let Some(chosen) = chosen else {
                return Err(open(
                    "the pairing vanishes at a filled point of reciprocal space",
                ));
            };
            let ties = ties(chosen);
            let place = |i: usize, a: usize| lattice.cells[i][a] as f64;
            let difference = |i, j| [place(i, 0) - place(j, 0), place(i, 1) - place(j, 1)];
            let entry = |&(i, j): &(usize, usize)| at(chosen, difference(i, j)).unwrap_or(0.0);
            let values = ties.pairs.iter().map(entry).collect();
            (ties, values)
        }
    };
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    values.iter_mut().for_each(|v| *v /= largest);
    let noise = gaussian::<T>(values.len(), wanted.noise, &mut rng);
    let values = values.into_iter().zip(noise);
    Ok((
        ties,
        values.map(|(v, noise)| noise + T::from_re(v)).collect(),
    ))
}
