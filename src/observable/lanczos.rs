//! Decides what one or two steps of Lanczos make of the state, from the same samples: the lowest
//! energy in the space of ψ, Hψ and H²ψ, and its variance.
//!
//! With h_k(x) = (H^k ψ)(x)/ψ(x), ⟨H^{j+k}⟩ = Re ⟨h_j* h_k⟩ over |ψ|². About E = ⟨H⟩ the
//! moments μ_{j+k} = ⟨(H − E)^{j+k}⟩ = Re ⟨d_j* d_k⟩, d_k = Σ_i (k over i) (−E)^{k−i} h_i,
//! give the matrices G_jk = μ_{j+k} and K_jk = μ_{j+k+1} of the space. Near an eigenstate all d_k
//! of k > 0 are small in every sample, and so is the noise of these moments; that of differences
//! of ⟨H^n⟩, each from another pair of h, is not. The lowest solution of K c = λ G c is the
//! energy E + λ of Σ_k c_k (H − E)^k ψ (S. Sorella, Phys. Rev. B 64, 024512 (2001)). After one
//! step λ = (μ₃ − √(μ₃² + 4 μ₂³))/(2 μ₂).

use super::{Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::basis::Asks;
use crate::ensemble::{Amplitudes, Ensemble};
use crate::error::{Error, Result};
use crate::linalg::lapack::Lapack;
use crate::operator::{self, Operator};
use ndarray::Array2;
use num_complex::Complex64;
use serde::Deserialize;
use std::sync::Arc;

/// Connected configurations that are evaluated at once.
const BLOCK: usize = 1 << 14;
/// A variance over E² below which the state is an eigenstate to rounding.
const EIGENSTATE: f64 = 1e-22;

/// What one or two steps of Lanczos make of the state: energy and variance. A sample costs as much
/// as local energies of all configurations that H connects it with.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Steps, 1 or 2 (default 1). The second one costs the square of the first.
    #[serde(default = "one")]
    steps: usize,
}

