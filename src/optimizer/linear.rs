//! Decides `linear`, the linear method: the state of lowest energy among ψ and its derivatives.
//!
//! ```text
//! (H + A) c = E (1 ⊕ S) c        d = c_k/c_0        θ ← θ + η d/√(1 + Q),  Q = d^H S d
//! ```
//! with the matrices of `tangent.rs`, A_kk = λ_k σ and A_00 = 0. λ_k is what other methods add to
//! S_kk, and σ² the variance of the local energies: steps become whole as ψ becomes an eigenstate
//! (as in J. Fan, Y. Yuan, Computing 74, 23 (2005)). The root rescales parameters that are not
//! linear: ψ + Σ d_k dO_k ψ keeps the length of ψ, ξ = 1/2 of J. Toulouse, C. J. Umrigar, J. Chem.
//! Phys. 126, 084102 (2007); with any ξ it is 1 + (1 − ξ) Q/(ξ √(1 + Q) + 1 − ξ).
//!
//! Of S only the eigenvalues above a fraction of the largest count. Eigenvectors count whose E is
//! real within σ and not above ⟨E_loc⟩ + σ; of those that have at least a tenth of the largest
//! weight |c_0|²/(|c_0|² + c^H S c) among them, the lowest is taken: samples make levels far below
//! that have no part of ψ. Without noise all are true, and the lowest of all is taken, which leaves
//! the neighbourhood of higher eigenstates. Where no weight is above one thousandth, A grows
//! tenfold, three times; then there is no direction.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, RETRIES};
use super::regulariser::Regulariser;
use super::tangent::{self, Tangent};
use super::{
    Direction, Objective, Optimizer, OptimizerEntry, OptimizerOptions, Residuals, Shift, Sizes,
    SolveCost, cost, solve_on_root,
};
use crate::comm::Comm;
use crate::comm::counting::Load;
use crate::derivatives::{Kind, Matrix, MatrixNumber, PORTION};
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::linalg::products::{Op, multiply};
use crate::number::flatten;
use ndarray::{Array2, ArrayView1, s};
use num_complex::Complex64;
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "linear",
    build: |keys, options| {
        Ok(Box::new(Linear::new(
            crate::table::parse(keys, "optimize")?,
            options,
        )?))
    },
    schema: crate::table::schema_of::<Keys>,
    metric: true,
    cross_validated: false,
    local_derivatives: true,
    cost: |sizes, rank, _| cost_of(sizes, rank),
};

/// Eigenvalues of S below this fraction of the largest are left out, where the input names none.
const CUT: f64 = 1e-10;
/// Weight of ψ in the eigenvector that is taken, at least, and in units of the largest one.
type Weights = [f64; 2];
/// Of samples.
const SAMPLED: Weights = [1e-3, 0.1];
/// Without noise: c_0 is no rounding error.
const EXACT: Weights = [1e-12, 0.0];
/// A of a second attempt in units of σ and of the largest eigenvalue of S, where there was none.
const FIRST_SHIFT: f64 = 1e-3;
/// Rounding of eigenvalues, in units of the largest one.
const ROUNDING: f64 = 1e-10;

/// The lowest state of the Hamiltonian among ψ and its derivatives; what other methods add to S,
/// times the standard deviation of the local energies, is added to H.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Which length the linear change of ψ keeps, from 0 to 1: 0.5 that of ψ, 1 nothing is
    /// rescaled, for parameters in which ψ is linear (0.5)
    xi: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys { xi: 0.5 }
    }
}

/// The linear method; it keeps nothing between steps.
struct Linear {
    regulariser: Regulariser,
    xi: f64,
}

impl Linear {
    fn new(keys: Keys, options: &OptimizerOptions) -> Result<Self> {
        if options.shift == Shift::AUTOMATIC {
            return Err(Error::input(
                "optimize.shift",
                "\"auto\" finds what is added to S, and the linear method adds to H",
                "give a number, or method = \"sr\"",
            ));
        }
        if !(0.0..=1.0).contains(&keys.xi) {
            return Err(Error::input(
                "optimize.xi",
                format!("{} is not allowed", keys.xi),
                "give a number from 0 to 1",
            ));
        }
        Ok(Linear {
            regulariser: Regulariser::new(options),
            xi: keys.xi,
        })
    }

