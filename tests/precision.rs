//! Decides whether hidden layers in single precision are as accurate as they are said to be: laws,
//! ratios, optimised and sampled energies, and the drift of the chains' tables.
//!
//! Ratios are compared with double precision at the same parameters. A network with little
//! structure has relative errors below 1e-7, one whose ln |ψ| changes by about one between
//! neighbours errors of about 1e-6.

mod common;
use common::{Case, expect_code, text};
use nishina::ansatz::feedforward::{Activation, Feedforward, Shape};
use nishina::ansatz::field::Field;
use nishina::ansatz::{Ansatz, AnsatzFacts, Asks, Block, DOUBLE, Erased, SINGLE};
use nishina::basis::Basis;
use nishina::derivatives::Derivatives;
use nishina::ensemble::{ChainSettings, Chains, Ensemble, Request, local_values_by_ratios};
use nishina::error::Result;
use nishina::laws::laws;
use nishina::linalg::functions::Elementary;
use nishina::linalg::simd::Simd;
use nishina::operator::Operator;
use nishina::registry::Registry;
use nishina::rng::{Purpose, stream};
use nishina::sampler::{Mixture, RULES, RuleContext, named};
use nishina::stats::limits::max_table_drift;
use nishina::table::Shelf;
use num_complex::Complex64;

fn shape(sites: usize, widths: &[usize], g: Activation, phase: bool) -> Shape {
    Shape {
        sites,
        layers: widths.iter().map(|&units| (units, g)).collect(),
        phase,
        visible_bias: true,
        hidden_bias: true,
        output_weights: true,
    }
}

fn configurations(basis: &Basis, count: usize) -> Vec<i8> {
    let mut rng = stream(1, Purpose::Law, 0, 0);
    (0..count).flat_map(|_| basis.random(&mut rng)).collect()
}

/// The parameters of a network with its output weights and visible biases multiplied.
fn scaled(network: &impl Ansatz, factor: f64) -> Vec<f64> {
    let (mut parameters, mut start) = (network.parameters(), 0);
    for block in network.layout() {
        let reals = if block.complex { 2 } else { 1 };
        let end = start + reals * block.shape.iter().product::<usize>();
        if block.name == "c" || block.name == "a" {
            parameters[start..end].iter_mut().for_each(|p| *p *= factor);
        }
        start = end;
    }
    parameters
}

/// ln ψ, and the ratios of all exchanges of opposite neighbours on a ring.
fn evaluate(network: &impl Ansatz, xs: &[i8]) -> (Vec<Complex64>, Vec<Complex64>) {
    let n = network.sites();
    let (batch, mut asks) = (network.batch(xs), Asks::default());
    for (k, x) in xs.chunks_exact(n).enumerate() {
        for i in (0..n).filter(|&i| x[i] != x[(i + 1) % n]) {
            asks.flip(k, x, &[i as u32, ((i + 1) % n) as u32]);
        }
    }
    let mut ratios = vec![Complex64::ZERO; asks.len()];
    network.ratios(&batch, &asks, &mut Default::default(), &mut ratios);
    (network.log_psi(&batch), ratios)
}

/// Root mean square and largest of some errors.
fn sizes(errors: impl Iterator<Item = f64>) -> (f64, f64) {
    let errors: Vec<f64> = errors.collect();
    let mean = errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64;
    (mean.sqrt(), errors.iter().fold(0.0, |a, &b| a.max(b)))
}

