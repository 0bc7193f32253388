//! Decides what a finished construction is: the network of its gates, the ensemble that those
//! behind sample, and how far the network is from the state vector.

use super::{Construct, motion, record};
use crate::ansatz::Erased;
use crate::ansatz::block::split;
use crate::ansatz::dbm::{DeepNetwork, FixedTable, ImaginaryTime, StateVector};
use crate::ansatz::table::Table;
use crate::basis::Basis;
use crate::calculation::vmc::problem::ensemble_of;
use crate::calculation::vmc::{ShownParameters, Vmc};
use crate::ensemble::Variational;
use crate::error::Result;
use num_complex::Complex64;
use std::rc::Rc;

/// Largest 2^(N + M') over which network and state vector are compared, as a power of 2.
const COMPARED: usize = 22;
/// Couplings of a network that is built, at most.
pub(super) const MOST_COUPLINGS: usize = 1 << 23;
/// Steps of which a network is built to see how its couplings grow.
const TRIED: usize = 2;
/// Steps after which rows have gone around, over the longest side of the lattice; counted.
const AROUND: f64 = 0.31;

impl Construct<'_> {
    /// The network at the start.
    pub(super) fn first_network(&self) -> DeepNetwork {
        let parts = split(&self.layout, &self.start).unwrap_or_default();
        let numbers = parts.iter().map(|(block, own)| block.array(own).complex());
        let blocks: Vec<Vec<Complex64>> = numbers.collect();
        let of = |name: &str| self.layout.iter().position(|block| block.name == name);
        match (of("a"), of("b"), of("W")) {
            (Some(a), Some(b), Some(w)) => {
                DeepNetwork::restricted(blocks[a].clone(), blocks[b].clone(), &blocks[w])
            }
            _ => DeepNetwork::uniform(self.trotter.sites),
        }
    }

    /// About how many couplings the network has.
    ///
    /// A gate of the form 1d-3h copies a row: their number grows as the square of the time, and
    /// linearly when rows go around the lattice, as that of the other forms always does.
    pub(super) fn couplings(&self) -> f64 {
        let after = |steps: usize| {
            let mut network = DeepNetwork::uniform(self.trotter.sites);
            let circuit = self.trotter.after(steps);
            circuit
                .gates()
                .for_each(|gate| network.apply(gate, self.keys.gates));
            network.couplings() as f64
        };
        let of_start = self.layout.iter().filter(|block| block.name == "W");
        let of_start = of_start.map(|block| block.shape.iter().product::<usize>());
        let [one, two, three] = [1, 2, 3].map(|k| after(k * TRIED));
        let (first, second) = (two - one, three - 2.0 * two + one);
        let x = |steps: f64| steps / TRIED as f64 - 1.0;
        let extent = self.vmc.borrow().problem.lattice.extent().into_iter().max();
        let all = x(self.keys.steps() as f64);
        let square = all
            .min(x(AROUND * extent.unwrap_or(1) as f64))
            .max(0.0_f64.min(all));
        // The square through three points, and its slope behind it.
        let near = one + square * first + 0.5 * square * (square - 1.0) * second;
        let slope = first + (square - 0.5) * second;
        of_start.sum::<usize>() as f64 + near + slope * (all - square)
    }

    /// The network of all gates on rank 0; none where its couplings are too many.
    pub(super) fn network(&self) -> Option<DeepNetwork> {
        if self.rank.0 > 0 || self.couplings() > 1.1 * MOST_COUPLINGS as f64 {
            return None;
        }
        let (mut network, mut next) = (self.first_network(), 1024);
        for gate in self.trotter.after(self.keys.steps()).gates() {
            network.apply(gate, self.keys.gates);
            // A gate of the form 1d-3h copies a row: the number may grow as the square of the time.
            if network.b.len() > next {
                next += next / 8;
                if network.couplings() > MOST_COUPLINGS {
                    return None;
                }
            }
        }
        (network.couplings() <= MOST_COUPLINGS).then_some(network)
    }

    /// The state vector of the circuit, which sums of few configurations have.
    pub(super) fn vector(&self, basis: &Basis) -> Result<StateVector> {
        if let Some(vectors) = &self.vectors {
            return Ok(vectors.circuit.clone());
        }
        let mut vector = StateVector::of_network(basis, &self.first_network())?;
        for layer in self.trotter.after(self.keys.steps()).layers {
            layer.iter().for_each(|gate| vector.apply(gate));
            vector.normalise()?;
        }
        Ok(vector)
    }

    /// What those behind sample.
    pub(super) fn next_ensemble(&self, vmc: &Vmc) -> Result<Box<dyn Variational>> {
        let Some(vectors) = &self.vectors else {
            return self.world_lines(vmc);
        };
        let amplitudes = &vectors.circuit.amplitudes;
        let table = Table::from_amplitudes(&vmc.problem.basis, amplitudes)?;
        let (rank, size) = self.rank;
        let time = ImaginaryTime {
            first: StateVector::of_network(&vmc.problem.basis, &self.first_network())?,
            trotter: self.trotter.clone(),
            steps: self.keys.steps(),
        };
        let fixed = Erased::new(FixedTable { table, time });
        ensemble_of(self.source, &vmc.problem, fixed, rank, size)
    }

    /// Those behind see the state of the circuit.
    pub(super) fn hand_on(&mut self) -> Result<()> {
        let network = self.network();
        let mut vmc = self.vmc.borrow_mut();
        let next = self.next_ensemble(&vmc)?;
        let few = |network: &&DeepNetwork| network.a.len() + network.deep.len() <= COMPARED;
        self.deviation = match network.as_ref().filter(few) {
            Some(network) => {
                let vector = self.vector(&vmc.problem.basis)?;
                Some(motion::deviation(network, &vector))
            }
            None => None,
        };
        self.said.clear();
        if network.is_none() && self.rank.0 == 0 {
            self.said.push(format!(
                "the network has more than {MOST_COUPLINGS} couplings and is not written; use a \
                 shorter time, or gates = \"2d-4h\", whose couplings grow as the time"
            ));
        }
        let parameters = network.as_ref().map(record::parameters).unwrap_or_default();
        vmc.shown = Some(ShownParameters::Datasets(Rc::new(parameters)));
        let old = std::mem::replace(&mut vmc.ensemble, next);
        self.before.replace(Some(old));
        Ok(())
    }

    /// Takes back what has been handed on.
    pub(super) fn take_back(&mut self) {
        let old = self.before.take();
        if let Some(old) = old {
            let vmc = &mut *self.vmc.borrow_mut();
            (vmc.ensemble, vmc.shown) = (old, None);
        }
    }
}