    /// The update and the number of fallbacks.
    fn solve<T: MatrixNumber>(
        &self,
        problem: &LeastSquares,
        (data, local): (&Residuals, &Matrix),
        inverse: &Inverse,
        comm: &dyn Comm,
    ) -> Result<(Vec<f64>, usize)> {
        let tangent = tangent::assemble::<T>(problem, data, local, comm)?;
        let length = tangent.force.len() * T::PARTS;
        let (update, [fallbacks, _]) = solve_on_root(length, comm, || {
            let weights = if data.exact { EXACT } else { SAMPLED };
            let (step, fallbacks) = lowest(tangent, inverse, weights, self.xi)?;
            Ok((
                flatten(step.into_iter().map(|d| -d)),
                [fallbacks as f64, 0.0],
            ))
        })?;
        Ok((update, fallbacks as usize))
    }
}

impl Optimizer for Linear {
    fn direction(
        &mut self,
        objective: &Objective,
        step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction> {
        let of_samples = objective.hamiltonian()?;
        let regularisation = self.regulariser.at(of_samples.0, step, comm)?;
        let problem = LeastSquares::new(of_samples.0, true, comm)?;
        let inverse = self.regulariser.inverse(regularisation, &problem, comm)?;
        let found = match problem.kind() {
            Kind::Holomorphic => self.solve::<Complex64>(&problem, of_samples, &inverse, comm),
            _ => self.solve::<f64>(&problem, of_samples, &inverse, comm),
        }?;
        Direction::solved(&problem, found, comm)
    }
    fn shift(&self) -> f64 {
        self.regulariser.last()
    }
    fn save(&self, tree: &mut Tree, prefix: &str) {
        self.regulariser.save(tree, prefix);
    }
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        self.regulariser.load(tree, prefix)
    }
}

/// d, rescaled, and the number of fallbacks.
fn lowest<T: MatrixNumber>(
    tangent: Tangent<T>,
    inverse: &Inverse,
    weights: Weights,
    xi: f64,
) -> Result<(Vec<T>, usize)> {
    let Tangent {
        overlap,
        force,
        hamiltonian,
        spread,
    } = tangent;
    let (cut, shifts) = match inverse {
        Inverse::Pseudo(cut) => (*cut, vec![0.0; force.len()]),
        Inverse::Damped { scale, shape } => {
            let of = |k: usize| spread * scale * shape.as_ref().map_or(1.0, |s| s[k]);
            (CUT, (0..force.len()).map(of).collect())
        }
    };
    let (basis, largest) = orthonormal(overlap, cut)?;
    if basis.is_empty() {
        return Ok((vec![T::zero(); force.len()], 0));
    }
    let energies = projected(&basis, &force, &hamiltonian);
    drop(hamiltonian);
    let shifted = |shifts: &[f64]| {
        let mut scaled = basis.clone();
        let columns = scaled.columns_mut().into_iter();
        let times =
            |(mut column, a): (ndarray::ArrayViewMut1<T>, &f64)| column.mapv_inplace(|b| b * *a);
        columns.zip(shifts).for_each(times);
        multiply(scaled.view(), Op::Same, basis.view(), Op::Adjoint)
    };
    let mut added = shifted(&shifts);
    let mut factor = 1.0;
    for fallbacks in 0..=RETRIES {
        let mut matrix = energies.clone();
        let mut block = matrix.slice_mut(s![1.., 1..]);
        block.zip_mut_with(&added, |h, a| *h += *a * factor);
        if let Some(c) = chosen(&matrix, spread, weights)? {
            return Ok((rescaled(&basis, &c, xi), fallbacks));
        }
        log::warn!(
            "no eigenvector of the linear method is a step: trying again with a larger shift"
        );
        factor *= 10.0;
        if shifts.iter().all(|a| *a == 0.0) && fallbacks == 0 {
            added = shifted(&vec![FIRST_SHIFT * spread * largest; force.len()]);
            factor = 1.0;
        }
    }
    Err(Error::numerical(
        "no eigenvector of the linear method is a step: psi has no part in the low ones",
        "use more samples or a larger optimize.shift",
    ))
}

