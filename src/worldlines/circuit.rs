//! Decides what a circuit in imaginary time is: a state of all configurations with the same weight,
//! and layers of gates that are applied to it.

use std::sync::Arc;

/// A gate on one or two sites, in terms of Pauli matrices; all its elements are real and ≥ 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gate {
    /// e^{x σᶻ_l σᶻ_m}
    Pair {
        /// First site.
        l: usize,
        /// Second site.
        m: usize,
        /// Coupling times imaginary time, of either sign.
        x: f64,
    },
    /// e^{z σᶻ_l}
    Field {
        /// Site.
        l: usize,
        /// Field times imaginary time, of either sign.
        z: f64,
    },
    /// e^{y σˣ_l}
    Flip {
        /// Site.
        l: usize,
        /// Transverse field times imaginary time, above 0.
        y: f64,
    },
    /// e^{−t k} with k = J_z σᶻ_l σᶻ_m − J_xy (σˣ_l σˣ_m + σʸ_l σʸ_m), in the frame without signs.
    Exchange {
        /// First site.
        l: usize,
        /// Second site.
        m: usize,
        /// Imaginary time in units of 1/energy, above 0.
        t: f64,
        /// J_z, of either sign.
        jz: f64,
        /// J_xy, above 0.
        jxy: f64,
    },
}

/// The state before the first gate: the same amplitude on all configurations of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// All configurations.
    Uniform,
    /// Those with a given number of spins up.
    Sector {
        /// Spins up.
        up: usize,
    },
}

/// Gates that commute. Layers that are the same share their memory.
pub type GateLayer = Arc<[Gate]>;

/// Gates in the order in which they are applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Circuit {
    /// Number of sites.
    pub sites: usize,
    /// What the gates are applied to.
    pub start: Start,
    /// The layers, the first one first.
    pub layers: Vec<GateLayer>,
}

impl Circuit {
    /// All gates in their order.
    pub fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.layers.iter().flat_map(|layer| layer.iter())
    }

    /// One of each layers that share their memory, the last one first.
    pub fn distinct(&self) -> Vec<&GateLayer> {
        let mut found: Vec<&GateLayer> = Vec::new();
        for layer in self.layers.iter().rev() {
            if !found.iter().any(|other| Arc::ptr_eq(other, layer)) {
                found.push(layer);
            }
        }
        found
    }
}
