//! The public laws of operators, moves and ensembles hold for what the program brings, and catch
//! what is broken.

use nishina::ansatz::Ansatz;
use nishina::ansatz::dbm::{DeepNetwork, StateVector};
use nishina::basis::{Asks, Basis};
use nishina::comm::share;
use nishina::ensemble::{
    Amplitudes, CircuitLines, CircuitSettings, Ensemble, LocalValues, Noise, Request,
};
use nishina::error::Result;
use nishina::laws;
use nishina::operator::{Facts, Operator, Pauli, PauliSum, TermTable};
use nishina::problem::{Problem, ensemble, problem, wave_function};
use nishina::registry::Registry;
use nishina::rng::{Purpose, RngExt, stream};
use nishina::sampler::{Counts, Mixture, RULES, RuleContext, named};
use nishina::table::Shelf;
use nishina::worldlines::Terms;
use nishina::worldlines::circuit::Start;
use nishina::worldlines::correlations::TimeWindow;
use nishina::worldlines::trotter::Trotter;
use num_complex::Complex64;

/// ⟨s|P|s'⟩ of one site.
fn pauli(p: Pauli, s: i8, t: i8) -> Complex64 {
    match (p, s == t) {
        (Pauli::Z, true) => f64::from(s).into(),
        (Pauli::X, false) => Complex64::ONE,
        (Pauli::Y, false) => Complex64::new(0.0, -f64::from(s)),
        _ => Complex64::ZERO,
    }
}

/// ⟨x|Σ c P|x'⟩ as a product over the sites.
fn element(sum: &PauliSum, x: &[i8], y: &[i8]) -> Complex64 {
    let term = |(string, c): (&[(u32, Pauli)], Complex64)| {
        let one = |(site, (&s, &t)): (usize, (&i8, &i8))| match string
            .iter()
            .find(|f| f.0 as usize == site)
        {
            Some(&(_, p)) => pauli(p, s, t),
            None if s == t => Complex64::ONE,
            None => Complex64::ZERO,
        };
        let factors = x.iter().zip(y).enumerate().map(one);
        c * factors.product::<Complex64>()
    };
    sum.iter().map(term).sum()
}

/// Exchange with phases and three-site terms; fields where total Sz may change.
fn sum(sites: u32, conserve: bool) -> PauliSum {
    use Pauli::{X, Y, Z};
    let mut rng = stream(7, Purpose::Law, 0, 0);
    let mut h = PauliSum::default();
    h.add(0.7, &[]);
    for i in 0..sites {
        let (j, k) = ((i + 1) % sites, (i + 2) % sites);
        let (c, d): (f64, f64) = (rng.random::<f64>() - 0.5, rng.random::<f64>() - 0.5);
        for (coefficient, a, b) in [(c, X, X), (c, Y, Y), (d, X, Y), (-d, Y, X), (0.3, Z, Z)] {
            h.add(coefficient, &[(i, a), (j, b)]);
        }
        h.add(d, &[(i, X), (j, X), (k, Z)]);
        h.add(d, &[(i, Y), (j, Y), (k, Z)]);
        if !conserve {
            h.add(c, &[(i, X)]);
            h.add(d, &[(i, Y), (j, Z)]);
        }
    }
    h
}

#[test]
fn term_tables_are_their_matrices() {
    for (twice_sz, conserve) in [
        (None, false),
        (None, true),
        (Some(0), true),
        (Some(-4), true),
    ] {
        let basis = Basis::spin_half(6, twice_sz).unwrap();
        let sum = sum(6, conserve);
        let table = TermTable::compile(6, &sum).unwrap();
        laws::operator(&table, &basis, |x, y| element(&sum, x, y)).unwrap();
    }
    let table = TermTable::compile(4, &sum(4, false)).unwrap();
    assert!(table.check(&Basis::spin_half(4, Some(0)).unwrap()).is_err());
    assert!(table.check(&Basis::spins(4, 2, None).unwrap()).is_err());
}

/// A term table with a fault.
#[derive(Debug)]
struct Broken(TermTable, u8);

impl Operator for Broken {
    fn diagonal(&self, x: &[i8]) -> Complex64 {
        self.0.diagonal(x) + if self.1 == 0 { 1e-9 } else { 0.0 }
    }
    fn connect(&self, walker: usize, x: &[i8], asks: &mut Asks, elements: &mut Vec<Complex64>) {
        self.0.connect(walker, x, asks, elements);
        if self.1 == 1 {
            asks.flip(walker, x, asks.clone().get(0).1.sites);
            elements.push(Complex64::ZERO);
        }
        if let Some(last) = elements.last_mut().filter(|_| self.1 == 2) {
            *last = last.conj();
        }
    }
    fn check(&self, basis: &Basis) -> Result<()> {
        self.0.check(basis)
    }
    fn facts(&self, basis: &Basis, sign_rule: Option<&[bool]>) -> Facts {
        let facts = self.0.facts(basis, sign_rule);
        Facts {
            stoquastic: facts.stoquastic || self.1 == 3,
            real: facts.real || self.1 == 4,
            spread: if self.1 == 5 { 0.0 } else { facts.spread },
            connected: if self.1 == 6 { 1 } else { facts.connected },
            ..facts
        }
    }
    fn is_invariant(&self, permutations: &[&[u32]], mirrored: bool) -> bool {
        self.0.is_invariant(permutations, mirrored)
    }
}

