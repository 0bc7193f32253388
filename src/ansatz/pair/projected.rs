//! Decides a pair state that is projected on a total spin: a sum of Pfaffians over rotations.
//!
//! ψ(x) = Σ_k w_k Pf A_k, A_k,ij = F_k[(i σ_i), (j σ_j)] for sites i < j in their order, with the
//! rotated tables F_k. Ratios and log-derivatives are sums with the shares p_k = w_k Pf A_k/ψ.

use super::rotation::Rotation;
use super::{PairState, PairTies};
use crate::ansatz::field::{Field, check_length, flatten, ratio_of_logs, unflatten};
use crate::ansatz::symmetrised::log_sum;
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, DOUBLE, Derivatives, Move};
use crate::error::Result;
use crate::linalg::pairs::{ModeReplacement, SkewMinor, SkewTable};
use ndarray::Array2;
use num_complex::Complex64;
use std::f64::consts::PI;

/// A sum below this, relative to its terms, is zero.
const CANCELLED: f64 = 10.0 * DOUBLE;

/// A pair state of one total spin.
#[derive(Debug, Clone)]
pub struct SpinProjectedPairs<T> {
    ties: PairTies,
    parameters: Vec<T>,
    rotations: Vec<Rotation>,
    tables: Vec<SkewTable<T>>,
}

/// A configuration with a skew minor for each rotation.
#[derive(Debug, Clone)]
pub struct ProjectedWalker<T> {
    x: Vec<i8>,
    minors: Vec<SkewMinor<T>>,
    log: Complex64,
    /// Shares of the rotations, which add up to 1.
    shares: Vec<Complex64>,
}

/// The mode of every site: its number where it is up, behind all of those where it is down.
fn modes(x: &[i8]) -> Vec<u32> {
    let n = x.len() as u32;
    let mode = |(&value, site): (&i8, u32)| if value > 0 { site } else { n + site };
    x.iter().zip(0..).map(mode).collect()
}

impl<T: Field> SpinProjectedPairs<T> {
    /// The part of `state` with total spin `spin`, by `points` rotations.
    pub fn new(state: PairState<T>, spin: usize, points: usize) -> Self {
        let mut projected = SpinProjectedPairs {
            ties: state.ties,
            parameters: state.parameters,
            rotations: Rotation::projection(spin, points),
            tables: Vec::new(),
        };
        projected.tabulate();
        projected
    }

    fn tabulate(&mut self) {
        let n = self.ties.sites();
        let f = self.ties.table(&self.parameters);
        let table = |rotation: &Rotation| {
            let entry = |k: usize| {
                let (p, q) = (k / (2 * n), k % (2 * n));
                let (own, other) = rotation.shares(p < n, q < n);
                let (i, j) = (p % n, q % n);
                f[i * n + j] * own + f[j * n + i] * other
            };
            SkewTable::new((0..4 * n * n).map(entry).collect(), 2 * n)
        };
        self.tables = self.rotations.iter().map(table).collect();
    }

    /// ln w of a rotation.
    fn weight(&self, k: usize) -> Complex64 {
        let weight = self.rotations[k].weight;
        Complex64::new(weight.abs().ln(), if weight < 0.0 { PI } else { 0.0 })
    }

    fn walker(&self, x: &[i8]) -> ProjectedWalker<T> {
        let modes = modes(x);
        let minor = |table| SkewMinor::new(table, modes.clone());
        let mut walker = ProjectedWalker {
            x: x.to_vec(),
            minors: self.tables.iter().map(minor).collect(),
            log: Complex64::ZERO,
            shares: Vec::new(),
        };
        self.settle(&mut walker);
        walker
    }

    fn settle(&self, walker: &mut ProjectedWalker<T>) {
        let terms = walker.minors.iter().enumerate();
        let terms: Vec<_> = terms.map(|(k, m)| m.log + self.weight(k)).collect();
        walker.log = log_sum(&terms, CANCELLED);
        let share = |term: &Complex64| {
            let vanishes = |log: &Complex64| log.re == f64::NEG_INFINITY;
            match vanishes(term) || vanishes(&walker.log) {
                true => Complex64::ZERO,
                false => (term - walker.log).exp(),
            }
        };
        walker.shares = terms.iter().map(share).collect();
    }

