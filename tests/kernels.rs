//! What sampling costs, counted and not timed; and every set of vector instructions, forced in
//! turn.

mod common;
use common::{Case, expect_code, text};
use nishina::ansatz::feedforward::{Activation, Feedforward, Shape};
use nishina::ansatz::jastrow::{Form, Jastrow, all_pairs};
use nishina::ansatz::product::Product;
use nishina::ansatz::rbm::{Kernel, Rbm};
use nishina::ansatz::sign::{Sign, SignRule};
use nishina::ansatz::symmetrised::{Element, Symmetrised};
use nishina::ansatz::{Ansatz, AnsatzFacts, Asks, Block, Erased};
use nishina::basis::Basis;
use nishina::derivatives::Derivatives;
use nishina::ensemble::{Amplitudes, BATCH_BYTES, ChainSettings, Chains, Ensemble, Request};
use nishina::error::Result;
use nishina::lattice::Group;
use nishina::laws::laws;
use nishina::linalg::simd::Simd;
use nishina::operator::{Pauli, PauliSum, TermTable};
use nishina::rng::{Generator, Purpose, stream};
use nishina::sampler::{Counts, Metropolis, Mixture, RULES, RuleContext, named};
use nishina::table::Shelf;
use num_complex::Complex64;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all work is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn ring(sites: usize) -> Group {
    Group {
        permutations: (0..sites)
            .map(|t| (0..sites).map(|j| ((j + t) % sites) as u32).collect())
            .collect(),
    }
}

fn mixture(basis: &Basis, kinds: &[&str]) -> Mixture {
    let n = basis.sites() as u32;
    let pairs: Vec<(u32, u32)> = (0..n).map(|i| (i, (i + 1) % n)).collect();
    let kinds: Vec<_> = kinds.iter().map(|kind| named(kind)).collect();
    Mixture::new(
        &kinds,
        &RuleContext {
            basis,
            pairs: &pairs,
            neighbours: &[],
        },
        Shelf::new(RULES),
    )
    .unwrap()
}

/// Sweeps eight chains; returns what was allocated after the first sweep, and what was accepted.
fn sweep<A: Ansatz>(ansatz: &A, kinds: &[&str], up: Option<i64>, sweeps: usize) -> (u64, Counts) {
    let (n, chains) = (ansatz.sites(), 8);
    let basis = Basis::spin_half(n, up).unwrap();
    let mixture = mixture(&basis, kinds);
    let mut rng = stream(1, Purpose::Law, 0, 0);
    let mut xs: Vec<i8> = (0..chains).flat_map(|_| basis.random(&mut rng)).collect();
    let mut rngs: Vec<Generator> = (0..chains)
        .map(|c| stream(1, Purpose::Law, c as u64, 1))
        .collect();
    let mut batch = ansatz.batch(&xs);
    let (mut metropolis, mut counts) = (Metropolis::default(), Counts::new(chains));
    metropolis.sweep(
        ansatz,
        &mut batch,
        &mut xs,
        &mixture,
        &mut rngs,
        2,
        &mut counts,
    );
    let before = ALLOCATIONS.with(Cell::get);
    metropolis.sweep(
        ansatz,
        &mut batch,
        &mut xs,
        &mixture,
        &mut rngs,
        sweeps,
        &mut counts,
    );
    (ALLOCATIONS.with(Cell::get) - before, counts)
}

fn network<T: nishina::ansatz::field::Field>(phase: bool) -> Feedforward<T> {
    let layers = vec![(12, Activation::LnCosh), (9, Activation::Tanh)];
    let shape = Shape {
        sites: 12,
        layers,
        phase,
        visible_bias: true,
        hidden_bias: true,
        output_weights: true,
    };
    Feedforward::new(shape, 1.0, 3)
}

fn product() -> Erased {
    let machine = Rbm::<f64>::dense(12, 20, true, true, 0.1, 1);
    let pairs = Jastrow::<Complex64>::new(&all_pairs(12), Form::Pairs, false, 0.01, 2);
    Erased::new(Product::new(vec![Erased::new(machine), Erased::new(pairs)]).unwrap())
}

fn symmetrised() -> Erased {
    let machine = Rbm::<Complex64>::dense(12, 20, true, true, 0.1, 1);
    let element = |(t, permutation)| Element {
        permutation,
        flip: false,
        character: Complex64::cis(std::f64::consts::FRAC_PI_6 * t as f64),
    };
    let translations = ring(12).permutations.into_iter().enumerate().map(element);
    Erased::new(Symmetrised::new(Erased::new(machine), translations.collect(), None).unwrap())
}

