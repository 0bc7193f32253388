//! Decides the matrix product state: ψ(s) = Tr A_0^{s_0} A_1^{s_1} … A_{N−1}^{s_{N−1}} along an
//! order of the sites, open with bonds of dimension 1 at both ends.
//!
//! With L_i = A_0 … A_{i−1} and R_i = A_i … A_{N−1} of a walker, rescaled by powers of two: ψ =
//! Tr L_i R_i, a ratio has the stretch between the first and the last site that change in the
//! middle, and ∂ ln ψ/∂(A_i^s)_ab = δ_{s,s_i} (R_{i+1} L_i)_ba/ψ (A. W. Sandvik, G. Vidal, PRL
//! 99, 220602 (2007)). An open state needs rows L_i and columns R_i alone.

mod canonical;
mod factory;
mod load;
mod machine;
mod slopes;
mod tensors;
#[cfg(test)]
mod tests;

pub use canonical::{Canonical, Compressed};
pub use factory::{build, schema};
pub use machine::MachineCouplings;
pub use tensors::{ProductShape, Tensors};

use super::field::{Field, check_length, gaussian, reduce, unflatten};
use super::{Ansatz, AnsatzFacts, Asks, Block, DOUBLE, Derivatives, Direct, MatrixProduct, Move};
use crate::error::Result;
use crate::linalg::dense::Lapack;
use crate::rng::{Generator, Origin};
use ndarray::Array2;
use num_complex::Complex64;
use std::f64::consts::LN_2;
use std::ops::Range;
use std::sync::OnceLock;
use tensors::{dot, multiply_rows, power_of_two, rescale};

/// A matrix product state with real or complex tensors.
#[derive(Debug, Clone)]
pub struct Mps<T: Field> {
    tensors: Tensors<T>,
    /// The position of every site.
    position: Vec<usize>,
    /// Where the environments of every bond begin.
    offsets: Vec<usize>,
    /// Whether all configurations count, so that an open state can be drawn from.
    whole: bool,
    /// The right-canonical form, once it is asked for.
    canonical: OnceLock<Option<Canonical<T>>>,
    /// Entropies of the cuts of an open state, once they are asked for.
    entropies: OnceLock<Vec<f64>>,
}

/// Walkers with their environments.
#[derive(Debug, Clone)]
pub struct MpsBatch<T> {
    /// Which matrix every position has.
    places: Vec<u8>,
    left: Vec<T>,
    right: Vec<T>,
    /// Exponents of the environments of every bond.
    left_exponents: Vec<i32>,
    right_exponents: Vec<i32>,
}

/// Room for a question.
#[derive(Debug, Clone, Default)]
pub struct MpsScratch<T> {
    /// Positions that change, ascending, with their new matrices.
    changes: Vec<(usize, u8)>,
    rows: Vec<T>,
    next: Vec<T>,
}

impl<T: Field + Lapack> Mps<T> {
    /// Of given tensors; `whole` where there is no sector.
    pub fn new(tensors: Tensors<T>, whole: bool) -> Self {
        let shape = &tensors.shape;
        let mut position = vec![0; shape.sites()];
        (shape.order.iter().enumerate()).for_each(|(i, &site)| position[site] = i);
        let mut offsets = vec![0];
        for bond in &shape.bonds {
            offsets.push(offsets[offsets.len() - 1] + shape.outer() * bond);
        }
        Mps {
            tensors,
            position,
            offsets,
            whole,
            canonical: OnceLock::new(),
            entropies: OnceLock::new(),
        }
    }

    /// A^s_ab = δ_ab with Gaussian deviations of standard deviation `init`.
    pub fn random(shape: ProductShape, init: f64, origin: impl Into<Origin>, whole: bool) -> Self {
        let mut numbers = gaussian::<T>(shape.numbers(), init, &mut origin.into().parameters());
        let mut start = 0;
        for i in 0..shape.tensors() {
            let [count, rows, columns] = shape.tensor(i);
            for matrix in numbers[start..]
                .chunks_exact_mut(rows * columns)
                .take(count)
            {
                (0..rows.min(columns)).for_each(|a| matrix[a * columns + a] += T::one());
            }
            start += count * rows * columns;
        }
        Self::new(Tensors::new(shape, numbers), whole)
    }

    fn shape(&self) -> &ProductShape {
        &self.tensors.shape
    }

    /// Numbers of the environments of a walker on one side.
    fn stride(&self) -> usize {
        self.offsets[self.shape().sites() + 1]
    }

    /// The environments of bond `i` of a walker.
    fn bond(&self, k: usize, i: usize) -> Range<usize> {
        let start = k * self.stride();
        start + self.offsets[i]..start + self.offsets[i + 1]
    }

