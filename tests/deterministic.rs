//! `deterministic = true`: optimisation, evolution and measurement are the same bit for bit on any
//! number of ranks.

mod common;
use common::{Case, expect_code, mpirun, program};
use nishina::calculation::{Options, Outcome, run};
use nishina::comm::{Comm, threads};
use nishina::io::tree::{Tree, Value};
use nishina::job::Stop;
use nishina::linalg::simd::Simd;
use nishina::registry::Registry;

const RANKS: [usize; 5] = [1, 2, 3, 4, 8];

const BASE: &str = "seed = 3\n[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = \
 'ising'\nhx = 1.0\n[sampler]\nchains = 8\n";
const MEASURE: &str = "[measure]\nsamples = 256\nobservables = ['spin-correlations']\n";

/// Wave function, samples and optimiser of each case.
const CASES: [(&str, &str); 12] = [
    ("kind = 'rbm'\nsymmetry = 'none'\ndensity = 1", "dense-sr"),
    ("kind = 'rbm'\nsymmetry = 'none'\ndensity = 3", "kernel-sr"),
    (
        "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\nparameters = 'real'",
        "kernel-sr",
    ),
    ("kind = 'rbm'\ndensity = 2\nsymmetry = 'translations'", "sr"),
    (
        "kind = 'feedforward'\nwidths = [8, 4]\nparameters = 'real'",
        "sr",
    ),
    (
        "kind = 'product'\nfactors = [{ kind = 'rbm', density = 1 }, { kind = 'jastrow', \
         parameters = 'real' }]",
        "adam",
    ),
    ("kind = 'jastrow'", "sgd"),
    ("kind = 'rbm'\nsymmetry = 'none'\ndensity = 1", "spring"),
    ("kind = 'rbm'\nsymmetry = 'none'\ndensity = 3", "march"),
    ("kind = 'rbm'\nsymmetry = 'none'\ndensity = 2", "cg"),
    (
        "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\nparameters = 'real'",
        "linear",
    ),
    (
        "kind = 'product'\nfactors = [{ kind = 'rbm', density = 1 }, { kind = 'jastrow', \
         parameters = 'real' }]",
        "linear",
    ),
];

/// An evolution after four steps of optimisation.
fn evolution(integrator: &str) -> String {
    format!(
        "deterministic = true\n{BASE}samples = 256\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\n\
          density = \
         1\n[optimize]\nsteps = 4\nlearning_rate = 0.05\n\
         [evolve]\ntime = 0.06\nstep = 0.02\noutput_every = 0.02\nintegrator = \
         '{integrator}'\nhamiltonian = {{ hx = 2.0 }}\n{MEASURE}"
    )
}

fn input(ansatz: &str, method: &str, steps: usize, deterministic: bool) -> String {
    format!(
        "deterministic = {deterministic}\n{BASE}samples = 128\n[ansatz]\n{ansatz}\n\
         [optimize]\nsteps = {steps}\nmethod = '{method}'\nlearning_rate = 0.05\n{MEASURE}"
    )
}

/// All numbers of checkpoint and results but for times and what names the attempt, as bits.
fn bits(case: &Case) -> Vec<(String, Vec<u64>)> {
    let mut all = Vec::new();
    for file in ["x.ckpt.h5", "x.h5"] {
        let tree: Tree = case.tree(file);
        for (name, value) in tree
            .datasets
            .iter()
            .filter(|(name, _)| !name.starts_with("timing/") && !name.ends_with("seconds"))
        {
            let bits: Vec<u64> = match value {
                Value::Real(a) => a.iter().map(|v| v.to_bits()).collect(),
                Value::Complex(a) => a
                    .iter()
                    .flat_map(|v| [v.re.to_bits(), v.im.to_bits()])
                    .collect(),
                Value::Integer(a) => a.iter().map(|&v| v as u64).collect(),
                Value::Spin(a) => a.iter().map(|&v| v as u64).collect(),
                _ => continue,
            };
            all.push((format!("{file} {name}"), bits));
        }
    }
    assert!(all.len() > 30);
    all
}

/// Held by each test: a program started by one would inherit files, with their locks, that another
/// has open.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn assert_same(first: &[(String, Vec<u64>)], other: &[(String, Vec<u64>)], about: &str) {
    assert_eq!(first.len(), other.len(), "{about}");
    for (a, b) in first.iter().zip(other) {
        assert!(a == b, "{about}: {} differs", a.0);
    }
}

/// Runs an input on ranks that are threads of this process.
fn on_threads(ranks: usize, text: &str) -> Case {
    nishina::linalg::blas::set_threads(1);
    let case = Case::new("");
    let text = format!(
        "{text}\n[output]\nname = 'x'\ndirectory = '{}'\n",
        case.folder.path().display()
    );
    std::fs::write(case.path("x.toml"), text).unwrap();
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let outcomes = threads::run(ranks, |comm: &dyn Comm| {
        let stop = Stop::unarmed();
        run(
            &source,
            comm,
            &Options {
                stop: &stop,
                fresh: false,
                registry: Registry::default(),
            },
        )
    });
    assert!(
        outcomes.iter().all(|o| *o == Ok(Outcome::Finished)),
        "{outcomes:?}"
    );
    case
}

