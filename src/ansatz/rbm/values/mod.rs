//! Decides the restricted Boltzmann machine on sites of more than two values.
//!
//! A site of value x enters through K features f_k(x): ln ψ = Σ_{i,k} A_ik f_k(x_i) + Σ_j ln
//! cosh θ_j, θ_j = b_j + Σ_{i,k} f_k(x_i) W_ikj. One-hot: f_k = 1 for the value number k, else
//! 0. Polynomial: f = (x, x²), with A = (a, c) and W = (W, X). Tied over a group: θ_{f,g} = b^f +
//! Σ_{j,k} f_k(x_{g(j)}) W^f_jk. A change of site l from x to x' adds δ_j to θ_j: with p and r
//! of kernel.rs, ψ is multiplied by Π_j e^{δ_j} (r_j + p_j e^{−2δ_j}), which is the kernel's
//! move of an up spin with E_j = e^{−2δ_j}.

mod slopes;
mod tables;
#[cfg(test)]
mod tests;

use super::kernel::Kernel;
use super::machine;
use super::walkers::{self, RbmBatch, RbmScratch};
use crate::ansatz::field::{check_length, flatten, gaussian, unflatten};
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, Derivatives};
use crate::basis::Local;
use crate::error::Result;
use crate::lattice::Group;
use crate::linalg::simd::Simd;
use crate::rng::Origin;
use ndarray::Array2;
use num_complex::Complex64;
use tables::ValueTables;

/// What a value says to the units.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Inputs {
    /// Its number.
    #[default]
    OneHot,
    /// Itself and its square.
    Polynomial,
}

impl Inputs {
    /// f_k of every value, one row per value.
    fn features(self, local: Local) -> Array2<f64> {
        let d = local.count as usize;
        match self {
            Inputs::OneHot => Array2::eye(d),
            Inputs::Polynomial => Array2::from_shape_fn((d, 2), |(place, k)| {
                f64::from(local.value(place)).powi(k as i32 + 1)
            }),
        }
    }
}

/// Sizes of a machine, and which weights are one parameter.
#[derive(Debug, Clone)]
pub struct ValueShape {
    /// What every site can be in.
    pub local: Local,
    /// Number of sites.
    pub sites: usize,
    /// What the values say.
    pub inputs: Inputs,
    /// Hidden units, or filters where there is a group.
    pub hidden: usize,
    /// Permutations of sites over which filters are repeated.
    pub group: Option<Group>,
    /// Whether there are visible biases.
    pub visible_bias: bool,
    /// Whether there are hidden biases.
    pub hidden_bias: bool,
}

/// A restricted Boltzmann machine on sites of any values.
#[derive(Debug, Clone)]
pub struct ValueRbm<T> {
    shape: ValueShape,
    features: Array2<f64>,
    /// Number of the visible biases of each site.
    orbit: Vec<usize>,
    /// Units in all.
    units: usize,
    /// A, b and W in the order of the layout.
    parameters: Vec<T>,
    tables: ValueTables<T>,
    simd: Simd,
}

impl ValueShape {
    /// Where each site's visible biases are: sites that the group maps onto each other share them.
    fn orbits(&self) -> Vec<usize> {
        match &self.group {
            None => (0..self.sites).collect(),
            Some(group) => super::orbits(self.sites, &group.permutations),
        }
    }

    /// Number of permutations.
    fn repeats(&self) -> usize {
        self.group.as_ref().map_or(1, |g| g.permutations.len())
    }

    /// Numbers in the largest table, one for every unit, site, value before and value after, or
    /// feature.
    pub fn numbers(&self) -> f64 {
        let values = f64::from(self.local.count);
        let units = self.hidden as f64 * self.repeats() as f64;
        units * self.sites as f64 * values * values
    }
}

impl<T: Kernel> ValueRbm<T> {
    /// A machine with Gaussian parameters of standard deviation `init`.
    pub fn new(shape: ValueShape, init: f64, seed: impl Into<Origin>) -> Self {
        let (features, orbit) = (shape.inputs.features(shape.local), shape.orbits());
        let units = shape.hidden * shape.repeats();
        let mut machine = ValueRbm {
            tables: ValueTables::empty(),
            simd: Simd::chosen(),
            parameters: Vec::new(),
            features,
            orbit,
            units,
            shape,
        };
        let [a, b, w] = machine.counts();
        machine.parameters = gaussian(a + b + w, init, &mut seed.into().parameters());
        machine.tabulate();
        machine
    }

