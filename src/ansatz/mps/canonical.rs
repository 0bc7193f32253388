//! Decides the right-canonical form of an open matrix product state: Σ_s B_i^s B_i^s^H = 1, from
//! which configurations are drawn site by site, and which singular values cut.
//!
//! With v_i = B_0^{s_0} … B_{i−1}^{s_{i−1}}, the probability of s_i given the sites before is
//! |v_i B_i^{s_i}|²/|v_i|² (A. J. Ferris, G. Vidal, PRB 85, 165146 (2012)). Singular values λ of a
//! cut give S = −Σ λ² ln λ² (U. Schollwöck, Ann. Phys. 326, 96 (2011)).

use super::tensors::{ProductShape, Tensors, multiply_rows};
use crate::ansatz::field::Field;
use crate::error::{Error, Result};
use crate::linalg::dense::Lapack;
use crate::linalg::products::{Op, multiply};
use crate::rng::{Generator, RngExt};
use ndarray::{Array2, s};

/// An open matrix product state of norm 1 in right-canonical form.
#[derive(Debug, Clone)]
pub struct Canonical<T> {
    shape: ProductShape,
    /// B_i as a matrix of the left bond and (value, right bond).
    tensors: Vec<Array2<T>>,
}

/// The smallest share of the largest singular value that a compression keeps: 0 for all.
pub type Threshold = f64;

/// What a compression leaves.
pub struct Compressed<T> {
    /// The state, in the order of the sites of the tensors.
    pub tensors: Tensors<T>,
    /// Bond dimensions of the cuts.
    pub bonds: Vec<usize>,
    /// Entropies of the cuts, in nats.
    pub entropies: Vec<f64>,
    /// Share of the squared singular values that was left out, summed over the cuts.
    pub lost: f64,
}

/// A tensor [s, a, b] as the matrix (a, (s, b)).
fn wide<T: Field>(tensor: &[T], [count, rows, columns]: [usize; 3]) -> Array2<T> {
    Array2::from_shape_fn((rows, count * columns), |(a, j)| {
        let (s, b) = (j / columns, j % columns);
        tensor[(s * rows + a) * columns + b]
    })
}

/// The matrix (a, (s, b)) as ((s, a), b).
fn tall<T: Field>(wide: &Array2<T>, count: usize) -> Array2<T> {
    let (rows, columns) = (wide.nrows(), wide.ncols() / count);
    Array2::from_shape_fn((count * rows, columns), |(j, b)| {
        wide[(j % rows, (j / rows) * columns + b)]
    })
}

/// The matrix ((s, a), b) as (a, (s, b)).
fn flat<T: Field>(tall: &Array2<T>, count: usize) -> Array2<T> {
    let (rows, columns) = (tall.nrows() / count, tall.ncols());
    Array2::from_shape_fn((rows, count * columns), |(a, j)| {
        tall[((j / columns) * rows + a, j % columns)]
    })
}

fn adjoint<T: Field>(a: &Array2<T>) -> Array2<T> {
    let mut out = Array2::from_elem((a.ncols(), a.nrows()), T::zero());
    for ((i, j), &x) in a.indexed_iter() {
        out[(j, i)] = x.conj();
    }
    out
}

/// Divides by the Frobenius norm.
///
/// Errors: [`Error::Numerical`] where it is 0 or not a number.
fn normalise<T: Field>(a: &mut Array2<T>) -> Result<()> {
    let largest = a.iter().fold(0.0, |m: f64, x| m.max(x.norm_sqr().sqrt()));
    let vanishes = || {
        Error::numerical(
            "a matrix product state is 0 or not a number",
            "start from other tensors",
        )
    };
    if !(largest > 0.0 && largest.is_finite()) {
        return Err(vanishes());
    }
    a.iter_mut().for_each(|x| *x = *x * (1.0 / largest));
    let norm = a.iter().map(|x| x.norm_sqr()).sum::<f64>().sqrt();
    a.iter_mut().for_each(|x| *x = *x * (1.0 / norm));
    Ok(())
}

/// −Σ p ln p of the shares p of squared singular values.
fn entropy(values: &[f64]) -> f64 {
    let total: f64 = values.iter().map(|v| v * v).sum();
    let share = |v: &f64| v * v / total;
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    values.iter().map(share).map(term).sum()
}

