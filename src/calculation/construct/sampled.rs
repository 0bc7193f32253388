//! Decides how a constructed state is sampled: by the world lines of its circuit, from a restricted
//! machine or from all configurations alike.

use super::Construct;
use super::keys::ConstructInput;
use crate::ansatz::dbm::DeepNetwork;
use crate::calculation::measure;
use crate::calculation::vmc::Vmc;
use crate::calculation::vmc::problem::observables;
use crate::comm::share;
use crate::ensemble::{CircuitLines, CircuitSettings, Ensemble, Request, Variational};
use crate::error::{Error, Result};
use crate::input::Method;
use crate::observable::{Named, View};
use crate::rng::Purpose;
use crate::worldlines::trotter::Trotter;
use crate::worldlines::{EnergyLines, HiddenStart, Terms};
use num_complex::Complex64;

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
    if method == Method::Gibbs && !is_ising {
        let what = "\"gibbs\" samples constructions of `ising`";
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

/// The restricted machine at the start, of real parameters; none without hidden units.
fn start(network: &DeepNetwork) -> Option<HiddenStart> {
    let reals = |list: &[Complex64]| list.iter().map(|z| z.re).collect();
    let couplings = network.visible.iter().flatten();
    (!network.b.is_empty()).then(|| HiddenStart {
        a: reals(&network.a),
        b: reals(&network.b),
        w: couplings.map(|(_, w)| w.re).collect(),
    })
}

impl Construct<'_> {
    /// An error for an observable of `[measure]` that asks for amplitudes: it is tried on the
    /// world lines of one step.
    pub(super) fn refuse_observables(&self) -> Result<()> {
        let Some(keys) = measure::keys(self.source)? else {
            return Ok(());
        };
        if !keys.amplitudes.is_empty() {
            let problem = "the amplitudes of a constructed machine are not known to samples";
            let remedy = "use sampler.method = \"full-sum\", or leave the key out";
            return Err(Error::input("measure.amplitudes", problem, remedy));
        }
        let vmc = self.vmc.borrow();
        let list = &keys.observables;
        let named = observables(self.source, &vmc.problem, list, "measure.observables")?;
        let mut lines = CircuitLines::new(CircuitSettings {
            chains: 0..1,
            total_chains: 1,
            ..self.settings(&vmc, 1, None)
        })?;
        lines.sample(&Request {
            purpose: Purpose::Measure,
            step: 0,
            burn_in: 0,
            per_chain: 1,
        })?;
        let same = lines.configurations().to_vec();
        for Named { name, observable } in named {
            if observable
                .local_values(&View::new(&lines, 0..1, &same))
                .is_err()
            {
                let problem = format!("{name} asks for amplitudes, and world lines have none");
                let remedy = "measure diagonal observables such as spin-correlations-zz, or use \
                              sampler.method = \"full-sum\"";
                return Err(Error::input("measure.observables", problem, remedy));
            }
        }
        Ok(())
    }

    /// This rank's chains of world lines.
    pub(super) fn world_lines(&self, vmc: &Vmc) -> Result<Box<dyn Variational>> {
        let first = start(&self.first_network());
        let settings = self.settings(vmc, self.keys.steps(), first);
        Ok(Box::new(CircuitLines::new(settings)?))
    }

    /// The chains of this rank after so many steps from a machine.
    fn settings(&self, vmc: &Vmc, steps: usize, start: Option<HiddenStart>) -> CircuitSettings {
        let sampler = &vmc.sampler;
        let (rank, size) = self.rank;
        CircuitSettings {
            circuit: self.trotter.after(steps),
            start,
            terms: self.terms.clone(),
            hamiltonian: vmc.problem.hamiltonian.clone(),
            gibbs: sampler.method == Method::Gibbs,
            seed: vmc.seed,
            number: 0,
            chains: share(sampler.chains, rank, size),
            total_chains: sampler.chains,
            sweeps: sampler.sweeps,
        }
    }
}

/// Bytes of circuit, network and world lines on a rank with so many chains.
pub(super) fn bytes(trotter: &Trotter, keys: &ConstructInput, chains: usize) -> f64 {
    let gates = trotter.count(keys.steps(), |_| 1) as f64;
    gates * (GATE_BYTES[0] + GATE_BYTES[1] * chains as f64)
}
