//! Decides whether a wave function can have the quantum numbers that it is projected on: where a
//! symmetry turns it into a multiple of itself, the multiple has to be the character.
//!
//! Where φ(gx) = λ φ(x), Σ_h χ_h* φ(hgx) is both λ and χ_g times Σ_h χ_h* φ(hx), which is zero
//! unless λ = χ_g (M. Tinkham, Group Theory and Quantum Mechanics (1964), ch. 3). What holds to
//! rounding at random parameters holds for all of them. Parameters of zero, or those of a file, can
//! be symmetric by chance, and an optimisation leaves that: they are moved first. A configuration
//! that g leaves as it is says nothing of λ.

use super::{Element, Symmetrised};
use crate::ansatz::sign::Sign;
use crate::ansatz::{Ansatz, Erased, block};
use crate::basis::Basis;
use crate::error::Result;
use crate::number::Scalar;
use crate::rng::{Generator, Purpose, stream};
use num_complex::Complex64;

/// Configurations that are asked, where a lattice is so small that many have symmetries of their
/// own, and elsewhere.
const CONFIGURATIONS: [usize; 2] = [64, 16];
/// Most sites of such a lattice.
const SMALL: usize = 16;
/// By how much parameters are moved, in units of their own size.
const MOVED: f64 = 0.5;
/// How well a multiple is known, in relative errors of an amplitude.
const KNOWN: f64 = 1e3;

/// What is known of χ* λ of an element.
#[derive(Clone, Copy)]
enum Multiple {
    /// No configuration has said anything.
    Open,
    /// All have said this; how many.
    Constant(Complex64, usize),
    /// There is none.
    Absent,
}

impl Multiple {
    /// With what another configuration says: ln of the terms of the identity and of the element.
    fn and(self, own: Complex64, image: Complex64, tolerance: f64) -> Self {
        let zero = f64::NEG_INFINITY;
        if own.re == zero && image.re == zero {
            return self;
        }
        let found = (image - own).exp();
        let is = |a: f64| a <= tolerance;
        match self {
            Multiple::Open if is((found.norm() - 1.0).abs()) => Multiple::Constant(found, 1),
            Multiple::Constant(known, seen) if is((found - known).norm()) => {
                Multiple::Constant(known, seen + 1)
            }
            _ => Multiple::Absent,
        }
    }

    fn known(self, least: usize) -> Option<Complex64> {
        match self {
            Multiple::Constant(multiple, seen) if seen >= least => Some(multiple),
            _ => None,
        }
    }
}

/// When a multiple is taken as known.
#[derive(Clone, Copy)]
pub(super) struct Evidence {
    /// Configurations that have to agree.
    pub least: usize,
    /// Whether a configuration that an element leaves as it is, with another term, speaks against
    /// it. There ψ is zero, but not φ: φ has no multiple, although λ is known elsewhere.
    pub fixed: bool,
}

/// Whether two terms are equal, given by their logarithms.
fn is_same(own: Complex64, image: Complex64, tolerance: f64) -> bool {
    let zero = f64::NEG_INFINITY;
    (own.re == zero && image.re == zero) || ((image - own).exp() - 1.0).norm() <= tolerance
}

/// Whether χ* λ is another number than 1.
pub(super) fn differs(multiple: Complex64) -> bool {
    (multiple - 1.0).norm() > 1e-6
}

/// χ* λ of every element where `of`, behind a sign rule, has one whatever its parameters; the first
/// element is the identity. `of` comes back as it was.
pub(super) fn multiples(
    of: Erased,
    elements: &[Element],
    (sign, basis): (Option<Sign>, &Basis),
    evidence: Evidence,
) -> Result<(Erased, Vec<Option<Complex64>>)> {
    let parameters = of.parameters();
    let mut rng = stream(0, Purpose::Law, 0, 0);
    let mut state = Symmetrised::new(of, elements.to_vec(), sign)?;
    state.set_exact(true)?;
    let moved = moved(&state, &parameters, &mut rng);
    let found = match state.set_parameters(&moved) {
        Ok(()) => state.asked(basis, &mut rng, evidence),
        // Not every vector is one of parameters.
        Err(_) => vec![None; elements.len()],
    };
    state.set_parameters(&parameters)?;
    state.set_exact(false)?;
    Ok((state.inner, found))
}

/// Parameters with random numbers added, block by block as large as theirs, and where these are
/// small about as large as weights that keep the size of what they read.
fn moved(state: &Symmetrised, parameters: &[f64], rng: &mut Generator) -> Vec<f64> {
    let layout = state.layout();
    let blocks = block::split(&layout, parameters).unwrap_or_default();
    let of = |own: &[f64]| -> Vec<f64> {
        let count = own.len() as f64;
        let size = (own.iter().map(|p| p * p).sum::<f64>() / count).sqrt();
        let size = MOVED * size.max(count.powf(-0.25));
        own.iter().map(|p| p + size * f64::normal(rng)).collect()
    };
    blocks
        .into_iter()
        .map(|(_, own)| own)
        .flat_map(of)
        .collect()
}

impl Symmetrised {
    /// χ* λ of every element at these parameters, where there is one.
    fn asked(
        &self,
        basis: &Basis,
        rng: &mut Generator,
        evidence: Evidence,
    ) -> Vec<Option<Complex64>> {
        let least = evidence.least;
        let (n, tolerance) = (self.sites(), KNOWN * self.facts.precision);
        let mut multiples = vec![Multiple::Open; self.order()];
        if self.facts.is_single() {
            return vec![None; self.order()];
        }
        let count = CONFIGURATIONS[usize::from(n > SMALL)];
        for _ in 0..count {
            let x = basis.random(rng);
            let images = self.images(&x);
            let logs = self.inner.log_psi(&self.inner.batch(&images));
            let terms = self.terms(&x, &images, logs);
            let own = terms[0];
            for ((multiple, term), image) in
                multiples.iter_mut().zip(terms).zip(images.chunks_exact(n))
            {
                if image != x {
                    *multiple = multiple.and(own, term, tolerance);
                } else if evidence.fixed && !is_same(own, term, tolerance) {
                    *multiple = Multiple::Absent;
                }
            }
            // The identity stays open.
            let doubtful = |m: &Multiple| match m {
                Multiple::Open => true,
                Multiple::Constant(multiple, seen) => *seen < least || differs(*multiple),
                Multiple::Absent => false,
            };
            if !multiples.iter().skip(1).any(doubtful) {
                break;
            }
        }
        multiples.into_iter().map(|m| m.known(least)).collect()
    }
}
