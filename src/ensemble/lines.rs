//! Decides how the state of a circuit in imaginary time is sampled: by world lines, whose visible
//! configurations follow |ψ|² though ψ itself is not known.
//!
//! Chain c of a block draws from the generator (seed, purpose, c, step), on whichever rank it lies.
//! A checkpoint has the world lines of all chains in bytes.

use super::chains::fit_chains;
use super::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use crate::ansatz::{AnsatzFacts, Asks, Block, DOUBLE};
use crate::basis::Numbering;
use crate::clusters::Words;
use crate::derivatives::{Derivatives, Kind, Matrix};
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::rng::{lane, stream};
use crate::worldlines::circuit::Circuit;
use crate::worldlines::correlations::TimeWindow;
use crate::worldlines::{
    EnergyLines, HiddenStart, Terms, WorldLines, gibbs_lines, gibbs_lines_from,
};
use ndarray::Array2;
use num_complex::Complex64;
use std::ops::Range;
use std::sync::Arc;

/// What the chains need.
pub struct CircuitSettings {
    /// The circuit.
    pub circuit: Circuit,
    /// The machine that it is applied to; none for ψ = 1.
    pub start: Option<HiddenStart>,
    /// The Hamiltonian by terms, in the frame of the circuit.
    pub terms: Terms,
    /// The Hamiltonian itself.
    pub hamiltonian: Arc<dyn Operator>,
    /// Whether block Gibbs takes the place of clusters.
    pub gibbs: bool,
    /// Seed of the run.
    pub seed: u64,
    /// Number of this ensemble among those of the run.
    pub number: u64,
    /// Global numbers of this rank's chains.
    pub chains: Range<usize>,
    /// Chains over all ranks.
    pub total_chains: usize,
    /// Sweeps between kept samples.
    pub sweeps: usize,
    /// Slices that are kept of each sample.
    pub window: TimeWindow,
}

/// World lines of one chain.
enum ChainLines {
    Clusters(Box<EnergyLines>),
    Gibbs(Box<dyn WorldLines>),
}

impl ChainLines {
    fn another(&self) -> Self {
        match self {
            ChainLines::Clusters(lines) => ChainLines::Clusters(Box::new(lines.another())),
            ChainLines::Gibbs(lines) => ChainLines::Gibbs(lines.another()),
        }
    }

    fn sweep(&mut self, words: &mut Words) {
        match self {
            ChainLines::Clusters(lines) => lines.sweep(words),
            ChainLines::Gibbs(lines) => lines.sweep(words),
        }
    }

    fn lines(&mut self) -> &mut dyn WorldLines {
        match self {
            ChainLines::Clusters(lines) => lines.lines(),
            ChainLines::Gibbs(lines) => &mut **lines,
        }
    }

    /// How many numbers give the energy.
    fn width(&self) -> usize {
        match self {
            ChainLines::Clusters(lines) => lines.width(),
            ChainLines::Gibbs(_) => 1,
        }
    }

    /// The numbers whose means give the energy.
    fn columns(&mut self, terms: &Terms, flips: &mut [f64]) -> Result<Vec<f64>> {
        match self {
            ChainLines::Clusters(lines) => lines.columns(),
            ChainLines::Gibbs(lines) => {
                lines.flips(flips)?;
                let moved = terms.flips.iter().map(|(l, c)| c * flips[*l]);
                Ok(vec![terms.diagonal(lines.visible()) + moved.sum::<f64>()])
            }
        }
    }

    fn export(&self) -> Vec<u8> {
        match self {
            ChainLines::Clusters(lines) => lines.export(),
            ChainLines::Gibbs(lines) => lines.export(),
        }
    }

    fn import(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            ChainLines::Clusters(lines) => lines.import(bytes),
            ChainLines::Gibbs(lines) => lines.import(bytes),
        }
    }
}

/// Chains of world lines of one rank, and what they sampled last.
pub struct CircuitLines {
    settings: CircuitSettings,
    lines: Vec<ChainLines>,
    /// The world lines in bytes, chain after chain.
    states: Vec<i8>,
    samples: Vec<i8>,
    /// Slices of the window of each sample.
    times: Vec<i8>,
    /// Those of one sample.
    slices: Vec<i8>,
    weights: Vec<f64>,
    energies: Vec<Complex64>,
    /// The numbers of each sample whose means give the energy, `width` each.
    columns: Vec<f64>,
    width: usize,
}

