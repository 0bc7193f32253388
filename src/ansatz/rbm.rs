//! Decides the restricted Boltzmann machine: dense, or with filters tied over a group of site permutations.
//!
//! ln ψ(σ) = Σ_i a_i σ_i + Σ_j ln cosh θ_j, θ_j = b_j + Σ_i σ_i W_ij; tied: θ_{f,g} = b^f + Σ_j W^f_j σ_{g(j)}. A walker keeps
//! p = 1/(1+e^{2θ}) and r = 1/(1+e^{−2θ}): flipping F multiplies ψ by e^{Σ_{l∈F} s_l} Π_j (r_j + p_j E_j) with
//! E_j = Π_{l∈F} e^{4σ_l W_lj} and s_l = −2σ_l (a_l + Σ_j W_lj), all from tables, without a transcendental function per unit.
//! (G. Carleo, M. Troyer, Science 355, 602 (2017).)

mod factory;
pub mod kernel;
#[cfg(test)]
mod tests;

pub use factory::{build, schema};

use super::field::{check_length, flatten, gaussian, ratio_from_log, reduce, unflatten};
use super::{Ansatz, Asks, Block, Columns, Derivatives, Kind, Matrix};
use crate::error::Result;
use crate::lattice::Group;
use crate::rng::{Purpose, stream};
use kernel::{Kernel, Planes, Row, Scaled};
use ndarray::Array2;
use num_complex::Complex64;
use std::sync::Arc;

/// Accepted moves of a walker after which p, r and ln ψ are computed afresh from θ.
const REFRESH: u32 = 256;
/// Accepted moves of a walker after which θ too is computed afresh.
const REBUILD: u32 = 1 << 16;

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
    tables: Tables<T>,
}

/// What follows from the parameters alone.
#[derive(Debug, Clone)]
struct Tables<T> {
    /// W, one row per site.
    weights: Planes<T>,
    /// Hidden biases, one row.
    bias: Planes<T>,
    /// e^{4W} in row 2l, e^{−4W} in row 2l+1: for the flip of an up and of a down spin at site l.
    flips: Planes<T>,
    /// e^{s_l} in the same order.
    fronts: Vec<Scaled<T>>,
    /// −2 a_l per site.
    visible: Vec<T>,
}

/// Look-up tables of walkers.
#[derive(Debug, Clone)]
pub struct RbmBatch<T> {
    x: Vec<i8>,
    theta: Planes<T>,
    p: Planes<T>,
    r: Planes<T>,
    log_psi: Vec<Complex64>,
    accepted: Vec<u32>,
    /// Walkers with a saturated unit, for which ratios come from θ.
    saturated: Vec<bool>,
    scratch: Planes<T>,
}

impl<T: Kernel> Rbm<T> {
    /// Every site coupled to every one of `hidden` units; `visible_bias` and `hidden_bias` say whether there are biases.
    /// Parameters are Gaussian with standard deviation `init`.
    pub fn dense(sites: usize, hidden: usize, visible_bias: bool, hidden_bias: bool, init: f64, seed: u64) -> Self {
        let orbit = if visible_bias { (0..sites).collect() } else { Vec::new() };
        Self::start(sites, hidden, None, orbit, if hidden_bias { hidden } else { 0 }, sites * hidden, init, seed)
    }

    /// `filters` filters, each repeated for every element of `group`; one visible bias per orbit of sites.
    pub fn symmetric(
        sites: usize,
        filters: usize,
        group: &Group,
        visible_bias: bool,
        hidden_bias: bool,
        init: f64,
        seed: u64,
    ) -> Self {
        let orbit = if visible_bias { orbits(sites, group) } else { Vec::new() };
        let hidden = filters * group.permutations.len();
        let tie = Some(Tie { filters, group: group.clone() });
        Self::start(sites, hidden, tie, orbit, if hidden_bias { filters } else { 0 }, filters * sites, init, seed)
    }