#[test]
fn every_wave_function_and_solver_on_one_to_eight_ranks() {
    let _alone = alone();
    for (ansatz, method) in CASES {
        let text = input(ansatz, method, 8, true);
        let first = bits(&on_threads(1, &text));
        for ranks in &RANKS[1..] {
            assert_same(
                &first,
                &bits(&on_threads(*ranks, &text)),
                &format!("{ansatz}, {method}, {ranks} ranks"),
            );
        }
    }
}

#[test]
fn without_the_key_the_last_digits_depend_on_the_ranks() {
    let _alone = alone();
    let text = input(CASES[0].0, CASES[0].1, 20, false);
    let first = bits(&on_threads(1, &text));
    assert!(
        RANKS[1..]
            .iter()
            .any(|&ranks| bits(&on_threads(ranks, &text)) != first)
    );
}

#[test]
fn evolutions_on_one_to_eight_ranks() {
    let _alone = alone();
    for integrator in ["heun", "bogacki-shampine"] {
        let text = evolution(integrator);
        let first = bits(&on_threads(1, &text));
        assert!(
            first
                .iter()
                .any(|(name, values)| name.contains("evolve/history/energy") && values.len() > 2)
        );
        for ranks in &RANKS[1..] {
            assert_same(
                &first,
                &bits(&on_threads(*ranks, &text)),
                &format!("{integrator}, {ranks} ranks"),
            );
        }
    }
}

#[test]
fn the_same_under_mpirun_and_across_a_restart_on_other_ranks() {
    let _alone = alone();
    let text = input(CASES[0].0, "sr", 12, true);
    let alone = Case::new(&text);
    expect_code(&alone.alone(&["run", "x.toml"]), 0);
    let first = bits(&alone);
    for ranks in RANKS {
        let case = Case::new(&text);
        expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
        assert_same(&first, &bits(&case), &format!("{ranks} ranks under mpirun"));
    }
    let parts = Case::new(&text);
    for (ranks, steps) in [(3, 4), (1, 9), (4, 12)] {
        expect_code(
            &parts.ranks(
                ranks,
                &["run", "x.toml", "--set", &format!("optimize.steps={steps}")],
            ),
            0,
        );
    }
    let parameters = |case: &Case| case.present().reals("parameters").unwrap();
    assert_eq!(parameters(&alone), parameters(&parts));
    assert_eq!(
        alone.tree("x.h5").reals("optimize/history/energy").unwrap(),
        parts.tree("x.h5").reals("optimize/history/energy").unwrap()
    );
}

#[test]
fn ranks_with_other_instructions_use_those_that_all_have() {
    let _alone = alone();
    let Some(widest) = Simd::available()
        .last()
        .filter(|s| **s != Simd::Portable)
        .copied()
    else {
        println!("SKIPPED: this processor has one set of vector instructions");
        return;
    };
    let of_rank = |set: &str| {
        let set = format!("NISHINA_SIMD={set}");
        ["env", &set, program(), "run", "x.toml"].map(String::from)
    };
    let side_by_side = |deterministic: bool| {
        let case = Case::new(&input(CASES[0].0, "sr", 12, deterministic));
        let mut command = mpirun(1);
        command.extend(of_rank(widest.name()));
        command.extend([":", "-np", "1"].map(String::from));
        command.extend(of_rank("portable"));
        let mut run = case.start(&command, &[]);
        assert_eq!(run.end_within(60.0), 0, "{}", run.said());
        let said = case.info()["provenance"]["vector_instructions"].clone();
        (case, said)
    };
    let (mixed, said) = side_by_side(true);
    assert_eq!(said, "portable");
    for (set, same) in [("portable", true), (widest.name(), false)] {
        let alone = Case::new(&input(CASES[0].0, "sr", 12, true));
        let run = alone.alone_with(&[("NISHINA_SIMD", set)], &["run", "x.toml"]);
        expect_code(&run, 0);
        assert_eq!(bits(&alone) == bits(&mixed), same, "{set}");
    }
    let (_, said) = side_by_side(false);
    assert_eq!(said, format!("portable to {}", widest.name()));
}

#[test]
fn solvers_with_a_memory_iterations_and_evolutions_under_mpirun() {
    let _alone = alone();
    let solvers = CASES[7..]
        .iter()
        .map(|(ansatz, method)| (*method, input(ansatz, method, 8, true)));
    let evolutions =
        ["rk4", "dormand-prince"].map(|integrator| (integrator, evolution(integrator)));
    for (what, text) in solvers.chain(evolutions) {
        let one = Case::new(&text);
        expect_code(&one.alone(&["run", "x.toml"]), 0);
        let first = bits(&one);
        for ranks in [2, 3] {
            let case = Case::new(&text);
            expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
            assert_same(
                &first,
                &bits(&case),
                &format!("{what}, {ranks} ranks under mpirun"),
            );
        }
    }
}