/// An error for what needs amplitudes.
fn unknown(what: &str) -> Error {
    Error::input(
        "sampler.method",
        format!("world lines sample a state whose amplitudes are not known: {what}"),
        "use \"full-sum\", or observables that are diagonal in Sz",
    )
}

impl CircuitLines {
    /// World lines that go straight up.
    ///
    /// Fails where the circuit has no world lines or no estimate of the energy.
    pub fn new(settings: CircuitSettings) -> Result<Self> {
        let one = || -> Result<ChainLines> {
            let (circuit, terms) = (&settings.circuit, settings.terms.clone());
            if settings.gibbs {
                return Ok(ChainLines::Gibbs(match &settings.start {
                    None => gibbs_lines(circuit)?,
                    Some(start) => gibbs_lines_from(start, circuit)?,
                }));
            }
            Ok(ChainLines::Clusters(Box::new(match &settings.start {
                None => EnergyLines::new(circuit, terms)?,
                Some(start) => EnergyLines::from_hidden(start, circuit, terms)?,
            })))
        };
        let count = settings.chains.len();
        let mut lines = Vec::with_capacity(count);
        if count > 0 {
            let first = one()?;
            lines.extend((1..count).map(|_| first.another()));
            lines.push(first);
        }
        let mut new = CircuitLines {
            width: lines.first().map_or(1, ChainLines::width),
            lines,
            columns: Vec::new(),
            settings,
            states: Vec::new(),
            samples: Vec::new(),
            times: Vec::new(),
            slices: Vec::new(),
            weights: Vec::new(),
            energies: Vec::new(),
        };
        new.export();
        Ok(new)
    }

    fn export(&mut self) {
        let bytes = self.lines.iter().flat_map(ChainLines::export);
        self.states = bytes.map(|byte| byte as i8).collect();
    }

    /// Keeps the present world lines of a chain as sample `at`.
    fn keep(&mut self, chain: usize, at: usize, flips: &mut [f64]) -> Result<()> {
        let (n, width) = (self.settings.circuit.sites, self.width);
        let columns = self.lines[chain].columns(&self.settings.terms, flips)?;
        // Of a ratio the first number and the numerators: what approaches equilibrium.
        let numerators = columns.iter().skip(2).step_by(2).sum::<f64>();
        self.energies[at] = (columns[0] + numerators).into();
        self.columns[at * width..][..width].copy_from_slice(&columns);
        let lines = self.lines[chain].lines();
        if lines.sign() != 1.0 {
            return Err(Error::numerical(
                "world lines have a negative weight",
                "rotate the spins of one sublattice",
            ));
        }
        self.samples[at * n..][..n].copy_from_slice(lines.visible());
        let window = self.settings.window.slices.len() * n;
        if window > 0 {
            self.slices.clear();
            self.settings.window.take(lines, &mut self.slices);
            self.times[at * window..][..window].copy_from_slice(&self.slices);
        }
        Ok(())
    }

    fn advance(
        &mut self,
        sweeps: usize,
        words: &mut [Words],
        go_on: &dyn Fn() -> bool,
    ) -> Result<()> {
        for _ in 0..sweeps {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            let each = self.lines.iter_mut().zip(words.iter_mut());
            each.for_each(|(lines, words)| lines.sweep(words));
        }
        Ok(())
    }
}

