//! Decides the restricted Boltzmann machine: dense, or with filters tied over a group of site
//! permutations.
//!
//! ln ψ(σ) = Σ_i a_i σ_i + Σ_j ln cosh θ_j, θ_j = b_j + Σ_i σ_i W_ij; tied:
//! θ_{f,g} = b^f + Σ_j W^f_j σ_{g(j)}. A proposal costs a few multiplications per hidden unit and
//! no elementary function (kernel.rs). (G. Carleo, M. Troyer, Science 355, 602 (2017).)

mod factory;
mod growth;
mod kernel;
mod logistic;
mod machine;
mod range;
mod slopes;
mod tables;
#[cfg(test)]
mod tests;
mod values;
mod walkers;

pub(super) use factory::hidden_units;
pub use factory::{build, can_be_tied, is_meant, is_whole, schema};
pub use growth::{FilterGrowth, Tying};
pub use kernel::Kernel;
pub use walkers::{RbmBatch, RbmScratch};

use super::field::{check_length, flatten, gaussian, unflatten};
use super::{Ansatz, AnsatzFacts, Asks, Block, Derivatives};
use crate::error::Result;
use crate::lattice::Group;
use crate::linalg::simd::Simd;
use crate::rng::Origin;
use num_complex::Complex64;
use std::sync::Arc;
use tables::RbmTables;

/// Filters that are repeated for every element of a group.
#[derive(Debug, Clone)]
struct Tie {
    filters: usize,
    group: Group,
}

/// A restricted Boltzmann machine with real or complex parameters.
#[derive(Debug, Clone)]
pub struct Rbm<T> {
    sites: usize,
    hidden: usize,
    tie: Option<Tie>,
    /// Number of the visible bias of each site.
    orbit: Vec<usize>,
    a: Vec<T>,
    b: Vec<T>,
    w: Vec<T>,
    /// Places of the weights that are parameters; the others are zero. All where there is none.
    inside: Option<Arc<[usize]>>,
    tables: RbmTables<T>,
    simd: Simd,
}

impl<T: Kernel> Rbm<T> {
    /// Every site coupled to every one of `hidden` units; `visible_bias` and `hidden_bias` say
    /// whether there are biases. Parameters are Gaussian with standard deviation `init`.
    pub fn dense(
        sites: usize,
        hidden: usize,
        visible_bias: bool,
        hidden_bias: bool,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let orbit = if visible_bias {
            (0..sites).collect()
        } else {
            Vec::new()
        };
        Self::random(
            sites,
            hidden,
            None,
            orbit,
            if hidden_bias { hidden } else { 0 },
            sites * hidden,
            init,
            seed,
        )
    }

    /// `filters` filters, each repeated for every element of `group`; one visible bias per orbit of
    /// sites.
    pub fn symmetric(
        sites: usize,
        filters: usize,
        group: &Group,
        visible_bias: bool,
        hidden_bias: bool,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let orbit = if visible_bias {
            orbits(sites, &group.permutations)
        } else {
            Vec::new()
        };
        let hidden = filters * group.permutations.len();
        let tie = Some(Tie {
            filters,
            group: group.clone(),
        });
        Self::random(
            sites,
            hidden,
            tie,
            orbit,
            if hidden_bias { filters } else { 0 },
            filters * sites,
            init,
            seed,
        )
    }

    #[allow(clippy::too_many_arguments)]
    fn random(
        sites: usize,
        hidden: usize,
        tie: Option<Tie>,
        orbit: Vec<usize>,
        biases: usize,
        weights: usize,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let mut rng = seed.into().parameters();
        let a = gaussian(orbit.iter().max().map_or(0, |m| m + 1), init, &mut rng);
        let b = gaussian(biases, init, &mut rng);
        let w = gaussian(weights, init, &mut rng);
        let tables = RbmTables::new(sites, hidden);
        let mut rbm = Rbm {
            sites,
            hidden,
            tie,
            orbit,
            a,
            b,
            w,
            inside: None,
            tables,
            simd: Simd::chosen(),
        };
        rbm.tabulate();
        rbm
    }

    /// The same function with all weights free: W of every site and unit is written out.
    pub fn expanded(&self) -> Self {
        let mut rbm = Self::dense(
            self.sites,
            self.hidden,
            !self.a.is_empty(),
            !self.b.is_empty(),
            0.0,
            0,
        );
        rbm.a = self.orbit.iter().map(|&o| self.a[o]).collect();
        if !self.b.is_empty() {
            rbm.b = (0..self.hidden).map(|unit| self.bias(unit)).collect();
        }
        self.each_weight(|k, site, unit| rbm.w[site * self.hidden + unit] = self.w[k]);
        rbm.tabulate();
        rbm
    }
}

impl<T: Kernel> Ansatz for Rbm<T> {
    type Batch = RbmBatch;
    type Scratch = RbmScratch;

    fn sites(&self) -> usize {
        self.sites
    }
    fn layout(&self) -> Vec<Block> {
        let block = |name: &str, shape| Block::new(name, shape, T::COMPLEX);
        let weights = self
            .tie
            .as_ref()
            .map_or([self.sites, self.hidden], |tie| [tie.filters, self.sites]);
        let biases = [("a", self.a.len()), ("b", self.b.len())]
            .into_iter()
            .filter(|(_, count)| *count > 0);
        biases
            .map(|(name, count)| block(name, vec![count]))
            .chain([Block {
                inside: self.inside.clone(),
                ..block("W", weights.to_vec())
            }])
            .collect()
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.a.iter().chain(&self.b).copied().chain(self.free()))
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(
            parameters,
            T::PARTS * (self.a.len() + self.b.len() + self.free().count()),
        )?;
        let values = unflatten::<T>(parameters);
        let (a, rest) = values.split_at(self.a.len());
        let (b, w) = rest.split_at(self.b.len());
        (self.a, self.b) = (a.to_vec(), b.to_vec());
        match &self.inside {
            None => self.w = w.to_vec(),
            Some(inside) => inside.iter().zip(w).for_each(|(&k, &w)| self.w[k] = w),
        }
        self.tabulate();
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        machine::facts(self, walkers::bytes_per_walker(self))
    }

    fn batch(&self, xs: &[i8]) -> Self::Batch {
        walkers::start(self, xs)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.log_psi()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        walkers::answers(self, batch, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        walkers::move_on(self, batch, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        self.log_derivatives(batch)
    }
}

/// Sites that a group maps onto each other share a number.
fn orbits(sites: usize, group: &[Vec<u32>]) -> Vec<usize> {
    let mut orbit = vec![usize::MAX; sites];
    let mut count = 0;
    for site in 0..sites {
        if orbit[site] == usize::MAX {
            group.iter().for_each(|g| orbit[g[site] as usize] = count);
            count += 1;
        }
    }
    orbit
}
