//! Decides what an effective model is, H_eff = E_0 − Σ_k J_k C_k with sums C_k of products of
//! spins, and how it is fitted: least squares of H − H_eff over samples.
//!
//! With covariances over the samples, Σ_l cov(C_k, C_l) J_l = −cov(C_k, H) and E_0 = ⟨H⟩ + Σ J_k
//! ⟨C_k⟩.

use super::SpinEnergy;
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use crate::linalg::lapack::Lapack;
use ndarray::Array2;

/// A sum of products of spins that an effective model can have.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// Pairs of nearest neighbours
    Nearest,
    /// Pairs of second neighbours, on the square lattice along the diagonals
    Diagonal,
    /// Pairs of third neighbours, on the square lattice at distance 2 along the axes
    Axes,
    /// The four spins of the elementary squares
    Plaquette,
}

/// The pair classes in their order.
pub const CLASSES: [Feature; 3] = [Feature::Nearest, Feature::Diagonal, Feature::Axes];

/// Products of a feature on a lattice, each with coefficient 1.
fn products(feature: Feature, lattice: &Lattice) -> Result<Vec<Vec<u32>>> {
    let steps: &[[usize; 2]] = match feature {
        Feature::Plaquette => {
            let list = lattice.squares()?.into_iter();
            return Ok(list.map(|s| s.map(|i| i as u32).to_vec()).collect());
        }
        Feature::Nearest => &[[1, 0], [0, 1]],
        Feature::Axes => &[[2, 0], [0, 2]],
        Feature::Diagonal => &[[1, 1]],
    };
    let pair = |(i, j): (usize, usize)| vec![i as u32, j as u32];
    if lattice.square("pairs at a displacement").is_err() {
        let shell = 1 + CLASSES.iter().position(|f| *f == feature).unwrap_or(0);
        let bonds = lattice.bonds(shell)?.into_iter();
        return Ok(bonds.map(|b| pair((b.i, b.j))).collect());
    }
    let mut found = Vec::new();
    for step in steps {
        found.extend(lattice.pairs_at(*step)?);
    }
    if feature == Feature::Diagonal {
        // The other diagonal joins (x+1, y) and (x, y+1).
        found.extend(lattice.squares()?.into_iter().map(|s| (s[1], s[2])));
    }
    Ok(found.into_iter().map(pair).collect())
}

/// The sums C_k of an effective model on a lattice.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// What they are.
    pub names: Vec<Feature>,
    /// C_k as an energy.
    pub sums: Vec<SpinEnergy>,
}

impl Feature {
    /// Whether it sums pairs of spins.
    pub fn is_pairs(self) -> bool {
        self != Feature::Plaquette
    }
}

impl Features {
    /// An error for a feature that the lattice has not, and for features of which one follows from
    /// the others; `key` is where they are named.
    pub fn new(names: &[Feature], lattice: &Lattice, key: &str) -> Result<Self> {
        let mut sums = Vec::new();
        for &name in names {
            let list = products(name, lattice)?;
            if list.iter().any(|on| on[0] == on[1]) || list.is_empty() {
                return Err(Error::input(
                    key,
                    format!("the lattice has no {name:?} pairs for an effective model"),
                    "use fewer classes or a larger lattice",
                ));
            }
            let terms = list.into_iter().map(|on| (1.0, on));
            sums.push(SpinEnergy::new(lattice.sites, terms));
        }
        let features = Features {
            names: names.to_vec(),
            sums,
        };
        match features.are_independent() {
            true => Ok(features),
            false => Err(Error::input(
                key,
                format!("{names:?} are not independent on this lattice: the fit is singular"),
                "use fewer of them, or a larger lattice",
            )),
        }
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// The products of the coefficient vectors, whose determinant vanishes where one follows from
    /// the others.
    fn are_independent(&self) -> bool {
        let table = |sum: &SpinEnergy| -> std::collections::BTreeMap<Vec<u32>, f64> {
            sum.products().map(|(c, on)| (on.to_vec(), c)).collect()
        };
        let tables: Vec<_> = self.sums.iter().map(table).collect();
        let product = |a: usize, b: usize| -> f64 {
            let other = &tables[b];
            let common = tables[a].iter();
            common
                .map(|(on, c)| c * other.get(on).unwrap_or(&0.0))
                .sum()
        };
        let gram = Array2::from_shape_fn((self.len(), self.len()), |(a, b)| product(a, b));
        solved(gram, vec![0.0; self.len()]).is_some()
    }

    /// C_k of spins.
    pub fn of(&self, spins: &[i8]) -> Vec<f64> {
        self.sums.iter().map(|sum| sum.energy(spins)).collect()
    }
}

/// The solution of a positive definite system; none where it is singular to the digits that count.
fn solved(mut a: Array2<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    if n == 0 {
        return Some(b);
    }
    let scale: Vec<f64> = (0..n).map(|k| a[(k, k)].sqrt()).collect();
    if scale.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
        return None;
    }
    a.indexed_iter_mut()
        .for_each(|((k, l), v)| *v /= scale[k] * scale[l]);
    b.iter_mut().zip(&scale).for_each(|(v, s)| *v /= s);
    f64::factorise(&mut a).ok()?;
    // A factor below it has lost all its digits.
    if (0..n).any(|k| a[(k, k)].abs() < 1e-6) {
        return None;
    }
    f64::solve_factorised(&a, &mut b).ok()?;
    Some(b.iter().zip(&scale).map(|(v, s)| v / s).collect())
}

