//! Decides how a constructed state is sampled: the world lines of its circuit, with the hidden units
//! of a restricted machine at the start as sites of their own.
//!
//! e^{Σ a_i σ_i} Π_j 2 cosh θ_j is the sum over h_j = ±1 of e^{Σ a_i σ_i + Σ σ_i W_ij h_j + Σ b_j h_j}:
//! pairs and fields on more sites, of which a long flip of h_j makes the sum.

use super::Construct;
use super::keys::ConstructInput;
use crate::ansatz::dbm::Network;
use crate::calculation::vmc::Vmc;
use crate::comm::share;
use crate::ensemble::{CircuitLines, CircuitSettings, Variational};
use crate::error::{Error, Result};
use crate::input::Method;
use crate::worldlines::circuit::{Circuit, Gate};
use crate::worldlines::trotter::Trotter;
use crate::worldlines::{EnergyLines, Terms};

/// A flip after which a spin has forgotten itself: coth y = 1 in double precision.
const FORGETS: f64 = 20.0;
/// Bytes of a gate in the circuit and in the network, and in the world lines of a chain.
const GATE_BYTES: [f64; 2] = [250.0, 80.0];

/// An error at `sampler.method`.
fn wrong(problem: &str, remedy: &str) -> Result<()> {
    Err(Error::input("sampler.method", problem, remedy))
}

/// An error where the method cannot sample what is constructed.
pub(super) fn check(vmc: &Vmc, trotter: &Trotter, terms: &Terms) -> Result<()> {
    let method = vmc.sampler.method;
    let layout = vmc.ensemble.layout();
    let is_ising = terms.exchanges.is_empty();
    match method {
        Method::FullSum => return Ok(()),
        Method::Cluster | Method::Gibbs => {}
        Method::Metropolis | Method::Direct => {
            let remedy = "use \"cluster\" or \"full-sum\"";
            return wrong(
                "the amplitudes of a constructed machine are not known",
                remedy,
            );
        }
    }
    if method == Method::Gibbs && !(is_ising && layout.is_empty()) {
        let what = "\"gibbs\" samples constructions of `ising` without hidden units at the start";
        return wrong(what, "use \"cluster\" or \"full-sum\"");
    }
    if !layout.is_empty() && (!is_ising || layout.iter().any(|block| block.complex)) {
        let what = "world lines start from machines with real parameters, of `ising` alone";
        return wrong(what, "use \"full-sum\", or density = 0");
    }
    if is_ising || EnergyLines::new(&trotter.after(1), terms.clone())?.width() == 1 {
        return Ok(());
    }
    wrong(
        "loops have no energy where |delta| > 1 or total_sz is not 0",
        "use \"full-sum\"",
    )
}

/// The circuit behind a restricted machine.
fn behind(start: &Network, circuit: Circuit) -> Circuit {
    let sites = start.a.len();
    let field = |l: usize, z: f64| (z != 0.0).then_some(Gate::Field { l, z });
    let visible = start.a.iter().enumerate().map(|(i, a)| field(i, a.re));
    let hidden = start.b.iter().enumerate();
    let hidden = hidden.map(|(j, b)| field(sites + j, b.re));
    let mut first: Vec<Gate> = visible.chain(hidden).flatten().collect();
    for (l, row) in start.visible.iter().enumerate() {
        first.extend(row.iter().map(|(j, w)| Gate::Pair {
            l,
            m: sites + *j as usize,
            x: w.re,
        }));
    }
    let sums = (0..start.b.len()).map(|j| Gate::Flip {
        l: sites + j,
        y: FORGETS,
    });
    let mut layers = vec![first, sums.collect()];
    layers.extend(circuit.layers);
    layers.retain(|layer| !layer.is_empty());
    Circuit {
        sites: sites + start.b.len(),
        layers,
        ..circuit
    }
}

impl Construct<'_> {
    /// This rank's chains of world lines.
    pub(super) fn world_lines(&self, vmc: &Vmc) -> Result<Box<dyn Variational>> {
        let circuit = self.trotter.after(self.keys.steps());
        let sampler = &vmc.sampler;
        let (rank, size) = self.rank;
        let settings = CircuitSettings {
            circuit: behind(&self.first_network(), circuit),
            terms: self.terms.clone(),
            hamiltonian: vmc.problem.hamiltonian.clone(),
            sites: vmc.sites(),
            gibbs: sampler.method == Method::Gibbs,
            seed: vmc.seed,
            number: 0,
            chains: share(sampler.chains, rank, size),
            total_chains: sampler.chains,
            sweeps: sampler.sweeps,
        };
        Ok(Box::new(CircuitLines::new(settings)?))
    }
}

/// Bytes of circuit, network and world lines on a rank with so many chains.
pub(super) fn bytes(trotter: &Trotter, keys: &ConstructInput, chains: usize) -> f64 {
    let gates = trotter.count(keys.steps(), |_| 1) as f64;
    gates * (GATE_BYTES[0] + GATE_BYTES[1] * chains as f64)
}
