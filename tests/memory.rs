//! A direction holds no more memory than the cost model says, and the tables of samples no more
//! than their budget: the allocator counts.

#[path = "common/tally.rs"]
mod tally;
use nishina::ansatz::rbm::Rbm;
use nishina::ansatz::{Ansatz, AnsatzFacts, Asks, Block, Erased};
use nishina::basis::Basis;
use nishina::comm::Serial;
use nishina::derivatives::Derivatives;
use nishina::ensemble::{
    BATCH_BYTES, ChainSettings, Chains, FullSum, Request, Variational, local_derivatives,
};
use nishina::error::Result;
use nishina::operator::{Pauli, PauliSum, TermTable};
use nishina::optimizer::{OPTIMIZERS, Objective, OptimizerOptions, Residuals, Schedule, Sizes};
use nishina::problem;
use nishina::registry::Registry;
use nishina::rng::Purpose;
use nishina::sampler::{Mixture, RULES, RuleContext};
use nishina::table::Shelf;
use num_complex::Complex64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tally::most_held;

/// One test at a time: the allocator counts what all threads hold.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_direction_stays_within_its_formula() {
    let _alone = alone();
    let samples = 384;
    for ansatz in [
        "density = 1",
        "density = 2\nparameters = \"real\"",
        "density = 2\nsymmetry = \"translations\"",
    ] {
        let text = format!(
            "[lattice]\nkind = \"chain\"\nsize = 20\n[hamiltonian]\nkind = \"ising\"\nhx = 1.0\n\
             [ansatz]\nkind = \"rbm\"\n{ansatz}\n[sampler]\nchains = 16\nsamples = {samples}\n"
        );
        let source = nishina::input::from_text(&text, ".".into()).unwrap();
        let problem = problem::problem(&source, &Registry::default()).unwrap();
        let mut ensemble = problem::ensemble(&source, &problem, 0, 1).unwrap();
        let request = Request {
            purpose: Purpose::Optimize,
            step: 0,
            burn_in: 5,
            per_chain: samples / 16,
        };
        ensemble.sample(&request).unwrap();
        let local = ensemble.local_values(&*problem.hamiltonian).unwrap();
        let derivatives = ensemble.derivatives();
        let data = Residuals {
            derivatives: &derivatives,
            weights: ensemble.weights(),
            residual: &local.values,
            exact: false,
        };
        let local = local_derivatives(&*ensemble, &derivatives, &*problem.hamiltonian);
        let objective = Objective::Hamiltonian(&data, &local);
        for method in OPTIMIZERS {
            for decomposed in [false, true] {
                if decomposed && !matches!(method.kind, "dense-sr" | "kernel-sr" | "spring") {
                    continue;
                }
                let sizes = Sizes {
                    kind: derivatives.kind,
                    columns: derivatives.columns(),
                    samples,
                    numbers: derivatives.numbers_per_sample(),
                    single: false,
                    ranks: 1,
                    diagonal: false,
                    half_factorisations: 0.0,
                    decomposed,
                    shared_above: None,
                    avoided_above: 8192,
                };
                let plain = OptimizerOptions::shifted(Schedule::Number(0.01));
                let options = OptimizerOptions {
                    pseudo_inverse: decomposed.then_some(1e-8),
                    ..plain
                };
                let mut optimizer = (method.build)(&toml::Table::new(), &options).unwrap();
                optimizer.direction(&objective, 0, &Serial).unwrap();
                let (_, held) = most_held(|| optimizer.direction(&objective, 1, &Serial).unwrap());
                let of_local = match method.local_derivatives {
                    true => samples * derivatives.columns() * derivatives.kind.parts(),
                    false => 0,
                };
                let held = (held + 8 * (sizes.numbers * samples + of_local)) as f64;
                let formula = (method.cost)(&sizes, 0, 0).memory;
                // Vectors over samples and the tiles of a Gram matrix are not in the formula.
                let rest = 2.5e6;
                assert!(
                    held < 1.05 * formula + rest,
                    "{} {ansatz:?} {decomposed}: {held} {formula}",
                    method.kind
                );
                assert!(
                    formula < 3.0 * held + rest,
                    "{} {ansatz:?} {decomposed}: {held} {formula}",
                    method.kind
                );
            }
        }
    }
}