/// Weighted sums of products of (1, C_1, …, C_n, H), all that a fit needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moments {
    width: usize,
    /// The upper triangle, row by row.
    sums: Vec<f64>,
}

impl Moments {
    /// Of `features` sums C_k, without samples.
    pub fn new(features: usize) -> Self {
        let width = features + 2;
        Moments {
            width,
            sums: vec![0.0; width * (width + 1) / 2],
        }
    }

    /// Of numbers that [`Moments::numbers`] gave.
    pub fn from_numbers(features: usize, sums: &[f64]) -> Self {
        let empty = Moments::new(features);
        let sums = match sums.len() == empty.sums.len() {
            true => sums.to_vec(),
            false => empty.sums,
        };
        Moments { sums, ..empty }
    }

    /// Number of the sums C_k.
    pub fn features(&self) -> usize {
        self.width.saturating_sub(2)
    }

    /// The sums.
    pub fn numbers(&self) -> &[f64] {
        &self.sums
    }

    /// Counts a sample.
    pub fn push(&mut self, weight: f64, features: &[f64], energy: f64) {
        let value = |k: usize| match k {
            0 => 1.0,
            k if k + 1 == self.width => energy,
            k => features[k - 1],
        };
        let mut place = 0;
        for k in 0..self.width {
            let left = weight * value(k);
            for l in k..self.width {
                self.sums[place] += left * value(l);
                place += 1;
            }
        }
    }

    /// Adds other sums, `factor` times.
    pub fn add(&mut self, other: &Moments, factor: f64) {
        let pairs = self.sums.iter_mut().zip(&other.sums);
        pairs.for_each(|(s, o)| *s += factor * o);
    }

    /// Multiplies all weights.
    pub fn scale(&mut self, factor: f64) {
        self.sums.iter_mut().for_each(|s| *s *= factor);
    }

    /// Σ w.
    pub fn weight(&self) -> f64 {
        self.sums[0]
    }

    fn at(&self, k: usize, l: usize) -> f64 {
        let (k, l) = (k.min(l), k.max(l));
        self.sums[k * self.width - k * (k + 1) / 2 + l]
    }

    fn covariance(&self, k: usize, l: usize) -> f64 {
        let mean = |k: usize| self.at(0, k) / self.weight();
        self.at(k, l) / self.weight() - mean(k) * mean(l)
    }

    /// E_0 and J_k of the features of these numbers; none where they are singular.
    pub fn fit(&self, chosen: &[usize]) -> Option<(f64, Vec<f64>)> {
        let energy = self.width - 1;
        let shape = (chosen.len(), chosen.len());
        let matrix = Array2::from_shape_fn(shape, |(a, b)| {
            self.covariance(chosen[a] + 1, chosen[b] + 1)
        });
        let right = chosen.iter().map(|k| -self.covariance(k + 1, energy));
        let couplings = solved(matrix, right.collect())?;
        let constant = self.constant(chosen, &couplings);
        Some((constant, couplings))
    }