/// The spread of ln |ψ| over neighbours; relative errors of ratios and errors of ln ψ (root mean
/// square and largest) of single against double precision.
fn compare<T: Field>(shape: &Shape, factor: f64, simd: Simd) -> (f64, [(f64, f64); 2]) {
    let mut double = Feedforward::<T>::new(shape.clone(), 1.0, 3).with_simd(simd);
    let mut single = Feedforward::<T, f32>::new(shape.clone(), 1.0, 3).with_simd(simd);
    assert_eq!(double.parameters(), single.parameters());
    let parameters = scaled(&double, factor);
    double.set_parameters(&parameters).unwrap();
    single.set_parameters(&parameters).unwrap();
    assert_eq!(single.parameters(), parameters);
    let basis = Basis::spin_half(shape.sites, Some(0)).unwrap();
    let xs = configurations(&basis, 40);
    let (exact, rough) = (evaluate(&double, &xs), evaluate(&single, &xs));
    let spread = sizes(exact.1.iter().map(|r| r.norm().ln().abs())).0;
    let ratios = exact.1.iter().zip(&rough.1);
    let logs = exact.0.iter().zip(&rough.0);
    let of_ratios = sizes(ratios.map(|(a, b)| (a - b).norm() / a.norm()));
    let of_logs = sizes(logs.map(|(a, b)| ((a - b).exp() - 1.0).norm()));
    (spread, [of_ratios, of_logs])
}

#[test]
fn ratios_and_logarithms_have_the_stated_precision() {
    let mut largest = [0.0f64; 2];
    for simd in Simd::available() {
        for (name, g) in Activation::ALL {
            // The factor on the output, the spread at least, and bounds on the relative error of
            // ratios, root mean square and largest.
            let small = (1.0, 0.0, 1e-7, 4e-7);
            let structured = (25.0, 0.3, 2e-6, 1e-5);
            for (factor, least, rms, most) in [small, structured] {
                let shape = shape(64, &[96, 64], g, true);
                let mut all = vec![("real", compare::<f64>(&shape, factor, simd))];
                if g.is_holomorphic() {
                    all.push(("complex", compare::<Complex64>(&shape, factor, simd)));
                }
                for (numbers, (spread, [ratios, logs])) in all {
                    println!(
                        "{simd:?} {name} {numbers}: spread {spread:.2}, ratios {:.1e} {:.1e}, \
                         ln psi {:.1e} {:.1e}",
                        ratios.0, ratios.1, logs.0, logs.1
                    );
                    assert!(spread >= least, "{name} {numbers}: {spread}");
                    assert!(
                        ratios.0 < rms && ratios.1 < most,
                        "{simd:?} {name} {numbers}: {ratios:?}"
                    );
                    assert!(
                        logs.0 < 2.0 * rms && logs.1 < most,
                        "{simd:?} {name} {numbers}: {logs:?}"
                    );
                    // Not by chance in double precision.
                    assert!(ratios.0 > 1e-9, "{simd:?} {name} {numbers}: {ratios:?}");
                    largest = [largest[0].max(ratios.0), largest[1].max(ratios.1)];
                }
            }
        }
    }
    assert!(largest[0] < 2.0 * SINGLE, "{largest:?}");
}

#[test]
fn laws_hold_in_both_precisions() {
    fn hold<T: Field, R: Elementary>(shape: &Shape, simd: Simd, what: &str) {
        for up in [None, Some(0)] {
            let basis = Basis::spin_half(6, up).unwrap();
            let mut network = Feedforward::<T, R>::new(shape.clone(), 1.0, 5).with_simd(simd);
            laws(&mut network, &basis, 5).unwrap_or_else(|e| panic!("{what} {simd:?}: {e}"));
        }
    }
    for simd in Simd::available() {
        for (name, g) in Activation::ALL {
            for phase in [true, false] {
                let shape = shape(6, &[5, 18], g, phase);
                hold::<f64, f32>(&shape, simd, name);
                hold::<f64, f64>(&shape, simd, name);
                if g.is_holomorphic() {
                    hold::<Complex64, f32>(&shape, simd, name);
                    hold::<Complex64, f64>(&shape, simd, name);
                }
            }
        }
    }
    let precision = |network: &dyn Fn() -> AnsatzFacts| network().precision;
    let shape = shape(6, &[4], Activation::Tanh, false);
    let single = || Feedforward::<f64, f32>::new(shape.clone(), 1.0, 1).facts();
    let double = || Feedforward::<f64, f64>::new(shape.clone(), 1.0, 1).facts();
    assert_eq!((precision(&single), precision(&double)), (SINGLE, DOUBLE));
}

