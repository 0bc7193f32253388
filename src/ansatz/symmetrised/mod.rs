//! Decides how a wave function is given quantum numbers: the sum over its images under a group,
//! weighted by characters.
//!
//! ψ(x) = Σ_g χ_g* φ(g x), (g x)_j = ±x_{g(j)}, so that ψ(g x) = χ_g ψ(x) (Y. Nomura, J.
//! Phys. Condens. Matter 33, 174003 (2021)). Translations have χ = e^{ik·R} for spins that move
//! by R, the spin flip ±1, reflections and rotations ±1. The quantum numbers are those of the
//! whole wave function: behind a sign rule s, φ stands for s φ₀, and the term of g carries
//! s(gx) s(x). Under a translation that exchanges the sublattices this is (−1)^{n↑}, so that
//! the ring of N = 4n + 2 sites has its ground state at momentum π. Log-derivatives are O = Σ_g
//! p_g O(gx) with p_g the share of g in ψ(x). Sums that cancel to below 10⁻¹¹ of their terms
//! are zero.

mod group;

use super::field::reduce;
use super::{Ansatz, Asks, Block, Context, Derivatives, Erased, Kind, Matrix, schema_of};
use crate::basis::{Step, TOTAL_SZ};
use crate::error::{Error, Result};
use group::{check_representation, point_group, product, sign, translations};
use ndarray::Array2;
use num_complex::Complex64;
use serde::Deserialize;
use std::f64::consts::PI;

/// What is left of a sum that vanishes, relative to its terms.
const CANCELLED: f64 = 1e-11;
const ZERO: Complex64 = Complex64::new(f64::NEG_INFINITY, 0.0);

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
    /// Sublattice of the sign rule that stands in front.
    sublattice: Option<Vec<bool>>,
    real: bool,
}

/// Tables of all images of the walkers.
pub struct SymmetrisedBatch {
    inner: <Erased as Ansatz>::Batch,
    xs: Vec<i8>,
    /// ln of the term of each image.
    terms: Vec<Complex64>,
    /// ln ψ of each walker.
    total: Vec<Complex64>,
    /// Shares p of the images, which add up to 1.
    shares: Vec<Complex64>,
    /// Walkers with a vanishing term or sum, whose ratios are evaluated from scratch.
    direct: Vec<bool>,
}

impl Symmetrised {
    /// Projects `inner` on the characters of `elements`; `sublattice` is that of a sign rule put in
    /// front afterwards.
    pub fn new(
        inner: Erased,
        elements: Vec<Element>,
        sublattice: Option<Vec<bool>>,
    ) -> Result<Self> {
        let sites = inner.sites();
        let fits = |e: &Element| {
            e.permutation.len() == sites && e.permutation.iter().all(|&s| (s as usize) < sites)
        };
        if elements.is_empty()
            || !elements.iter().all(fits)
            || sublattice.as_ref().is_some_and(|a| a.len() != sites)
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
        Ok(Symmetrised {
            inner,
            elements,
            inverse,
            sublattice,
            real,
        })
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
        self.sublattice.as_ref().is_some_and(|a| {
            a.iter()
                .zip(x)
                .fold(false, |odd, (&a, &s)| odd ^ (a && s == 1))
        })
    }