    /// The right-canonical form of an open state.
    fn canonical(&self) -> Option<&Canonical<T>> {
        let make = || Canonical::new(&self.tensors).ok();
        self.canonical.get_or_init(make).as_ref()
    }

    /// L_i of walker `k` for all i above `from`.
    fn grow_left(&self, batch: &mut MpsBatch<T>, k: usize, from: usize) {
        let n = self.shape().sites();
        for i in from..n {
            let (old, new) = (self.bond(k, i), self.bond(k, i + 1));
            let (known, rest) = batch.left.split_at_mut(new.start);
            let out = &mut rest[..new.len()];
            let matrix = self.tensors.matrix(i, batch.places[k * n + i].into());
            multiply_rows(&known[old], matrix, self.shape().bonds[i], out);
            let exponents = &mut batch.left_exponents[k * (n + 1)..(k + 1) * (n + 1)];
            exponents[i + 1] = exponents[i] + rescale(out);
        }
    }

    /// R_i of walker `k`, transposed, for all i below `from`.
    fn grow_right(&self, batch: &mut MpsBatch<T>, k: usize, from: usize) {
        let n = self.shape().sites();
        for i in (0..from).rev() {
            let (new, old) = (self.bond(k, i), self.bond(k, i + 1));
            let (rest, known) = batch.right.split_at_mut(old.start);
            let out = &mut rest[new];
            let matrix = self.tensors.transposed(i, batch.places[k * n + i].into());
            let inner = self.shape().bonds[i + 1];
            multiply_rows(&known[..old.len()], matrix, inner, out);
            let exponents = &mut batch.right_exponents[k * (n + 1)..(k + 1) * (n + 1)];
            exponents[i] = exponents[i + 1] + rescale(out);
        }
    }

    /// ψ of walker `k` as a number and the exponent of a power of two.
    fn psi(&self, batch: &MpsBatch<T>, k: usize) -> (T, i32) {
        let n = self.shape().sites();
        let end = self.bond(k, n);
        let value = dot(&batch.left[end.clone()], &batch.right[end]);
        (value, batch.left_exponents[k * (n + 1) + n])
    }

    /// The positions of walker `k` that a move changes.
    fn changes(&self, batch: &MpsBatch<T>, k: usize, step: Move, changes: &mut Vec<(usize, u8)>) {
        changes.clear();
        let places = &batch.places[k * self.shape().sites()..];
        for (&site, &value) in step.sites.iter().zip(step.values) {
            let (i, place) = (
                self.position[site as usize],
                self.shape().place(value) as u8,
            );
            if places[i] != place {
                changes.push((i, place));
            }
        }
        changes.sort_unstable();
    }

    /// ψ of walker `k` after the changes in `scratch`, of which there is one at least.
    fn changed(&self, batch: &MpsBatch<T>, k: usize, scratch: &mut MpsScratch<T>) -> (T, i32) {
        let (n, bonds) = (self.shape().sites(), &self.shape().bonds);
        let MpsScratch {
            changes,
            rows,
            next,
        } = scratch;
        let (first, last) = (changes[0].0, changes[changes.len() - 1].0);
        let mut exponent = batch.left_exponents[k * (n + 1) + first];
        rows.clear();
        rows.extend_from_slice(&batch.left[self.bond(k, first)]);
        let mut pending = changes.iter().peekable();
        for i in first..=last {
            let place = match pending.next_if(|(position, _)| *position == i) {
                Some((_, place)) => *place,
                None => batch.places[k * n + i],
            };
            next.resize(self.shape().outer() * bonds[i + 1], T::zero());
            multiply_rows(rows, self.tensors.matrix(i, place.into()), bonds[i], next);
            exponent += rescale(next);
            std::mem::swap(rows, next);
        }
        let right = &batch.right[self.bond(k, last + 1)];
        let exponent = exponent + batch.right_exponents[k * (n + 1) + last + 1];
        (dot(rows, right), exponent)
    }
}

/// ln of a number times a power of two.
fn logarithm<T: Field>((value, exponent): (T, i32)) -> Complex64 {
    if value == T::zero() {
        return Complex64::new(f64::NEG_INFINITY, 0.0);
    }
    reduce(value.complex().ln() + f64::from(exponent) * LN_2)
}

/// The quotient of two numbers with exponents: 0 where `to` is 0, +∞ where only `from` is.
fn quotient<T: Field>(to: (T, i32), from: (T, i32)) -> Complex64 {
    if to.0 == T::zero() {
        return Complex64::ZERO;
    }
    if from.0 == T::zero() {
        return Complex64::new(f64::INFINITY, 0.0);
    }
    to.0.complex() / from.0.complex() * power_of_two((to.1 - from.1).min(1000))
}

