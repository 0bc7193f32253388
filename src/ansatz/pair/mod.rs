//! Decides the pair state of spins one half: fermions in pairs, one fermion at every site.
//!
//! The state (Σ_ij f_ij c†_i↑ c†_j↓)^m |0⟩ of N = 2m fermions without double occupancy (M. C.
//! Gutzwiller, Phys. Rev. Lett. 10, 159 (1963); D. Tahara, M. Imada, J. Phys. Soc. Jpn. 77, 114701
//! (2008)). With the fermions in the order of the sites S⁺_i S⁻_j has no signs of fermions, and
//! ```text
//! ψ(x) = (−1)^{#(i<j, i down, j up)} (−1)^{m(m−1)/2} det f[up, down]
//! ```
//! Where opposite spins at i and j are exchanged, the determinant has the row of j in place of that
//! of i and the column of i in place of that of j, and the signs in front change by −1.

mod factory;
mod growth;
mod projected;
mod rotation;
mod start;
mod ties;

pub(super) use factory::projected;
pub use factory::{build, schema};
pub use projected::SpinProjectedPairs;
pub use rotation::Rotation;
pub use ties::PairTies;

use super::field::{Field, check_length, flatten, ratio_of_logs, reduce, unflatten};
use super::{Ansatz, AnsatzFacts, Asks, Block, DOUBLE, Derivatives, Move};
use crate::error::Result;
use crate::linalg::pairs::{Minor, PairOrbital, Replacement};
use ndarray::Array2;
use num_complex::Complex64;
use std::f64::consts::PI;

/// A pair state with real or complex parameters.
#[derive(Debug, Clone)]
pub struct PairState<T> {
    ties: PairTies,
    parameters: Vec<T>,
    f: PairOrbital<T>,
}

/// A configuration with its minor.
#[derive(Debug, Clone)]
pub struct PairWalker<T> {
    x: Vec<i8>,
    minor: Minor<T>,
    /// Place of each site in the rows, or in the columns where it is down.
    places: Vec<u32>,
    /// Whether the sign in front of the determinant is −1.
    negative: bool,
}

/// The sites with spin up and those with spin down, and the sign in front of the determinant.
fn occupied(x: &[i8]) -> (Vec<u32>, Vec<u32>, bool) {
    let (mut up, mut down, mut odd) = (Vec::new(), Vec::new(), false);
    for (&value, site) in x.iter().zip(0..) {
        if value > 0 {
            odd ^= down.len() % 2 == 1;
            up.push(site);
        } else {
            down.push(site);
        }
    }
    let pairs = up.len() * up.len().saturating_sub(1) / 2;
    (up, down, odd ^ (pairs % 2 == 1))
}

/// What a move does to the two lists.
enum Change {
    Nothing,
    /// Opposite spins change places: the site that was up, and the one that was down.
    Exchange(u32, u32),
    Other,
}

fn change(x: &[i8], step: Move) -> Change {
    let changed = step.sites.iter().zip(step.values);
    let mut changed = changed.filter(|(site, value)| x[**site as usize] != **value);
    match (changed.next(), changed.next(), changed.next()) {
        (None, ..) => Change::Nothing,
        (Some((&i, &now)), Some((&j, &then)), None) if now != then => {
            if now < then {
                Change::Exchange(i, j)
            } else {
                Change::Exchange(j, i)
            }
        }
        _ => Change::Other,
    }
}

impl<T: Field> PairState<T> {
    /// The state of these parameters, one for each class of `ties`.
    pub fn new(ties: PairTies, parameters: Vec<T>) -> Self {
        let f = PairOrbital::new(ties.table(&parameters), ties.sites());
        PairState {
            ties,
            parameters,
            f,
        }
    }

    fn walker(&self, x: &[i8]) -> PairWalker<T> {
        let (up, down, negative) = occupied(x);
        let mut places = vec![0; x.len()];
        for list in [&up, &down] {
            (list.iter().zip(0..)).for_each(|(&site, place)| places[site as usize] = place);
        }
        PairWalker {
            x: x.to_vec(),
            minor: Minor::new(&self.f, up, down),
            places,
            negative,
        }
    }