#[test]
fn faults_of_operators_are_caught() {
    let basis = Basis::spin_half(5, None).unwrap();
    let sum = sum(5, false);
    for fault in 0..8 {
        let broken = Broken(TermTable::compile(5, &sum).unwrap(), fault);
        let verdict = laws::operator(&broken, &basis, |x, y| element(&sum, x, y));
        assert_eq!(verdict.is_ok(), fault == 7, "fault {fault}: {verdict:?}");
    }
}

#[test]
fn the_moves_of_the_program_obey_their_laws() {
    let pairs: Vec<(u32, u32)> = (0..5).map(|i| (i, (i + 1) % 5)).collect();
    for (kinds, twice_sz) in [
        (vec!["flip"], None),
        (vec!["exchange"], Some(1)),
        (vec!["flip", "global-flip", "exchange"], None),
    ] {
        let basis = Basis::spin_half(5, twice_sz).unwrap();
        let parts: Vec<_> = kinds.iter().map(|kind| named(kind)).collect();
        let context = RuleContext {
            basis: &basis,
            pairs: &pairs,
            neighbours: &[],
        };
        let mixture = Mixture::new(&parts, &context, Shelf::new(RULES)).unwrap();
        laws::moves(
            |x, rng, step| mixture.propose(x, rng, step),
            &basis,
            true,
            3,
        )
        .unwrap();
    }
}

/// An input of one method, and its problem.
fn sampled(method: &str, input: &str) -> (nishina::input::Source, Problem<'static>) {
    let keys = match method {
        "metropolis" | "gibbs" => "chains = 6\nsamples = 48",
        "direct" => "samples = 48",
        _ => "",
    };
    let text = format!(
        "seed = 4\n{input}\n[lattice]\nkind = 'chain'\nsize = 4\n\
         [sampler]\nmethod = '{method}'\n{keys}\n"
    );
    let source = nishina::input::from_text(&text, ".".into()).unwrap();
    let problem = problem(&source, &Registry::default()).unwrap();
    (source, problem)
}

/// Models whose ground state is sampled.
const INPUTS: [&str; 4] = [
    "[hamiltonian]\nkind = 'ising'\nhx = 1",
    "[hamiltonian]\nkind = 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'",
    "[basis]\nkind = 'spin'\ns = 1\n[hamiltonian]\nkind = 'heisenberg'\nsector = { total_sz = 0 }",
    "[basis]\nkind = 'boson'\nmax_occupation = 2\n\
     [hamiltonian]\nkind = 'bose-hubbard'\nu = 2\nsector = { particles = 3 }",
];

/// Every method of `[sampler]` and a wave function for it.
const METHODS: [(&str, &str); 5] = [
    ("metropolis", "kind = 'rbm'\ndensity = 1\ninit = 0.2"),
    ("full-sum", "kind = 'rbm'\ndensity = 1\ninit = 0.2"),
    ("direct", "kind = 'autoregressive'\nfeatures = [4]"),
    ("gibbs", "kind = 'boltzmann'\ndensity = 1\ninit = 0.5"),
    ("cluster", "kind = 'dbm'\ndensity = 1\ninit = 0.2"),
];

/// Holds an ensemble to its laws; `broken` may put a fault into a part of it.
fn verdict(
    (source, problem): &(nishina::input::Source, Problem),
    broken: impl Fn(Box<dyn Ensemble>, usize) -> Box<dyn Ensemble>,
) -> laws::Verdict {
    let psi = wave_function(source, problem).unwrap();
    let known = laws::KnownState {
        basis: &problem.basis,
        log_psi: &|x| psi.log_psi(&psi.batch(x))[0],
        operator: &*problem.hamiltonian,
        precision: psi.facts().precision,
    };
    let build = |rank, ranks| {
        let part: Box<dyn Ensemble> = ensemble(source, problem, rank, ranks)?;
        Ok(broken(part, rank))
    };
    laws::ensemble(&build, &known)
}