/// Rows B with B S B^H = 1, without the eigenvectors of S whose eigenvalues are below `cut` times
/// the largest, and that one.
fn orthonormal<T: MatrixNumber>(overlap: Array2<T>, cut: f64) -> Result<(Array2<T>, f64)> {
    let (values, rows) = T::eigen(overlap)?;
    let largest = values.iter().fold(0.0f64, |m, v| m.max(*v));
    let first = values.partition_point(|v| *v <= cut * largest);
    let mut basis = rows.slice(s![first.., ..]).to_owned();
    for (mut row, value) in basis.rows_mut().into_iter().zip(&values[first..]) {
        let scale = 1.0 / value.sqrt();
        row.mapv_inplace(|b| b * scale);
    }
    Ok((basis, largest))
}

/// H between ψ and the rows of the basis, from ⟨E_loc⟩ on.
fn projected<T: MatrixNumber>(
    basis: &Array2<T>,
    force: &[T],
    hamiltonian: &Array2<T>,
) -> Array2<T> {
    let order = basis.nrows() + 1;
    let mut out = Array2::from_elem((order, order), T::zero());
    let right = multiply(hamiltonian.view(), Op::Same, basis.view(), Op::Adjoint);
    out.slice_mut(s![0, 1..]).assign(&right.row(0));
    let inner = multiply(basis.view(), Op::Same, right.slice(s![1.., ..]), Op::Same);
    out.slice_mut(s![1.., 1..]).assign(&inner);
    let force = super::regularisation::column(force);
    let left = multiply(basis.view(), Op::Same, force, Op::Same);
    out.slice_mut(s![1.., 0]).assign(&left.column(0));
    out
}

/// c/c_0 of the eigenvector that is taken, without its first number; none where none is a step.
fn chosen<T: MatrixNumber>(
    matrix: &Array2<T>,
    spread: f64,
    [least, share]: Weights,
) -> Result<Option<Vec<T>>> {
    let (values, vectors) = T::eigen_general(matrix)?;
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.norm()));
    let margin = spread + ROUNDING * largest;
    let is_level = |v: &Complex64| match T::COMPLEX {
        true => v.im.abs() <= margin && v.re <= margin,
        // A complex pair is no state of real parameters.
        false => v.im == 0.0 && v.re <= margin,
    };
    let weight = |c: ArrayView1<Complex64>| {
        let whole: f64 = c.iter().map(Complex64::norm_sqr).sum();
        c[0].norm_sqr() / whole
    };
    let levels: Vec<(usize, f64)> = (0..values.len())
        .filter(|&k| is_level(&values[k]))
        .map(|k| (k, weight(vectors.column(k))))
        .filter(|(_, weight)| *weight >= least)
        .collect();
    let most = levels.iter().fold(0.0f64, |m, (_, weight)| m.max(*weight));
    let lowest = (levels.into_iter())
        .filter(|(_, weight)| *weight >= share * most)
        .min_by(|a, b| values[a.0].re.total_cmp(&values[b.0].re));
    Ok(lowest.map(|(k, _)| {
        let c = vectors.column(k);
        c.iter()
            .skip(1)
            .map(|v| T::from_complex(v / c[0]))
            .collect()
    }))
}

/// The step in the parameters: B^H c over what ξ divides it by.
fn rescaled<T: MatrixNumber>(basis: &Array2<T>, c: &[T], xi: f64) -> Vec<T> {
    let q: f64 = c.iter().map(|c| c.norm_sqr()).sum();
    let scale = 1.0 + (1.0 - xi) * q / (xi * (1.0 + q).sqrt() + 1.0 - xi);
    let column = super::regularisation::column(c);
    let step = multiply(basis.view(), Op::Adjoint, column, Op::Same);
    step.into_iter().map(|d| d * (1.0 / scale)).collect()
}

