//! Decides the Jastrow wave function: a factor for every pair of sites, or for every distance.
//!
//! ln ψ(x) = Σ_{i<j} v_ij x_i x_j + Σ_i a_i x_i. Where a site has more than two values, ½ Σ_i v_ii
//! x_i² is part of it. Bosons: ln ψ = −½ Σ_ij u_ij n_i n_j − ½ Σ_i ln n_i! + Σ_i a_i n_i, so that
//! u = 0 is the ground state without interaction, and u_ii is the factor of M. C. Gutzwiller, Phys.
//! Rev. Lett. 10, 159 (1963). With the local fields h_i = Σ_j v_ij x_j, changes d_l of the sites l
//! in F change ln ψ by Σ_{l∈F} d_l (h_l + a_l + ½ v_ll d_l) + Σ_{l<m∈F} v_lm d_l d_m. (R. Jastrow,
//! Phys. Rev. 98, 1479 (1955).)

mod factory;
mod growth;

pub use factory::{build, schema};

use super::field::{Field, check_length, flatten, gaussian, ratio_from_log, reduce, unflatten};
use super::{Ansatz, AnsatzFacts, Asks, Block, DOUBLE, Derivatives, Move};
use crate::error::Result;
use crate::rng::Origin;
use ndarray::Array2;
use num_complex::Complex64;

/// A Jastrow wave function with real or complex parameters.
#[derive(Debug, Clone)]
pub struct Jastrow<T> {
    sites: usize,
    /// Number of the parameter of each pair of sites, sites × sites; the diagonal has a meaning
    /// where there are squares.
    class: Vec<u32>,
    form: Form,
    v: Vec<T>,
    a: Vec<T>,
    /// v_ij, or −u_ij, in full, with zeros on the diagonal where there are no squares.
    full: Vec<T>,
    /// ½ ln n!, where the factor of bosons is there.
    factorials: Vec<f64>,
}

/// What the values of the sites ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// x² is the same for both values: pairs of different sites alone.
    Pairs,
    /// Squares as well.
    Squares,
    /// Squares as well, −u in place of v, and the factor (n!)^{−1/2} of each site.
    Bosons,
}

impl Form {
    /// The sign of the parameters in ln ψ.
    fn sign(self) -> f64 {
        if self == Form::Bosons { -1.0 } else { 1.0 }
    }

    /// ½ ln n! of each value of a boson, nothing for other values.
    fn factorials(self) -> Vec<f64> {
        let count = if self == Form::Bosons { 128 } else { 0 };
        let mut sum = 0.0;
        let next = |n: usize| {
            sum += 0.5 * f64::ln(n.max(1) as f64);
            sum
        };
        (0..count).map(next).collect()
    }
}

/// Local fields and values of walkers.
#[derive(Debug, Clone)]
pub struct JastrowBatch<T> {
    x: Vec<i8>,
    fields: Vec<T>,
    log_psi: Vec<Complex64>,
}

/// The class matrix in which every pair is a class of its own, in the order (0,1), (0,2), …,
/// (1,2), ….
pub fn all_pairs(sites: usize) -> Vec<Vec<u32>> {
    // Pairs (i, ·) with a smaller first site come first: there are i (2 sites − i − 1)/2 of
    // them.
    let number = |i: usize, j: usize| (i * (2 * sites - i - 1) / 2 + j - i - 1) as u32;
    let class = |i: usize, j: usize| {
        if i == j {
            0
        } else {
            number(i.min(j), i.max(j))
        }
    };
    (0..sites)
        .map(|i| (0..sites).map(|j| class(i, j)).collect())
        .collect()
}

impl<T: Field> Jastrow<T> {
    /// One parameter per class of pairs, `classes[i][j]` numbered from 0 without gaps; biases a_i
    /// where `visible_bias`. Parameters are Gaussian with standard deviation `init`.
    pub fn new(
        classes: &[Vec<u32>],
        form: Form,
        visible_bias: bool,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let sites = classes.len();
        let partners = |i: usize| (0..sites).filter(move |&j| form != Form::Pairs || j != i);
        let count = (0..sites)
            .flat_map(|i| partners(i).map(move |j| classes[i][j] + 1))
            .max()
            .unwrap_or(0);
        let mut rng = seed.into().parameters();
        let v = gaussian(count as usize, init, &mut rng);
        let a = gaussian(if visible_bias { sites } else { 0 }, init, &mut rng);
        let mut jastrow = Jastrow {
            sites,
            class: classes.concat(),
            form,
            factorials: form.factorials(),
            v,
            a,
            full: Vec::new(),
        };
        jastrow.tabulate();
        jastrow
    }

    fn tabulate(&mut self) {
        let n = self.sites;
        let entry = |(k, &c): (usize, &u32)| {
            if k / n == k % n && self.form == Form::Pairs {
                T::new(0.0, 0.0)
            } else {
                self.v[c as usize] * self.form.sign()
            }
        };
        self.full = self.class.iter().enumerate().map(entry).collect();
    }

    fn bias(&self, site: usize) -> T {
        self.a.get(site).copied().unwrap_or(T::new(0.0, 0.0))
    }

    /// ln of the fixed factor of a site: −½ ln n! for bosons, 0 otherwise.
    fn fixed(&self, value: i8) -> f64 {
        -(self.factorials.get(value as usize).copied()).unwrap_or(0.0)
    }