#[test]
fn every_ensemble_obeys_its_laws() {
    for (method, ansatz) in METHODS {
        // What can be drawn directly is made for spins one half.
        let drawn = |model: &&str| match method {
            "direct" | "cluster" => !model.contains("[basis]"),
            // Layers that are drawn in turn leave a sector.
            "gibbs" => !model.contains("sector"),
            _ => true,
        };
        for model in INPUTS.into_iter().filter(drawn) {
            let subject = sampled(method, &format!("{model}\n[ansatz]\n{ansatz}"));
            let verdict = verdict(&subject, |whole, _| whole);
            assert_eq!(verdict, Ok(()), "{method}, {model}");
        }
    }
}

#[test]
fn chains_of_other_powers_obey_the_laws_of_ensembles() {
    let (method, ansatz) = METHODS[0];
    for power in [1.0, 1.5] {
        for model in [INPUTS[0], INPUTS[3]] {
            let text = format!("{model}\n[ansatz]\n{}", ansatz.replace("0.2", "0.5"));
            let mut subject = sampled(method, &text);
            let sampler = subject.0.input.sampler.as_mut().unwrap();
            sampler.power = power;
            let verdict = verdict(&subject, |whole, _| whole);
            assert_eq!(verdict, Ok(()), "{power}, {model}");
        }
    }
}

#[test]
fn world_lines_obey_the_laws_of_ensembles() {
    let model = |text: &str| format!("[hamiltonian]\n{text}");
    let ising = model("kind = 'ising'\nhx = 0.8\nhz = 0.3");
    let xxz = |delta: f64, sector: &str| {
        let text = "kind = 'xxz'\nsign_rule = 'marshall'\ndelta =";
        model(&format!("{text} {delta}\n{sector}"))
    };
    for (input, gibbs) in [
        (ising.clone(), false),
        (ising, true),
        (xxz(0.5, ""), false),
        (xxz(1.0, "sector = { total_sz = 0 }"), false),
        (xxz(1.6, "sector = { total_sz = 1 }"), false),
    ] {
        let (_, problem) = sampled("cluster", &format!("{input}\n[ansatz]\nkind = 'dbm'"));
        let ring: Vec<[usize; 2]> = (0..4).map(|i| [i, (i + 1) % 4]).collect();
        let is_ising = input.contains("'ising'");
        let delta = input
            .split("delta = ")
            .nth(1)
            .and_then(|t| t.split('\n').next());
        let delta: f64 = delta.map_or(-1.0, |t| t.parse().unwrap());
        let pairs = |c: f64| ring.iter().map(|bond| (*bond, c)).collect();
        let sites = |c: f64| (0..4).map(|site| (site, c)).collect();
        let terms = match is_ising {
            true => Terms {
                pairs: pairs(-1.0),
                fields: sites(-0.3),
                flips: sites(-0.8),
                ..Terms::default()
            },
            false => Terms {
                pairs: pairs(0.25 * delta),
                exchanges: pairs(-0.25),
                ..Terms::default()
            },
        };
        let start = match problem.basis.fixed("total_sz") {
            None => Start::Uniform,
            Some(twice) => Start::Sector {
                up: (4 + twice) as usize / 2,
            },
        };
        let colours = [vec![[0, 1], [2, 3]], vec![[1, 2], [3, 0]]];
        let trotter = match is_ising {
            true => Trotter::ising(4, start, &terms, 0.2),
            false => Trotter::exchange(4, start, &terms, &colours, 0.4),
        };
        let circuit = trotter.unwrap().after(3);
        let mut psi = StateVector::of_network(&problem.basis, &DeepNetwork::uniform(4)).unwrap();
        circuit.gates().for_each(|gate| psi.apply(gate));
        let numbering = problem.basis.numbering().unwrap();
        let known = laws::KnownState {
            basis: &problem.basis,
            log_psi: &|x| psi.amplitudes[numbering.number(x).unwrap()].ln(),
            operator: &*problem.hamiltonian,
            precision: 1e-12,
        };
        let build = |rank, ranks| -> Result<Box<dyn Ensemble>> {
            let lines = CircuitLines::new(CircuitSettings {
                circuit: circuit.clone(),
                start: None,
                terms: terms.clone(),
                hamiltonian: problem.hamiltonian.clone(),
                gibbs,
                seed: 3,
                number: 0,
                chains: share(6, rank, ranks),
                total_chains: 6,
                sweeps: if gibbs { 12 } else { 3 },
                window: TimeWindow::default(),
            })?;
            Ok(Box::new(lines))
        };
        assert_eq!(laws::ensemble(&build, &known), Ok(()), "{input} {gibbs}");
    }
}

/// Chains with a fault.
struct Faulty {
    inner: Box<dyn Ensemble>,
    law: &'static str,
    weights: Vec<f64>,
    rank: usize,
}

