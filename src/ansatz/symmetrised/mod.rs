//! Decides how a wave function is given quantum numbers: the sum over its images under a group,
//! weighted by characters.
//!
//! ψ(x) = Σ_g χ_g* φ(g x), (g x)_j = ±x_{g(j)}, so that ψ(g x) = χ_g ψ(x) (Y. Nomura, J.
//! Phys. Condens. Matter 33, 174003 (2021)). Translations have χ = e^{ik·R} for spins that move
//! by R, the spin flip ±1, reflections and rotations ±1. The quantum numbers are those of the
//! whole wave function: behind a sign rule s, φ stands for s φ₀, and the term of g carries
//! s(gx) s(x). Under a translation that exchanges the sublattices this is (−1)^{n↑}, so that
//! the ring of N = 4n + 2 sites has its ground state at momentum π. Log-derivatives are O = Σ_g
//! p_g O(gx) with p_g the share of g in ψ(x). Sums that cancel to below ten times the relative
//! error of φ are zero.

mod agreement;
mod cosets;
mod eigenvalues;
mod factory;
mod group;
mod normalised;
pub mod sectors;
mod spin;
mod sums;

pub use factory::{build, misfits, schema};
pub(crate) use group::translations;
pub use normalised::Normalised;
pub use sums::SymmetrisedBatch;

use super::field::reduce;
use super::sign::Sign;
use super::{Ansatz, AnsatzFacts, Asks, Block, Derivatives, Erased, Kind};
use crate::basis::{Move, Step};
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::f64::consts::PI;
pub(super) use sums::log_sum;
use sums::{ZERO, mean_derivatives};

/// What is left of a sum that vanishes, relative to its terms and in relative errors of a term.
const CANCELLED: f64 = 10.0;

/// One element of the group.
#[derive(Debug, Clone)]
pub struct Element {
    /// g: site j of the image shows the spin of site g(j).
    pub permutation: Vec<u32>,
    /// Whether all spins are flipped as well.
    pub flip: bool,
    /// χ_g
    pub character: Complex64,
}

/// A wave function projected on a one-dimensional representation.
#[derive(Debug)]
pub struct Symmetrised {
    inner: Erased,
    elements: Vec<Element>,
    /// Where each site goes: the inverse permutation.
    inverse: Vec<Vec<u32>>,
    /// The sign rule that stands in front.
    sign: Option<Sign>,
    real: bool,
    /// ln of how many elements of the whole group have the term of each of these.
    log_repeats: f64,
    facts: AnsatzFacts,
}

/// The last questions of the images with their answers.
#[derive(Default)]
pub struct SymmetrisedScratch {
    inner: <Erased as Ansatz>::Scratch,
    asks: Asks,
    image: Step,
    ratios: Vec<Complex64>,
    taken: Vec<bool>,
}

impl Symmetrised {
    /// Projects `inner` on the characters of `elements`; `sign` is that of a sign rule put in
    /// front afterwards.
    pub fn new(inner: Erased, elements: Vec<Element>, sign: Option<Sign>) -> Result<Self> {
        let sites = inner.sites();
        let fits = |e: &Element| {
            e.permutation.len() == sites && e.permutation.iter().all(|&s| (s as usize) < sites)
        };
        if elements.is_empty()
            || !elements.iter().all(fits)
            || sign.as_ref().is_some_and(|a| a.sites() != sites)
        {
            let remedy = "take the wave function, the group and the sublattice from one lattice";
            return Err(Error::input(
                "ansatz.of",
                "the group acts on other sites than the wave function",
                remedy,
            ));
        }
        let inverse = elements
            .iter()
            .map(|e| {
                let mut inverse = vec![0; sites];
                e.permutation
                    .iter()
                    .zip(0..)
                    .for_each(|(&s, j)| inverse[s as usize] = j);
                inverse
            })
            .collect();
        let real = elements.iter().all(|e| e.character.im == 0.0);
        let mut symmetrised = Symmetrised {
            facts: inner.facts(),
            inner,
            elements,
            inverse,
            sign,
            real,
            log_repeats: 0.0,
        };
        symmetrised.facts = symmetrised.find_facts();
        Ok(symmetrised)
    }

    /// The same sum where each element stands for `repeats` of the group that have the same term.
    fn repeated(mut self, repeats: usize) -> Self {
        self.log_repeats = (repeats as f64).ln();
        self
    }