    fn features_per_site(&self) -> usize {
        self.features.ncols()
    }

    fn orbits(&self) -> usize {
        self.orbit.iter().max().map_or(0, |m| m + 1)
    }

    /// Numbers of visible biases, hidden biases and weights.
    fn counts(&self) -> [usize; 3] {
        let (shape, k) = (&self.shape, self.features_per_site());
        [
            if shape.visible_bias {
                self.orbits() * k
            } else {
                0
            },
            if shape.hidden_bias { shape.hidden } else { 0 },
            k * shape.sites * shape.hidden,
        ]
    }

    /// Place of A of a feature among the visible biases. One-hot features of a site stand side by
    /// side, polynomial ones are blocks.
    fn bias_place(&self, orbit: usize, k: usize) -> usize {
        match self.shape.inputs {
            Inputs::OneHot => orbit * self.features_per_site() + k,
            Inputs::Polynomial => k * self.orbits() + orbit,
        }
    }

    /// Place of W^f_jk among the weights of a machine with a group, of W_jkf otherwise.
    fn weight_place(&self, site: usize, k: usize, filter: usize) -> usize {
        let (n, count, m) = (
            self.shape.sites,
            self.features_per_site(),
            self.shape.hidden,
        );
        let block = match self.shape.inputs {
            Inputs::OneHot => 0,
            Inputs::Polynomial => k * n * m,
        };
        let (row, columns) = match self.shape.inputs {
            Inputs::OneHot => (site * count + k, n * count),
            Inputs::Polynomial => (site, n),
        };
        block
            + match &self.shape.group {
                None => row * m + filter,
                Some(_) => filter * columns + row,
            }
    }

    /// Calls `visit` with site, feature, unit and place of every weight.
    fn each_weight(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let size = self.shape.repeats();
        for filter in 0..self.shape.hidden {
            for j in 0..self.shape.sites {
                for k in 0..self.features_per_site() {
                    let place = self.weight_place(j, k, filter);
                    for g in 0..size {
                        let site = match &self.shape.group {
                            None => j,
                            Some(group) => group.permutations[g][j] as usize,
                        };
                        visit(site, k, filter * size + g, place);
                    }
                }
            }
        }
    }

    /// A of a site and a feature.
    fn visible(&self, site: usize, k: usize) -> T {
        match self.shape.visible_bias {
            true => self.parameters[self.bias_place(self.orbit[site], k)],
            false => T::new(0.0, 0.0),
        }
    }

    /// Values of a site.
    fn values(&self) -> usize {
        self.shape.local.count as usize
    }

    /// The number of a value.
    #[inline(always)]
    fn place(&self, value: i8) -> usize {
        let above = i32::from(value) - i32::from(self.shape.local.first);
        (above / i32::from(self.shape.local.step)) as usize
    }
}

impl<T: Kernel> ValueRbm<T> {
    /// Blocks of the visible biases, or of the weights.
    fn blocks(&self, names: [&str; 3], rows: Option<usize>) -> Vec<Block> {
        let (count, m) = (self.features_per_site(), self.shape.hidden);
        let leading = match rows {
            Some(orbits) => vec![orbits],
            None if self.shape.group.is_some() => vec![m, self.shape.sites],
            None => vec![self.shape.sites],
        };
        let last = (rows.is_none() && self.shape.group.is_none()).then_some(m);
        let block = |name: &str, middle: Option<usize>| {
            let shape = leading.iter().copied().chain(middle).chain(last).collect();
            Block::new(name, shape, T::COMPLEX)
        };
        match self.shape.inputs {
            Inputs::OneHot => vec![block(names[0], Some(count))],
            Inputs::Polynomial => names[1..].iter().map(|name| block(name, None)).collect(),
        }
    }
}

impl<T: Kernel> Ansatz for ValueRbm<T> {
    type Batch = RbmBatch;
    type Scratch = RbmScratch;

    fn sites(&self) -> usize {
        self.shape.sites
    }
    fn layout(&self) -> Vec<Block> {
        let visible = match self.shape.visible_bias {
            true => self.blocks(["A", "a", "c"], Some(self.orbits())),
            false => Vec::new(),
        };
        let hidden = self
            .shape
            .hidden_bias
            .then(|| Block::new("b", vec![self.shape.hidden], T::COMPLEX));
        let weights = self.blocks(["W", "W", "X"], None);
        visible.into_iter().chain(hidden).chain(weights).collect()
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.parameters.iter().copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * self.parameters.len())?;
        self.parameters = unflatten::<T>(parameters);
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
