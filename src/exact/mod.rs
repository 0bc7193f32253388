//! Decides how a Hamiltonian is diagonalised without sampling: which space, whether it fits, and
//! what is reported.
//!
//! H v = E v for the lowest levels of the basis, or of one momentum block of it. Memory is a
//! handful of vectors: C. Lanczos, J. Res. Natl. Bur. Stand. 45, 255 (1950).

pub mod bits;
pub mod masks;
pub mod momentum;
mod result;
pub mod sector;
mod sparse;

pub use result::ExactResult;
use result::collect;

use crate::basis::{Basis, StateIndex, only_spin_half};
use crate::error::{Error, Result};
use crate::lattice::{Group, Lattice};
use crate::linalg::available_memory;
use crate::linalg::lanczos::{self, LanczosOptions};
use crate::operator::{Operator, TermTable};
use num_complex::Complex64;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactOptions {
    /// Number of levels.
    pub states: usize,
    /// Momentum indices m_d, one per direction (k_d = 2π m_d / L_d): that block alone.
    pub momentum: Option<Vec<usize>>,
    /// Seed of the start vectors.
    pub seed: u64,
    /// Bytes that may be used; what the system has available is a limit as well.
    pub memory_limit: f64,
}

/// Krylov vectors: the fewest that are worth while, and more than which do not pay.
const VECTORS: (usize, usize) = (8, 40);

/// Bytes of the tables that number the states.
fn table_bytes(sites: usize) -> f64 {
    20.0 * 2f64.powi(sites.div_ceil(2) as i32)
}

fn refuse(dimension: f64, needed: f64, available: f64) -> Error {
    let what = format!("exact diagonalisation over {dimension:.6e} states");
    Error::Memory {
        what,
        needed,
        available,
    }
}

/// How many Krylov vectors fit in `limit`, with `fixed` bytes per state and `bytes` per element.
fn krylov(dimension: f64, states: usize, bytes: f64, fixed: f64, limit: f64) -> Result<usize> {
    let tables = dimension * (fixed + bytes * (states + 3) as f64);
    let small = dimension.min(400.0).powi(2) * 4.0 * bytes;
    let needed = tables + dimension * bytes * VECTORS.0 as f64 + small;
    if needed > limit {
        return Err(refuse(dimension, needed, limit));
    }
    Ok((((limit - tables - small) / (dimension * bytes)) as usize).clamp(VECTORS.0, VECTORS.1))
}

/// The lowest levels of `operator` on `basis`; the lattice is needed for a momentum block alone.
///
/// Errors: [`Error::Memory`], before anything is allocated, where the vectors do not fit;
/// [`Error::Input`] where the operator does not have the symmetry that is used;
/// [`Error::Numerical`] where the iteration does not converge.
pub fn solve(
    operator: &dyn Operator,
    basis: &Basis,
    lattice: Option<&Lattice>,
    options: &ExactOptions,
) -> Result<ExactResult> {
    match (&options.momentum, lattice) {
        (None, _) => match operator.table() {
            Some(table) => solve_space(table, basis, options),
            None => sparse::solve(operator, basis, options),
        },
        (Some(momentum), Some(lattice)) => solve_momentum(
            operator
                .table()
                .ok_or_else(|| only_spin_half("--momentum", "a momentum block"))?,
            basis,
            &lattice.translations()?,
            &lattice.cells,
            momentum,
            options,
        ),
        (Some(_), None) => Err(Error::input(
            "--momentum",
            "there is no lattice",
            "leave the option out",
        )),
    }
}

fn lanczos_options(options: &ExactOptions, vectors: usize, threads: usize) -> LanczosOptions {
    LanczosOptions {
        states: options.states,
        seed: options.seed,
        vectors,
        threads,
        ..Default::default()
    }
}

fn checked_limit(basis: &Basis, options: &ExactOptions) -> Result<f64> {
    let limit = options.memory_limit.min(available_memory());
    let dimension = basis.dimension();
    // The start vector and its image are the least that any method needs.
    let least = table_bytes(basis.sites()) + 16.0 * dimension;
    if least > limit {
        return Err(refuse(dimension, least, limit));
    }
    if basis.sites() > StateIndex::MAX_SITES {
        return Err(Error::input(
            "lattice.size",
            format!(
                "exact diagonalisation numbers at most {} sites",
                StateIndex::MAX_SITES
            ),
            "choose a smaller lattice",
        ));
    }
    Ok(limit)
}

