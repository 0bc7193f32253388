//! Decides the circuit of second-order Trotter steps of a Hamiltonian in parts.
//!
//! ```text
//! e^{−δ H} ≈ e^{−δ H_0/2} … e^{−δ H_{c−2}/2} e^{−δ H_{c−1}} e^{−δ H_{c−2}/2} … e^{−δ H_0/2}
//! ```
//! The terms of one part commute. Half steps of part 0 on both sides of a whole step are one gate
//! (H. F. Trotter, Proc. Am. Math. Soc. 10, 545 (1959); M. Suzuki, Phys. Lett. A 146, 319 (1990)).

use super::Terms;
use super::circuit::{Circuit, Gate, GateLayer, Start};
use super::correlations::TimeWindow;
use crate::error::{Error, Result};

/// Trotter steps of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Trotter {
    /// Number of sites.
    pub sites: usize,
    /// What the first step is applied to.
    pub start: Start,
    /// The gates of each part for a whole step.
    parts: Vec<Vec<Gate>>,
}

/// The gate of a part of the time.
fn scaled(gate: &Gate, by: f64) -> Gate {
    match *gate {
        Gate::Pair { l, m, x } => Gate::Pair { l, m, x: by * x },
        Gate::Field { l, z } => Gate::Field { l, z: by * z },
        Gate::Flip { l, y } => Gate::Flip { l, y: by * y },
        Gate::Exchange { l, m, t, jz, jxy } => Gate::Exchange {
            l,
            m,
            t: by * t,
            jz,
            jxy,
        },
    }
}

impl Trotter {
    /// Steps of length `step` of pairs, fields and flips: pairs and fields at half steps, flips at
    /// whole ones.
    ///
    /// Fails where a coefficient of a flip is not below 0, which would give amplitudes of both
    /// signs, and where there are exchanges.
    pub fn ising(sites: usize, start: Start, terms: &Terms, step: f64) -> Result<Self> {
        let wrong = terms.flips.iter().find(|(_, c)| *c >= 0.0 || c.is_nan());
        if let Some((site, c)) = wrong {
            return Err(signs(format!("σx of site {site} has the coefficient {c}")));
        }
        if !terms.exchanges.is_empty() {
            return Err(signs("exchanges stand beside flips".into()));
        }
        let pair = |&([l, m], c): &([usize; 2], f64)| Gate::Pair { l, m, x: -c * step };
        let field = |&(l, c): &(usize, f64)| Gate::Field { l, z: -c * step };
        let flip = |&(l, c): &(usize, f64)| Gate::Flip { l, y: -c * step };
        let fields = terms.fields.iter().map(field);
        let diagonal = terms.pairs.iter().map(pair).chain(fields).collect();
        let parts = vec![diagonal, terms.flips.iter().map(flip).collect()];
        Ok(Trotter {
            sites,
            start,
            parts,
        })
    }

    /// Steps of length `step` of exchanges and the pairs on their bonds, with the bonds of each of
    /// `colours` at once.
    ///
    /// Fails where a coefficient of an exchange is not below 0, and for a term that has no place on
    /// these bonds.
    pub fn exchange(
        sites: usize,
        start: Start,
        terms: &Terms,
        colours: &[Vec<[usize; 2]>],
        step: f64,
    ) -> Result<Self> {
        let same = |a: &[usize; 2], b: &[usize; 2]| a == b || (a[0] == b[1] && a[1] == b[0]);
        let of = |list: &[([usize; 2], f64)], bond: &[usize; 2]| -> f64 {
            let found = list.iter().filter(|(other, _)| same(other, bond));
            found.map(|(_, c)| c).sum()
        };
        let gate = |bond: &[usize; 2]| {
            let jxy = -of(&terms.exchanges, bond);
            if jxy.is_nan() || jxy <= 0.0 {
                let what = format!("the exchange of {bond:?} has the coefficient {}", -jxy);
                return Err(signs(what));
            }
            Ok(Gate::Exchange {
                l: bond[0],
                m: bond[1],
                t: step,
                jz: of(&terms.pairs, bond),
                jxy,
            })
        };
        let has = |bond: &[usize; 2]| colours.iter().flatten().any(|b| same(b, bond));
        let two = terms.pairs.iter().chain(&terms.exchanges);
        if !terms.fields.is_empty() || !terms.flips.is_empty() || !two.clone().all(|t| has(&t.0)) {
            return Err(signs("a term has no place on the bonds".into()));
        }
        let part = |bonds: &Vec<[usize; 2]>| bonds.iter().map(gate).collect();
        let parts = colours.iter().map(part).collect::<Result<_>>()?;
        Ok(Trotter {
            sites,
            start,
            parts,
        })
    }

    /// One whole step that stands alone, layer by layer.
    pub fn step(&self) -> Vec<GateLayer> {
        self.after(1).layers
    }

    /// The circuit of so many whole steps, which ends there.
    pub fn after(&self, steps: usize) -> Circuit {
        let mut layers = Vec::new();
        let of = |by: f64| -> Vec<GateLayer> {
            let layer = |part: &Vec<Gate>| part.iter().map(|gate| scaled(gate, by)).collect();
            self.parts.iter().map(layer).collect()
        };
        let (whole, half) = (of(1.0), of(0.5));
        let layer = |part: usize, by: f64| match by {
            1.0 => whole[part].clone(),
            _ => half[part].clone(),
        };
        let last = self.parts.len().saturating_sub(1);
        for step in 0..steps {
            if last == 0 {
                layers.extend((0..self.parts.len()).map(|part| layer(part, 1.0)));
                continue;
            }
            if step == 0 {
                layers.push(layer(0, 0.5));
            }
            layers.extend((1..last).map(|part| layer(part, 0.5)));
            layers.push(layer(last, 1.0));
            layers.extend((1..last).rev().map(|part| layer(part, 0.5)));
            layers.push(layer(0, if step + 1 < steps { 1.0 } else { 0.5 }));
        }
        layers.retain(|layer| !layer.is_empty());
        Circuit {
            sites: self.sites,
            start: self.start,
            layers,
        }
    }