    #[allow(clippy::too_many_arguments)]
    fn start(
        sites: usize,
        hidden: usize,
        tie: Option<Tie>,
        orbit: Vec<usize>,
        biases: usize,
        weights: usize,
        init: f64,
        seed: u64,
    ) -> Self {
        let mut rng = stream(seed, Purpose::Parameters, 0, 0);
        let a = gaussian(orbit.iter().max().map_or(0, |m| m + 1), init, &mut rng);
        let b = gaussian(biases, init, &mut rng);
        let w = gaussian(weights, init, &mut rng);
        let tables = Tables {
            weights: Planes::zeros(sites, hidden),
            bias: Planes::zeros(1, hidden),
            flips: Planes::zeros(2 * sites, hidden),
            fronts: vec![Scaled { mantissa: T::new(1.0, 0.0), exponent: 0 }; 2 * sites],
            visible: vec![T::new(0.0, 0.0); sites],
        };
        let mut rbm = Rbm { sites, hidden, tie, orbit, a, b, w, tables };
        rbm.tabulate();
        rbm
    }

    /// The same function with all weights free: W of every site and unit is written out.
    pub fn expanded(&self) -> Self {
        let mut rbm = Self::dense(self.sites, self.hidden, !self.a.is_empty(), !self.b.is_empty(), 0.0, 0);
        rbm.a = self.orbit.iter().map(|&o| self.a[o]).collect();
        if !self.b.is_empty() {
            rbm.b = (0..self.hidden).map(|j| self.tables.bias.get(0, j)).collect();
        }
        rbm.w =
            (0..self.sites * self.hidden).map(|k| self.tables.weights.get(k / self.hidden, k % self.hidden)).collect();
        rbm.tabulate();
        rbm
    }

    /// Brings all tables up to date with the parameters.
    fn tabulate(&mut self) {
        let (m, tables) = (self.hidden, &mut self.tables);
        match &self.tie {
            None => {
                self.w.iter().enumerate().for_each(|(k, &w)| tables.weights.set(k / m, k % m, w));
                self.b.iter().enumerate().for_each(|(j, &b)| tables.bias.set(0, j, b));
            }
            Some(Tie { filters, group }) => {
                for f in 0..*filters {
                    for (g, permutation) in group.permutations.iter().enumerate() {
                        let unit = f * group.permutations.len() + g;
                        for (j, &site) in permutation.iter().enumerate() {
                            tables.weights.set(site as usize, unit, self.w[f * self.sites + j]);
                        }
                        if let Some(&b) = self.b.get(f) {
                            tables.bias.set(0, unit, b);
                        }
                    }
                }
            }
        }
        for site in 0..self.sites {
            let mut sum = T::new(0.0, 0.0);
            for j in 0..m {
                let w = tables.weights.get(site, j);
                sum += w;
                tables.flips.set(2 * site, j, (w * 4.0).exp());
                tables.flips.set(2 * site + 1, j, (w * -4.0).exp());
            }
            let a = self.orbit.get(site).map_or(T::new(0.0, 0.0), |&o| self.a[o]);
            tables.visible[site] = a * -2.0;
            tables.fronts[2 * site] = Scaled::exp((a + sum) * -2.0);
            tables.fronts[2 * site + 1] = Scaled::exp((a + sum) * 2.0);
        }
    }

    /// θ of walker `k` from its spins.
    fn rebuild(&self, batch: &mut RbmBatch<T>, k: usize) {
        batch.theta.copy(k, self.tables.bias.row(0));
        for site in 0..self.sites {
            let spin = f64::from(batch.x[k * self.sites + site]);
            batch.theta.add(k, spin, self.tables.weights.row(site));
        }
    }

    /// p, r and ln ψ of walker `k` from its θ.
    fn refresh(&self, batch: &mut RbmBatch<T>, k: usize) {
        let mut log = T::new(0.0, 0.0);
        for site in 0..self.sites {
            log += self.tables.visible[site] * (-0.5 * f64::from(batch.x[k * self.sites + site]));
        }
        for j in 0..self.hidden {
            let theta = batch.theta.get(k, j);
            let (p, r) = theta.logistic();
            batch.p.set(k, j, p);
            batch.r.set(k, j, r);
            log += theta.lncosh();
        }
        batch.log_psi[k] = reduce(log.complex());
        batch.saturated[k] = !T::is_regular(&batch.p, &batch.r, k);
    }