#[test]
fn optimisation_reaches_the_energy_of_double_precision() {
    for keys in [
        "parameters = 'real'\nphase = false\nactivation = 'tanh'",
        "parameters = 'complex'\nactivation = 'lncosh'",
    ] {
        let energy = |precision: &str| {
            let case = Case::new(&format!(
                "seed = 3\n[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = \
                 'ising'\nhx = 1\n[ansatz]\nkind = 'feedforward'\nwidths = [12, 8]\n{keys}\n\
                 precision = '{precision}'\n[sampler]\nmethod = 'full-sum'\n[optimize]\nsteps = \
                 400\nlearning_rate = 0.05\nshift = {{ kind = 'exponential', start = 1e-2, decay \
                 = 0.98, end = 1e-6 }}\n[measure]\nsamples = 16\n"
            ));
            expect_code(&case.alone(&["run", "x.toml"]), 0);
            case.info()["energy"]["mean"].as_f64().unwrap()
        };
        let (double, single) = (energy("double"), energy("single"));
        let relative = (single - double) / double.abs();
        println!("{keys}: double {double}, single {single}, relative {relative:.1e}");
        assert!(relative.abs() < 1e-6, "{keys}: {single} {double}");
        // The runs are not the same run.
        assert_ne!(single, double);
    }
}

#[test]
fn sampled_energies_agree_within_a_tenth_of_the_error_bar() {
    let text = "lattice = { kind = 'chain', size = 16 }\nhamiltonian = { kind = 'heisenberg', \
                sector = { total_sz = 0 } }";
    let source = nishina::input::from_text(text, ".".into()).unwrap();
    let problem = nishina::problem::problem(&source, &Registry::default()).unwrap();
    let shape = shape(16, &[32, 16], Activation::LnCosh, true);
    let mut double = Feedforward::<f64>::new(shape.clone(), 1.0, 7);
    let mut single = Feedforward::<f64, f32>::new(shape, 1.0, 7);
    let parameters = scaled(&double, 5.0);
    double.set_parameters(&parameters).unwrap();
    single.set_parameters(&parameters).unwrap();
    let mut chains = Chains::new(Erased::new(double.clone()), settings(&problem.basis)).unwrap();
    chains.sample(&REQUEST).unwrap();
    let xs = chains.configurations();
    let states = [Erased::new(double), Erased::new(single)];
    let h = &*problem.hamiltonian;
    assert!(compare_energies("feedforward", states.each_ref(), xs, h) < 0.1);
}

/// The mean energies of two states on the same samples differ, by less than a tenth of the error
/// bar; that in units of the mean.
fn compare_energies(what: &str, states: [&Erased; 2], xs: &[i8], h: &dyn Operator) -> f64 {
    let [exact, rough] = states.map(|ansatz| {
        let values = local_values_by_ratios(ansatz, &ansatz.batch(xs), xs, h);
        values.into_iter().map(|e| e.re).collect::<Vec<f64>>()
    });
    let count = exact.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let squares = exact.iter().map(|e| (e - mean(&exact)).powi(2));
    let variance = squares.sum::<f64>() / count;
    let (error, difference) = ((variance / count).sqrt(), mean(&rough) - mean(&exact));
    println!("{what}: error bar {error:.1e}, difference {difference:.1e}");
    assert!(
        difference.abs() < 0.1 * error,
        "{what}: {difference} {error}"
    );
    assert!(difference != 0.0 && mean(&exact) != 0.0, "{what}");
    error / mean(&exact).abs()
}

/// A wave function of spins one half on a ring of 8.
fn on_a_ring(table: &str) -> Erased {
    let text = format!(
        "seed = 5\nlattice = {{ kind = 'chain', size = 8 }}\nhamiltonian = {{ kind = 'heisenberg', \
         sector = {{ total_sz = 0 }} }}\n[ansatz]\n{table}\n"
    );
    let source = nishina::input::from_text(&text, ".".into()).unwrap();
    let problem = nishina::problem::problem(&source, &Registry::default()).unwrap();
    nishina::problem::wave_function(&source, &problem).unwrap()
}

