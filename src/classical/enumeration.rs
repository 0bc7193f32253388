//! Decides how averages over all states of a few spins are summed, chunk by chunk: Z, the moments
//! of energy and magnetisation, what a fit under the exact weights needs.
//!
//! Within a chunk states follow each other by single flips (F. Gray, US patent 2632058 (1953)).
//! Weights are e^{−β(E − E_min)} with the lowest energy so far, so that nothing overflows.

use super::effective::{EffectiveModel, Features, Moments};
use super::{SpinEnergy, UpdateCourse, UpdateEntry};

pub(super) const ENTRY: UpdateEntry = UpdateEntry {
    kind: "enumeration",
    about: "All states of up to 24 spins, without noise",
    clusters: false,
    refuse,
    course: UpdateCourse::All,
};

/// Most spins.
pub const LARGEST: usize = 24;
/// Spins whose states make a chunk.
const CHUNK: usize = 14;
/// Sums of a temperature besides those of a fit: Z, E, E², |m|, m², m⁴.
const OWN: usize = 6;

fn refuse(energy: &SpinEnergy) -> Option<(String, &'static str)> {
    let sites = energy.sites();
    (sites > LARGEST).then(|| {
        (
            format!("{sites} spins have too many states to be counted"),
            "use at most 24 sites, or another update",
        )
    })
}

/// What is summed over all states.
pub struct Enumeration<'e> {
    /// H.
    pub energy: &'e SpinEnergy,
    /// 1/T of each temperature.
    pub betas: &'e [f64],
    /// The sums of an effective model, if there is one.
    pub features: Option<&'e Features>,
}

/// Averages at one temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactAverages {
    /// ln Z
    pub log_z: f64,
    /// ⟨E⟩, Var E/(N T²), ⟨|m|⟩, ⟨m²⟩, ⟨m⁴⟩, 1 − ⟨m⁴⟩/(3 ⟨m²⟩²)
    pub values: [f64; 6],
    /// Σ w of products of the sums of an effective model, normalised.
    pub moments: Moments,
}

/// The states of a chunk, one after the other.
struct States<'e> {
    energy: &'e SpinEnergy,
    features: &'e [SpinEnergy],
    spins: Vec<i8>,
    value: f64,
    sum: i64,
    counts: Vec<f64>,
}

impl<'e> States<'e> {
    /// Calls `visit(number, E, Σ s, C)` for every state of a chunk.
    fn visit(
        energy: &'e SpinEnergy,
        features: &'e [SpinEnergy],
        chunk: usize,
        mut visit: impl FnMut(usize, f64, i64, &[f64]),
    ) {
        let sites = energy.sites();
        let inner = sites.min(CHUNK);
        let mut number = chunk << inner;
        let spins: Vec<i8> = (0..sites)
            .map(|i| 2 * (number >> i & 1) as i8 - 1)
            .collect();
        let mut states = States {
            value: energy.energy(&spins),
            sum: spins.iter().map(|s| i64::from(*s)).sum(),
            counts: features.iter().map(|f| f.energy(&spins)).collect(),
            energy,
            features,
            spins,
        };
        visit(number, states.value, states.sum, &states.counts);
        for step in 1usize..1 << inner {
            let site = step.trailing_zeros() as usize;
            states.flip(site);
            number ^= 1 << site;
            visit(number, states.value, states.sum, &states.counts);
        }
    }

    fn flip(&mut self, site: usize) {
        self.value += self.energy.change(&self.spins, site);
        let features = self.counts.iter_mut().zip(self.features);
        features.for_each(|(count, sum)| *count += sum.change(&self.spins, site));
        self.sum -= 2 * i64::from(self.spins[site]);
        self.spins[site] = -self.spins[site];
    }
}

/// Number of chunks into which the states of so many spins fall.
pub fn chunks(sites: usize) -> usize {
    1 << sites.saturating_sub(CHUNK)
}

/// Energies of all states in the order of their numbers, bit i set where spin i is up.
pub fn energies(energy: &SpinEnergy) -> Vec<f64> {
    let mut all = vec![0.0; 1 << energy.sites()];
    for chunk in 0..chunks(energy.sites()) {
        States::visit(energy, &[], chunk, |number, value, _, _| {
            all[number] = value
        });
    }
    all
}