    /// Row of `flips` and place in `fronts` for the flip of `site` of walker `k`.
    fn flip(&self, batch: &RbmBatch<T>, k: usize, site: u32) -> usize {
        2 * site as usize + usize::from(batch.x[k * self.sites + site as usize] < 0)
    }

    /// The one or two rows whose product is E; more than two sites are multiplied into `scratch`.
    fn factors<'a>(
        &'a self,
        batch: &RbmBatch<T>,
        k: usize,
        sites: &[u32],
        scratch: &'a mut Planes<T>,
    ) -> (Row<'a>, Option<Row<'a>>) {
        let row = |site: u32| self.tables.flips.row(self.flip(batch, k, site));
        match sites {
            [one] => (row(*one), None),
            [one, two] => (row(*one), Some(row(*two))),
            _ => {
                scratch.copy(0, row(sites[0]));
                sites[1..].iter().for_each(|&site| scratch.multiply(0, row(site)));
                (scratch.row(0), None)
            }
        }
    }

    /// The ratio from differences of ln cosh, for walkers or moves where products leave the range of numbers.
    fn ratio_from_theta(&self, batch: &RbmBatch<T>, k: usize, sites: &[u32]) -> Complex64 {
        let spin = |site: u32| f64::from(batch.x[k * self.sites + site as usize]);
        let mut delta = T::new(0.0, 0.0);
        sites.iter().for_each(|&l| delta += self.tables.visible[l as usize] * spin(l));
        for j in 0..self.hidden {
            let theta = batch.theta.get(k, j);
            let mut moved = theta;
            sites.iter().for_each(|&l| moved += self.tables.weights.get(l as usize, j) * (-2.0 * spin(l)));
            delta += moved.lncosh() - theta.lncosh();
        }
        ratio_from_log(delta.complex())
    }
}

impl<T: Kernel> Ansatz for Rbm<T> {
    type Batch = RbmBatch<T>;

