//! Decides the least-squares problem that every stochastic-reconfiguration solver shares, and
//! answers for its matrix.
//!
//! Ō_{sk} = √w_s (O_k(x_s) − ⟨O_k⟩), ε_s = √w_s (E_loc(x_s) − ⟨E_loc⟩): S = Ō^H
//! Ō, F = Ō^H ε. Real parameters with complex derivatives are stacked, each sample being two
//! rows, Re and Im, which gives Re S and Re F. Ō is never kept: its products come from the factors
//! of O, and a y with Σ_s √w_s y_s = 0 needs no mean, Ō^H y = O^H (√w ∘ y).
//!
//! Every sum over samples that several ranks share is made here ([`LeastSquares::new`],
//! [`LeastSquares::pull_back`], [`LeastSquares::image`], [`LeastSquares::metric_times`],
//! [`LeastSquares::diagonal`], [`LeastSquares::metric_norm`]), in
//! [`super::parameter_space::assemble`] and in [`super::sample_space::assemble`]: a sum chain by
//! chain in a fixed order has to replace the sums of these eight.

use super::Residuals;
use crate::comm::Comm;
use crate::derivatives::{Derivatives, Kind, MatrixNumber};
use crate::error::{Error, Result};
use crate::number::{Scalar, unflatten};
use ndarray::Array2;
use num_complex::Complex64;
use std::ops::Range;

/// This rank's part of the problem; factors are shared with the derivatives that it is made from.
pub struct LeastSquares {
    /// O of this rank's samples, not centred.
    pub derivatives: Derivatives,
    /// w_s of this rank's samples.
    pub weights: Vec<f64>,
    /// √w_s
    pub roots: Vec<f64>,
    /// Mean of the residuals over all ranks.
    pub residual_mean: Complex64,
    /// ε, one number per row: (re, im) pairs unless derivatives are real.
    pub target: Vec<f64>,
    /// Samples of every rank.
    pub counts: Vec<usize>,
    /// ⟨O⟩, where it was asked for: flat; where stacked, first all real parts, then all
    /// imaginary ones.
    mean: Vec<f64>,
}

/// What a rank's samples contribute to ⟨O⟩, laid out as in [`LeastSquares`].
fn weighted_sum(derivatives: &Derivatives, weights: &[f64]) -> Vec<f64> {
    let pairs = |re: f64, im: f64| {
        weights
            .iter()
            .flat_map(|w| [w * re, w * im])
            .collect::<Vec<_>>()
    };
    match derivatives.kind {
        Kind::Real => derivatives.adjoint_times(weights),
        // O^H w is the conjugate of the sum.
        Kind::Holomorphic => {
            let mut sum = derivatives.adjoint_times(&pairs(1.0, 0.0));
            sum.iter_mut().skip(1).step_by(2).for_each(|im| *im = -*im);
            sum
        }
        // Re Σ O* i w = Σ w Im O
        Kind::Stacked => [
            derivatives.adjoint_times(&pairs(1.0, 0.0)),
            derivatives.adjoint_times(&pairs(0.0, 1.0)),
        ]
        .concat(),
    }
}