    /// E_0 for given J_k: ⟨H⟩ + Σ J_k ⟨C_k⟩.
    pub fn constant(&self, chosen: &[usize], couplings: &[f64]) -> f64 {
        let mean = |k: usize| self.at(0, k) / self.weight();
        let carried = chosen.iter().zip(couplings).map(|(k, j)| j * mean(k + 1));
        mean(self.width - 1) + carried.sum::<f64>()
    }

    /// ⟨(H − H_eff)²⟩ of a fit.
    pub fn residual(&self, chosen: &[usize], constant: f64, couplings: &[f64]) -> f64 {
        // H − H_eff = H − E_0 + Σ J_k C_k
        let mut vector = vec![0.0; self.width];
        vector[0] = -constant;
        vector[self.width - 1] = 1.0;
        chosen
            .iter()
            .zip(couplings)
            .for_each(|(k, j)| vector[k + 1] = *j);
        let row = |k: usize| -> f64 {
            let products = (0..self.width).map(|l| self.at(k, l) * vector[l]);
            vector[k] * products.sum::<f64>()
        };
        ((0..self.width).map(row).sum::<f64>() / self.weight()).max(0.0)
    }
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveModel {
    /// E_0 of the whole system.
    pub constant: f64,
    /// J_k of each feature; 0 for those that were not chosen.
    pub couplings: Vec<f64>,
    /// J_k of the pairs along which clusters grow: the best ones without plaquettes.
    pub cluster_couplings: Vec<f64>,
    pairs: SpinEnergy,
}

impl EffectiveModel {
    /// Of given numbers; clusters grow along pairs with `cluster_couplings`.
    pub fn new(
        features: &Features,
        constant: f64,
        couplings: Vec<f64>,
        cluster_couplings: Vec<f64>,
    ) -> Self {
        let sites = features.sums.first().map_or(0, SpinEnergy::sites);
        let pair = |(sum, j): (&SpinEnergy, &f64)| {
            let products = sum.products().filter(|(_, on)| on.len() == 2);
            let terms = products.map(|(c, on)| (-j * c, on.to_vec()));
            terms.collect::<Vec<_>>()
        };
        let terms = features.sums.iter().zip(&cluster_couplings).flat_map(pair);
        EffectiveModel {
            pairs: SpinEnergy::new(sites, terms),
            constant,
            couplings,
            cluster_couplings,
        }
    }

    /// The pairs along which clusters grow.
    pub fn pairs(&self) -> &SpinEnergy {
        &self.pairs
    }

    /// H_eff from the sums C_k.
    pub fn energy(&self, features: &[f64]) -> f64 {
        let carried = self.couplings.iter().zip(features);
        self.constant - carried.map(|(j, c)| j * c).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    #[test]
    fn a_line_is_found_again_with_its_residual() {
        let mut rng = stream(2, Purpose::Law, 0, 0);
        let mut moments = Moments::new(2);
        let mut squares = 0.0;
        for _ in 0..1000 {
            let (a, b, noise): (f64, f64, f64) = (rng.random(), rng.random(), rng.random());
            let noise = noise - 0.5;
            squares += noise * noise;
            moments.push(0.5, &[a, b], 3.0 - 1.5 * a + 0.25 * b + noise);
        }
        let (constant, couplings) = moments.fit(&[0, 1]).unwrap();
        assert!((constant - 3.0).abs() < 0.1 && (couplings[0] - 1.5).abs() < 0.1);
        assert!((couplings[1] + 0.25).abs() < 0.1, "{couplings:?}");
        let residual = moments.residual(&[0, 1], constant, &couplings);
        assert!((residual * 1000.0 / squares - 1.0).abs() < 0.02);
        let (_, one) = moments.fit(&[0]).unwrap();
        assert!(moments.residual(&[0], constant, &one) > residual);
    }

    #[test]
    fn features_that_follow_from_others_are_singular() {
        let mut moments = Moments::new(2);
        (0..10).for_each(|k| moments.push(1.0, &[f64::from(k), 2.0 * f64::from(k)], 1.0));
        assert!(moments.fit(&[0, 1]).is_none() && moments.fit(&[0]).is_some());
    }
}