    fn sites(&self) -> usize {
        self.sites
    }
    fn layout(&self) -> Vec<Block> {
        let block = |name: &str, shape| Block { name: name.into(), shape, complex: T::COMPLEX };
        let weights = self.tie.as_ref().map_or([self.sites, self.hidden], |tie| [tie.filters, self.sites]);
        let biases = [("a", self.a.len()), ("b", self.b.len())].into_iter().filter(|(_, count)| *count > 0);
        biases.map(|(name, count)| block(name, vec![count])).chain([block("W", weights.to_vec())]).collect()
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.a.iter().chain(&self.b).chain(&self.w).copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::reals() * (self.a.len() + self.b.len() + self.w.len()))?;
        let values = unflatten::<T>(parameters);
        let (a, rest) = values.split_at(self.a.len());
        let (b, w) = rest.split_at(self.b.len());
        (self.a, self.b, self.w) = (a.to_vec(), b.to_vec(), w.to_vec());
        self.tabulate();
        Ok(())
    }
    fn kind(&self) -> Kind {
        T::kind()
    }

    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let walkers = xs.len() / self.sites;
        let zeros = || Planes::zeros(walkers, self.hidden);
        let mut batch = RbmBatch {
            x: xs.to_vec(),
            theta: zeros(),
            p: zeros(),
            r: zeros(),
            log_psi: vec![Complex64::ZERO; walkers],
            accepted: vec![0; walkers],
            saturated: vec![false; walkers],
            scratch: Planes::zeros(1, self.hidden),
        };
        for k in 0..walkers {
            self.rebuild(&mut batch, k);
            self.refresh(&mut batch, k);
        }
        batch
    }

    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.log_psi.clone()
    }

    fn ratios(&self, batch: &Self::Batch, asks: &Asks, out: &mut [Complex64]) {
        let long = asks.iter().any(|(_, sites)| sites.len() > 2);
        let mut scratch = Planes::zeros(usize::from(long), self.hidden);
        for ((k, sites), out) in asks.iter().zip(out) {
            if sites.is_empty() {
                *out = Complex64::ONE;
                continue;
            }
            if !batch.saturated[k] {
                let (e, second) = self.factors(batch, k, sites, &mut scratch);
                let product = T::product(batch.p.row(k), batch.r.row(k), e, second);
                let front =
                    |product: Scaled<T>, &site: &u32| product.times(self.tables.fronts[self.flip(batch, k, site)]);
                *out = sites.iter().fold(product, front).value();
                if out.is_finite() {
                    continue;
                }
            }
            *out = self.ratio_from_theta(batch, k, sites);
        }
    }

    fn accept(&self, batch: &mut Self::Batch, asks: &Asks, ratios: &[Complex64]) {
        let mut scratch = std::mem::replace(&mut batch.scratch, Planes::zeros(0, 0));
        for ((k, sites), ratio) in asks.iter().zip(ratios) {
            if sites.is_empty() {
                continue;
            }
            let mut regular = !batch.saturated[k];
            if regular {
                let (e, second) = self.factors(batch, k, sites, &mut scratch);
                regular = T::advance(&mut batch.p, &mut batch.r, k, e, second);
            }
            for &site in sites {
                let at = k * self.sites + site as usize;
                batch.theta.add(k, -2.0 * f64::from(batch.x[at]), self.tables.weights.row(site as usize));
                batch.x[at] = -batch.x[at];
            }
            batch.log_psi[k] = reduce(batch.log_psi[k] + ratio.ln());
            batch.accepted[k] = (batch.accepted[k] + 1) % REBUILD;
            if batch.accepted[k] == 0 {
                self.rebuild(batch, k);
            }
            if !regular || batch.accepted[k] % REFRESH == 0 || !(1e-100..1e100).contains(&ratio.norm()) {
                self.refresh(batch, k);
            }
        }
        batch.scratch = scratch;
    }

    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let (n, m, walkers) = (self.sites, self.hidden, batch.log_psi.len());
        let tanh = Array2::from_shape_fn((walkers, m), |(k, j)| batch.r.get(k, j) - batch.p.get(k, j));
        let Some(Tie { group, filters }) = &self.tie else {
            let spins = Array2::from_shape_fn((walkers, n), |(k, i)| f64::from(batch.x[k * n + i]));
            let (x, t) = (Arc::new(Matrix::Real(spins)), Arc::new(T::matrix(tanh)));
            let visible = (!self.a.is_empty()).then(|| Columns::Dense(x.clone()));
            let hidden = (!self.b.is_empty()).then(|| Columns::Dense(t.clone()));
            let blocks = visible.into_iter().chain(hidden).chain([Columns::Outer(x, t)]);
            return Derivatives::new(T::kind(), walkers, blocks.collect());
        };
        let size = group.permutations.len();
        let (front, columns) = (self.a.len(), self.a.len() + self.b.len() + self.w.len());
        let mut rows = Array2::from_elem((walkers, columns), T::new(0.0, 0.0));
        for (k, mut row) in rows.outer_iter_mut().enumerate() {
            let x = &batch.x[k * n..(k + 1) * n];
            self.orbit.iter().zip(x).for_each(|(&o, &s)| row[o] += T::new(f64::from(s), 0.0));
            let Some(row) = row.as_slice_mut() else { unreachable!("rows of a new matrix are contiguous") };
            let (b, w) = row[front..].split_at_mut(self.b.len());
            for f in 0..*filters {
                let w = &mut w[f * n..(f + 1) * n];
                for (g, permutation) in group.permutations.iter().enumerate() {
                    let t = tanh[(k, f * size + g)];
                    if let Some(b) = b.get_mut(f) {
                        *b += t;
                    }
                    w.iter_mut().zip(permutation).for_each(|(o, &i)| *o += t * f64::from(x[i as usize]));
                }
            }
        }
        Derivatives::dense(T::kind(), T::matrix(rows))
    }
}

/// Sites that a group maps onto each other share a number.
fn orbits(sites: usize, group: &Group) -> Vec<usize> {
    let mut orbit = vec![usize::MAX; sites];
    let mut count = 0;
    for site in 0..sites {
        if orbit[site] == usize::MAX {
            group.permutations.iter().for_each(|g| orbit[g[site] as usize] = count);
            count += 1;
        }
    }
    orbit
}