    /// ln ψ without a walker.
    fn log_of(&self, x: &[i8]) -> Complex64 {
        let (up, down, negative) = occupied(x);
        signed(Minor::log_of(&self.f, &up, &down), negative)
    }

    fn ratio(&self, walker: &PairWalker<T>, step: Move) -> Complex64 {
        match change(&walker.x, step) {
            Change::Nothing if walker.minor.is_singular() => Complex64::ZERO,
            Change::Nothing => Complex64::ONE,
            Change::Exchange(i, j) if !walker.minor.is_singular() => {
                -walker.minor.ratio(&self.f, walker.replacement(i, j))
            }
            _ => ratio_of_logs(self.log_of(&step.applied(&walker.x)), walker.log()),
        }
    }
}

fn signed(log: Complex64, negative: bool) -> Complex64 {
    reduce(log + Complex64::new(0.0, if negative { PI } else { 0.0 }))
}

impl<T: Field> PairWalker<T> {
    fn log(&self) -> Complex64 {
        signed(self.minor.log, self.negative)
    }

    fn replacement(&self, up: u32, down: u32) -> Replacement {
        Replacement {
            a: self.places[up as usize] as usize,
            row: down,
            b: self.places[down as usize] as usize,
            column: up,
        }
    }
}

impl<T: Field> Ansatz for PairState<T> {
    type Batch = Vec<PairWalker<T>>;
    type Scratch = ();

    fn sites(&self) -> usize {
        self.ties.sites()
    }
    fn layout(&self) -> Vec<Block> {
        let n = self.sites();
        vec![Block::new("f", vec![self.ties.count / n, n], T::COMPLEX)]
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.parameters.iter().copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * self.parameters.len())?;
        self.parameters = unflatten(parameters);
        self.f = PairOrbital::new(self.ties.table(&self.parameters), self.sites());
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let (n, half) = (self.sites(), self.sites() / 2);
        AnsatzFacts {
            kind: T::kind(),
            precision: DOUBLE,
            positive: false,
            bytes_per_walker: size_of::<PairWalker<T>>() + 9 * n + half * half * size_of::<T>(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: (T::PARTS * T::PARTS * 2 * half * half) as f64,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let rows = xs.chunks_exact(self.sites());
        rows.map(|x| self.walker(x)).collect()
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.iter().map(PairWalker::log).collect()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        _scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        for ((k, step), out) in asks.iter().zip(out) {
            *out = self.ratio(&batch[k], step);
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        _scratch: &mut Self::Scratch,
    ) {
        for (k, step) in asks.taken(taken) {
            let walker = &mut batch[k];
            match change(&walker.x, step) {
                Change::Nothing => {}
                Change::Exchange(i, j) if !walker.minor.is_singular() => {
                    let to = walker.replacement(i, j);
                    let ratio = walker.minor.ratio(&self.f, to);
                    walker.minor.replace(&self.f, to, ratio);
                    walker.negative = !walker.negative;
                    walker.places.swap(i as usize, j as usize);
                    step.apply(&mut walker.x);
                }
                _ => *walker = self.walker(&step.applied(&walker.x)),
            }
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let mut rows = Array2::from_elem((batch.len(), self.ties.count), T::zero());
        let walkers = batch.iter().zip(rows.outer_iter_mut());
        for (walker, mut row) in walkers.filter(|(w, _)| !w.minor.is_singular()) {
            for (a, &i) in walker.minor.rows.iter().enumerate() {
                for (b, &j) in walker.minor.columns.iter().enumerate() {
                    let (class, odd) = self.ties.of(i, j);
                    let slope = walker.minor.slope(a, b);
                    row[class] += if odd { -slope } else { slope };
                }
            }
        }
        Derivatives::dense(T::kind(), T::matrix(rows))
    }
}