    fn find_facts(&self) -> AnsatzFacts {
        let (inner, sites) = (self.inner.facts(), self.sites());
        // All log-derivatives of a walker's images are at hand before they are summed.
        let one = vec![1; sites];
        let image = self.inner.derivatives(&self.inner.batch(&one));
        let numbers = size_of::<f64>() * image.numbers_per_sample();
        let logs = 2 * size_of::<Complex64>();
        let order = self.order();
        let odd = self.sign.as_ref().is_some_and(Sign::changes_mirrored);
        let signless = (self.elements.iter().enumerate()).all(|(g, e)| {
            let moves = (0..sites as u32).any(|site| self.crosses(g, site));
            e.character == Complex64::ONE && !moves && !(e.flip && odd)
        });
        AnsatzFacts {
            kind: match inner.kind {
                Kind::Real if !self.real => Kind::Stacked,
                kind => kind,
            },
            positive: inner.positive && signless,
            bytes_per_walker: order * (inner.bytes_per_walker + numbers + logs)
                + sites
                + size_of::<Complex64>(),
            derivative_bytes: order * (inner.derivative_bytes + numbers),
            operations: order as f64 * inner.operations,
            ..inner
        }
    }

    fn order(&self) -> usize {
        self.elements.len()
    }

    fn images(&self, xs: &[i8]) -> Vec<i8> {
        let mut out = Vec::with_capacity(xs.len() * self.order());
        for x in xs.chunks_exact(self.sites()) {
            for e in &self.elements {
                out.extend(e.permutation.iter().map(|&s| {
                    if e.flip {
                        -x[s as usize]
                    } else {
                        x[s as usize]
                    }
                }));
            }
        }
        out
    }

    /// Whether the sign rule is negative.
    fn odd(&self, x: &[i8]) -> bool {
        self.sign.as_ref().is_some_and(|sign| sign.is_negative(x))
    }

    /// Whether g takes a site from one sublattice to the other.
    fn crosses(&self, g: usize, site: u32) -> bool {
        let image = self.inverse[g][site as usize];
        (self.sign.as_ref()).is_some_and(|sign| sign.has(site) ^ sign.has(image))
    }

    /// Whether the move from `x` changes s(gx) s(x).
    fn changes(&self, g: usize, x: &[i8], step: Move) -> bool {
        let Some(sign) = &self.sign else {
            return false;
        };
        let sites = step.sites.iter().zip(step.values);
        sites.fold(false, |odd, (&s, &value)| {
            odd ^ (self.crosses(g, s) && sign.turns(s, x[s as usize], value))
        })
    }

    /// ln of the terms of walkers `xs` from the logarithms of their images.
    fn terms(&self, xs: &[i8], images: &[i8], logs: Vec<Complex64>) -> Vec<Complex64> {
        let n = self.sites();
        let mut terms = logs;
        let groups = xs
            .chunks_exact(n)
            .zip(images.chunks_exact(n * self.order()));
        for ((x, images), terms) in groups.zip(terms.chunks_exact_mut(self.order())) {
            let odd = self.odd(x);
            for ((term, image), e) in terms
                .iter_mut()
                .zip(images.chunks_exact(n))
                .zip(&self.elements)
            {
                let sign = if odd ^ self.odd(image) { PI } else { 0.0 };
                *term += Complex64::new(self.log_repeats, sign - e.character.arg());
            }
        }
        terms
    }

    /// ln ψ of walkers without tables.
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64> {
        let images = self.images(xs);
        let logs = self.inner.log_psi(&self.inner.batch(&images));
        self.terms(xs, &images, logs)
            .chunks_exact(self.order())
            .map(|terms| log_sum(terms, self.cancelled()))
            .collect()
    }

    /// A sum below this, relative to its terms, is zero.
    fn cancelled(&self) -> f64 {
        CANCELLED * self.facts.precision
    }

    /// The questions of the images.
    fn spread(&self, asks: &Asks, image: &mut Step, spread: &mut Asks) {
        spread.clear();
        for (walker, step) in asks.iter() {
            for (g, inverse) in self.inverse.iter().enumerate() {
                image.clear();
                for (&site, &value) in step.sites.iter().zip(step.values) {
                    let value = if self.elements[g].flip { -value } else { value };
                    image.set(inverse[site as usize], value);
                }
                spread.push(walker * self.order() + g, image.get());
            }
        }
    }
}