    /// Whether flipping `sites` changes s(gx) s(x).
    fn changes(&self, g: usize, sites: &[u32]) -> bool {
        let Some(a) = &self.sublattice else {
            return false;
        };
        sites.iter().fold(false, |odd, &s| {
            odd ^ a[s as usize] ^ a[self.inverse[g][s as usize] as usize]
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
                *term += Complex64::new(0.0, sign - e.character.arg());
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
            .map(log_sum)
            .collect()
    }

    /// The questions of the images.
    fn spread(&self, asks: &Asks) -> Asks {
        let mut spread = Asks::default();
        let mut image = Step::default();
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
        spread
    }
}

/// ln Σ e^{terms}; −∞ where they cancel.
fn log_sum(terms: &[Complex64]) -> Complex64 {
    let largest = terms.iter().fold(f64::NEG_INFINITY, |m, t| m.max(t.re));
    if largest == f64::NEG_INFINITY {
        return ZERO;
    }
    let powers = terms
        .iter()
        .filter(|t| t.re > f64::NEG_INFINITY)
        .map(|t| (t - largest).exp());
    let (sum, size) = powers.fold((Complex64::ZERO, 0.0), |(sum, size), z| {
        (sum + z, size + z.norm())
    });
    if sum.norm() <= CANCELLED * size {
        ZERO
    } else {
        reduce(sum.ln() + largest)
    }
}

impl SymmetrisedBatch {
    /// Brings sums and shares of one walker up to date with its terms.
    fn settle(&mut self, walker: usize, order: usize) {
        let range = walker * order..(walker + 1) * order;
        let terms = &self.terms[range.clone()];
        let total = log_sum(terms);
        let vanishes = |t: &Complex64| t.re == f64::NEG_INFINITY;
        self.direct[walker] = vanishes(&total) || terms.iter().any(vanishes);
        let share = |t: &Complex64| {
            if vanishes(&total) || vanishes(t) {
                Complex64::ZERO
            } else {
                (t - total).exp()
            }
        };
        let shares: Vec<Complex64> = terms.iter().map(share).collect();
        self.shares[range].copy_from_slice(&shares);
        self.total[walker] = total;
    }
}

impl Ansatz for Symmetrised {
    type Batch = SymmetrisedBatch;

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
    fn kind(&self) -> Kind {
        match self.inner.kind() {
            Kind::Real if !self.real => Kind::Stacked,
            kind => kind,
        }
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
        (0..walkers).for_each(|k| batch.settle(k, self.order()));
        batch
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.total.clone()
    }
    fn ratios(&self, batch: &Self::Batch, asks: &Asks, out: &mut [Complex64]) {
        let (n, order) = (self.sites(), self.order());
        let mut parts = vec![Complex64::ZERO; asks.len() * order];
        self.inner
            .ratios(&batch.inner, &self.spread(asks), &mut parts);
        let (mut targets, mut places) = (Vec::new(), Vec::new());
        for (k, (walker, step)) in asks.iter().enumerate() {
            if batch.direct[walker] {
                targets.extend(step.applied(&batch.xs[walker * n..(walker + 1) * n]));
                places.push((k, walker));
                continue;
            }
            let (mut sum, mut size) = (Complex64::ZERO, 0.0);
            let shares = &batch.shares[walker * order..(walker + 1) * order];
            for (g, (share, ratio)) in shares
                .iter()
                .zip(&parts[k * order..(k + 1) * order])
                .enumerate()
            {
                let term = share * ratio;
                sum += if self.changes(g, step.sites) {
                    -term
                } else {
                    term
                };
                size += term.norm();
            }
            out[k] = if sum.norm() <= CANCELLED * size {
                Complex64::ZERO
            } else {
                sum
            };
        }
        for ((k, walker), target) in places.into_iter().zip(self.log_psi_of(&targets)) {
            let source = batch.total[walker];
            out[k] = match (
                source.re == f64::NEG_INFINITY,
                target.re == f64::NEG_INFINITY,
            ) {
                (_, true) => Complex64::ZERO,
                (true, false) => Complex64::new(f64::INFINITY, 0.0),
                (false, false) => super::field::ratio_from_log(target - source),
            };
        }
    }
    fn accept(&self, batch: &mut Self::Batch, asks: &Asks, _ratios: &[Complex64]) {
        // Each image is promised its own ratio, and only that of the sum is at hand.
        let (n, order) = (self.sites(), self.order());
        let spread = self.spread(asks);
        let mut parts = vec![Complex64::ZERO; spread.len()];
        self.inner.ratios(&batch.inner, &spread, &mut parts);
        self.inner.accept(&mut batch.inner, &spread, &parts);
        for (k, (walker, step)) in asks.iter().enumerate() {
            step.apply(&mut batch.xs[walker * n..(walker + 1) * n]);
            if batch.direct[walker] {
                let x = batch.xs[walker * n..(walker + 1) * n].to_vec();
                let images = self.images(&x);
                let logs = self.inner.log_psi(&self.inner.batch(&images));
                let terms = self.terms(&x, &images, logs);
                batch.terms[walker * order..(walker + 1) * order].copy_from_slice(&terms);
            } else {
                for g in 0..order {
                    let sign = if self.changes(g, step.sites) { PI } else { 0.0 };
                    let part = parts[k * order + g];
                    let log = if part == Complex64::ZERO {
                        ZERO
                    } else {
                        part.ln()
                    };
                    let term = &mut batch.terms[walker * order + g];
                    *term = reduce(*term + log + Complex64::new(0.0, sign));
                }
            }
            batch.settle(walker, order);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let (order, kind) = (self.order(), self.kind());
        let inner = self.inner.derivatives(&batch.inner);
        let (walkers, columns) = (batch.total.len(), inner.columns());
        let mut out = Array2::from_elem((walkers, columns), Complex64::ZERO);
        for ((k, shares), mut row) in batch
            .shares
            .chunks_exact(order)
            .enumerate()
            .zip(out.rows_mut())
        {
            // Σ_g p_g O_g, from the adjoint product Σ_g O_g* w_g.
            let own = inner.select(&(k * order..(k + 1) * order).collect::<Vec<_>>());
            let flat = |w: &mut dyn Iterator<Item = Complex64>| {
                w.flat_map(|z| [z.re, z.im]).collect::<Vec<f64>>()
            };
            match inner.kind {
                Kind::Real => {
                    let re = own.adjoint_times(&shares.iter().map(|p| p.re).collect::<Vec<_>>());
                    row.iter_mut().zip(re).for_each(|(z, x)| z.re = x);
                    if kind == Kind::Stacked {
                        let im =
                            own.adjoint_times(&shares.iter().map(|p| p.im).collect::<Vec<_>>());
                        row.iter_mut().zip(im).for_each(|(z, x)| z.im = x);
                    }
                }
                Kind::Stacked => {
                    let re = own.adjoint_times(&flat(&mut shares.iter().map(|p| p.conj())));
                    let im = own.adjoint_times(&flat(
                        &mut shares.iter().map(|p| Complex64::i() * p.conj()),
                    ));
                    row.iter_mut()
                        .zip(re.iter().zip(im))
                        .for_each(|(z, (x, y))| *z = Complex64::new(*x, y));
                }
                Kind::Holomorphic => {
                    let conjugate = own.adjoint_times(&flat(&mut shares.iter().map(|p| p.conj())));
                    let pairs = conjugate.chunks_exact(2);
                    row.iter_mut()
                        .zip(pairs)
                        .for_each(|(z, c)| *z = Complex64::new(c[0], -c[1]));
                }
            }
        }
        let matrix = if kind == Kind::Real {
            Matrix::Real(out.mapv(|z| z.re))
        } else {
            Matrix::Complex(out)
        };
        Derivatives::dense(kind, matrix)
    }
}

/// Projection of any wave function on quantum numbers, which are those of the whole state: a sign
/// rule is taken into account.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// The wave function, a table with `kind` and its own keys. No default.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    of: toml::Table,
    /// Momentum indices m, one per direction: k = 2 pi m / L, 0 in open directions. Default none:
    /// no translations.
    momentum: Option<Vec<usize>>,
    /// Eigenvalue of the flip of all spins, 1 or -1. Default none.
    spin_flip: Option<i64>,
    /// Eigenvalue of the reflection, 1 or -1: i -> N-1-i on a chain, that keeps the first lattice
    /// vector elsewhere. Default none.
    reflection: Option<i64>,
    /// Eigenvalue of the smallest rotation of a two-dimensional lattice about site 0, 1 or -1.
    /// Default none.
    rotation: Option<i64>,
}

/// An error unless the Hamiltonian has the symmetry that a quantum number at `key` belongs to.
fn held(context: &Context, elements: &[Element], key: &str) -> Result<()> {
    let permutations = |flip: bool| {
        elements
            .iter()
            .filter(move |e| e.flip == flip)
            .map(|e| e.permutation.as_slice())
            .collect::<Vec<_>>()
    };
    match context.hamiltonian {
        Some(h)
            if !(h.is_invariant(&permutations(false), false)
                && h.is_invariant(&permutations(true), true)) =>
        {
            Err(Error::input(
                key,
                "the Hamiltonian does not have this symmetry",
                "remove the key",
            ))
        }
        _ => Ok(()),
    }
}

/// Builds a projection from its table; `parts` builds the wave function that is projected.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let key = |name: &str| format!("{}.{name}", context.path);
    let (lattice, basis) = (context.lattice, context.basis);
    let identity = (0..lattice.sites as u32).collect::<Vec<_>>();
    let one = |flip: bool, character: f64| Element {
        permutation: identity.clone(),
        flip,
        character: character.into(),
    };
    let mut elements = vec![one(false, 1.0)];
    if let Some(momentum) = &keys.momentum {
        elements = translations(lattice, momentum, &key("momentum"))?;
        held(context, &elements, &key("momentum"))?;
    }
    let (reflection, rotation) = (
        sign(keys.reflection, key("reflection"))?,
        sign(keys.rotation, key("rotation"))?,
    );
    if reflection.is_some() || rotation.is_some() {
        let points = point_group(lattice, reflection, rotation, &context.path)?;
        held(
            context,
            &points,
            &key(if reflection.is_some() {
                "reflection"
            } else {
                "rotation"
            }),
        )?;
        elements = product(&points, &elements);
    }
    if let Some(parity) = sign(keys.spin_flip, key("spin_flip"))? {
        if basis.fixed(TOTAL_SZ).is_some_and(|m| m != 0) {
            let problem = "flipping all spins leaves the sector of fixed total Sz";
            return Err(Error::input(
                key("spin_flip"),
                problem,
                "use total_sz = 0, or remove the key",
            ));
        }
        held(context, &[one(true, parity)], &key("spin_flip"))?;
        elements = product(&elements, &[one(false, 1.0), one(true, parity)]);
    }
    check_representation(&elements, &context.path)?;
    let sublattice = context.sign_rule.map(<[bool]>::to_vec);
    Ok(Erased::new(Symmetrised::new(
        context.part(&keys.of, 0, key("of"))?,
        elements,
        sublattice,
    )?))
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