impl LeastSquares {
    /// Builds this rank's part, with ⟨O⟩ where `with_mean`; an error on every rank where a
    /// number of any rank is not finite.
    pub fn new(data: &Residuals, with_mean: bool, comm: &dyn Comm) -> Result<Self> {
        let Residuals {
            derivatives,
            weights,
            residual,
            ..
        } = *data;
        let finite = residual.iter().all(|e| Scalar::is_finite(*e)) && derivatives.is_finite();
        let mut sums = vec![0.0; comm.size() + 3];
        sums[comm.rank()] = weights.len() as f64;
        let [re, im, bad] = sums
            .last_chunk_mut()
            .unwrap_or_else(|| unreachable!("at least three numbers"));
        if finite {
            for (e, w) in residual.iter().zip(weights) {
                *re += w * e.re;
                *im += w * e.im;
            }
        }
        *bad = f64::from(u8::from(!finite));
        let fixed = sums.len();
        if with_mean {
            sums.extend(weighted_sum(derivatives, weights));
        }
        comm.sum(&mut sums)?;
        let mean = sums.split_off(fixed);
        let [re, im, bad] = *sums.last_chunk().unwrap_or(&[0.0; 3]);
        if bad > 0.0 || mean.iter().any(|m| !m.is_finite()) {
            return Err(Error::numerical(
                "log-derivatives or residuals are not finite",
                "take smaller steps or a larger shift",
            ));
        }
        let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
        let centred = residual
            .iter()
            .zip(&roots)
            .map(|(e, r)| [(e.re - re) * r, (e.im - im) * r]);
        let target = match derivatives.kind {
            Kind::Real => centred.map(|e| e[0]).collect(),
            _ => centred.flatten().collect(),
        };
        let counts = sums[..comm.size()].iter().map(|&c| c as usize).collect();
        let (derivatives, weights) = (derivatives.clone(), weights.to_vec());
        Ok(LeastSquares {
            derivatives,
            weights,
            roots,
            residual_mean: Complex64::new(re, im),
            target,
            counts,
            mean,
        })
    }

    /// How derivatives are to be treated.
    pub fn kind(&self) -> Kind {
        self.derivatives.kind
    }
    /// Real numbers per column in a flat vector of parameters.
    pub fn width(&self) -> usize {
        if self.kind() == Kind::Holomorphic {
            2
        } else {
            1
        }
    }

    /// ⟨O⟩ of every column, where it is known.
    pub fn means(&self) -> Vec<Complex64> {
        let real = |m: &f64| Complex64::from(*m);
        match self.kind() {
            Kind::Real => self.mean.iter().map(real).collect(),
            Kind::Holomorphic => unflatten(&self.mean),
            Kind::Stacked => {
                let (re, im) = self.mean.split_at(self.mean.len() / 2);
                let parts = re.iter().zip(im);
                parts.map(|(re, im)| Complex64::new(*re, *im)).collect()
            }
        }
    }

    /// Some rows of Ō written out, √w ∘ (O − ⟨O⟩).
    pub fn rows<T: MatrixNumber>(&self, samples: Range<usize>) -> Array2<T> {
        let columns = self.derivatives.columns();
        let mut out: Array2<T> = self.derivatives.matrix(samples.clone(), 0..columns);
        let mean: Vec<T> = unflatten(&self.mean);
        let stack = self.kind().stack();
        for (r, mut row) in out.rows_mut().into_iter().enumerate() {
            let root = T::from_re(self.roots[samples.start + r / stack]);
            let mean = &mean[r % stack * columns..][..columns];
            row.iter_mut()
                .zip(mean)
                .for_each(|(o, &m)| *o = (*o - m) * root);
        }
        out
    }

    fn scale_rows(&self, y: &mut [f64]) {
        y.chunks_exact_mut(self.kind().parts())
            .zip(&self.roots)
            .for_each(|(y, r)| y.iter_mut().for_each(|y| *y *= r));
    }

    /// Ō v on this rank's rows; the ranks share one message of two numbers.
    pub fn image(&self, v: &[f64], comm: &dyn Comm) -> Result<Vec<f64>> {
        let (mut y, parts) = (self.derivatives.times(v), self.kind().parts());
        let mut mean = [0.0; 2];
        for (y, w) in y.chunks_exact(parts).zip(&self.weights) {
            mean.iter_mut().zip(y).for_each(|(m, y)| *m += w * y);
        }
        comm.sum(&mut mean)?;
        y.chunks_exact_mut(parts)
            .for_each(|y| y.iter_mut().zip(mean).for_each(|(y, m)| *y -= m));
        self.scale_rows(&mut y);
        Ok(y)
    }