impl Ansatz for Symmetrised {
    type Batch = SymmetrisedBatch;
    type Scratch = SymmetrisedScratch;

    fn sites(&self) -> usize {
        self.inner.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.inner.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.inner.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.inner.set_parameters(parameters)
    }
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        self.inner.set_exact(exact)?;
        self.facts.precision = self.inner.facts().precision;
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        self.facts
    }
    fn truncation(&self) -> Option<f64> {
        self.inner.truncation()
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let images = self.images(xs);
        let inner = self.inner.batch(&images);
        let terms = self.terms(xs, &images, self.inner.log_psi(&inner));
        let walkers = xs.len() / self.sites();
        let mut batch = SymmetrisedBatch {
            inner,
            xs: xs.to_vec(),
            shares: vec![Complex64::ZERO; terms.len()],
            terms,
            total: vec![ZERO; walkers],
            direct: vec![false; walkers],
        };
        (0..walkers).for_each(|k| batch.settle(k, self.order(), self.cancelled()));
        batch
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
        let (n, order) = (self.sites(), self.order());
        let SymmetrisedScratch {
            inner,
            asks: spread,
            image,
            ratios,
            ..
        } = scratch;
        self.spread(asks, image, spread);
        ratios.resize(spread.len(), Complex64::ZERO);
        self.inner.ratios(&batch.inner, spread, inner, ratios);
        let (mut targets, mut places) = (Vec::new(), Vec::new());
        for (k, (walker, step)) in asks.iter().enumerate() {
            if batch.direct[walker] {
                targets.extend(step.applied(&batch.xs[walker * n..(walker + 1) * n]));
                places.push((k, walker));
                continue;
            }
            let (mut sum, mut size) = (Complex64::ZERO, 0.0);
            let shares = &batch.shares[walker * order..(walker + 1) * order];
            let x = &batch.xs[walker * n..(walker + 1) * n];
            for (g, (share, ratio)) in shares
                .iter()
                .zip(&ratios[k * order..(k + 1) * order])
                .enumerate()
            {
                let term = share * ratio;
                sum += if self.changes(g, x, step) {
                    -term
                } else {
                    term
                };
                size += term.norm();
            }
            let cancels = sum.norm() <= self.cancelled() * size;
            out[k] = if cancels { Complex64::ZERO } else { sum };
        }
        if places.is_empty() {
            return;
        }
        for ((k, walker), target) in places.into_iter().zip(self.log_psi_of(&targets)) {
            out[k] = super::field::ratio_of_logs(target, batch.total[walker]);
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let (n, order) = (self.sites(), self.order());
        scratch.taken.clear();
        let repeated = |&taken| std::iter::repeat_n(taken, order);
        scratch.taken.extend(taken.iter().flat_map(repeated));
        let (spread, own) = (&scratch.asks, &mut scratch.inner);
        self.inner
            .accept(&mut batch.inner, spread, &scratch.taken, own);
        for (k, (walker, step)) in asks.iter().enumerate().filter(|(k, _)| taken[*k]) {
            let row = walker * n..(walker + 1) * n;
            if !batch.direct[walker] {
                for g in 0..order {
                    let turned = self.changes(g, &batch.xs[row.clone()], step);
                    let part = scratch.ratios[k * order + g];
                    let log = if part == Complex64::ZERO {
                        ZERO
                    } else {
                        part.ln()
                    };
                    let sign = Complex64::new(0.0, if turned { PI } else { 0.0 });
                    let term = &mut batch.terms[walker * order + g];
                    *term = reduce(*term + log + sign);
                }
            }
            step.apply(&mut batch.xs[row.clone()]);
            if batch.direct[walker] {
                let x = &batch.xs[row];
                let images = self.images(x);
                let logs = self.inner.log_psi(&self.inner.batch(&images));
                let terms = self.terms(x, &images, logs);
                batch.terms[walker * order..(walker + 1) * order].copy_from_slice(&terms);
            }
            batch.settle(walker, order, self.cancelled());
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let inner = self.inner.derivatives(&batch.inner);
        mean_derivatives(&inner, &batch.shares, self.order(), self.facts.kind)
    }
}