    /// Layers of a step, and those of `steps` of them.
    fn layers(&self, steps: usize) -> [usize; 2] {
        match self.parts.len().saturating_sub(1) {
            0 => [1, steps],
            last => [2 * last, 2 * last * steps + 1],
        }
    }

    /// How many layers of ket and bra are applied before each whole layer of part 0, from `reach`
    /// steps before the middle to `reach` steps behind it; one step apart.
    ///
    /// Fails where the circuit is shorter than that, or has no gates between its flips.
    pub fn times(&self, steps: usize, reach: usize) -> Result<Vec<usize>> {
        if reach > steps || self.parts.first().is_none_or(Vec::is_empty) {
            return Err(Error::numerical(
                format!("{steps} steps have no {reach} slices on each side of the middle"),
                "ask for shorter times, of a Hamiltonian with couplings",
            ));
        }
        let [each, all] = self.layers(steps);
        let place = |j: usize| match j.checked_sub(steps + 1) {
            None => j * each,
            Some(_) => all + (j - steps) * each,
        };
        Ok((steps - reach..=steps + reach).map(place).collect())
    }

    /// The slices of the world lines at these times.
    ///
    /// Fails as [`Trotter::times`].
    pub fn window(&self, steps: usize, reach: usize) -> Result<TimeWindow> {
        let mut slices = self.times(steps, reach)?;
        let exchanges = |gate: &Gate| matches!(gate, Gate::Exchange { .. });
        if !self.parts.iter().flatten().any(exchanges) {
            // Between flips there is one slice.
            slices = (steps - reach..=steps + reach).collect();
        }
        // The visible slice comes twice.
        slices[reach + 1..].iter_mut().for_each(|slice| *slice += 1);
        Ok(TimeWindow { slices })
    }

    /// The gates of the circuit of so many whole steps, counted by `weight`.
    pub fn count(&self, steps: usize, weight: impl Fn(&Gate) -> usize) -> usize {
        let of = |part: &Vec<Gate>| part.iter().map(&weight).sum::<usize>();
        let last = self.parts.len().saturating_sub(1);
        let times = |part: usize| match part {
            _ if part == last => steps,
            0 => steps + usize::from(steps > 0),
            _ => 2 * steps,
        };
        let parts = self.parts.iter().enumerate();
        parts.map(|(k, part)| times(k) * of(part)).sum()
    }
}

/// An error for a Hamiltonian whose gates do not keep amplitudes positive.
fn signs(what: String) -> Error {
    Error::numerical(
        format!("{what}: gates of this Hamiltonian do not keep amplitudes positive"),
        "rotate the spins of one sublattice",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            pairs: vec![([0, 1], 0.5), ([1, 2], 0.5)],
            exchanges: vec![([0, 1], -1.0), ([1, 2], -1.0)],
            ..Terms::default()
        }
    }

    #[test]
    fn half_steps_of_the_first_part_are_merged_and_counted() {
        let colours = [vec![[0, 1]], vec![[2, 1]]];
        let trotter = Trotter::exchange(3, Start::Uniform, &terms(), &colours, 0.2).unwrap();
        for steps in 0..4 {
            let circuit = trotter.after(steps);
            let gates = circuit.gates().count();
            assert_eq!(gates, trotter.count(steps, |_| 1));
            assert_eq!(gates, if steps == 0 { 0 } else { 2 * steps + 1 });
        }
        let circuit = trotter.after(2);
        let times = circuit.gates();
        let time = |gate: &Gate| match *gate {
            Gate::Exchange { t, jz, jxy, .. } => (t, jz, jxy),
            _ => unreachable!(),
        };
        let times: Vec<_> = times.map(time).collect();
        let expected = [0.1, 0.2, 0.2, 0.2, 0.1].map(|t| (t, 0.5, 1.0));
        assert_eq!(times, expected);
        // One part alone is exact: whole steps follow each other.
        let one = Terms {
            pairs: vec![([0, 1], 0.5)],
            exchanges: vec![([0, 1], -1.0)],
            ..Terms::default()
        };
        let alone = Trotter::exchange(2, Start::Uniform, &one, &[vec![[0, 1]]], 0.1).unwrap();
        assert_eq!(alone.after(3).layers.len(), 3);
        assert_eq!(alone.count(3, |_| 1), 3);
    }

    #[test]
    fn amplitudes_of_both_signs_are_refused() {
        let colours = [vec![[0, 1]], vec![[1, 2]]];
        let mut wrong = terms();
        wrong.exchanges[1].1 = 1.0;
        assert!(Trotter::exchange(3, Start::Uniform, &wrong, &colours, 0.1).is_err());
        assert!(Trotter::exchange(3, Start::Uniform, &terms(), &colours[..1], 0.1).is_err());
        let flips = |c| Terms {
            flips: vec![(0, c)],
            ..Terms::default()
        };
        assert!(Trotter::ising(1, Start::Uniform, &flips(-1.0), 0.1).is_ok());
        assert!(Trotter::ising(1, Start::Uniform, &flips(1.0), 0.1).is_err());
        assert!(Trotter::ising(3, Start::Uniform, &terms(), 0.1).is_err());
    }
}