impl Ensemble for Faulty {
    fn sites(&self) -> usize {
        self.inner.sites()
    }
    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        let purpose = match (self.law, self.rank) {
            ("ranks", 1) => Purpose::Evolve,
            _ => request.purpose,
        };
        let request = Request {
            purpose,
            ..*request
        };
        let done = self.inner.sample_while(&request, go_on);
        self.weights = self.inner.weights().to_vec();
        match self.law {
            "weights" => self.weights.iter_mut().for_each(|w| *w *= 1.01),
            "shares" if request.per_chain > 100 => self.weights[0] *= 2.0,
            _ => {}
        }
        done
    }
    fn configurations(&self) -> &[i8] {
        self.inner.configurations()
    }
    fn weights(&self) -> &[f64] {
        &self.weights
    }
    fn noise(&self) -> Noise {
        self.inner.noise()
    }
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues> {
        let mut local = self.inner.local_values(operator)?;
        if self.law == "local values" {
            local.values[0] += 1e-6;
        }
        Ok(local)
    }
    fn psi(&self) -> Option<&dyn Amplitudes> {
        self.inner.psi()
    }
    fn take_counts(&mut self) -> Counts {
        self.inner.take_counts()
    }
    fn chain_states(&self) -> &[i8] {
        self.inner.chain_states()
    }
    fn set_chain_states(&mut self, states: &[i8]) -> Result<()> {
        match self.law {
            "interrupted" => Ok(()),
            _ => self.inner.set_chain_states(states),
        }
    }
    fn load(&mut self, whole: &[i8]) -> Result<()> {
        match self.law {
            "restart" => Ok(()),
            _ => self.inner.load(whole),
        }
    }
}

#[test]
fn every_broken_law_of_an_ensemble_is_named() {
    let laws = [
        "ranks",
        "weights",
        "shares",
        "local values",
        "interrupted",
        "restart",
        "",
    ];
    let (method, ansatz) = METHODS[0];
    for law in laws {
        let subject = sampled(method, &format!("{}\n[ansatz]\n{ansatz}", INPUTS[0]));
        let broken = |inner, rank| -> Box<dyn Ensemble> {
            let weights = Vec::new();
            Box::new(Faulty {
                inner,
                law,
                weights,
                rank,
            })
        };
        match verdict(&subject, broken) {
            Ok(()) => assert!(law.is_empty(), "{law} is not noticed"),
            Err(verdict) => assert!(verdict.starts_with(law) && !law.is_empty(), "{verdict}"),
        }
    }
    // The amplitudes of another wave function: with shares of their own, and with other phases.
    let (source, problem) = sampled(method, &format!("{}\n[ansatz]\n{ansatz}", INPUTS[0]));
    let psi = wave_function(&source, &problem).unwrap();
    for (law, wrong) in [
        ("shares", Complex64::from(0.5)),
        ("amplitudes", Complex64::I),
    ] {
        let log = |x: &[i8]| psi.log_psi(&psi.batch(x))[0] + wrong * f64::from(x[0]);
        let known = laws::KnownState {
            basis: &problem.basis,
            log_psi: &log,
            operator: &*problem.hamiltonian,
            precision: psi.facts().precision,
        };
        let build = |rank, ranks| -> Result<Box<dyn Ensemble>> {
            Ok(ensemble(&source, &problem, rank, ranks)?)
        };
        let verdict = laws::ensemble(&build, &known).unwrap_err();
        assert!(verdict.starts_with(law), "{verdict}");
    }
}

#[test]
fn every_move_obeys_its_laws() {
    let pairs: Vec<(u32, u32)> = (0..4).map(|i| (i, (i + 1) % 4)).collect();
    for entry in RULES {
        let (basis, helper) = match entry.kind {
            "flip" => (Basis::spin_half(4, None), None),
            "exchange" => (Basis::spin_half(4, Some(0)), None),
            "global-flip" => (Basis::spin_half(4, Some(0)), Some("exchange")),
            "raise" => (Basis::spins(4, 2, Some(0)), None),
            "hop" => (Basis::bosons(4, 2, Some(3)), None),
            other => panic!("add a basis for {other}"),
        };
        let basis = basis.unwrap();
        let context = RuleContext {
            basis: &basis,
            pairs: &pairs,
            neighbours: &[],
        };
        let kinds = std::iter::once(entry.kind).chain(helper);
        let parts: Vec<_> = kinds.map(named).collect();
        let mixture = Mixture::new(&parts, &context, Shelf::new(RULES)).unwrap();
        let propose = |x: &[i8], rng: &mut _, step: &mut _| mixture.propose(x, rng, step);
        let verdict = laws::moves(propose, &basis, true, 3);
        assert_eq!(verdict, Ok(()), "{}", entry.kind);
    }
}