impl<T: Field + Lapack> Canonical<T> {
    /// Of an open state, by QR decompositions from the right.
    ///
    /// Errors: [`Error::Numerical`] where the state is 0 or not a number.
    pub fn new(tensors: &Tensors<T>) -> Result<Self> {
        let shape = tensors.shape.clone();
        let (n, count) = (shape.sites(), usize::from(shape.local.count));
        let mut own: Vec<_> = (0..n)
            .map(|i| wide(tensors.tensor(i), shape.tensor(i)))
            .collect();
        for i in (1..n).rev() {
            normalise(&mut own[i])?;
            // M^H = Q R, so that M = R^H Q^H.
            let (q, r) = T::qr(&adjoint(&own[i]))?;
            own[i] = adjoint(&q);
            let before = tall(&own[i - 1], count);
            let product = multiply(before.view(), Op::Same, r.view(), Op::Adjoint);
            own[i - 1] = flat(&product, count);
        }
        normalise(&mut own[0])?;
        Ok(Canonical {
            shape,
            tensors: own,
        })
    }

    /// Draws a configuration with every generator, see [`crate::ansatz::Direct`].
    pub fn draw(&self, rngs: &mut [Generator], xs: &mut [i8], log_weights: &mut [f64]) {
        let (n, count) = (self.shape.sites(), usize::from(self.shape.local.count));
        let rows = rngs.iter_mut().zip(xs.chunks_exact_mut(n));
        let (mut row, mut next): (Vec<T>, Vec<T>) = (Vec::new(), Vec::new());
        for ((rng, x), log) in rows.zip(log_weights) {
            row.clear();
            row.push(T::one());
            *log = 0.0;
            for (tensor, &site) in self.tensors.iter().zip(&self.shape.order) {
                let (inner, width) = (tensor.nrows(), tensor.ncols());
                next.resize(width, T::zero());
                multiply_rows(
                    &row,
                    tensor.as_slice().unwrap_or_default(),
                    inner,
                    &mut next,
                );
                let weight = |s: usize| {
                    let own = &next[s * width / count..(s + 1) * width / count];
                    own.iter().map(|x| x.norm_sqr()).sum::<f64>()
                };
                let total: f64 = (0..count).map(weight).sum();
                let mut left = rng.random::<f64>() * total;
                // A product may round up to the sum itself, which the last possible value has.
                let last = (0..count).rev().find(|&s| weight(s) > 0.0);
                let last = last.unwrap_or(count - 1);
                let mut chosen = last;
                for s in 0..last {
                    left -= weight(s);
                    if left < 0.0 {
                        chosen = s;
                        break;
                    }
                }
                let own = weight(chosen);
                *log += (own / total).ln();
                x[site] = self.shape.value(chosen);
                let scale = 1.0 / own.sqrt();
                row.clear();
                let columns = width / count;
                let kept = &next[chosen * columns..(chosen + 1) * columns];
                row.extend(kept.iter().map(|&x| x * scale));
            }
        }
    }

    /// Von Neumann entropies of the N − 1 cuts along the order, in nats.
    pub fn entropies(self) -> Result<Vec<f64>> {
        Ok(self.compressed(0.0)?.entropies)
    }

    /// The state with singular values below `threshold` of the largest of their cut left out, by
    /// singular value decompositions from the left; the norm of what stays is 1.
    pub fn compressed(mut self, threshold: Threshold) -> Result<Compressed<T>> {
        let (n, count) = (self.shape.sites(), usize::from(self.shape.local.count));
        let (mut bonds, mut entropies, mut lost) = (Vec::new(), Vec::new(), 0.0);
        for i in 0..n.saturating_sub(1) {
            let (u, values, v) = T::svd(&tall(&self.tensors[i], count))?;
            let least = threshold * values[0];
            let kept = values.iter().filter(|&&x| x > 0.0 && x >= least).count();
            let kept = kept.max(1);
            entropies.push(entropy(&values[..kept]));
            bonds.push(kept);
            let weight = |list: &[f64]| list.iter().map(|v| v * v).sum::<f64>();
            lost += weight(&values[kept..]) / weight(&values);
            let u = u.slice(s![.., ..kept]).to_owned();
            self.tensors[i] = flat(&u, count);
            let mut v = v.slice(s![..kept, ..]).to_owned();
            for (mut row, value) in v.outer_iter_mut().zip(&values) {
                row.iter_mut().for_each(|x| *x = *x * *value);
            }
            let mut next = multiply(v.view(), Op::Same, self.tensors[i + 1].view(), Op::Same);
            normalise(&mut next)?;
            self.tensors[i + 1] = next;
        }
        let mut shape = self.shape;
        shape.bonds[1..n].copy_from_slice(&bonds);
        let numbers = self.tensors.iter();
        let numbers =
            numbers.flat_map(|tensor| tall(tensor, count).into_iter().collect::<Vec<T>>());
        Ok(Compressed {
            tensors: Tensors::new(shape, numbers.collect()),
            bonds,
            entropies,
            lost,
        })
    }
}
