//! Decides how a normalised wave function is given quantum numbers and stays normalised: |ψ(x)|² is
//! the mean of |φ(gx)|² over the group, and the phase of ψ that of Σ_g χ_g* e^{i arg φ(gx)} (M.
//! Hibat-Allah et al., PRR 2, 023358 (2020)).
//!
//! A configuration of ψ is one of φ, moved by any element. Re O = Σ_g w_g Re O(gx) with w_g =
//! |φ(gx)|²/Σ |φ|², and Im O = Re [Σ_g c_g Im O(gx)/Σ_g c_g] with c_g = χ_g* e^{i arg φ(gx)}. Where
//! Σ_g c_g cancels, the phase is undefined and taken as 0.

use super::sums::ZERO;
use super::{Symmetrised, SymmetrisedScratch};
use crate::ansatz::field::ratio_of_logs;
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, Derivatives, Direct, Erased, Kind, Matrix};
use crate::error::Result;
use crate::number::larger;
use crate::rng::{Generator, RngExt};
use ndarray::Array2;
use num_complex::Complex64;

/// A normalised wave function with quantum numbers that is normalised, too.
#[derive(Debug)]
pub struct Normalised {
    sum: Symmetrised,
}

/// Tables of all images of the walkers.
pub struct NormalisedBatch {
    inner: <Erased as Ansatz>::Batch,
    xs: Vec<i8>,
    /// ln of χ_g* φ(gx).
    terms: Vec<Complex64>,
    total: Vec<Complex64>,
}

/// What the images of a walker say of it.
struct Mean {
    log_psi: Complex64,
    /// Σ_g c_g, or zero where it cancels.
    turned: Complex64,
}

fn vanishes(term: &Complex64) -> bool {
    term.re == f64::NEG_INFINITY
}

impl Normalised {
    /// Projects what `sum` is the sum over.
    pub fn new(sum: Symmetrised) -> Self {
        Normalised { sum }
    }

    fn mean(&self, terms: &[Complex64]) -> Mean {
        let largest = terms.iter().fold(f64::NEG_INFINITY, |m, t| larger(m, t.re));
        let there = || terms.iter().filter(|t| !vanishes(t));
        let turned: Complex64 = there().map(|t| Complex64::cis(t.im)).sum();
        let cancels = turned.norm() <= self.sum.cancelled() * terms.len() as f64;
        let turned = if cancels { Complex64::ZERO } else { turned };
        if largest == f64::NEG_INFINITY {
            let log_psi = ZERO;
            return Mean { log_psi, turned };
        }
        let squares: f64 = there().map(|t| (2.0 * (t.re - largest)).exp()).sum();
        let log = largest + 0.5 * (squares / terms.len() as f64).ln();
        Mean {
            log_psi: Complex64::new(log, turned.arg()),
            turned,
        }
    }

    fn means(&self, terms: &[Complex64]) -> Vec<Complex64> {
        let walkers = terms.chunks_exact(self.sum.order());
        walkers.map(|terms| self.mean(terms).log_psi).collect()
    }

    /// ln of the terms of walkers, with the tables of their images.
    fn terms_of(&self, xs: &[i8]) -> (<Erased as Ansatz>::Batch, Vec<Complex64>) {
        let images = self.sum.images(xs);
        let inner = self.sum.inner.batch(&images);
        let logs = self.sum.inner.log_psi(&inner);
        (inner, self.sum.terms(xs, &images, logs))
    }
}

impl Ansatz for Normalised {
    type Batch = NormalisedBatch;
    type Scratch = SymmetrisedScratch;