fn solve_space(table: &TermTable, basis: &Basis, options: &ExactOptions) -> Result<ExactResult> {
    let limit = checked_limit(basis, options)?;
    let fixed = table_bytes(basis.sites());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (dimension, states) = (basis.dimension(), options.states);
    if bits::is_real(table) {
        let room = krylov(dimension, states, 8.0, 8.0, limit - fixed)?;
        let operator = bits::BitOperator::<f64>::new(table, basis, threads)?;
        let pairs = lanczos::lowest(
            operator.dimension(),
            |x, y| operator.apply(x, y),
            &lanczos_options(options, room, threads),
        )?;
        let (mut result, vectors) = collect(pairs, operator.dimension());
        if 24.0 * dimension * states as f64 <= limit {
            let complex = |v: Vec<f64>| v.into_iter().map(Complex64::from).collect();
            result.vectors = Some(vectors.into_iter().map(complex).collect());
        }
        Ok(result)
    } else {
        let room = krylov(dimension, states, 16.0, 8.0, limit - fixed)?;
        let operator = bits::BitOperator::<Complex64>::new(table, basis, threads)?;
        let pairs = lanczos::lowest(
            operator.dimension(),
            |x, y| operator.apply(x, y),
            &lanczos_options(options, room, threads),
        )?;
        let (mut result, vectors) = collect(pairs, operator.dimension());
        result.vectors = Some(vectors);
        Ok(result)
    }
}