impl Ensemble for CircuitLines {
    fn sites(&self) -> usize {
        self.settings.circuit.sites
    }

    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        let (n, each, chains) = (
            self.settings.circuit.sites,
            request.per_chain,
            self.lines.len(),
        );
        let name = |chain: usize| lane(self.settings.number, chain as u64);
        let seed = self.settings.seed;
        let rng = |chain| stream(seed, request.purpose, name(chain), request.step);
        let range = self.settings.chains.clone();
        let mut words: Vec<Words> = range.map(|chain| Words::new(&mut rng(chain))).collect();
        self.advance(request.burn_in, &mut words, go_on)?;
        let window = self.settings.window.slices.len() * n;
        self.samples.resize(n * each * chains, 0);
        self.times.resize(window * each * chains, 0);
        self.energies.resize(each * chains, Complex64::ZERO);
        self.columns.resize(self.width * each * chains, 0.0);
        let mut flips = vec![0.0; self.settings.circuit.sites];
        for k in 0..each {
            self.advance(self.settings.sweeps, &mut words, go_on)?;
            for chain in 0..chains {
                self.keep(chain, chain * each + k, &mut flips)?;
            }
        }
        let all = (each * self.settings.total_chains).max(1) as f64;
        self.weights = vec![1.0 / all; each * chains];
        self.export();
        Ok(())
    }

    fn configurations(&self) -> &[i8] {
        &self.samples
    }
    fn weights(&self) -> &[f64] {
        &self.weights
    }
    fn times(&self) -> &[i8] {
        &self.times
    }
    fn energy_columns(&self) -> Option<(usize, &[f64])> {
        (self.width > 1).then_some((self.width, self.columns.as_slice()))
    }
    fn noise(&self) -> Noise {
        Noise::Chains(self.settings.chains.clone())
    }
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues> {
        if std::ptr::addr_eq(operator, Arc::as_ptr(&self.settings.hamiltonian)) {
            return Ok(LocalValues {
                values: self.energies.clone(),
                unseen: 0.0,
            });
        }
        let (mut asks, mut elements) = (Asks::default(), Vec::new());
        let mut values = Vec::new();
        for x in self.samples.chunks_exact(self.settings.circuit.sites) {
            operator.connect(0, x, &mut asks, &mut elements);
            if !elements.is_empty() {
                return Err(unknown("an operator that is not diagonal has no estimate"));
            }
            values.push(operator.diagonal(x));
        }
        Ok(LocalValues {
            values,
            unseen: 0.0,
        })
    }
    fn psi(&self) -> Option<&dyn Amplitudes> {
        None
    }
    fn chain_length(&self) -> usize {
        self.states.len() / self.lines.len().max(1)
    }
    fn chain_states(&self) -> &[i8] {
        &self.states
    }
    fn set_chain_states(&mut self, states: &[i8]) -> Result<()> {
        if states.len() != self.states.len() {
            return Err(Error::numerical(
                "the world lines of the checkpoint do not fit this run",
                "start over with --fresh or use another output.name",
            ));
        }
        let bytes: Vec<u8> = states.iter().map(|byte| *byte as u8).collect();
        let length = self.chain_length().max(1);
        for (lines, bytes) in self.lines.iter_mut().zip(bytes.chunks(length)) {
            lines.import(bytes)?;
        }
        self.states = states.to_vec();
        Ok(())
    }
    fn load(&mut self, whole: &[i8]) -> Result<()> {
        let mine = self.settings.chains.clone();
        let own = fit_chains(whole, self.chain_length(), self.settings.total_chains, mine);
        self.set_chain_states(&own)
    }
}

/// There is no parameter, and ψ is not known: [`Ensemble::psi`] says so.
impl Amplitudes for CircuitLines {
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            kind: Kind::Real,
            precision: DOUBLE,
            positive: true,
            bytes_per_walker: self.chain_length(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: 1.0,
        }
    }
    fn layout(&self) -> Vec<Block> {
        Vec::new()
    }
    fn parameters(&self) -> Vec<f64> {
        Vec::new()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        match parameters.is_empty() {
            true => Ok(()),
            false => Err(unknown("it has no parameters")),
        }
    }
    fn log_psi(&self) -> &[Complex64] {
        &[]
    }
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64> {
        vec![Complex64::new(f64::NAN, 0.0); xs.len() / self.settings.circuit.sites.max(1)]
    }
    fn local_values_of(&self, xs: &[i8], _operator: &dyn Operator) -> Vec<Complex64> {
        self.log_psi_of(xs)
    }
    fn ratios(&self, asks: &Asks) -> Vec<Complex64> {
        vec![Complex64::new(f64::NAN, 0.0); asks.len()]
    }
    fn derivatives(&self) -> Derivatives {
        self.derivatives_of(&self.samples)
    }
    fn derivatives_of(&self, xs: &[i8]) -> Derivatives {
        let rows = xs.len() / self.settings.circuit.sites.max(1);
        Derivatives::dense(Kind::Real, Matrix::Real(Array2::zeros((rows, 0))))
    }
    fn all(&self) -> Option<(&Numbering, &[Complex64])> {
        None
    }
}
