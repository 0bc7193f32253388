//! Decides what an operator is to the rest of the program: its diagonal and the configurations that
//! it connects, and what follows from these alone.
//!
//! (Aψ)(x) = ⟨x|A|x⟩ ψ(x) + Σ_x' ⟨x|A|x'⟩ ψ(x').

mod bits;
pub mod files;
pub mod models;
pub mod sites;
mod small;
mod strings;
mod symmetry;
mod total_spin;

pub use bits::{Flip, Monomial, TermTable};
pub use sites::Term;
pub use small::Small;
pub use strings::{Pauli, PauliSum, name};
pub use total_spin::{conserves_total_spin, total_spin_squared};

use crate::basis::{Asks, Basis, Numbering};
use crate::error::Result;
use num_complex::Complex64;
use std::collections::BTreeSet;
use std::ops::Range;

/// An operator, compiled for the configurations of a basis.
pub trait Operator: std::fmt::Debug + Send + Sync {
    /// ⟨x|A|x⟩.
    fn diagonal(&self, x: &[i8]) -> Complex64;
    /// Asks, for walker `walker` at `x`, about every x' ≠ x with a non-zero element, each once, and
    /// appends ⟨x|A|x'⟩ to `elements`; the signs of reordering fermions are part of it.
    fn connect(&self, walker: usize, x: &[i8], asks: &mut Asks, elements: &mut Vec<Complex64>);
    /// Whether it acts on the configurations of this basis and leaves them invariant; the error
    /// names what does not.
    fn check(&self, basis: &Basis) -> Result<()>;
    /// What can be said about it on a basis, where the amplitudes are multiplied by −1 for every up
    /// spin on the marked sites of a sign rule.
    fn facts(&self, basis: &Basis, sign_rule: Option<&[bool]>) -> Facts;
    /// Whether every permutation of the sites, followed by mirroring all values where `mirrored`,
    /// maps it onto itself.
    fn is_invariant(&self, permutations: &[&[u32]], mirrored: bool) -> bool;
    /// The table behind it, where it is a sum of Pauli strings.
    fn table(&self) -> Option<&TermTable> {
        None
    }
}

/// What is known of an operator without looking inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Tr A / dim over the whole space.
    pub centre: f64,
    /// A bound of ‖A − centre‖; infinite where none is known.
    pub spread: f64,
    /// Whether every off-diagonal element is real.
    pub real: bool,
    /// Whether no off-diagonal element is positive, as far as it was looked at.
    pub stoquastic: bool,
    /// The largest number of connected configurations of one configuration.
    pub connected: usize,
    /// The charges that it conserves, of those that it was asked about.
    pub conserved: Vec<&'static str>,
    /// Pairs of sites between which it carries a charge, the smaller one first.
    pub pairs: Vec<(u32, u32)>,
    /// Sites on which no term acts, ascending.
    pub idle: Vec<u32>,
}

impl Facts {
    /// No state has a smaller expectation value.
    pub fn lower_bound(&self) -> f64 {
        self.centre - self.spread
    }
}

/// The sites from 0 to `count` that are not among `sites`.
fn others(count: usize, sites: impl Iterator<Item = u32>) -> Vec<u32> {
    let touched: BTreeSet<u32> = sites.collect();
    (0..count as u32).filter(|s| !touched.contains(s)).collect()
}

/// The rows of a matrix ⟨x|A|x'⟩ over numbered configurations, one at a time.
pub struct MatrixRows<'a> {
    operator: &'a dyn Operator,
    numbering: &'a Numbering,
    asks: Asks,
    elements: Vec<Complex64>,
}

impl<'a> MatrixRows<'a> {
    /// The matrix of `operator`.
    pub fn new(operator: &'a dyn Operator, numbering: &'a Numbering) -> Self {
        MatrixRows {
            operator,
            numbering,
            asks: Asks::default(),
            elements: Vec::new(),
        }
    }

    /// Calls `visit(k', ⟨k|A|k'⟩)` for every off-diagonal element of row `k`; returns the diagonal.
    pub fn row(&mut self, k: usize, mut visit: impl FnMut(usize, Complex64)) -> Complex64 {
        let x = self.numbering.row(k);
        self.asks.clear();
        self.elements.clear();
        self.operator
            .connect(0, &x, &mut self.asks, &mut self.elements);
        let start = self.numbering.at(k, &x);
        for ((_, step), &element) in self.asks.iter().zip(&self.elements) {
            if let Some(reached) = start.after(step) {
                visit(reached, element);
            }
        }
        self.operator.diagonal(&x)
    }
}

/// (Aψ)(x) of the configurations with numbers `rows`, from the amplitudes ψ of all of them.
pub fn apply(
    operator: &dyn Operator,
    numbering: &Numbering,
    psi: &[Complex64],
    rows: Range<usize>,
) -> Vec<Complex64> {
    let mut matrix = MatrixRows::new(operator, numbering);
    let mut reached = Vec::new();
    let row = |k: usize| {
        reached.clear();
        let diagonal = matrix.row(k, |to, element| reached.push((to, element)));
        let start = diagonal * psi[k];
        reached
            .iter()
            .fold(start, |sum, (to, element)| sum + element * psi[*to])
    };
    rows.map(row).collect()
}

/// A_loc(x) = Σ_x' ⟨x|A|x'⟩ ψ(x')/ψ(x) of the rows `xs` of `sites` values each. The questions that
/// `ratios` answers number the rows from `first` on; what its list held before is to be replaced.
pub fn local_values(
    operator: &dyn Operator,
    xs: &[i8],
    sites: usize,
    first: usize,
    mut ratios: impl FnMut(&Asks, &mut Vec<Complex64>),
) -> Vec<Complex64> {
    /// Questions asked at once: enough to amortise a call, few enough to stay in cache.
    const BLOCK: usize = 4096;
    let rows = || xs.chunks_exact(sites);
    let mut values: Vec<Complex64> = rows().map(|x| operator.diagonal(x)).collect();
    let (mut asks, mut elements, mut answers) = (Asks::default(), Vec::new(), Vec::new());
    let mut settle = |asks: &mut Asks, elements: &mut Vec<Complex64>, values: &mut [Complex64]| {
        ratios(asks, &mut answers);
        for ((walker, _), (element, ratio)) in asks.iter().zip(elements.iter().zip(&answers)) {
            values[walker - first] += element * ratio;
        }
        asks.clear();
        elements.clear();
    };
    for (walker, x) in (first..).zip(rows()) {
        operator.connect(walker, x, &mut asks, &mut elements);
        if asks.len() >= BLOCK {
            settle(&mut asks, &mut elements, &mut values);
        }
    }
    settle(&mut asks, &mut elements, &mut values);
    values
}
