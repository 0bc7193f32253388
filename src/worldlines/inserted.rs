//! Decides how ⟨σˣσˣ + σʸσʸ⟩ is measured on bonds that no loop says enough of.
//!
//! On a bond of the layer applied last the gate itself gives it: 0 for parallel spins, 2 tanh(2 t
//! J_xy) for unchanged and 2 coth(2 t J_xy) for swapped ones. On other bonds a layer of gates with
//! any time ε stands between ket and bra. Its weights w are taken away again: world lines that swap
//! nothing there count R = Π 1/w for the norm, those that swap one bond alone count 2 Π 1/w for
//! this bond, and all others nothing. The ratio of the sums is exact for every ε > 0.

use super::WorldLines;
use super::breakups::{PARALLEL, SWAPPED, UNCHANGED};
use super::circuit::{Circuit, Gate};
use super::loops::ExchangeLoops;
use super::plaquettes::Plaquette;
use crate::clusters::Words;
use crate::error::Result;

/// World lines through a layer of gates whose weights are taken away again.
#[derive(Debug, Clone)]
pub(super) struct InsertedLayer {
    lines: ExchangeLoops,
    /// 1/w of each gate and state of its spins.
    inverse: Vec<[f64; 3]>,
    /// What each bond is multiplied with.
    coefficients: Vec<f64>,
}

impl InsertedLayer {
    /// A layer on the bonds of `gates`, each to be multiplied with its coefficient.
    pub fn new(circuit: &Circuit, gates: &[(Gate, f64)]) -> Result<Self> {
        let strength = |gate: &Gate| match gate {
            Gate::Exchange { jxy, .. } => *jxy,
            _ => 0.0,
        };
        // About one swap in the layer.
        let sum: f64 = gates.iter().map(|(gate, _)| strength(gate)).sum();
        let short = |gate: &Gate| match *gate {
            Gate::Exchange { l, m, jz, jxy, .. } => Gate::Exchange {
                l,
                m,
                t: 0.5 / sum,
                jz,
                jxy,
            },
            other => other,
        };
        let layer: Vec<Gate> = gates.iter().map(|(gate, _)| short(gate)).collect();
        let lines = ExchangeLoops::new(circuit, &layer)?;
        let plan = &lines.plan;
        let inverse = |p: &Plaquette| plan.kinds[p.kind as usize].weights().map(|w| 1.0 / w);
        Ok(InsertedLayer {
            inverse: plan.inserted.iter().map(inverse).collect(),
            coefficients: gates.iter().map(|(_, c)| *c).collect(),
            lines,
        })
    }

    pub fn sweep(&mut self, rng: &mut Words) {
        self.lines.sweep(rng);
    }

    /// The norm, and the sum over the bonds.
    pub fn columns(&self) -> [f64; 2] {
        let ExchangeLoops {
            plan,
            swaps,
            visible,
            ..
        } = &self.lines;
        let swaps = &swaps[plan.ket.len()..];
        let (mut product, mut swapped, mut coefficient) = (1.0, 0, 0.0);
        for (k, p) in plan.inserted.iter().enumerate() {
            let is_parallel = visible[p.l as usize] == visible[p.m as usize];
            let state = match (is_parallel, swaps[k]) {
                (true, _) => PARALLEL,
                (_, 0) => UNCHANGED,
                _ => SWAPPED,
            };
            product *= self.inverse[k][state];
            if state == SWAPPED {
                swapped += 1;
                coefficient = self.coefficients[k];
            }
        }
        match swapped {
            0 => [product, 0.0],
            1 => [0.0, 2.0 * product * coefficient],
            _ => [0.0; 2],
        }
    }

    pub fn export(&self) -> Vec<u8> {
        self.lines.export()
    }

    pub fn import(&mut self, bytes: &[u8]) -> Result<()> {
        self.lines.import(bytes)
    }
}

/// The sum over the bonds of the last layer, each with its coefficient.
pub(super) fn last_layer(lines: &ExchangeLoops, coefficients: &[f64]) -> f64 {
    let ket = lines.plan.ket.len();
    let first = ket - coefficients.len();
    let mut sum = 0.0;
    for (k, coefficient) in coefficients.iter().enumerate() {
        let p = lines.plan.ket[first + k];
        let kind = lines.plan.kinds[p.kind as usize];
        if lines.visible[p.l as usize] == lines.visible[p.m as usize] {
            continue;
        }
        let tanh = (2.0 * kind.t * kind.jxy).tanh();
        for swap in [lines.swaps[first + k], lines.swaps[2 * ket - 1 - first - k]] {
            // Twice the mean of ket and bra.
            sum += coefficient * if swap == 1 { 1.0 / tanh } else { tanh };
        }
    }
    sum
}