/// As above, of the deep networks: on the same samples and with the same parameters.
#[test]
fn sampled_energies_of_deep_networks_agree_within_a_tenth_of_the_error_bar() {
    let text = "lattice = { kind = 'square', size = [4, 4] }\nhamiltonian = { kind = 'j1j2', j2 = \
                0.5, sector = { total_sz = 0 } }";
    for kind in [
        "kind = 'resnet', channels = 4, blocks = 2",
        "kind = 'resnet', channels = 4, blocks = 1, head = 'sinh'",
        "kind = 'gcnn', features = [2, 2], kernel = 3",
        "kind = 'vit', width = 8, heads = 2, layers = 2",
        "kind = 'convnext', width = 8, layers = 2",
        "kind = 'cnn-mps', channels = 2, layers = 2, mlp = 4, bond = 2",
    ] {
        let built = |precision: &str| {
            let text =
                format!("seed = 5\n{text}\nansatz = {{ {kind}, precision = '{precision}' }}");
            let source = nishina::input::from_text(&text, ".".into()).unwrap();
            let problem = nishina::problem::problem(&source, &Registry::default()).unwrap();
            let state = nishina::problem::wave_function(&source, &problem).unwrap();
            (state, problem.basis, problem.hamiltonian)
        };
        let (double, basis, hamiltonian) = built("double");
        let single = built("single").0;
        assert_eq!(double.parameters(), single.parameters());
        let mut chains = Chains::new(built("double").0, settings(&basis)).unwrap();
        chains.sample(&SHORT).unwrap();
        let states = [&double, &single];
        let relative = compare_energies(kind, states, chains.configurations(), &*hamiltonian);
        assert!(relative < 1.0, "{kind}: {relative}");
    }
}

/// Ranks send rounded numbers of a composed wave function where all its parts are single.
#[test]
fn derivatives_of_composed_wave_functions_have_the_precision_of_their_parts() {
    let resnet =
        |p: &str| format!("{{ kind = 'resnet', channels = 2, blocks = 1, precision = '{p}' }}");
    let forward = |p: &str| format!("{{ kind = 'feedforward', widths = [3], precision = '{p}' }}");
    let gru = |p: &str| {
        format!("{{ kind = 'autoregressive', network = 'gru', hidden = 2, precision = '{p}' }}")
    };
    let sum = |of: String| format!("kind = 'symmetrised'\nspin_flip = 1\nof = {of}");
    let mean = |of: String| format!("{}\nmode = 'normalised'", sum(of));
    let product = |a: String, b: String| format!("kind = 'product'\nfactors = [{a}, {b}]");
    let (single, double) = ("single", "double");
    for (table, expected) in [
        (sum(resnet(single)), true),
        (sum(resnet(double)), false),
        (mean(gru(single)), true),
        (mean(gru(double)), false),
        (product(resnet(single), forward(single)), true),
        (product(resnet(single), forward(double)), false),
        (product(resnet(double), forward(single)), false),
        (
            product(resnet(single), "{ kind = 'jastrow' }".into()),
            false,
        ),
        (
            sum(format!(
                "{{ {} }}",
                product(resnet(single), gru(single)).replace('\n', ", ")
            )),
            true,
        ),
    ] {
        let mut state = on_a_ring(&table);
        let basis = Basis::spin_half(8, Some(0)).unwrap();
        let xs = configurations(&basis, 3);
        let is_single = |state: &Erased| {
            let all = state.derivatives(&state.batch(&xs));
            all.select(&[1]).is_single() && all.is_single()
        };
        assert_eq!(is_single(&state), expected, "{table}");
        state.set_exact(true).unwrap();
        assert!(!is_single(&state), "{table}");
    }
}

const REQUEST: Request = Request {
    purpose: Purpose::Optimize,
    step: 1,
    burn_in: 20,
    per_chain: 40,
};

const SHORT: Request = Request {
    burn_in: 2,
    per_chain: 8,
    ..REQUEST
};

fn settings(basis: &Basis) -> ChainSettings {
    let n = basis.sites() as u32;
    let pairs: Vec<(u32, u32)> = (0..n).map(|i| (i, (i + 1) % n)).collect();
    let context = RuleContext {
        basis,
        pairs: &pairs,
        neighbours: &[],
    };
    ChainSettings {
        mixture: Mixture::new(&[named("exchange")], &context, Shelf::new(RULES)).unwrap(),
        basis: basis.clone(),
        seed: 1,
        number: 0,
        chains: 0..8,
        total_chains: 8,
        sweeps: 5,
        starts: Vec::new(),
        powers: vec![2.0],
    }
}

