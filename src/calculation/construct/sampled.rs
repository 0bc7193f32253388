//! Decides how a constructed state is sampled: by the world lines of its circuit, from a restricted
//! machine or from all configurations alike.

use super::Construct;
use super::outcome::MOST_COUPLINGS;
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
use crate::worldlines::circuit::Gate;
use crate::worldlines::correlations::TimeWindow;
use crate::worldlines::trotter::Trotter;
use crate::worldlines::{EnergyLines, HiddenStart, Terms};
use num_complex::Complex64;

/// Bytes of a coupling of the network while it is written, and of its parameters after that.
const COUPLING_BYTES: f64 = 24.0 * 1.4 + 2.0 * 32.0;
/// Bytes of a plaquette of the circuit, which all chains share.
const PLAQUETTE_BYTES: f64 = 12.0;
/// Bytes of a pair that block Gibbs sampling draws, which all chains share.
const PAIR_BYTES: f64 = 24.0;

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
    // An error where the terms have no estimate.
    EnergyLines::new(&trotter.after(1), terms.clone()).map(drop)
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
        // What looks at other slices needs more than one step.
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
        let of_configurations = named.into_iter().filter(|n| n.observable.reach() == 0);
        for Named { name, observable } in of_configurations {
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
        let (steps, mut settings) = (
            self.keys.steps(),
            self.settings(vmc, self.keys.steps(), first),
        );
        if let Some(reach) = self.reach(vmc)?.filter(|reach| *reach > 0) {
            settings.window = self.trotter.window(steps, reach)?;
        }
        Ok(Box::new(CircuitLines::new(settings)?))
    }

    /// Steps on each side of the visible slice that observables of `[measure]` look at.
    fn reach(&self, vmc: &Vmc) -> Result<Option<usize>> {
        let Some(keys) = measure::keys(self.source)? else {
            return Ok(None);
        };
        let list = &keys.observables;
        let named = observables(self.source, &vmc.problem, list, "measure.observables")?;
        Ok(named.iter().map(|n| n.observable.reach()).max())
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
            window: TimeWindow::default(),
        }
    }
}

/// The largest of some numbers of the gates of a step.
fn largest(trotter: &Trotter, of: impl Fn(&Gate) -> f64) -> f64 {
    let layers = trotter.step();
    let gates = layers.iter().flat_map(|layer| layer.iter());
    gates.map(of).fold(0.0, f64::max)
}

/// Bytes of circuit, world lines and network on rank 0 with so many chains.
pub(super) fn bytes(construct: &Construct, method: Method, chains: usize) -> f64 {
    let (trotter, steps) = (&construct.trotter, construct.keys.steps());
    let chains = chains as f64;
    let count =
        |wanted: fn(&Gate) -> bool| trotter.count(steps, |gate| usize::from(wanted(gate))) as f64;
    let exchanges = count(|gate| matches!(gate, Gate::Exchange { .. }));
    let lines = if exchanges > 0.0 {
        // A turn takes a label and what is below it; a checkpoint has one bit, and one byte for
        // each of a chain while it is packed.
        let turns = 1.4
            * largest(trotter, |gate| match gate {
                Gate::Exchange { t, jxy, .. } => (2.0 * t * jxy).tanh(),
                _ => 0.0,
            });
        let each = 2.0 + 9.0 * turns.min(1.0) + 2.0 / 8.0;
        PLAQUETTE_BYTES * exchanges + 2.0 * exchanges * (1.0 + chains * each)
    } else {
        let spins = 2.0 * (trotter.sites * (steps + 1)) as f64;
        let pairs = 2.0 * count(|gate| matches!(gate, Gate::Pair { .. } | Gate::Flip { .. }));
        // A label for each end of a line in time.
        let ends = 1.7
            * largest(trotter, |gate| match gate {
                Gate::Flip { y, .. } => y.tanh(),
                _ => 0.0,
            });
        let has_fields = count(|gate| matches!(gate, Gate::Field { .. })) > 0.0;
        let label = if has_fields { 13.0 } else { 5.0 };
        match method {
            Method::Gibbs => PAIR_BYTES * pairs + spins * (8.0 + chains * 9.25),
            _ => spins * chains * (5.25 + label * ends.min(1.0)),
        }
    };
    let couplings = construct.couplings();
    let written = couplings <= 1.1 * MOST_COUPLINGS as f64;
    lines
        + if written {
            COUPLING_BYTES * couplings
        } else {
            0.0
        }
}