/// Bytes of a walker: as many as a deep network keeps of it.
const HEAVY: usize = 4 << 20;

/// A machine whose walkers are large.
struct Heavy(Rbm<f64>);

type Inner = Rbm<f64>;

impl Ansatz for Heavy {
    type Batch = (<Inner as Ansatz>::Batch, Vec<u8>);
    type Scratch = <Inner as Ansatz>::Scratch;
    fn sites(&self) -> usize {
        self.0.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.0.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.0.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.0.set_parameters(parameters)
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            bytes_per_walker: HEAVY,
            ..self.0.facts()
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let bytes = xs.len() / self.sites() * HEAVY;
        (self.0.batch(xs), Vec::with_capacity(bytes))
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        self.0.log_psi(&batch.0)
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.0.ratios(&batch.0, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        self.0.accept(&mut batch.0, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        self.0.derivatives(&batch.0)
    }
}

#[test]
fn tables_of_samples_stay_within_their_budget() {
    let _alone = alone();
    let (n, chains) = (8, 4);
    let basis = Basis::spin_half(n, None).unwrap();
    let mut sum = PauliSum::default();
    (0..n as u32).for_each(|i| sum.add(-1.0, &[(i, Pauli::X)]));
    let hamiltonian = TermTable::compile(n, &sum).unwrap();
    let heavy = || Erased::new(Heavy(Rbm::dense(n, 16, true, true, 0.2, 1)));
    let context = RuleContext {
        basis: &basis,
        pairs: &[],
        neighbours: &[],
    };
    let settings = ChainSettings {
        mixture: Mixture::new(
            &[toml::Table::from_iter([("kind".into(), "flip".into())])],
            &context,
            Shelf::new(RULES),
        )
        .unwrap(),
        basis: basis.clone(),
        seed: 1,
        number: 0,
        chains: 0..chains,
        total_chains: chains,
        sweeps: 1,
        starts: Vec::new(),
        powers: vec![2.0],
    };
    let sampled = Chains::new(heavy(), settings).unwrap();
    let complete = FullSum::new(heavy(), &basis, |states| 0..states).unwrap();
    // 200 samples and 256 states: a gigabyte, were all their tables there at once.
    let budget = BATCH_BYTES + chains * HEAVY + (1 << 20);
    let ensembles: [Box<dyn Variational>; 2] = [Box::new(sampled), Box::new(complete)];
    for mut ensemble in ensembles {
        let request = Request {
            purpose: Purpose::Optimize,
            step: 0,
            burn_in: 1,
            per_chain: 50,
        };
        let (sampled, held) = most_held(|| ensemble.sample(&request));
        sampled.unwrap();
        assert!(held <= budget, "sampling: {held}");
        let rows = ensemble.configurations().to_vec();
        assert!(rows.len() / n >= 200);
        let mut asks = Asks::default();
        for (k, x) in rows.chunks_exact(n).enumerate() {
            asks.flip(k, x, &[k as u32 % 8]);
        }
        let work: [(&str, &dyn Fn()); 4] = [
            ("local values", &|| {
                drop(ensemble.local_values(&hamiltonian).unwrap())
            }),
            ("derivatives", &|| drop(ensemble.derivatives())),
            ("ratios", &|| drop(ensemble.ratios(&asks))),
            ("ln psi", &|| drop(ensemble.log_psi_of(&rows))),
        ];
        for (what, work) in work {
            let ((), held) = most_held(work);
            assert!(held <= budget, "{what}: {held}");
        }
    }
}
