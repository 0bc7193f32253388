//! Decides the projected entangled pair state: a tensor for every site of an open square lattice,
//! contracted row by row.
//!
//! ψ(x) is the sum over all bonds of Π_i T_i[s_i, l, r, d, u], s = 0 where the spin is up. Rows
//! below and above are matrix product states of bounded bond dimension χ (boundary.rs); what a
//! move changes is contracted between them (strip.rs). ψ is linear in each tensor, so O of a site
//! is its surroundings over ψ, for the value that its spin has. (F. Verstraete, J. I. Cirac,
//! arXiv:cond-mat/0407066 (2004); L. Wang, I. Pižorn, F. Verstraete, Phys. Rev. B 83, 134421
//! (2011).)

mod boundary;
mod factory;
mod network;
mod strip;
#[cfg(test)]
mod tests;
mod walker;

pub use factory::{build, schema};
pub use walker::NetworkWalker;

use super::field::{Field, check_length, flatten, gaussian, reduce, unflatten};
use super::{Ansatz, AnsatzFacts, Asks, Block, Columns, DOUBLE, Derivatives, Matrix, Move};
use crate::error::Result;
use crate::rng::Origin;
use ndarray::Array2;
use network::SiteTensor;
use num_complex::Complex64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A projected entangled pair state with real or complex tensors.
#[derive(Debug)]
pub struct Pairs<T> {
    size: [usize; 2],
    bond: usize,
    /// Largest bond dimension of a boundary.
    most: usize,
    /// All tensors, site after site.
    tensors: Vec<T>,
    /// Where the tensor of each site starts.
    starts: Vec<usize>,
    /// The largest relative weight that a boundary has lost, as bits.
    discarded: AtomicU64,
}

impl<T: Field> Pairs<T> {
    /// Tensors δ_l0 δ_r0 δ_d0 δ_u0 with Gaussian deviations of standard deviation `init` on
    /// Lx × Ly sites with bonds of dimension `bond`; `most` bounds those of boundaries, 0 for no
    /// bound.
    pub fn new(
        size: [usize; 2],
        bond: usize,
        most: usize,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let mut starts = vec![0];
        for site in 0..size[0] * size[1] {
            let entries: usize = extents(size, bond, site).iter().product();
            starts.push(starts[site] + 2 * entries);
        }
        let count = starts[starts.len() - 1];
        let mut tensors = gaussian(count, init, &mut seed.into().parameters());
        for site in 0..size[0] * size[1] {
            let half = (starts[site + 1] - starts[site]) / 2;
            tensors[starts[site]] += T::from_re(1.0);
            tensors[starts[site] + half] += T::from_re(1.0);
        }
        Pairs {
            size,
            bond,
            most: if most == 0 { usize::MAX } else { most },
            tensors,
            starts,
            discarded: AtomicU64::new(0),
        }
    }

    /// The tensor of a site for one value of its spin.
    fn site(&self, site: usize, spin: i8) -> SiteTensor<'_, T> {
        let (start, end) = (self.starts[site], self.starts[site + 1]);
        let (up, down) = self.tensors[start..end].split_at((end - start) / 2);
        let numbers = if spin > 0 { up } else { down };
        SiteTensor::new(extents(self.size, self.bond, site), numbers)
    }

    /// A row with the spins of the whole lattice.
    fn row(&self, y: usize, x: &[i8]) -> Vec<SiteTensor<'_, T>> {
        let first = y * self.size[0];
        let sites = first..first + self.size[0];
        sites.map(|site| self.site(site, x[site])).collect()
    }

    fn note(&self, discarded: f64) {
        // Numbers that are not negative have the order of their bits.
        self.discarded
            .fetch_max(discarded.to_bits(), Ordering::Relaxed);
    }

    /// The largest bond dimensions that a boundary can have, summed up as numbers of tensors.
    fn numbers_per_walker(&self) -> usize {
        let [lx, ly] = self.size;
        let power = |e: usize| self.bond.saturating_pow(e as u32).min(self.most);
        let cut = |x: usize, rows: usize| power(x.min(lx - x).min(rows));
        let boundary = |rows: usize| -> usize {
            (0..lx)
                .map(|x| cut(x, rows) * self.bond * cut(x + 1, rows))
                .sum()
        };
        // Two copies of each tensor, below and above.
        4 * (0..ly).map(boundary).sum::<usize>()
    }
}

