//! Decides how one level is found in a Krylov space that is restarted when it is full.
//!
//! H v_j = β_{j−1} v_{j−1} + α_j v_j + β_j v_{j+1}: the eigenpairs (θ, s) of the projected matrix
//! give Ritz pairs (θ, V s) with residual ‖H V s − θ V s‖ = β_m |s_m|. When the space of m vectors
//! is full, the lowest Ritz vectors and the last residual start the next one.
//!
//! Reference: K. Wu, H. Simon, SIAM J. Matrix Anal. Appl. 22, 602 (2000) (thick restart).

use super::dense::Lapack;
use super::lanczos::{Eigenpair, LanczosOptions};
use super::vectors::{norm, overlaps, rotate, scale, subtract};
use crate::error::{Error, Result};
use crate::number::Scalar;
use crate::rng::{self, Purpose};
use ndarray::Array2;

fn slices<T>(locked: &[Eigenpair<T>]) -> Vec<&[T]> {
    locked.iter().map(|p| p.vector.as_slice()).collect()
}

/// E = ⟨v|H|v⟩ and ‖H v − E v‖ of a vector that is normalised here.
pub(super) fn finish<T: Lapack>(
    mut vector: Vec<T>,
    apply: &impl Fn(&[T], &mut [T]),
) -> Eigenpair<T> {
    let length = norm(&vector);
    scale(&mut vector, 1.0 / length);
    let mut image = vec![T::zero(); vector.len()];
    apply(&vector, &mut image);
    let energy = overlaps(&[&vector], &image, 1)[0].re();
    image
        .iter_mut()
        .zip(&vector)
        .for_each(|(y, &x)| *y = *y - x * energy);
    Eigenpair {
        energy,
        residual: norm(&image),
        vector,
    }
}

/// Eigenvalues in increasing order, and eigenvectors as columns; the upper triangle counts.
pub(super) fn eigen_columns<T: Lapack>(matrix: &Array2<T>) -> Result<(Vec<f64>, Array2<T>)> {
    let (values, rows) = T::eigen(matrix.as_standard_layout().into_owned())?;
    Ok((values, rows.t().mapv(Scalar::conj)))
}

/// The search for one level, in the complement of the levels that were found before.
struct Search<'a, T, F> {
    apply: &'a F,
    options: &'a LanczosOptions,
    found: &'a [Eigenpair<T>],
    /// Number of vectors at which the space is restarted.
    room: usize,
    /// v_0, v_1, …: orthonormal.
    basis: Vec<Vec<T>>,
    /// ⟨v_i|H|v_j⟩
    projected: Array2<f64>,
    /// Number of Ritz vectors that the last restart has kept.
    kept: usize,
    /// The largest |eigenvalue| seen so far.
    largest: f64,
}

/// What one look at the projected matrix has led to.
enum Assessment<T> {
    /// The level has converged.
    Found(Eigenpair<T>),
    /// The space was replaced by a smaller one.
    Restarted,
    /// The space can grow by this vector.
    Continues(Vec<T>),
}

impl<'a, T: Lapack, F: Fn(&[T], &mut [T])> Search<'a, T, F> {
    /// Begins with a random vector of the stream `level`.
    fn new(
        dimension: usize,
        apply: &'a F,
        options: &'a LanczosOptions,
        found: &'a [Eigenpair<T>],
        level: usize,
    ) -> Self {
        let room = options.vectors.max(6).min(dimension - found.len());
        let mut rng = rng::stream(options.seed, Purpose::StartVector, level as u64, 0);
        let mut start: Vec<T> = (0..dimension).map(|_| T::normal(&mut rng)).collect();
        let mut search = Search {
            apply,
            options,
            found,
            room,
            basis: Vec::new(),
            projected: Array2::zeros((room, room)),
            kept: 0,
            largest: 0.0,
        };
        // The second pass removes what rounding has left of the first.
        search.project_out(&mut start);
        search.project_out(&mut start);
        search.basis.push(start);
        search
    }

    /// Removes the levels that were found from `v`, and normalises it.
    fn project_out(&self, v: &mut [T]) {
        let (locked, threads) = (slices(self.found), self.options.threads);
        let c = overlaps(&locked, v, threads);
        subtract(v, &locked, &c, threads);
        let length = norm(v);
        scale(v, 1.0 / length);
    }

    /// H v_j of the last vector, without its components along all vectors, and its norm β_j; the
    /// diagonal of the projected matrix is filled in.
    fn next_vector(&mut self) -> Result<(Vec<T>, f64)> {
        let threads = self.options.threads;
        let j = self.basis.len() - 1;
        let mut w = vec![T::zero(); self.basis[j].len()];
        (self.apply)(&self.basis[j], &mut w);
        let alpha = overlaps(&[&self.basis[j]], &w, threads)[0].re();
        self.projected[[j, j]] = alpha;
        // The recurrence removes what is large; the pass over all vectors then only corrects
        // rounding.
        let first = if j == self.kept { 0 } else { j - 1 };
        let near: Vec<&[T]> = self.basis[first..].iter().map(Vec::as_slice).collect();
        let coefficients: Vec<T> = (first..=j)
            .map(|i| T::from_re(self.projected[[i, j]]))
            .collect();
        subtract(&mut w, &near, &coefficients, threads);
        let beta = self.orthogonalise(&mut w);
        self.largest = self.largest.max(alpha.abs());
        if alpha.is_finite() && beta.is_finite() {
            return Ok((w, beta));
        }
        Err(Error::numerical(
            "a vector of the Lanczos iteration is not finite",
            "check the couplings",
        ))
    }