impl<T: Field + Lapack> Ansatz for Mps<T> {
    type Batch = MpsBatch<T>;
    type Scratch = MpsScratch<T>;

    fn sites(&self) -> usize {
        self.shape().sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.shape().layout(T::COMPLEX)
    }
    fn parameters(&self) -> Vec<f64> {
        self.tensors.flat()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * self.shape().numbers())?;
        self.tensors.set(unflatten(parameters));
        self.canonical = OnceLock::new();
        self.entropies = OnceLock::new();
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let (n, size) = (self.shape().sites(), size_of::<T>());
        let widest = self.shape().bonds.iter().max().copied().unwrap_or(1);
        let each = if T::COMPLEX { 8.0 } else { 2.0 };
        AnsatzFacts {
            kind: T::kind(),
            precision: DOUBLE,
            positive: false,
            bytes_per_walker: n + 8 * (n + 1) + size * (2 * self.stride() + self.slopes()),
            derivative_bytes: size * self.slopes(),
            derivative_scratch: 0,
            operations: each * (self.shape().outer() * widest * widest) as f64,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let n = self.shape().sites();
        let walkers = xs.len() / n;
        let along = |x: &[i8]| {
            let place = |&site: &usize| self.shape().place(x[site]) as u8;
            self.shape().order.iter().map(place).collect::<Vec<u8>>()
        };
        let mut batch = MpsBatch {
            places: xs.chunks_exact(n).flat_map(along).collect(),
            left: vec![T::zero(); walkers * self.stride()],
            right: vec![T::zero(); walkers * self.stride()],
            left_exponents: vec![0; walkers * (n + 1)],
            right_exponents: vec![0; walkers * (n + 1)],
        };
        for k in 0..walkers {
            let outer = self.shape().outer();
            let (first, last) = (self.bond(k, 0).start, self.bond(k, n).start);
            for o in 0..outer {
                batch.left[first + o * (outer + 1)] = T::one();
                batch.right[last + o * (outer + 1)] = T::one();
            }
            self.grow_left(&mut batch, k, 0);
            self.grow_right(&mut batch, k, n);
        }
        batch
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let walkers = batch.places.len() / self.shape().sites();
        (0..walkers)
            .map(|k| logarithm(self.psi(batch, k)))
            .collect()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        for ((k, step), out) in asks.iter().zip(out) {
            self.changes(batch, k, step, &mut scratch.changes);
            let from = self.psi(batch, k);
            let to = match scratch.changes.is_empty() {
                true => from,
                false => self.changed(batch, k, scratch),
            };
            *out = quotient(to, from);
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let n = self.shape().sites();
        for (k, step) in asks.taken(taken) {
            self.changes(batch, k, step, &mut scratch.changes);
            let changes = &scratch.changes;
            let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
                continue;
            };
            for &(i, place) in changes {
                batch.places[k * n + i] = place;
            }
            self.grow_left(batch, k, first.0);
            self.grow_right(batch, k, last.0 + 1);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let n = self.shape().sites();
        let walkers = batch.places.len() / n;
        if self.factored() {
            let blocks = (0..n).map(|i| self.factors(batch, i)).collect();
            return Derivatives::new(T::kind(), walkers, blocks);
        }
        let mut rows = Array2::from_elem((walkers, self.shape().numbers()), T::zero());
        for (k, mut row) in rows.outer_iter_mut().enumerate() {
            self.written(batch, k, row.as_slice_mut().unwrap_or_default());
        }
        Derivatives::dense(T::kind(), T::matrix(rows))
    }
    fn direct(&self) -> Option<&dyn Direct> {
        (self.whole && self.shape().outer() == 1).then_some(self)
    }
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        Some(self)
    }
}

impl<T: Field + Lapack> Direct for Mps<T> {
    fn draw(&self, rngs: &mut [Generator], xs: &mut [i8], log_weights: &mut [f64]) {
        match self.canonical() {
            Some(canonical) => canonical.draw(rngs, xs, log_weights),
            // Tensors that are not numbers: their energy is an error, whatever the configurations.
            None => {
                xs.fill(self.shape().value(0));
                log_weights.fill(f64::NAN);
            }
        }
    }
}

impl<T: Field + Lapack> MatrixProduct for Mps<T> {
    fn order(&self) -> &[usize] {
        &self.shape().order
    }
    fn entropies(&self) -> Option<Result<Vec<f64>>> {
        let open = self.whole && self.shape().outer() == 1;
        open.then(|| match self.entropies.get() {
            Some(known) => Ok(known.clone()),
            None => {
                let found = Canonical::new(&self.tensors)?.entropies()?;
                Ok(self.entropies.get_or_init(|| found).clone())
            }
        })
    }
}