    /// ln ψ(x') − ln ψ(x) of walker `k`.
    fn change(&self, batch: &JastrowBatch<T>, k: usize, step: Move) -> T {
        let n = self.sites;
        let (x, fields) = (
            &batch.x[k * n..(k + 1) * n],
            &batch.fields[k * n..(k + 1) * n],
        );
        let mut delta = T::new(0.0, 0.0);
        let moved = |at: usize| {
            let (site, to) = (step.sites[at] as usize, step.values[at]);
            (site, f64::from(to) - f64::from(x[site]))
        };
        for done in 0..step.sites.len() {
            let (l, change) = moved(done);
            let mut field = fields[l] + self.bias(l);
            for (m, other) in (0..done).map(moved) {
                field += self.full[l * n + m] * other;
            }
            field += self.full[l * n + l] * (0.5 * change);
            delta += field * change;
            let fixed = self.fixed(step.values[done]) - self.fixed(x[l]);
            delta += T::new(fixed, 0.0);
        }
        delta
    }
}

impl<T: Field> Ansatz for Jastrow<T> {
    type Batch = JastrowBatch<T>;
    type Scratch = ();

    fn sites(&self) -> usize {
        self.sites
    }
    fn layout(&self) -> Vec<Block> {
        let block = |name: &str, count| Block::new(name, vec![count], T::COMPLEX);
        let bias = if self.a.is_empty() {
            None
        } else {
            Some(block("a", self.a.len()))
        };
        let pairs = if self.form == Form::Bosons { "u" } else { "v" };
        std::iter::once(block(pairs, self.v.len()))
            .chain(bias)
            .collect()
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.v.iter().chain(&self.a).copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * (self.v.len() + self.a.len()))?;
        let values = unflatten::<T>(parameters);
        let (v, a) = values.split_at(self.v.len());
        (self.v, self.a) = (v.to_vec(), a.to_vec());
        self.tabulate();
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            kind: T::kind(),
            precision: DOUBLE,
            positive: !T::COMPLEX,
            bytes_per_walker: self.sites * (1 + size_of::<T>()) + size_of::<Complex64>(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: 30.0,
        }
    }

    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let n = self.sites;
        let mut fields = vec![T::new(0.0, 0.0); xs.len()];
        let mut log_psi = Vec::with_capacity(xs.len() / n);
        for (x, h) in xs.chunks_exact(n).zip(fields.chunks_exact_mut(n)) {
            let mut log = T::new(0.0, 0.0);
            for i in 0..n {
                self.full[i * n..(i + 1) * n]
                    .iter()
                    .zip(x)
                    .for_each(|(&v, &s)| h[i] += v * f64::from(s));
                log += (h[i] * 0.5 + self.bias(i)) * f64::from(x[i]);
                log += T::new(self.fixed(x[i]), 0.0);
            }
            log_psi.push(reduce(log.complex()));
        }
        JastrowBatch {
            x: xs.to_vec(),
            fields,
            log_psi,
        }
    }

    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.log_psi.clone()
    }

    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        _scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        for ((k, step), out) in asks.iter().zip(out) {
            *out = ratio_from_log(self.change(batch, k, step).complex());
        }
    }

    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        _scratch: &mut Self::Scratch,
    ) {
        let n = self.sites;
        for (k, step) in asks.taken(taken) {
            let change = self.change(batch, k, step);
            batch.log_psi[k] = reduce(batch.log_psi[k] + change.complex());
            for (&l, &value) in step.sites.iter().zip(step.values) {
                let change = f64::from(value) - f64::from(batch.x[k * n + l as usize]);
                let row = &self.full[l as usize * n..(l as usize + 1) * n];
                batch.fields[k * n..(k + 1) * n]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(h, &v)| *h += v * change);
            }
            step.apply(&mut batch.x[k * n..(k + 1) * n]);
        }
    }

    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let n = self.sites;
        let mut rows = Array2::from_elem(
            (batch.log_psi.len(), self.v.len() + self.a.len()),
            T::new(0.0, 0.0),
        );
        for (x, mut row) in batch.x.chunks_exact(n).zip(rows.outer_iter_mut()) {
            for i in 0..n {
                let own = f64::from(x[i]) * self.form.sign();
                if self.form != Form::Pairs {
                    let square = 0.5 * own * f64::from(x[i]);
                    row[self.class[i * n + i] as usize] += T::new(square, 0.0);
                }
                for j in i + 1..n {
                    row[self.class[i * n + j] as usize] += T::new(own * f64::from(x[j]), 0.0);
                }
                if !self.a.is_empty() {
                    row[self.v.len() + i] = T::new(f64::from(x[i]), 0.0);
                }
            }
        }
        Derivatives::dense(T::kind(), T::matrix(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_on_a_ring_count_domain_walls() {
        let n = 10;
        let classes: Vec<Vec<u32>> = (0..n)
            .map(|i: usize| {
                (0..n)
                    .map(|j: usize| (i.abs_diff(j).min(n - i.abs_diff(j)) as u32).max(1) - 1)
                    .collect()
            })
            .collect();
        let mut jastrow = Jastrow::<f64>::new(&classes, Form::Pairs, false, 0.0, 1);
        jastrow.set_parameters(&[0.3, 0.0, 0.0, 0.0, 0.0]).unwrap();
        let mut x = vec![1i8; n];
        let up = jastrow.log_psi(&jastrow.batch(&x))[0];
        assert!((up - 3.0).norm() < 1e-14);
        x[3] = -1;
        x[4] = -1;
        let batch = jastrow.batch(&x);
        assert!((jastrow.log_psi(&batch)[0] - 0.3 * 6.0).norm() < 1e-14);
        let mut asks = Asks::default();
        asks.flip(0, &x, &[3, 4]);
        let mut out = [Complex64::ZERO];
        jastrow.ratios(&batch, &asks, &mut (), &mut out);
        assert!((out[0] - (1.2f64).exp()).norm() < 1e-13);
    }
}