/// A network whose tables move on with other parameters than its own.
struct Drifting {
    network: Feedforward<f64, f32>,
    tables: Feedforward<f64, f32>,
}

impl Ansatz for Drifting {
    type Batch = <Feedforward<f64, f32> as Ansatz>::Batch;
    type Scratch = <Feedforward<f64, f32> as Ansatz>::Scratch;
    fn sites(&self) -> usize {
        self.network.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.network.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.network.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.network.set_parameters(parameters)
    }
    fn facts(&self) -> AnsatzFacts {
        self.network.facts()
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        self.network.batch(xs)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        self.network.log_psi(batch)
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.tables.ratios(batch, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        self.tables.accept(batch, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        self.network.derivatives(batch)
    }
}

#[test]
fn tables_drift_by_much_less_than_what_is_warned_of_and_faults_by_more() {
    let basis = Basis::spin_half(64, Some(0)).unwrap();
    let drift = |ansatz: Erased| {
        let mut chains = Chains::new(ansatz, settings(&basis)).unwrap();
        chains.sample(&REQUEST).unwrap();
        let counts = chains.take_counts();
        assert!(counts.accepted.iter().all(|&accepted| accepted > 2000));
        counts.table_drift
    };
    let shape = shape(64, &[96, 64], Activation::LnCosh, true);
    let mut double = Feedforward::<f64>::new(shape.clone(), 1.0, 3);
    let mut single = Feedforward::<f64, f32>::new(shape, 1.0, 3);
    let parameters = scaled(&double, 10.0);
    double.set_parameters(&parameters).unwrap();
    single.set_parameters(&parameters).unwrap();
    let mut tables = single.clone();
    let moved: Vec<f64> = parameters.iter().map(|p| p * 1.01).collect();
    tables.set_parameters(&moved).unwrap();
    let (of_double, of_single) = (max_table_drift(DOUBLE), max_table_drift(SINGLE));
    assert!((of_double - 1e-6).abs() < 1e-15 && of_single < 1e-2);
    let found = drift(Erased::new(double));
    println!("double: {found:.1e}");
    assert!(found > 0.0 && found < 1e-3 * of_double, "{found}");
    let found = drift(Erased::new(single.clone()));
    println!("single: {found:.1e}");
    assert!(found > 0.0 && found < 0.1 * of_single, "{found}");
    let network = single;
    let found = drift(Erased::new(Drifting { network, tables }));
    println!("with a fault: {found:.1e}");
    assert!(found > of_single, "{found}");
}

#[test]
fn a_run_in_single_precision_does_not_warn_of_its_tables() {
    let case = Case::new(
        "seed = 3\n[lattice]\nkind = 'chain'\nsize = 12\n[hamiltonian]\nkind = \
         'heisenberg'\nsign_rule = 'marshall'\nsector = { total_sz = 0 }\n[ansatz]\nkind = \
         'feedforward'\nwidths = [24, 12]\nparameters = 'real'\nphase = false\nprecision = \
         'single'\n[sampler]\nchains = 8\nsamples = 512\n[optimize]\nsteps = 60\nlearning_rate = \
         0.05\n[measure]\nsamples = 4096\n",
    );
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let tree = case.tree("x.h5");
    let drift = tree.reals("optimize/history/table_drift").unwrap();
    let largest = drift.iter().fold(0.0f64, |a, &b| a.max(b));
    println!("largest drift {largest:.1e}");
    assert!(largest > 1e-9 && largest < 0.1 * max_table_drift(SINGLE));
    assert!(!text(&out).contains("tables are off"), "{}", text(&out));
    let [rms, largest] = ["rms", "max"].map(|what| {
        tree.reals(&format!("optimize/history/rounding_{what}"))
            .unwrap()
    });
    for (rms, largest) in rms.iter().zip(&largest) {
        assert!(
            0.0 < *rms && rms <= largest && *largest < 1e-4,
            "{rms} {largest}"
        );
    }
    assert!(
        !text(&out).contains("in double precision"),
        "{}",
        text(&out)
    );
    let energy = case.info()["energy"]["mean"].as_f64().unwrap();
    // −5.387 is the ground state of the ring of twelve.
    assert!((energy + 5.387).abs() < 0.05, "{energy}");
}

/// A made of 8 sites whose parameters are this many times as large as usual.
fn made(precision: &str, init: f64) -> (Case, String) {
    let case = Case::new(&format!(
        "seed = 3\n[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = 'ising'\nhx = \
         1\n[ansatz]\nkind = 'autoregressive'\nfeatures = [4]\ninit = {init:?}\nprecision = \
         '{precision}'\n[sampler]\nmethod = 'direct'\nsamples = 256\n[optimize]\nsteps = \
         4\nlearning_rate = 1e-9\n[measure]\nsamples = 512\n"
    ));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    (case, text(&out))
}

#[test]
fn a_step_that_is_far_off_in_single_precision_is_evaluated_in_double() {
    let rms = |case: &Case| {
        let tree = case.tree("x.h5");
        tree.reals("optimize/history/rounding_rms").unwrap()
    };
    let (case, out) = made("double", 1e5);
    assert_eq!(rms(&case), [0.0; 4]);
    assert!(!out.contains("single precision"), "{out}");
    let energies = |case: &Case| case.tree("x.h5").reals("optimize/history/energy").unwrap();
    let exact = energies(&case);
    let (case, out) = made("single", 1.0);
    assert!(
        rms(&case).iter().all(|&r| 0.0 < r && r < 1e-5),
        "{:?}",
        rms(&case)
    );
    assert!(!out.contains("single precision"), "{out}");
    let (case, out) = made("single", 1e5);
    assert!(rms(&case).iter().all(|&r| r > 1e-3), "{:?}", rms(&case));
    assert!(
        out.contains("step 0: ln(psi'/psi) in single precision is off by"),
        "{out}"
    );
    assert!(
        out.contains("single precision was too far off in 4 of 4 steps"),
        "{out}"
    );
    // The samples are the same ones, and the energies those of double precision.
    for (found, exact) in energies(&case).iter().zip(&exact) {
        assert!(
            (found - exact).abs() < 1e-6 * exact.abs(),
            "{found} {exact}"
        );
    }
}

#[test]
fn an_evolution_and_a_lesson_have_double_precision() {
    let columns = |precision: &str, rest: &str, names: [&str; 2]| {
        let case = Case::new(&format!(
            "seed = 3\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = \
             'ising'\nhx = 1\n[ansatz]\nkind = 'resnet'\nchannels = 4\nblocks = 1\nprecision \
             = '{precision}'\n[sampler]\nmethod = 'full-sum'\n{rest}"
        ));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        names.map(|name| case.tree("x.h5").reals(name).unwrap())
    };
    let evolve = "[evolve]\ntime = 0.1\nstep = 0.05\n";
    let learn = "[learn]\nobjective = 'infidelity'\ntarget = { kind = 'ground-state' }\nsteps = \
                 3\nmethod = 'adam'\nlearning_rate = 0.01\n";
    for (rest, names) in [
        (evolve, ["evolve/output/energy", "evolve/history/r2"]),
        (
            learn,
            ["learn/history/objective", "learn/history/gradient_norm"],
        ),
    ] {
        let [single, double] = ["single", "double"].map(|p| columns(p, rest, names));
        assert_eq!(single, double, "{rest}");
    }
}

#[test]
fn a_measurement_has_double_precision() {
    let energy = |precision: &str| {
        let case = Case::new(&format!(
            "seed = 3\n[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = \
             'ising'\nhx = 1\n[ansatz]\nkind = 'resnet'\nchannels = 4\nblocks = 1\nprecision \
             = '{precision}'\n[sampler]\nmethod = 'full-sum'\n[measure]\nsamples = 16\n"
        ));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        case.info()["energy"]["mean"].as_f64().unwrap()
    };
    assert_eq!(energy("single"), energy("double"));
}