    fn sites(&self) -> usize {
        self.sum.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.sum.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.sum.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.sum.set_parameters(parameters)
    }
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        self.sum.set_exact(exact)
    }
    fn facts(&self) -> AnsatzFacts {
        let facts = self.sum.facts();
        AnsatzFacts {
            // The phase of a positive wave function depends on no parameter.
            kind: self.sum.inner.facts().kind,
            ..facts
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let (inner, terms) = self.terms_of(xs);
        NormalisedBatch {
            total: self.means(&terms),
            inner,
            xs: xs.to_vec(),
            terms,
        }
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.total.clone()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        let (n, order) = (self.sites(), self.sum.order());
        let SymmetrisedScratch {
            inner,
            asks: spread,
            image,
            ratios,
            ..
        } = scratch;
        self.sum.spread(asks, image, spread);
        ratios.resize(spread.len(), Complex64::ZERO);
        self.sum.inner.ratios(&batch.inner, spread, inner, ratios);
        let mut moved = vec![Complex64::ZERO; order];
        for (k, (walker, step)) in asks.iter().enumerate() {
            let terms = &batch.terms[walker * order..(walker + 1) * order];
            let x = &batch.xs[walker * n..(walker + 1) * n];
            if terms.iter().any(vanishes) {
                // Nothing follows from a ratio to zero.
                moved = self.terms_of(&step.applied(x)).1;
            } else {
                let own = &ratios[k * order..(k + 1) * order];
                for (g, (moved, (term, ratio))) in
                    moved.iter_mut().zip(terms.iter().zip(own)).enumerate()
                {
                    let turned = if self.sum.changes(g, x, step) {
                        -ratio
                    } else {
                        *ratio
                    };
                    *moved = if *ratio == Complex64::ZERO {
                        ZERO
                    } else {
                        term + turned.ln()
                    };
                }
            }
            out[k] = ratio_of_logs(self.mean(&moved).log_psi, batch.total[walker]);
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let (n, order) = (self.sites(), self.sum.order());
        let spread: Vec<bool> = taken
            .iter()
            .flat_map(|&taken| std::iter::repeat_n(taken, order))
            .collect();
        self.sum
            .inner
            .accept(&mut batch.inner, &scratch.asks, &spread, &mut scratch.inner);
        let logs = self.sum.inner.log_psi(&batch.inner);
        for (walker, step) in asks.taken(taken) {
            let (row, own) = (
                walker * n..(walker + 1) * n,
                walker * order..(walker + 1) * order,
            );
            step.apply(&mut batch.xs[row.clone()]);
            let x = &batch.xs[row];
            let terms = self
                .sum
                .terms(x, &self.sum.images(x), logs[own.clone()].to_vec());
            batch.total[walker] = self.mean(&terms).log_psi;
            batch.terms[own].copy_from_slice(&terms);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let inner = self.sum.inner.derivatives(&batch.inner);
        let (order, kind) = (self.sum.order(), inner.kind);
        let shape = (batch.total.len(), inner.columns());
        let mut out = Array2::from_elem(shape, Complex64::ZERO);
        for (k, mut row) in out.rows_mut().into_iter().enumerate() {
            let terms = &batch.terms[k * order..(k + 1) * order];
            let own = inner.select(&(k * order..(k + 1) * order).collect::<Vec<_>>());
            let mean = self.mean(terms);
            let weights = terms.iter().map(|t| match vanishes(t) {
                true => 0.0,
                false => (2.0 * (t.re - mean.log_psi.re)).exp() / order as f64,
            });
            if kind == Kind::Real {
                let re = own.adjoint_times(&weights.collect::<Vec<_>>());
                row.iter_mut().zip(re).for_each(|(z, x)| *z = x.into());
                continue;
            }
            let shares =
                terms
                    .iter()
                    .map(|t| match vanishes(t) || mean.turned == Complex64::ZERO {
                        true => 0.0,
                        false => (Complex64::cis(t.im) / mean.turned).re,
                    });
            let re = own.adjoint_times(&weights.flat_map(|w| [w, 0.0]).collect::<Vec<_>>());
            let im = own.adjoint_times(&shares.flat_map(|c| [0.0, c]).collect::<Vec<_>>());
            let pairs = re.iter().zip(im);
            row.iter_mut()
                .zip(pairs)
                .for_each(|(z, (x, y))| *z = Complex64::new(*x, y));
        }
        let matrix = match kind {
            Kind::Real => Matrix::Real(out.mapv(|z| z.re)),
            _ => Matrix::Complex(out),
        };
        Derivatives::dense(kind, matrix).of_precision(inner.is_single())
    }
    fn direct(&self) -> Option<&dyn Direct> {
        self.sum.inner.direct().map(|_| self as &dyn Direct)
    }
}

impl Direct for Normalised {
    fn draw(&self, rngs: &mut [Generator], xs: &mut [i8], log_weights: &mut [f64]) {
        let Some(direct) = self.sum.inner.direct() else {
            return;
        };
        direct.draw(rngs, xs, log_weights);
        let n = self.sites();
        for (rng, x) in rngs.iter_mut().zip(xs.chunks_exact_mut(n)) {
            let element = &self.sum.elements[rng.random_range(0..self.sum.order())];
            let drawn = x.to_vec();
            for (&site, s) in element.permutation.iter().zip(drawn) {
                x[site as usize] = if element.flip { -s } else { s };
            }
        }
        let logs = self.means(&self.terms_of(xs).1);
        log_weights
            .iter_mut()
            .zip(logs)
            .for_each(|(w, log)| *w = 2.0 * log.re);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ansatz::feedforward::{Activation, Feedforward, Shape};
    use crate::ansatz::symmetrised::Element;

    #[test]
    fn a_mean_with_a_term_that_is_no_number_is_none() {
        let shape = Shape {
            sites: 2,
            layers: vec![(2, Activation::Tanh)],
            phase: true,
            visible_bias: true,
            hidden_bias: true,
            output_weights: true,
        };
        let element = |permutation: [u32; 2]| Element {
            permutation: permutation.into(),
            flip: false,
            character: Complex64::ONE,
        };
        let inner = Erased::new(Feedforward::<f64>::new(shape, 1.0, 3));
        let elements = vec![element([0, 1]), element([1, 0])];
        let state = Normalised::new(Symmetrised::new(inner, elements, None).unwrap());
        let nan = Complex64::new(f64::NAN, 0.0);
        for terms in [[nan, ZERO], [ZERO, nan], [Complex64::ONE, nan], [nan, nan]] {
            assert!(state.mean(&terms).log_psi.re.is_nan(), "{terms:?}");
        }
        let half = state.mean(&[Complex64::ONE, ZERO]).log_psi.re;
        assert!((half - 1.0 - 0.5 * 0.5f64.ln()).abs() < 1e-15);
    }
}