    /// ln ψ without a walker.
    fn log_of(&self, x: &[i8]) -> Complex64 {
        let modes = modes(x);
        let term = |(k, table)| SkewMinor::log_of(table, &modes) + self.weight(k);
        let terms: Vec<_> = self.tables.iter().enumerate().map(term).collect();
        log_sum(&terms, CANCELLED)
    }

    fn ratio(&self, walker: &ProjectedWalker<T>, step: Move) -> Complex64 {
        if walker.log.re == f64::NEG_INFINITY {
            return ratio_of_logs(self.log_of(&step.applied(&walker.x)), walker.log);
        }
        let (places, new) = self.replaced(&walker.x, step);
        let target = modes(&step.applied(&walker.x));
        let (mut sum, mut size) = (Complex64::ZERO, 0.0);
        for (k, (minor, table)) in walker.minors.iter().zip(&self.tables).enumerate() {
            let term = match places.len() {
                0 => walker.shares[k],
                1 | 2 if !minor.is_singular() => {
                    let to = ModeReplacement {
                        places: &places,
                        modes: &new,
                    };
                    walker.shares[k] * minor.ratio(table, to)
                }
                _ => {
                    let log = SkewMinor::log_of(table, &target) + self.weight(k);
                    ratio_of_logs(log, walker.log)
                }
            };
            sum += term;
            size += term.norm();
        }
        match sum.norm() <= CANCELLED * size {
            true => Complex64::ZERO,
            false => sum,
        }
    }

    /// The sites that change and their new modes.
    fn replaced(&self, x: &[i8], step: Move) -> (Vec<usize>, Vec<u32>) {
        let n = x.len() as u32;
        let changed = step.sites.iter().zip(step.values);
        let changed = changed.filter(|(site, value)| x[**site as usize] != **value);
        let mode =
            |(&site, &value): (&u32, &i8)| (site as usize, if value > 0 { site } else { n + site });
        changed.map(mode).unzip()
    }
}

impl<T: Field> Ansatz for SpinProjectedPairs<T> {
    type Batch = Vec<ProjectedWalker<T>>;
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
        self.tabulate();
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let (n, points) = (self.sites(), self.rotations.len());
        let minor = size_of::<SkewMinor<T>>() + 4 * n + n * n * size_of::<T>() + 16;
        AnsatzFacts {
            kind: T::kind(),
            precision: DOUBLE,
            positive: false,
            bytes_per_walker: size_of::<ProjectedWalker<T>>() + n + points * minor,
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: (points * T::PARTS * T::PARTS * 4 * n * n) as f64,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let rows = xs.chunks_exact(self.sites());
        rows.map(|x| self.walker(x)).collect()
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.iter().map(|walker| walker.log).collect()
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
            let (places, new) = self.replaced(&walker.x, step);
            step.apply(&mut walker.x);
            let target = modes(&walker.x);
            for (minor, table) in walker.minors.iter_mut().zip(&self.tables) {
                if places.is_empty() {
                    continue;
                }
                if places.len() > 2 || minor.is_singular() {
                    *minor = SkewMinor::new(table, target.clone());
                    continue;
                }
                let to = ModeReplacement {
                    places: &places,
                    modes: &new,
                };
                let ratio = minor.ratio(table, to);
                minor.replace(table, to, ratio);
            }
            self.settle(walker);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let mut rows = Array2::from_elem((batch.len(), self.ties.count), Complex64::ZERO);
        for (walker, mut row) in batch.iter().zip(rows.outer_iter_mut()) {
            let n = walker.x.len();
            for (i, j) in (0..n).flat_map(|j| (0..j).map(move |i| (i, j))) {
                let (mut own, mut other) = (Complex64::ZERO, Complex64::ZERO);
                for (k, rotation) in self.rotations.iter().enumerate() {
                    let shares = rotation.shares(walker.x[i] > 0, walker.x[j] > 0);
                    let slope = walker.shares[k] * walker.minors[k].slope(i, j).complex();
                    own += slope * shares.0;
                    other += slope * shares.1;
                }
                for ((class, odd), slope) in [
                    (self.ties.of(i as u32, j as u32), own),
                    (self.ties.of(j as u32, i as u32), other),
                ] {
                    row[class] += if odd { -slope } else { slope };
                }
            }
        }
        Derivatives::dense(T::kind(), T::matrix(rows.mapv(T::from_complex)))
    }
}