/// The lowest levels of one momentum block, from the translations and the cell of every site.
///
/// Errors: as for [`solve`].
pub fn solve_momentum(
    table: &TermTable,
    basis: &Basis,
    translations: &Group,
    cells: &[[usize; 3]],
    momentum: &[usize],
    options: &ExactOptions,
) -> Result<ExactResult> {
    let characters = momentum::characters(translations, cells, momentum)?;
    let expected = basis.dimension() / characters.len().max(1) as f64;
    let limit = options.memory_limit.min(available_memory());
    let flips = table.flips.len();
    let least = table_bytes(basis.sites())
        + momentum::block_bytes(expected, flips)
        + expected * 16.0 * (options.states + 3 + VECTORS.0) as f64;
    if least > limit {
        return Err(refuse(expected, least, limit));
    }
    checked_limit(
        basis,
        &ExactOptions {
            memory_limit: f64::INFINITY,
            ..options.clone()
        },
    )?;
    let block = momentum::MomentumBlock::new(table, basis, translations, characters, limit)?;
    let dimension = block.dimension();
    if dimension == 0 {
        return Ok(ExactResult {
            energies: vec![],
            residuals: vec![],
            dimension,
            vectors: Some(vec![]),
        });
    }
    let fixed = momentum::block_bytes(dimension as f64, flips) + table_bytes(basis.sites());
    let room = krylov(dimension as f64, options.states, 16.0, 0.0, limit - fixed)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let pairs = lanczos::lowest(
        dimension,
        |x, y| block.apply(x, y),
        &lanczos_options(options, room, threads),
    )?;
    let (mut result, vectors) = collect(pairs, dimension);
    if 16.0 * basis.dimension() * options.states as f64
        <= options.memory_limit.min(available_memory())
    {
        let index = StateIndex::new(basis)?;
        result.vectors = Some(vectors.iter().map(|v| block.expand(v, &index)).collect());
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::{Pauli, PauliSum};

    fn ring(n: u32, twist: f64) -> TermTable {
        use Pauli::{X, Y, Z};
        let mut h = PauliSum::default();
        for i in 0..n {
            let j = (i + 1) % n;
            [X, Y, Z]
                .iter()
                .for_each(|&p| h.add(0.25, &[(i, p), (j, p)]));
            h.add(0.25 * twist, &[(i, X), (j, Y)]);
            h.add(-0.25 * twist, &[(i, Y), (j, X)]);
        }
        TermTable::compile(n as usize, &h).unwrap()
    }

    fn translations(n: u32) -> (Group, Vec<[usize; 3]>) {
        let permutations = (0..n)
            .map(|r| (0..n).map(|j| (j + n - r) % n).collect())
            .collect();
        (
            Group { permutations },
            (0..n as usize).map(|x| [x, 0, 0]).collect(),
        )
    }

    fn options(states: usize) -> ExactOptions {
        ExactOptions {
            states,
            momentum: None,
            seed: 3,
            memory_limit: 1e9,
        }
    }

    #[test]
    fn momentum_blocks_together_are_the_whole_space() {
        for (twist, up) in [(0.0, Some(4)), (0.0, None), (0.6, Some(4)), (0.6, Some(3))] {
            let table = ring(8, twist);
            let basis = Basis::spin_half(8, up.map(|up: i64| 2 * up - 8)).unwrap();
            let (group, cells) = translations(8);
            let whole = solve(&table, &basis, None, &options(256)).unwrap();
            let mut energies = Vec::new();
            for m in 0..8 {
                let block =
                    solve_momentum(&table, &basis, &group, &cells, &[m], &options(256)).unwrap();
                energies.extend(block.energies);
                // T_1 v = exp(-i k) v, with amplitudes over the whole basis, and H v = E v there.
                let index = StateIndex::new(&basis).unwrap();
                let operator = bits::BitOperator::<Complex64>::new(&table, &basis, 1).unwrap();
                for (v, e) in block
                    .vectors
                    .unwrap()
                    .iter()
                    .zip(&energies[energies.len() - block.dimension..])
                {
                    assert!((v.iter().map(|a| a.norm_sqr()).sum::<f64>() - 1.0).abs() < 1e-12);
                    let phase = Complex64::cis(-2.0 * std::f64::consts::PI * m as f64 / 8.0);
                    let mut image = vec![Complex64::ZERO; v.len()];
                    operator.apply(v, &mut image);
                    for k in 0..v.len() {
                        let word = index.state(k);
                        let moved = index.index((word << 1 | word >> 7) & 255);
                        assert!((v[k] - phase * v[moved]).norm() < 1e-11);
                        assert!((image[k] - v[k] * *e).norm() < 1e-11);
                    }
                }
            }
            energies.sort_by(f64::total_cmp);
            assert_eq!(energies.len(), whole.energies.len());
            for (a, b) in energies.iter().zip(&whole.energies) {
                assert!((a - b).abs() < 1e-11, "{a} {b}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_figure() {
        let basis = Basis::spin_half(100, Some(0)).unwrap();
        match solve(&ring(100, 0.0), &basis, None, &options(1)) {
            Err(Error::Memory {
                needed, available, ..
            }) => assert!(needed > 1e29 && available <= 1e9),
            other => panic!("{other:?}"),
        }
        let small = ExactOptions {
            memory_limit: 1e6,
            ..options(1)
        };
        let basis = Basis::spin_half(20, Some(0)).unwrap();
        assert!(matches!(
            solve(&ring(20, 0.0), &basis, None, &small),
            Err(Error::Memory { .. })
        ));
    }

    #[test]
    fn momenta_need_translation_invariance_and_an_index_in_range() {
        let (group, cells) = translations(6);
        let basis = Basis::spin_half(6, Some(0)).unwrap();
        let run = |table: &TermTable, m: &[usize]| {
            solve_momentum(table, &basis, &group, &cells, m, &options(1))
        };
        assert!(run(&ring(6, 0.0), &[5]).is_ok());
        assert!(run(&ring(6, 0.0), &[6]).is_err());
        assert!(run(&ring(6, 0.0), &[]).is_err());
        let mut table = ring(6, 0.0);
        table.diagonal[0].coefficient *= 1.5;
        assert!(
            run(&table, &[0])
                .unwrap_err()
                .to_string()
                .contains("not translation invariant")
        );
    }

    #[test]
    fn one_state_is_enough() {
        let basis = Basis::spin_half(4, Some(4)).unwrap();
        let result = solve(&ring(4, 0.0), &basis, None, &options(2)).unwrap();
        assert_eq!((result.energies.len(), result.dimension), (1, 1));
        assert!((result.energies[0] - 1.0).abs() < 1e-14);
        assert_eq!(
            result
                .to_tree()
                .complexes("states/0/amplitudes")
                .unwrap()
                .len(),
            1
        );
    }
}