#[test]
fn a_sweep_allocates_nothing() {
    let basis = Basis::spin_half(12, None).unwrap();
    let sign = Sign::new((0..12).map(|i| i % 2 == 0).collect(), &basis);
    let marshall = |inner| SignRule::new(inner, sign.clone()).unwrap();
    let flips: &[&str] = &["flip", "global-flip"];
    for (name, ansatz) in [
        (
            "real",
            Erased::new(Rbm::<f64>::dense(12, 20, true, true, 0.1, 1)),
        ),
        (
            "complex",
            Erased::new(Rbm::<Complex64>::dense(12, 70, true, true, 0.1, 1)),
        ),
        (
            "tied",
            Erased::new(Rbm::<Complex64>::symmetric(
                12,
                2,
                &ring(12),
                true,
                true,
                0.1,
                1,
            )),
        ),
        ("network", Erased::new(network::<f64>(true))),
        ("product", product()),
        ("symmetrised", symmetrised()),
        ("complex network", Erased::new(network::<Complex64>(false))),
    ] {
        // 1500 sweeps of twelve proposals pass many refreshes.
        let (allocated, counts) = sweep(&ansatz, flips, None, 1500);
        assert!(
            counts.accepted.iter().sum::<u64>() > 8 * 512,
            "{name}: {counts:?}"
        );
        assert_eq!(allocated, 0, "{name}, flips");
        let (allocated, counts) = sweep(&marshall(ansatz), &["exchange"], Some(0), 1500);
        assert!(
            counts.accepted.iter().sum::<u64>() > 8 * 512,
            "{name}: {counts:?}"
        );
        assert_eq!(allocated, 0, "{name}, exchanges behind a sign rule");
    }
}

/// What a wave function was asked.
#[derive(Default)]
struct Counters {
    built: AtomicU64,
    asked: AtomicU64,
    accepted: AtomicU64,
}

/// A wave function that counts what it is asked, whose walkers take `bytes` in a batch.
struct Counted<A> {
    inner: A,
    bytes: usize,
    counters: Arc<Counters>,
}