fn one() -> usize {
    1
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

struct Lanczos {
    steps: usize,
    hamiltonian: Arc<dyn Operator>,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    if !(1..=2).contains(&keys.steps) {
        return Err(Error::input(
            format!("{}.steps", context.path),
            format!("{} steps are not 1 or 2", keys.steps),
            "use 1; samples do not carry more than 2",
        ));
    }
    Ok(Box::new(Lanczos {
        steps: keys.steps,
        hamiltonian: context.hamiltonian.clone(),
    }))
}

/// h_1 to h_depth of the configurations `xs`, row by row. Where ψ vanishes they have no meaning.
fn images(
    psi: &dyn Amplitudes,
    hamiltonian: &dyn Operator,
    xs: &[i8],
    sites: usize,
    depth: usize,
) -> Vec<Complex64> {
    if depth == 1 {
        return psi.local_values_of(xs, hamiltonian);
    }
    let rows = xs.len() / sites;
    let mut out = Vec::with_capacity(rows * depth);
    let (mut asks, mut elements) = (Asks::default(), Vec::new());
    let mut row = 0;
    while row < rows {
        // Rows are put together until their connected configurations fill a block.
        let first = row;
        asks.clear();
        elements.clear();
        while row < rows && asks.len() < BLOCK {
            let x = &xs[row * sites..(row + 1) * sites];
            hamiltonian.connect(row - first, x, &mut asks, &mut elements);
            row += 1;
        }
        let own = &xs[first * sites..row * sites];
        out.extend(of_block(
            psi,
            hamiltonian,
            own,
            sites,
            (&asks, &elements),
            depth,
        ));
    }
    out
}

/// The same of rows whose connected configurations are listed.
fn of_block(
    psi: &dyn Amplitudes,
    hamiltonian: &dyn Operator,
    xs: &[i8],
    sites: usize,
    (asks, elements): (&Asks, &[Complex64]),
    depth: usize,
) -> Vec<Complex64> {
    let mut connected = Vec::with_capacity(asks.len() * sites);
    for (walker, step) in asks.iter() {
        let start = connected.len();
        connected.extend_from_slice(&xs[walker * sites..(walker + 1) * sites]);
        step.apply(&mut connected[start..]);
    }
    let (here, there) = (psi.log_psi_of(xs), psi.log_psi_of(&connected));
    let lower = images(psi, hamiltonian, &connected, sites, depth - 1);
    let mut out = vec![Complex64::ZERO; here.len() * depth];
    let mut add = |row: usize, weight: Complex64, lower: &[Complex64]| {
        out[row * depth] += weight;
        for (to, h) in out[row * depth + 1..(row + 1) * depth]
            .iter_mut()
            .zip(lower)
        {
            *to += weight * h;
        }
    };
    for (k, (row, _)) in asks.iter().enumerate() {
        let ratio = (there[k] - here[row]).exp();
        // Nothing is known beyond a configuration without amplitude.
        if ratio != Complex64::ZERO {
            let beyond = &lower[k * (depth - 1)..(k + 1) * (depth - 1)];
            add(row, elements[k] * ratio, beyond);
        }
    }
    // The diagonal part of H, ⟨x|H|x⟩ h_{k−1}(x) with h_0 = 1; lowest k first.
    for (row, x) in out.chunks_exact_mut(depth).zip(xs.chunks_exact(sites)) {
        let (diagonal, mut before) = (hamiltonian.diagonal(x), Complex64::ONE);
        for h in row {
            *h += diagonal * before;
            before = *h;
        }
    }
    out
}

/// Pairs j ≤ k of h_0 = 1 to h_depth but the first one, 0, 0.
fn pairs(depth: usize) -> impl Iterator<Item = (usize, usize)> {
    (1..=depth).flat_map(|k| (0..=k).map(move |j| (j, k)))
}

/// Re h_j* h_k of every pair.
fn products(images: &[Complex64]) -> Vec<f64> {
    let h = |k: usize| {
        if k == 0 {
            Complex64::ONE
        } else {
            images[k - 1]
        }
    };
    pairs(images.len())
        .map(|(j, k)| (h(j).conj() * h(k)).re)
        .collect()
}

/// μ_0 to μ_{2 depth} from the means of the products.
fn central(means: &[f64], depth: usize) -> Vec<f64> {
    let mut mean = Array2::from_elem((depth + 1, depth + 1), 1.0);
    for ((j, k), value) in pairs(depth).zip(means) {
        (mean[(j, k)], mean[(k, j)]) = (*value, *value);
    }
    let mut turned = Array2::zeros((depth + 1, depth + 1));
    for k in 0..=depth {
        let mut binomial = 1.0;
        for i in 0..=k {
            turned[(k, k - i)] = binomial * (-mean[(0, 1)]).powi(i as i32);
            binomial *= (k - i) as f64 / (i + 1) as f64;
        }
    }
    let about: Array2<f64> = turned.dot(&mean).dot(&turned.t());
    (0..=2 * depth)
        .map(|n| about[(n / 2, n.div_ceil(2))])
        .collect()
}

/// λ, the variance, and the coefficients of (H − E)^k ψ over that of ψ; no numbers where the
/// matrix of the space is not positive.
fn lowest(central: &[f64], steps: usize) -> (f64, f64, Vec<f64>) {
    let size = steps + 1;
    let unknown = (f64::NAN, f64::NAN, vec![f64::NAN; steps]);
    // Vectors of length one, then orthogonal ones: G = L Lᵀ.
    let scale: Vec<f64> = (0..size).map(|k| central[2 * k].sqrt()).collect();
    let gram = |j: usize, k: usize| central[j + k] / (scale[j] * scale[k]);
    let Ok((values, vectors)) =
        f64::eigen(Array2::from_shape_fn((size, size), |(j, k)| gram(j, k)))
    else {
        return unknown;
    };
    if !values[0].is_finite() || values[0] <= f64::EPSILON * values[size - 1] {
        return unknown;
    }
    let basis = Array2::from_shape_fn((size, size), |(a, k)| {
        vectors[(a, k)] / (values[a].sqrt() * scale[k])
    });
    let matrix = Array2::from_shape_fn((size, size), |(j, k)| central[j + k + 1]);
    let projected = basis.dot(&matrix).dot(&basis.t());
    let Ok((energies, states)) = f64::eigen(projected) else {
        return unknown;
    };
    let state: Vec<f64> = (0..size)
        .map(|k| (0..size).map(|a| states[(0, a)] * basis[(a, k)]).sum())
        .collect();
    let square: f64 = (0..size)
        .flat_map(|j| (0..size).map(move |k| (j, k)))
        .map(|(j, k)| state[j] * state[k] * central[j + k + 2])
        .sum();
    let variance = square - energies[0].powi(2);
    let over = state[1..].iter().map(|c| c / state[0]).collect();
    (energies[0], variance, over)
}

impl Observable for Lanczos {
    fn columns(&self) -> usize {
        pairs(self.steps + 1).count()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let (n, depth) = (view.ensemble.sites(), self.steps + 1);
        let xs = &view.ensemble.configurations()[view.rows.start * n..view.rows.end * n];
        let all = images(view.psi()?, &*self.hamiltonian, xs, n, depth);
        let rows = all.chunks_exact(depth);
        Ok(rows.flat_map(products).collect())
    }
    fn full_sum(&self, ensemble: &dyn Ensemble) -> Result<Option<Vec<f64>>> {
        let Some((index, psi)) = ensemble.psi().and_then(|psi| psi.all()) else {
            return Ok(None);
        };
        let norm: f64 = psi.iter().map(|z| z.norm_sqr()).sum();
        let mut states = vec![psi.to_vec()];
        for k in 0..=self.steps {
            let all = 0..states[k].len();
            states.push(operator::apply(&*self.hamiltonian, index, &states[k], all));
        }
        let product = |(j, k): (usize, usize)| {
            let terms = states[j].iter().zip(&states[k]);
            terms.map(|(a, b)| (a.conj() * b).re).sum::<f64>() / norm
        };
        Ok(Some(pairs(self.steps + 1).map(product).collect()))
    }
    fn quantities(&self) -> Vec<Quantity> {
        let energy = |name, unit: &str, meaning| quantity(name, &[], unit.into(), meaning);
        let mut list = vec![
            energy("energy", "coupling", "energy after the steps of Lanczos"),
            energy(
                "variance",
                "coupling^2",
                "variance of the energy after the steps of Lanczos",
            ),
            energy(
                "gain",
                "coupling",
                "energy after the steps minus that of the state",
            ),
        ];
        list.push(quantity(
            "coefficients",
            &[self.steps],
            "powers of 1/coupling".into(),
            "c_k of psi + sum_k c_k (H - E)^k psi, E the energy of the state [k - 1]",
        ));
        list
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let energy = means[0];
        let moments = central(means, self.steps + 1);
        // Nothing is to be gained in an eigenstate.
        let (gain, variance, over) = match moments[2] > EIGENSTATE * energy.powi(2) {
            true => lowest(&moments, self.steps),
            false => (0.0, 0.0, vec![0.0; self.steps]),
        };
        [vec![energy + gain, variance, gain], over].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples whose local values differ by η have moments that are products of such differences,
    /// whatever noise h_2 has of its own.
    #[test]
    fn moments_of_a_state_near_an_eigenstate_are_as_small_as_its_noise() {
        let (energy, small) = (-5.4f64, 1e-4);
        let sample = |k: usize| {
            let [a, b] = [7, 11].map(|m| small * (((m * k + k * k) % 13) as f64 - 6.0));
            products(&[(energy + a).into(), (energy * energy + b).into()])
        };
        let mut means = vec![0.0; pairs(2).count()];
        for k in 0..64 {
            let row = sample(k);
            means.iter_mut().zip(row).for_each(|(m, p)| *m += p / 64.0);
        }
        let found = central(&means, 2);
        assert!(found[1].abs() < 1e-14 && found[2] > 0.0);
        // |d_2| is at most 100 times small, |d_1| a tenth of that.
        assert!(found[3].abs() < 1e3 * small * small, "{found:?}");
    }

    /// Two levels with weights 1 − w and w: one step of Lanczos is exact.
    #[test]
    fn one_step_solves_two_levels_and_two_steps_three() {
        let moments = |levels: &[(f64, f64)], depth: usize| -> Vec<f64> {
            let moment = |k| levels.iter().map(|(w, e)| w * f64::powi(*e, k)).sum();
            let means: Vec<f64> = pairs(depth).map(|(j, k)| moment((j + k) as i32)).collect();
            central(&means, depth)
        };
        let two = [(0.9, -3.0), (0.1, 1.5)];
        let (gain, variance, over) = lowest(&moments(&two, 2), 1);
        let energy = -3.0 * 0.9 + 0.15;
        assert!((energy + gain + 3.0).abs() < 1e-12);
        assert!(variance.abs() < 1e-10);
        // 1 + c (e − E) vanishes at the upper level.
        assert!((1.0 + over[0] * (1.5 - energy)).abs() < 1e-12);
        let three = [(0.8, -3.0), (0.15, 1.5), (0.05, 2.0)];
        let all = moments(&three, 3);
        let (gain, variance, _) = lowest(&all, 2);
        let energy: f64 = three.iter().map(|(w, e)| w * e).sum();
        assert!((energy + gain + 3.0).abs() < 1e-10);
        assert!(variance.abs() < 1e-8);
        let root = (all[3].powi(2) + 4.0 * all[2].powi(3)).sqrt();
        let closed = (all[3] - root) / (2.0 * all[2]);
        assert!((lowest(&all, 1).0 - closed).abs() < 1e-12);
    }
}
