//! Decides how correlations in imaginary time follow from state vectors.
//!
//! With the layers L_1 … L_M of ket and bra, |r_x⟩ = L_x … L_1 |start⟩ and, as the layers are the
//! same from both ends, ⟨l_x| = ⟨r_{M−x}|*:
//! ```text
//! ⟨A⁺(y) A(x)⟩ = ⟨l_y| A⁺ L_y … L_{x+1} A |r_x⟩ / ⟨l_x|r_x⟩
//! ```

use super::vector::StateVector;
use crate::error::{Error, Result};
use crate::worldlines::circuit::GateLayer;
use crate::worldlines::trotter::Trotter;
use num_complex::Complex64;
use std::collections::BTreeMap;

/// The circuit whose state a table of amplitudes is.
#[derive(Debug, Clone)]
pub struct ImaginaryTime {
    /// What the first layer is applied to.
    pub first: StateVector,
    /// The steps.
    pub trotter: Trotter,
    /// How many of them.
    pub steps: usize,
}

/// What is asked of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSeries {
    /// Steps on each side of the middle.
    pub reach: usize,
    /// Steps from one time to the next.
    pub every: usize,
    /// Times behind the first one.
    pub count: usize,
}

/// State vectors of ket and bra at the times of a window.
struct Window {
    /// Layers of ket and bra.
    layers: Vec<GateLayer>,
    /// How many of them are applied at each time.
    times: Vec<usize>,
    ket: Vec<StateVector>,
    bra: Vec<StateVector>,
    /// ⟨l|r⟩ of each time and the logarithm of its scale.
    norms: Vec<(Complex64, f64)>,
}

fn dot(bra: &StateVector, ket: impl Iterator<Item = Complex64>) -> Complex64 {
    bra.amplitudes
        .iter()
        .zip(ket)
        .map(|(l, r)| l.conj() * r)
        .sum()
}

impl ImaginaryTime {
    /// Bytes of the state vectors of a window.
    pub fn bytes(&self, reach: usize) -> f64 {
        16.0 * self.first.amplitudes.len() as f64 * (4 * reach + 4) as f64
    }

    fn window(&self, reach: usize) -> Result<Window> {
        let times = self.trotter.times(self.steps, reach)?;
        let mut layers = self.trotter.after(self.steps).layers;
        layers.extend(layers.clone().into_iter().rev());
        let all = layers.len();
        let mirrored = times.iter().map(|x| all - x);
        let mut kept: BTreeMap<usize, Option<StateVector>> = times
            .iter()
            .copied()
            .chain(mirrored)
            .map(|x| (x, None))
            .collect();
        let mut vector = self.first.clone();
        for x in 0..=all {
            if let Some(place) = kept.get_mut(&x) {
                *place = Some(vector.clone());
            }
            if let Some(layer) = layers.get(x) {
                layer.iter().for_each(|gate| vector.apply(gate));
                vector.normalise()?;
            }
        }
        let at = |x: usize| kept.get(&x).cloned().flatten();
        let missing = || Error::numerical("a time is not one of the circuit", "");
        let of = |places: &mut dyn Iterator<Item = usize>| -> Result<Vec<StateVector>> {
            places.map(|x| at(x).ok_or_else(missing)).collect()
        };
        let ket = of(&mut times.iter().copied())?;
        let bra = of(&mut times.iter().map(|x| all - x))?;
        let norm = |(l, r): (&StateVector, &StateVector)| {
            (
                dot(l, r.amplitudes.iter().copied()),
                l.log_scale + r.log_scale,
            )
        };
        let norms = bra.iter().zip(&ket).map(norm).collect();
        Ok(Window {
            layers,
            times,
            ket,
            bra,
            norms,
        })
    }

    /// Means of σᶻ of each site over a window, and for each operator Σ_i w_i σᶻ_i the means of
    /// Re ⟨A⁺(τ + k Δτ) A(τ)⟩ over the pairs of times in it, k = 0 … `count`.
    ///
    /// Fails where the circuit is shorter than the window.
    pub fn correlations(
        &self,
        operators: &[Vec<Complex64>],
        series: &TimeSeries,
    ) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
        let window = self.window(series.reach)?;
        let states: Vec<Vec<i8>> = (0..self.first.amplitudes.len())
            .map(|k| self.first.spins(k))
            .collect();
        let diagonal = |weights: &[Complex64]| -> Vec<Complex64> {
            let of = |x: &Vec<i8>| x.iter().zip(weights).map(|(s, w)| w * f64::from(*s)).sum();
            states.iter().map(of).collect()
        };
        let spins = (0..self.trotter.sites).map(|site| {
            let values = states.iter().map(|x| f64::from(x[site]));
            window.mean(&values.collect::<Vec<_>>())
        });
        let of = |weights: &Vec<Complex64>| window.series(&diagonal(weights), series);
        let values = operators.iter().map(of).collect::<Result<_>>()?;
        Ok((spins.collect(), values))
    }
}

impl Window {
    /// The mean of a diagonal operator.
    fn mean(&self, operator: &[f64]) -> f64 {
        let each = self.bra.iter().zip(&self.ket).zip(&self.norms);
        let values = each.map(|((l, r), (norm, _))| {
            let image = r.amplitudes.iter().zip(operator);
            (dot(l, image.map(|(z, a)| z * a)) / norm).re
        });
        values.sum::<f64>() / self.times.len() as f64
    }

    /// Sums over the pairs of times that are k apart, over their number.
    fn series(&self, operator: &[Complex64], wanted: &TimeSeries) -> Result<Vec<f64>> {
        let mut sums = vec![0.0; wanted.count + 1];
        let last = self.times.len();
        for first in 0..last {
            let mut moved = self.ket[first].clone();
            let amplitudes = moved.amplitudes.iter_mut().zip(operator);
            amplitudes.for_each(|(z, a)| *z *= a);
            let mut at = first;
            for (k, sum) in sums.iter_mut().enumerate() {
                let later = first + k * wanted.every;
                if later >= last {
                    break;
                }
                for layer in &self.layers[self.times[at]..self.times[later]] {
                    layer.iter().for_each(|gate| moved.apply(gate));
                    // An operator may leave nothing of the state.
                    if moved.amplitudes.iter().any(|z| z.norm_sqr() > 0.0) {
                        moved.normalise()?;
                    }
                }
                at = later;
                let (bra, (norm, scale)) = (&self.bra[later], self.norms[first]);
                let image = moved.amplitudes.iter().zip(operator);
                let value = dot(bra, image.map(|(z, a)| a.conj() * z)) / norm;
                *sum += value.re * (bra.log_scale + moved.log_scale - scale).exp();
            }
        }
        let pairs = |k: usize| (last - (k * wanted.every).min(last - 1)) as f64;
        Ok(sums.iter().enumerate().map(|(k, s)| s / pairs(k)).collect())
    }
}