impl Enumeration<'_> {
    fn features(&self) -> &[SpinEnergy] {
        self.features.map_or(&[], |f| &f.sums)
    }

    fn fit_width(&self) -> usize {
        self.features
            .map_or(0, |f| Moments::new(f.len()).numbers().len())
    }

    /// Numbers that the sums of a chunk take.
    pub fn width(&self) -> usize {
        1 + self.betas.len() * (OWN + self.fit_width())
    }

    /// No energy is below it.
    fn bound(&self) -> f64 {
        let size = |(k, (c, _)): (usize, (f64, &[u32]))| if k == 0 { c } else { -c.abs() };
        self.energy.products().enumerate().map(size).sum()
    }

    /// The sums over a chunk: E_min, and at each temperature Z, E, …, relative to it.
    pub fn chunk(&self, chunk: usize) -> Vec<f64> {
        let (sites, bound) = (self.energy.sites() as f64, self.bound());
        let mut lowest = f64::INFINITY;
        States::visit(self.energy, &[], chunk, |_, e, _, _| lowest = lowest.min(e));
        let mut own = vec![[0.0; OWN]; self.betas.len()];
        let count = self.features().len();
        let mut moments = vec![Moments::new(count); self.betas.len()];
        States::visit(self.energy, self.features(), chunk, |_, e, sum, counts| {
            let (m, above) = ((sum as f64 / sites).abs(), e - bound);
            let values = [1.0, above, above * above, m, m * m, m.powi(4)];
            for (t, beta) in self.betas.iter().enumerate() {
                let weight = (-beta * (e - lowest)).exp();
                let sums = own[t].iter_mut().zip(values);
                sums.for_each(|(s, v)| *s += weight * v);
                if count > 0 {
                    moments[t].push(weight, counts, e);
                }
            }
        });
        let mut all = vec![lowest];
        for (own, moments) in own.iter().zip(&moments) {
            all.extend(own);
            if count > 0 {
                all.extend(moments.numbers());
            }
        }
        all
    }

    /// Adds the sums of a chunk to those of others; nothing yet where `all` is empty.
    pub fn merge(&self, all: &mut Vec<f64>, chunk: &[f64]) {
        if all.is_empty() {
            all.extend(chunk);
            return;
        }
        let lowest = all[0].min(chunk[0]);
        let row = OWN + self.fit_width();
        for (t, beta) in self.betas.iter().enumerate() {
            let factor = |from: f64| (-beta * (from - lowest)).exp();
            let (old, new) = (factor(all[0]), factor(chunk[0]));
            let place = 1 + t * row..1 + (t + 1) * row;
            let pairs = all[place.clone()].iter_mut().zip(&chunk[place]);
            pairs.for_each(|(a, c)| *a = old * *a + new * c);
        }
        all[0] = lowest;
    }

    /// Averages from the sums over all chunks, one entry per temperature.
    pub fn averages(&self, all: &[f64]) -> Vec<ExactAverages> {
        let (lowest, bound, sites) = (all[0], self.bound(), self.energy.sites() as f64);
        let rows = all[1..].chunks_exact(OWN + self.fit_width());
        let of_row = |(row, beta): (&[f64], &f64)| {
            let z = row[0];
            let mean = |k: usize| row[k] / z;
            let variance = (mean(2) - mean(1) * mean(1)).max(0.0);
            let mut moments = Moments::from_numbers(self.features().len(), &row[OWN..]);
            moments.scale(1.0 / z);
            ExactAverages {
                log_z: z.ln() - beta * lowest,
                values: [
                    mean(1) + bound,
                    variance * beta * beta / sites,
                    mean(3),
                    mean(4),
                    mean(5),
                    1.0 - mean(5) / (3.0 * mean(4) * mean(4)),
                ],
                moments,
            }
        };
        rows.zip(self.betas).map(of_row).collect()
    }

    /// ln Σ e^{−β H_eff} over a chunk, with one model per temperature.
    pub fn effective_chunk(&self, models: &[EffectiveModel], chunk: usize) -> Vec<f64> {
        let features = self.features();
        let mut lowest = vec![f64::INFINITY; models.len()];
        let energies =
            |counts: &[f64]| -> Vec<f64> { models.iter().map(|m| m.energy(counts)).collect() };
        States::visit(self.energy, features, chunk, |_, _, _, counts| {
            let pairs = lowest.iter_mut().zip(energies(counts));
            pairs.for_each(|(low, e)| *low = low.min(e));
        });
        let mut sums = vec![0.0; models.len()];
        States::visit(self.energy, features, chunk, |_, _, _, counts| {
            for (t, e) in energies(counts).into_iter().enumerate() {
                sums[t] += (-self.betas[t] * (e - lowest[t])).exp();
            }
        });
        let both = sums.iter().zip(lowest.iter().zip(self.betas));
        both.map(|(sum, (low, beta))| sum.ln() - beta * low)
            .collect()
    }
}

/// ln(e^a + e^b)
pub fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = (a.max(b), a.min(b));
    match high == f64::NEG_INFINITY {
        true => high,
        false => high + (low - high).exp().ln_1p(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All numbers of a ring of 16 spins: Z = λ₊^N + λ₋^N with λ± = e^β ± e^{−β}.
    #[test]
    fn a_ring_has_the_partition_function_of_its_transfer_matrix() {
        let sites = 16u32;
        let terms = (0..sites).map(|i| (-1.0, vec![i, (i + 1) % sites]));
        let energy = SpinEnergy::new(sites as usize, terms);
        let betas = [0.5, 3.0, 300.0];
        let sums = Enumeration {
            energy: &energy,
            betas: &betas,
            features: None,
        };
        let mut all = Vec::new();
        (0..chunks(16)).for_each(|k| sums.merge(&mut all, &sums.chunk(k)));
        assert_eq!(chunks(16), 4);
        for (found, beta) in sums.averages(&all).iter().zip(betas) {
            let tanh = f64::tanh(beta).powi(16);
            let log_z = 16.0 * (beta + (-2.0 * beta).exp().ln_1p()) + tanh.ln_1p();
            assert!((found.log_z - log_z).abs() < 1e-11 * log_z, "{beta}");
            let t = f64::tanh(beta);
            let energy = -16.0 * (t + t.powi(15)) / (1.0 + t.powi(16));
            assert!((found.values[0] - energy).abs() < 1e-11, "{beta}");
        }
        let list = energies(&energy);
        assert_eq!(
            (list[0], list[0xffff], list[1], list[0xaaaa]),
            (-16.0, -16.0, -12.0, 16.0)
        );
        assert!((log_sum(1.0, 2.0) - (1f64.exp() + 2f64.exp()).ln()).abs() < 1e-14);
    }
}