    /// The same without a message, where ⟨O⟩ is known.
    pub fn image_by_mean(&self, v: &[f64]) -> Vec<f64> {
        let dot = |m: &[f64]| m.iter().zip(v).map(|(m, v)| m * v).sum::<f64>();
        let half = self.mean.len() / 2;
        let offset = match self.kind() {
            Kind::Real => [dot(&self.mean), 0.0],
            Kind::Stacked => [dot(&self.mean[..half]), dot(&self.mean[half..])],
            Kind::Holomorphic => {
                let pairs = self.mean.chunks_exact(2).zip(v.chunks_exact(2));
                pairs.fold([0.0; 2], |s, (m, v)| {
                    [
                        s[0] + m[0] * v[0] - m[1] * v[1],
                        s[1] + m[0] * v[1] + m[1] * v[0],
                    ]
                })
            }
        };
        let mut y = self.derivatives.times(v);
        y.chunks_exact_mut(self.kind().parts())
            .for_each(|y| y.iter_mut().zip(offset).for_each(|(y, o)| *y -= o));
        self.scale_rows(&mut y);
        y
    }

    /// Ō^H y over all ranks for y with Σ_s √w_s y_s = 0, the same bytes everywhere; one message
    /// of a parameter vector.
    pub fn pull_back(&self, y: &[f64], comm: &dyn Comm) -> Result<Vec<f64>> {
        let mut y = y.to_vec();
        self.scale_rows(&mut y);
        let mut out = self.derivatives.adjoint_times(&y);
        comm.sum(&mut out)?;
        Ok(out)
    }

    /// S v where ⟨O⟩ is known, the same bytes everywhere; one message of a parameter vector and
    /// two numbers.
    pub fn metric_times(&self, v: &[f64], comm: &dyn Comm) -> Result<Vec<f64>> {
        let mut y = self.image_by_mean(v);
        self.scale_rows(&mut y);
        let mut out = self.derivatives.adjoint_times(&y);
        // The rest of ⟨Ō v⟩ after centring: rounding errors, taken away with the mean that
        // they multiply.
        let mut rest = [0.0; 2];
        for y in y.chunks_exact(self.kind().parts()) {
            rest.iter_mut().zip(y).for_each(|(r, y)| *r += y);
        }
        out.extend(rest);
        comm.sum(&mut out)?;
        let [re, im] = out.last_chunk().copied().unwrap_or([0.0; 2]);
        out.truncate(out.len() - 2);
        let (mean, columns) = (&self.mean, out.len());
        out.iter_mut().enumerate().for_each(|(k, o)| {
            *o -= match self.kind() {
                Kind::Real => mean[k] * re,
                Kind::Stacked => mean[k] * re + mean[columns + k] * im,
                // ⟨O⟩* (re + i im)
                Kind::Holomorphic if k % 2 == 0 => mean[k] * re + mean[k + 1] * im,
                Kind::Holomorphic => mean[k - 1] * im - mean[k] * re,
            }
        });
        Ok(out)
    }

    /// S_kk of every column, where ⟨O⟩ is known; one message of a number per column.
    pub fn diagonal(&self, comm: &dyn Comm) -> Result<Vec<f64>> {
        let mut squares = self.derivatives.squares(&self.weights);
        comm.sum(&mut squares)?;
        let (columns, mean) = (squares.len(), &self.mean);
        let of_mean = |k: usize| match self.kind() {
            Kind::Real => mean[k].powi(2),
            Kind::Stacked => mean[k].powi(2) + mean[columns + k].powi(2),
            Kind::Holomorphic => mean[2 * k].powi(2) + mean[2 * k + 1].powi(2),
        };
        squares
            .iter_mut()
            .enumerate()
            .for_each(|(k, s)| *s = (*s - of_mean(k)).max(0.0));
        Ok(squares)
    }

    /// δ^H S δ = ‖Ō δ‖² over all ranks; two messages of a few numbers.
    pub fn metric_norm(&self, delta: &[f64], comm: &dyn Comm) -> Result<f64> {
        let mut sum = [self.image(delta, comm)?.iter().map(|y| y * y).sum::<f64>()];
        comm.sum(&mut sum)?;
        Ok(sum[0])
    }
}