impl<A: Ansatz> Ansatz for Counted<A> {
    type Batch = A::Batch;
    type Scratch = A::Scratch;
    fn sites(&self) -> usize {
        self.inner.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.inner.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.inner.parameters()
    }
    fn set_parameters(&mut self, _: &[f64]) -> Result<()> {
        unreachable!("parameters stay")
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            bytes_per_walker: self.bytes,
            ..self.inner.facts()
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        self.counters
            .built
            .fetch_add((xs.len() / self.sites()) as u64, Ordering::Relaxed);
        self.inner.batch(xs)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        self.inner.log_psi(batch)
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.counters
            .asked
            .fetch_add(asks.len() as u64, Ordering::Relaxed);
        self.inner.ratios(batch, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let count = taken.iter().filter(|taken| **taken).count();
        self.counters
            .accepted
            .fetch_add(count as u64, Ordering::Relaxed);
        self.inner.accept(batch, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        self.inner.derivatives(batch)
    }
}

/// Four chains of a machine on a ring of ten spins; walkers take `bytes` in a batch.
fn counted(bytes: usize) -> (Chains, TermTable, Arc<Counters>) {
    let (n, chains) = (10, 4);
    let basis = Basis::spin_half(n, None).unwrap();
    let mut sum = PauliSum::default();
    for i in 0..n as u32 {
        sum.add(-1.0, &[(i, Pauli::Z), ((i + 1) % n as u32, Pauli::Z)]);
        sum.add(-0.7, &[(i, Pauli::X)]);
    }
    let hamiltonian = TermTable::compile(n, &sum).unwrap();
    let counters = Arc::new(Counters::default());
    let counted = Erased::new(Counted {
        inner: Rbm::<Complex64>::dense(n, 20, true, true, 0.2, 1),
        bytes,
        counters: counters.clone(),
    });
    let settings = ChainSettings {
        mixture: mixture(&basis, &["flip"]),
        basis,
        seed: 1,
        number: 0,
        chains: 0..chains,
        total_chains: chains,
        sweeps: 3,
        starts: Vec::new(),
        powers: vec![2.0],
    };
    let ensemble = Chains::new(counted, settings).unwrap();
    read(&counters.built);
    read(&counters.asked);
    (ensemble, hamiltonian, counters)
}

fn read(counter: &AtomicU64) -> u64 {
    counter.swap(0, Ordering::Relaxed)
}

const REQUEST: Request = Request {
    purpose: Purpose::Optimize,
    step: 0,
    burn_in: 5,
    per_chain: 8,
};

#[test]
fn a_step_asks_and_builds_no_more_than_it_must() {
    let (n, chains, sweeps) = (10, 4, 3);
    let (mut ensemble, hamiltonian, counted) = counted(1000);
    ensemble.sample(&REQUEST).unwrap();
    let counts = ensemble.take_counts();
    let proposals = (chains * n * (REQUEST.burn_in + REQUEST.per_chain * sweeps)) as u64;
    let samples = (chains * REQUEST.per_chain) as u64;
    assert_eq!(counts.proposed.iter().sum::<u64>(), proposals);
    assert_eq!(read(&counted.asked), proposals, "one question per proposal");
    assert_eq!(read(&counted.accepted), counts.accepted.iter().sum::<u64>());
    assert_eq!(
        read(&counted.built),
        chains as u64 + samples,
        "tables of the chains once, of every sample once"
    );
    assert!(counts.table_drift < 1e-12, "{}", counts.table_drift);
    ensemble.local_values(&hamiltonian).unwrap();
    assert_eq!(
        read(&counted.asked),
        samples * n as u64,
        "one question per connected configuration"
    );
    ensemble.derivatives();
    assert_eq!((read(&counted.asked), read(&counted.built)), (0, 0));
}

#[test]
fn blocks_of_samples_give_the_same_bits() {
    let samples = 4 * REQUEST.per_chain;
    let figures = |bytes: usize| {
        let (mut ensemble, hamiltonian, counted) = counted(bytes);
        ensemble.sample(&REQUEST).unwrap();
        let built = read(&counted.built) as usize;
        assert_eq!(built, 4 + samples, "the chains and every sample once");
        let local = ensemble.local_values(&hamiltonian).unwrap().values;
        let rows = ensemble.configurations();
        let mut asks = Asks::default();
        for k in (0..samples).rev().chain(5..20) {
            let x = &rows[10 * k..10 * (k + 1)];
            asks.flip(k, x, &[k as u32 % 10]);
            asks.flip(k, x, &[3, 7]);
        }
        let (logs, ratios) = (ensemble.log_psi().to_vec(), ensemble.ratios(&asks));
        let others = ensemble.log_psi_of(rows);
        let derivatives = ensemble.derivatives().pack();
        let built = read(&counted.built) as usize;
        ((logs, local, ratios, others, derivatives), built)
    };
    let (whole, built) = figures(1000);
    assert_eq!(
        built, samples,
        "tables are kept, but of other configurations"
    );
    // Questions build those that they are about, the others all.
    for block in [1, 5, 31] {
        let (blocks, built) = figures(BATCH_BYTES / block);
        assert!(blocks == whole, "blocks of {block}");
        assert_eq!(built, 3 * samples + samples + 15, "blocks of {block}");
    }
}

#[test]
fn every_ensemble_of_a_run_draws_its_own_numbers() {
    let basis = Basis::spin_half(16, None).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for (seed, number) in [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0)] {
        let settings = ChainSettings {
            mixture: mixture(&basis, &["flip"]),
            basis: basis.clone(),
            seed,
            number,
            chains: 0..2,
            total_chains: 2,
            sweeps: 1,
            starts: Vec::new(),
            powers: vec![2.0],
        };
        let rbm = Rbm::<f64>::dense(16, 8, false, false, 0.01, 1);
        let mut chains = Chains::new(Erased::new(rbm), settings).unwrap();
        // Where they start, and where the same proposals would carry them from there.
        let start = chains.chain_states().to_vec();
        chains.set_chain_states(&[1; 32]).unwrap();
        chains.sample(&REQUEST).unwrap();
        for x in start.chunks(16).chain(chains.chain_states().chunks(16)) {
            assert!(seen.insert(x.to_vec()), "seed {seed}, ensemble {number}");
        }
    }
}

#[test]
fn tables_are_computed_afresh_every_512_accepted_moves() {
    let rbm = Rbm::<Complex64>::dense(12, 16, true, true, 0.1, 1);
    let mut batch = rbm.batch(&[1; 24]);
    assert_eq!(batch.refreshes(), 2);
    let (mut asks, mut ratios, mut x) = (Asks::default(), [Complex64::ZERO], [1; 12]);
    let mut scratch = Default::default();
    for k in 0..2000 {
        asks.clear();
        asks.flip(1, &x, &[k % 12]);
        rbm.ratios(&batch, &asks, &mut scratch, &mut ratios);
        rbm.accept(&mut batch, &asks, &[true], &mut scratch);
        asks.get(0).1.apply(&mut x);
    }
    assert_eq!(batch.refreshes(), 2 + 2000 / 512);
}

/// ln ψ, ratios and derivatives of a few walkers after a walk.
fn figures<A: Ansatz>(ansatz: &A) -> Vec<Complex64> {
    let n = ansatz.sites() as u32;
    let basis = Basis::spin_half(n as usize, None).unwrap();
    let mut rng = stream(4, Purpose::Law, 0, 0);
    let mut xs: Vec<i8> = (0..5).flat_map(|_| basis.random(&mut rng)).collect();
    let mut batch = ansatz.batch(&xs);
    let (mut asks, mut scratch) = (Asks::default(), A::Scratch::default());
    let mut ratios = [Complex64::ZERO; 5];
    for turn in 0..40u32 {
        asks.clear();
        let site = |k: u32| (7 * turn + 3 * k) % n;
        for (k, x) in (0..5).zip(xs.chunks_exact(n as usize)) {
            let sites = [site(k), (site(k) + 1) % n, (site(k) + 2) % n];
            let count = [1, 1, 2, 2, 3][k as usize];
            asks.flip(k as usize, x, &sites[..count]);
        }
        ansatz.ratios(&batch, &asks, &mut scratch, &mut ratios);
        ansatz.accept(&mut batch, &asks, &[true; 5], &mut scratch);
        for ((_, step), x) in asks.iter().zip(xs.chunks_exact_mut(n as usize)) {
            step.apply(x);
        }
    }
    asks.clear();
    for (k, x) in xs.chunks_exact(n as usize).enumerate() {
        asks.flip(k, x, &[0, 1]);
    }
    ansatz.ratios(&batch, &asks, &mut scratch, &mut ratios);
    let derivatives = ansatz.derivatives(&batch).written_out();
    let (rows, columns) = derivatives.dim();
    let slopes = (0..rows * columns).map(|k| derivatives.get(k / columns, k % columns));
    ansatz
        .log_psi(&batch)
        .into_iter()
        .chain(ratios)
        .chain(slopes)
        .collect()
}

fn every_path<A: Ansatz>(name: &str, make: impl Fn(Simd) -> A, sites: usize) {
    let reference = figures(&make(Simd::Portable));
    for simd in Simd::available() {
        let basis = Basis::spin_half(sites, None).unwrap();
        laws(&mut make(simd), &basis, 3).unwrap_or_else(|e| panic!("{name}, {simd:?}: {e}"));
        for (k, (a, b)) in figures(&make(simd)).into_iter().zip(&reference).enumerate() {
            assert!(
                (a - b).norm() < 1e-12 * (1.0 + b.norm()),
                "{name}, {simd:?}, figure {k}: {a} {b}"
            );
        }
    }
}

fn every_machine<T: Kernel>(name: &str) {
    for hidden in [1, 8, 35, 70] {
        every_path(
            name,
            |simd| Rbm::<T>::dense(6, hidden, true, true, 0.3, 1).with_simd(simd),
            6,
        );
    }
    every_path(
        name,
        |simd| Rbm::<T>::symmetric(6, 3, &ring(6), true, true, 0.3, 1).with_simd(simd),
        6,
    );
    every_path(
        name,
        |simd| Rbm::<T>::dense(6, 9, true, true, 3.0, 1).with_simd(simd),
        6,
    );
}

#[test]
fn laws_hold_on_every_path_and_the_paths_agree() {
    every_machine::<f64>("real machine");
    every_machine::<Complex64>("complex machine");
    every_path(
        "real network",
        |simd| network::<f64>(true).with_simd(simd),
        12,
    );
    every_path(
        "complex network",
        |simd| network::<Complex64>(false).with_simd(simd),
        12,
    );
}

const INPUT: &str = r#"
[lattice]
kind = "chain"
size = [8]
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
kind = "rbm"
density = 2
[sampler]
samples = 64
[optimize]
steps = 2
learning_rate = 0.01
[output]
name = "x"
"#;

#[test]
fn the_path_is_forced_recorded_and_a_restart_on_another_one_says_so() {
    let case = Case::new(INPUT);
    let run = |simd: &str, steps: &str| {
        case.alone_with(
            &[("NISHINA_SIMD", simd)],
            &["run", "x.toml", "--set", &format!("optimize.steps={steps}")],
        )
    };
    let out = run("portable", "2");
    expect_code(&out, 0);
    assert!(
        text(&out).contains("vector instructions portable"),
        "{}",
        text(&out)
    );
    assert_eq!(case.info()["provenance"]["vector_instructions"], "portable");
    if Simd::available().len() > 1 {
        let out = run("avx2", "4");
        expect_code(&out, 0);
        assert!(
            text(&out).contains("other vector instructions (portable)"),
            "{}",
            text(&out)
        );
    }
    let out = run("mmx", "5");
    expect_code(&out, 64);
    assert!(text(&out).contains("NISHINA_SIMD"), "{}", text(&out));
}