/// The extents left, right, down, up of a site: 1 at the edges.
fn extents(size: [usize; 2], bond: usize, site: usize) -> [usize; 4] {
    let (x, y) = (site % size[0], site / size[0]);
    let leg = |inside: bool| if inside { bond } else { 1 };
    [
        leg(x > 0),
        leg(x + 1 < size[0]),
        leg(y > 0),
        leg(y + 1 < size[1]),
    ]
}

/// Rows and columns that a move touches.
fn span(columns: usize, step: Move) -> [std::ops::Range<usize>; 2] {
    let of = |place: &dyn Fn(usize) -> usize| {
        let places = || step.sites.iter().map(|&site| place(site as usize));
        let first = places().min().unwrap_or(0);
        first..places().max().map_or(first, |last| last + 1)
    };
    [of(&|site| site / columns), of(&|site| site % columns)]
}

impl<T: Field> Ansatz for Pairs<T> {
    type Batch = Vec<NetworkWalker<T>>;
    type Scratch = ();

    fn sites(&self) -> usize {
        self.size[0] * self.size[1]
    }
    fn layout(&self) -> Vec<Block> {
        let block = |site| {
            let legs = extents(self.size, self.bond, site);
            Block::new(
                format!("T_{site}"),
                std::iter::once(2).chain(legs).collect(),
                T::COMPLEX,
            )
        };
        (0..self.sites()).map(block).collect()
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.tensors.iter().copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * self.tensors.len())?;
        self.tensors = unflatten(parameters);
        self.discarded = AtomicU64::new(0);
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let chi = self.most.min(self.bond.saturating_pow(2)) as f64;
        let d = self.bond as f64;
        AnsatzFacts {
            kind: T::kind(),
            precision: DOUBLE,
            positive: false,
            bytes_per_walker: self.sites() + size_of::<T>() * self.numbers_per_walker(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: 2.0 * self.size[0] as f64 * chi * chi * d * d * (2.0 * chi + d * d),
        }
    }

    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let rows = xs.chunks_exact(self.sites());
        rows.map(|x| NetworkWalker::new(x, self.size[1])).collect()
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let log = |walker: &NetworkWalker<T>| {
            let mut strip = walker.strip(self, self.size[1] / 2, 1);
            reduce(strip.amplitude(self.size[0] / 2).ln())
        };
        batch.iter().map(log).collect()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        _scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        // Questions about the same rows of a walker share environments.
        let key = |q: usize| {
            let (walker, step) = asks.get(q);
            let [rows, _] = span(self.size[0], step);
            (walker, rows.len(), rows.start)
        };
        let mut order: Vec<(_, usize)> = (0..asks.len()).map(|q| (key(q), q)).collect();
        order.sort_unstable();
        for group in order.chunk_by(|a, b| a.0 == b.0) {
            let (walker, count, first) = group[0].0;
            let walker = &batch[walker];
            if count > 2 {
                for &(_, q) in group {
                    out[q] = walker.far(self, asks.get(q).1);
                }
                continue;
            }
            let mut strip = walker.strip(self, first, count);
            for &(_, q) in group {
                out[q] = walker.near(self, &mut strip, first, asks.get(q).1);
            }
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
            let [rows, _] = span(self.size[0], step);
            batch[k].move_on(rows, step);
        }
    }
    fn truncation(&self) -> Option<f64> {
        Some(f64::from_bits(self.discarded.load(Ordering::Relaxed)))
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let samples = batch.len();
        let zeros = |width| Array2::from_elem((samples, width), T::default());
        let halves = (0..self.sites()).map(|i| (self.starts[i + 1] - self.starts[i]) / 2);
        let mut slopes: Vec<Array2<T>> = halves.map(zeros).collect();
        let mut spins = vec![Array2::from_elem((samples, 2), 0.0); self.sites()];
        for (k, walker) in batch.iter().enumerate() {
            for y in 0..self.size[1] {
                let mut strip = walker.strip(self, y, 1);
                for x in 0..self.size[0] {
                    let site = x + self.size[0] * y;
                    let row = ndarray::Array1::from(strip.slopes(x));
                    slopes[site].row_mut(k).assign(&row);
                    spins[site][(k, usize::from(walker.x[site] < 0))] = 1.0;
                }
            }
        }
        let both = spins.into_iter().zip(slopes);
        let block = |(spins, slopes)| {
            Columns::Outer(Arc::new(Matrix::Real(spins)), Arc::new(T::matrix(slopes)))
        };
        Derivatives::new(T::kind(), samples, both.map(block).collect())
    }
}
