//! Decides how the state vectors move in full sums: that of the circuit by its gates, and e^{−τH}
//! of the start by a Taylor series.
//!
//! e^{−δ(H − c)} = Σ_k (−δ)^k (H − c)^k / k!, in parts with δ ‖H − c‖ ≤ 2, where nothing cancels.

use super::record::ConstructRow;
use crate::ansatz::dbm::{DeepNetwork, StateVector};
use crate::ansatz::sign::Sign;
use crate::calculation::vmc::problem::Problem;
use crate::error::{Error, Result};
use crate::exact::bits::BitOperator;
use crate::number::larger;
use crate::worldlines::circuit::GateLayer;
use num_complex::Complex64;

/// Bytes of a state of the basis: both vectors now and at the last boundary, the diagonal, the
/// signs.
pub(super) const KEPT_BYTES: f64 = 4.0 * 16.0 + 2.0 * 8.0;
/// Bytes of a state while a block is done.
pub(super) const WORK_BYTES: f64 = 6.0 * 16.0;
/// Bytes of a state in a checkpoint.
pub(super) const SAVED_BYTES: f64 = 2.0 * 16.0;

/// Largest δ ‖H − c‖ of a part.
const PART: f64 = 2.0;
/// Terms of the series, of which the last one is below rounding.
const TERMS: usize = 40;

/// The state of the circuit without signs, and e^{−τH} of the start with them.
#[derive(Debug, Clone)]
pub(super) struct Vectors {
    pub circuit: StateVector,
    pub exact: Vec<Complex64>,
}

/// What the vectors move by.
pub(super) struct Mover {
    operator: BitOperator<Complex64>,
    /// −1 or 1 for each state.
    signs: Vec<f64>,
    centre: f64,
    spread: f64,
}

fn norm(x: &[Complex64]) -> f64 {
    x.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt()
}

fn dot(x: &[Complex64], y: &[Complex64]) -> Complex64 {
    x.iter().zip(y).map(|(a, b)| a.conj() * b).sum()
}

impl Mover {
    pub fn new(problem: &Problem, vector: &StateVector) -> Result<Self> {
        let Some(table) = problem.hamiltonian.table() else {
            return Err(crate::basis::only_spin_half(
                "ansatz.kind",
                "a deep machine",
            ));
        };
        let sign = problem.sign_rule.as_ref();
        let sign = sign.map(|in_a| Sign::new(in_a.clone(), &problem.basis));
        let of = |k: usize| match &sign {
            Some(sign) if sign.is_negative(&vector.spins(k)) => -1.0,
            _ => 1.0,
        };
        Ok(Mover {
            operator: BitOperator::new(table, &problem.basis, 1)?,
            signs: (0..vector.amplitudes.len()).map(of).collect(),
            centre: problem.facts.centre,
            spread: problem.facts.spread,
        })
    }

    /// At the start.
    pub fn start(&self, circuit: StateVector) -> Vectors {
        Vectors {
            exact: self.signed(&circuit),
            circuit,
        }
    }

    fn signed(&self, vector: &StateVector) -> Vec<Complex64> {
        let amplitudes = vector.amplitudes.iter().zip(&self.signs);
        amplitudes.map(|(z, sign)| z * sign).collect()
    }

    /// One step further; looks between its parts whether to go on.
    pub fn step(
        &self,
        from: &Vectors,
        layers: &[GateLayer],
        step: f64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vectors> {
        let mut next = from.clone();
        for layer in layers {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            layer.iter().for_each(|gate| next.circuit.apply(gate));
        }
        next.circuit.normalise()?;
        let parts = (step * self.spread / PART).ceil().max(1.0);
        for _ in 0..parts as usize {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            self.part(&mut next.exact, step / parts);
        }
        Ok(next)
    }

    /// A part of the series, and the norm back to 1.
    fn part(&self, exact: &mut [Complex64], delta: f64) {
        let (mut term, mut image) = (exact.to_vec(), exact.to_vec());
        for k in 1..=TERMS {
            self.operator.apply(&term, &mut image);
            let factor = -delta / k as f64;
            for ((t, i), sum) in term.iter_mut().zip(&image).zip(exact.iter_mut()) {
                *t = (i - self.centre * *t) * factor;
                *sum += *t;
            }
            if norm(&term) < 1e-18 * norm(exact) {
                break;
            }
        }
        let scale = norm(exact);
        exact.iter_mut().for_each(|z| *z /= scale);
    }

    /// Energy, variance and infidelity.
    pub fn judge(&self, vectors: &Vectors) -> ConstructRow {
        let psi = self.signed(&vectors.circuit);
        let mut image = psi.clone();
        self.operator.apply(&psi, &mut image);
        let square = norm(&psi).powi(2);
        let energy = dot(&psi, &image).re / square;
        let off = psi
            .iter()
            .zip(&image)
            .map(|(z, i)| (i - energy * z).norm_sqr());
        let variance = off.sum::<f64>() / square;
        let overlap = dot(&vectors.exact, &psi).norm_sqr();
        let fidelity = overlap / (square * norm(&vectors.exact).powi(2));
        ConstructRow {
            time: 0.0,
            energy,
            variance,
            infidelity: larger(1.0 - fidelity, 0.0),
        }
    }
}

/// The largest difference of network and state vector over the largest amplitude.
pub(super) fn deviation(network: &DeepNetwork, vector: &StateVector) -> f64 {
    let mut scaled = network.clone();
    scaled.log_constant -= vector.log_scale;
    let (mut most, mut largest) = (0.0f64, 0.0f64);
    for (k, amplitude) in vector.amplitudes.iter().enumerate() {
        let found = scaled.amplitude(&vector.spins(k));
        most = larger(most, (found - amplitude).norm());
        largest = larger(largest, amplitude.norm());
    }
    most / largest
}