/// What a direction costs, without the local derivatives themselves, of which the samples × P
/// numbers are held: sums of two matrices; on rank 0 a decomposition of S, products, and a
/// decomposition that is not symmetric, of at most the order of the samples.
fn cost_of(sizes: &Sizes, rank: usize) -> SolveCost {
    let (columns, c) = (sizes.columns, sizes.parts());
    let mut cost = cost::with_matrix(sizes, rank, true, columns * c);
    let numbers = c * (columns + 1) * columns;
    if sizes.ranks > 1 {
        let messages = numbers.div_ceil(PORTION);
        let sums = Load::new(messages + 1, numbers + 1);
        cost.traffic.sum_on_root = cost::triangle(columns, c) + sums;
    }
    let (p, m) = (columns as f64, columns.min(sizes.rows()) as f64);
    let real = c as f64;
    let own = (sizes.samples_of(rank) * sizes.kind.parts()) as f64;
    let written = 2.0 * (PORTION as f64).min(own * p).max(real * p);
    let summed = 2.0 * real * p * p + written;
    // Eigenvectors are complex, whatever the matrix.
    let solved = f64::max(
        4.0 * real * p * p,
        real * m * p + (2.0 + 5.0 * real) * m * m,
    );
    let matrices = if rank == 0 {
        summed.max(solved)
    } else {
        summed
    };
    cost.memory += 8.0 * (own * p + matrices + 4.0 * real * p);
    let rows = (sizes.samples_of(0) * sizes.kind.stack()) as f64;
    let products = 3.0 * rows * p * p + 2.0 * m * p * p + 4.0 * m * m * p;
    let decompositions = SYMMETRIC * p.powi(3) + GENERAL * m.powi(3);
    cost.operations = real * real * (products + decompositions);
    cost
}

/// Operations of decompositions of order 1, which run at the rate of products.
const SYMMETRIC: f64 = 9.0;
const GENERAL: f64 = 46.0;

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// One derivative of length 1 whose elements with psi are h and f.
    fn pair(h: f64, f: f64, level: f64, shift: f64) -> Result<(Vec<f64>, usize)> {
        let tangent = Tangent {
            overlap: array![[1.0]],
            force: vec![f],
            hamiltonian: array![[h], [level]],
            spread: 1.0,
        };
        let inverse = Inverse::Damped {
            scale: shift,
            shape: None,
        };
        lowest(tangent, &inverse, SAMPLED, 0.5)
    }

    #[test]
    fn the_lower_of_two_levels_keeps_the_length_of_psi() {
        let (step, fallbacks) = pair(1.0, 1.0, 0.0, 0.0).unwrap();
        // (1, -1)/sqrt 2
        assert!((step[0] + 0.5f64.sqrt()).abs() < 1e-12 && fallbacks == 0);
    }

    #[test]
    fn a_level_far_below_without_psi_is_not_taken() {
        let (step, _) = pair(1e-9, 1e-9, -1e3, 0.0).unwrap();
        assert!(step[0].abs() < 1e-10, "{step:?}");
    }

    #[test]
    fn complex_pairs_ask_for_a_larger_shift_or_are_an_error() {
        // Levels are real from a shift of 2 on.
        let (step, fallbacks) = pair(1.0, -1.0, 0.0, 0.1).unwrap();
        assert!(fallbacks == 2 && step[0] > 0.0, "{step:?} {fallbacks}");
        let error = pair(1.0, -1.0, 0.0, 1e-3).unwrap_err();
        assert!(matches!(error, Error::Numerical { .. }));
    }

    #[test]
    fn derivatives_that_do_not_vary_do_not_move() {
        let tangent = Tangent {
            overlap: Array2::<f64>::zeros((2, 2)),
            force: vec![0.0; 2],
            hamiltonian: Array2::zeros((3, 2)),
            spread: 1.0,
        };
        let (step, _) = lowest(tangent, &Inverse::Pseudo(1e-8), EXACT, 0.5).unwrap();
        assert_eq!(step, [0.0, 0.0]);
    }
}