    /// Removes from `w` what is left along all vectors, and returns its norm.
    fn orthogonalise(&self, w: &mut [T]) -> f64 {
        let all: Vec<&[T]> = slices(self.found)
            .into_iter()
            .chain(self.basis.iter().map(Vec::as_slice))
            .collect();
        let mut beta = f64::INFINITY;
        for _ in 0..3 {
            let c = overlaps(&all, w, self.options.threads);
            subtract(w, &all, &c, self.options.threads);
            beta = norm(w);
            let removed: f64 = c.iter().map(|x| x.norm_sqr()).sum::<f64>().sqrt();
            if removed <= 1e-10 * beta || beta <= 1e-13 * self.largest {
                break;
            }
        }
        beta
    }

    /// Diagonalises the projected matrix, and ends, restarts or continues the search;
    /// `residual` becomes that of the lowest Ritz pair.
    fn assess(&mut self, mut w: Vec<T>, beta: f64, residual: &mut f64) -> Result<Assessment<T>> {
        let (j, threads) = (self.basis.len() - 1, self.options.threads);
        let square = self.projected.slice(ndarray::s![..=j, ..=j]).to_owned();
        let (theta, s) = eigen_columns::<f64>(&square)?;
        self.largest = theta.iter().fold(self.largest, |m, t| m.max(t.abs()));
        *residual = beta * s[[j, 0]].abs();
        if self.is_invariant(beta) || *residual <= 0.1 * self.options.tolerance * self.largest {
            rotate(&mut self.basis, &s, 1, threads);
            let pair = finish(self.basis.swap_remove(0), self.apply);
            if pair.residual <= self.options.tolerance * self.largest.max(f64::MIN_POSITIVE) {
                return Ok(Assessment::Found(pair));
            }
            // Rounding was larger than the estimate: start again from the vector found.
            let mut vector = pair.vector;
            self.project_out(&mut vector);
            self.kept = 0;
            self.basis = vec![vector];
            self.projected.fill(0.0);
            return Ok(Assessment::Restarted);
        }
        if j + 1 < self.room {
            return Ok(Assessment::Continues(w));
        }
        let kept = (2 * self.room / 5).max(1);
        rotate(&mut self.basis, &s, kept, threads);
        self.projected.fill(0.0);
        for i in 0..kept {
            self.projected[[i, i]] = theta[i];
            self.projected[[i, kept]] = beta * s[[j, i]];
            self.projected[[kept, i]] = self.projected[[i, kept]];
        }
        self.kept = kept;
        scale(&mut w, 1.0 / beta);
        self.basis.push(w);
        Ok(Assessment::Restarted)
    }

    /// Whether the space is one that H does not leave, up to rounding.
    fn is_invariant(&self, beta: f64) -> bool {
        beta <= 1e-13 * self.largest
    }

    /// Whether the projected matrix is diagonalised now: every fifth time, and where it has to be.
    fn is_due(&self, beta: f64) -> bool {
        let size = self.basis.len();
        self.is_invariant(beta) || size == self.room || size.is_multiple_of(5)
    }

    /// v_{j+1} = w/β_j
    fn grow(&mut self, mut w: Vec<T>, beta: f64) {
        let j = self.basis.len() - 1;
        self.projected[[j, j + 1]] = beta;
        self.projected[[j + 1, j]] = beta;
        scale(&mut w, 1.0 / beta);
        self.basis.push(w);
    }
}

/// The lowest eigenpair in the complement of `found`; `largest` is the largest |eigenvalue| seen.
pub(super) fn next_level<T: Lapack>(
    dimension: usize,
    apply: &impl Fn(&[T], &mut [T]),
    options: &LanczosOptions,
    found: &[Eigenpair<T>],
    level: usize,
    largest: &mut f64,
) -> Result<Eigenpair<T>> {
    let mut search = Search::new(dimension, apply, options, found, level);
    search.largest = *largest;
    let mut residual = f64::INFINITY;
    for application in 0..options.applications {
        let (mut w, beta) = search.next_vector()?;
        if search.is_due(beta) {
            match search.assess(w, beta, &mut residual)? {
                Assessment::Found(pair) => {
                    *largest = search.largest;
                    return Ok(pair);
                }
                Assessment::Restarted => continue,
                Assessment::Continues(rest) => w = rest,
            }
        }
        search.grow(w, beta);
        log::debug!(
            "level {level}, application {application}: β = {beta:.3e}, residual {residual:.3e}"
        );
    }
    Err(Error::numerical(
        format!(
            "level {level} did not converge in {} applications (residual {residual:.1e})",
            options.applications
        ),
        "allow more memory, ask for fewer states, or fix a sector that splits close levels",
    ))
}
