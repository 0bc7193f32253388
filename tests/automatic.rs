//! Decides whether what an input leaves out follows from the problem: by which group filters are
//! tied, how large weights start, how steps are regularised.

mod common;

use common::{Case, expect_code, is_left_out, text};
use nishina::io::tree::Value;

/// An input of one short step, with the lattice and the model, more keys of `[ansatz]`, and other
/// sections.
fn input(problem: &str, ansatz: &str, more: &str) -> String {
    format!(
        "{problem}\n[ansatz]\nkind = 'rbm'\n{ansatz}\n[sampler]\nchains = 4\nsamples = 64\n{more}\n\
         [output]\nsamples = 'none'\n"
    )
}

const STEP: &str = "[optimize]\nsteps = 1\nlearning_rate = 0.01";
const RING: &str = "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nhx = 1.0";
const SQUARE: &str = "[lattice]\nkind = 'square'\nsize = [4, 4]\n[hamiltonian]\nkind = \
                      'heisenberg'\nsector = { total_sz = 0 }";

/// The shape of W in a file.
fn shape_in(case: &Case, file: &str) -> Vec<usize> {
    match &case.tree(file).datasets["parameters/W"] {
        Value::Real(w) => w.shape().to_vec(),
        Value::Complex(w) => w.shape().to_vec(),
        _ => Vec::new(),
    }
}

/// Runs an input; the shape of W.
fn weights(input: &str) -> (Case, Vec<usize>) {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let shape = shape_in(&case, "x.h5");
    (case, shape)
}

fn shape(problem: &str, ansatz: &str, more: &str) -> Vec<usize> {
    weights(&input(problem, ansatz, more)).1
}

#[test]
fn filters_are_tied_where_the_ground_state_is_invariant() {
    let marshall = format!("{SQUARE}\nsign_rule = 'marshall'");
    assert_eq!(shape(&marshall, "density = 2", STEP), [2, 16]);
    assert_eq!(shape(RING, "density = 2", STEP), [2, 6]);
    // Without the sign rule off-diagonal elements are positive.
    assert_eq!(shape(SQUARE, "density = 2", STEP), [16, 32]);
    assert_eq!(
        shape(&marshall, "density = 2\nsymmetry = 'none'", STEP),
        [16, 32]
    );
    let open = RING.replace("size = 6", "size = 6\nboundary = 'open'");
    assert_eq!(shape(&open, "density = 2", STEP), [6, 12]);
    assert_eq!(shape(RING, "density = 1.5", STEP), [6, 9]);
    assert_eq!(shape(RING, "density = 1\nrange = 3", STEP), [6, 6]);
}

#[test]
fn filters_are_free_where_another_state_is_wanted() {
    let evolve = "[evolve]\ntime = 0.01\nstep = 0.01";
    assert_eq!(shape(RING, "density = 1", evolve), [6, 6]);
    let (first, tied) = weights(&input(RING, "density = 1", STEP));
    assert_eq!(tied, [1, 6]);
    let next = "[optimize]\nsteps = 1\nlearning_rate = 0.01\n\
                orthogonal_to = [{ file = 'x.h5', weight = 5.0 }]\n[output]\nname = 'next'";
    let next = input(RING, "density = 1", next).replace("\n[output]\nsamples = 'none'", "");
    std::fs::write(first.folder.path().join("next.toml"), next).unwrap();
    expect_code(&first.alone(&["run", "next.toml"]), 0);
    assert_eq!(shape_in(&first, "next.h5"), [6, 6]);
    let inner = format!(
        "{RING}\n[ansatz]\nkind = 'symmetrised'\nmomentum = [3]\nof = {{ kind = 'rbm', density = 1 \
         }}\n[sampler]\nchains = 4\nsamples = 64\n{STEP}\n"
    );
    assert_eq!(weights(&inner).1, [6, 6]);
}

#[test]
fn a_file_decides_by_its_shapes() {
    for symmetry in ["none", "translations"] {
        let own = format!("density = 1\nsymmetry = '{symmetry}'");
        let (case, first) = weights(&input(RING, &own, STEP));
        let again = input(RING, "density = 1\nload = 'x.h5'", STEP);
        let again = again.replace("samples = 'none'", "samples = 'none'\nname = 'again'");
        std::fs::write(case.folder.path().join("again.toml"), again).unwrap();
        expect_code(&case.alone(&["run", "again.toml"]), 0);
        assert_eq!(shape_in(&case, "again.h5"), first);
        let results = case.tree("again.h5");
        let complete = results.text("input/complete").unwrap();
        let told = complete.contains("symmetry = \"translations\"");
        assert_eq!(told, symmetry == "translations", "{complete}");
    }
}

#[test]
fn a_machine_grows_from_one_that_was_tied_by_itself() {
    let (case, first) = weights(&input(RING, "density = 1", STEP));
    assert_eq!(first, [1, 6]);
    let own = "density = 1\nsymmetry = 'none'\nload = { file = 'x.h5', grow = true }";
    let grown = input(RING, own, STEP).replace("'none'\n", "'none'\nname = 'grown'\n");
    let grown = grown.replacen("symmetry = 'none'\nname = 'grown'", "symmetry = 'none'", 1);
    std::fs::write(case.folder.path().join("grown.toml"), grown).unwrap();
    expect_code(&case.alone(&["run", "grown.toml"]), 0);
    assert_eq!(shape_in(&case, "grown.h5"), [6, 6]);
}

#[test]
fn the_log_and_the_results_tell_what_was_decided() {
    let case = Case::new(&input(RING, "density = 2", STEP));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("ansatz.symmetry = \"translations\""));
    assert!(!text(&out).contains("hint: the Hamiltonian has the 6 translations"));
    let results = case.tree("x.h5");
    let complete = results.text("input/complete").unwrap();
    for line in [
        "symmetry = \"translations\"",
        "shift = \"auto\"",
        "max_distance = 0.1",
    ] {
        assert!(complete.contains(line), "{line} is not in {complete}");
    }
    let shift = case.tree("x.h5").reals("optimize/history/shift").unwrap();
    assert!(shift[0] > 0.0 && shift[0] != 0.01);
    // What is given stays.
    let own =
        "[optimize]\nsteps = 1\nlearning_rate = 0.01\npseudo_inverse = 1e-6\nmax_distance = 0";
    let case = Case::new(&input(RING, "density = 2", own));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let results = case.tree("x.h5");
    let complete = results.text("input/complete").unwrap();
    assert!(!complete.contains("shift = \"auto\"") && complete.contains("max_distance = 0"));
    let method = STEP.replace("steps = 1", "steps = 1\nmethod = 'spring'");
    let case = Case::new(&input(RING, "density = 2", &method));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let shift = case.tree("x.h5").reals("optimize/history/shift").unwrap();
    assert_eq!(shift, [0.01]);
}

#[test]
fn weights_start_smaller_in_larger_machines() {
    let spread = |size: usize| {
        let ring = RING.replace("size = 6", &format!("size = {size}"));
        let steps = "[optimize]\nsteps = 1\nlearning_rate = 1e-12";
        let own = "density = 4\nparameters = 'real'";
        let (case, _) = weights(&input(&ring, own, steps));
        let tree = case.tree("x.h5");
        let w = tree.reals("parameters/W").unwrap();
        (w.iter().map(|w| w * w).sum::<f64>() / w.len() as f64).sqrt()
    };
    // 2/sqrt(4 × 200 × 200) = 0.005 of 800 weights; at most 0.01, of 32.
    assert!((spread(200) / 0.005 - 1.0).abs() < 0.1, "{}", spread(200));
    assert!((spread(8) / 0.01 - 1.0).abs() < 0.5, "{}", spread(8));
}

#[test]
fn states_with_nodes_do_not_get_worse() {
    // Near nodes derivatives grow as 1/psi: the shift of cross-validation alone is 1e-6, and the
    // energy rises from -10.1 to above -9.3 in 16 steps. Exact: -11.228.
    let input = format!(
        "{SQUARE}\n[ansatz]\nkind = 'product'\n[[ansatz.factors]]\nkind = \
         'symmetrised'\nmomentum = [0, 0]\nspin_parity = 1\nof = {{ kind = 'pair', start = \
         'bcs', parameters = 'real', init = 0.02 }}\n[[ansatz.factors]]\nkind = \
         'rbm'\ndensity = 2\nsymmetry = 'space-group'\nparameters = 'real'\n[sampler]\nchains \
         = 64\nsamples = 1024\n[optimize]\nsteps = 24\nlearning_rate = 0.05\n[output]\nsamples \
         = 'none'\n"
    );
    let case = Case::new(&input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let energies = tree.reals("optimize/history/energy").unwrap();
    let late = energies[18..].iter().sum::<f64>() / 6.0;
    assert!(late < -10.9, "{energies:?}");
    let shifts = tree.reals("optimize/history/shift").unwrap();
    assert!(shifts[0] < 1e-5 && shifts[23] > 1e-4, "{shifts:?}");
}

#[test]
fn a_step_that_goes_too_far_is_shortened() {
    // Tied filters with small weights: to first order a step looks short.
    let problem = "seed = 3\n[lattice]\nkind = 'square'\nsize = [6, 6]\n[hamiltonian]\nkind = \
                   'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'";
    let own = "density = 4\nparameters = 'real'\nvisible_bias = false\nhidden_bias = false\n\
               init = 0.01";
    let steps = "[optimize]\nsteps = 8\nlearning_rate = 0.2\nshift = 1e-6\nmax_distance = 0.1";
    let more = input(problem, own, steps).replace("chains = 4\nsamples = 64", "samples = 512");
    let (case, _) = weights(&more);
    let tree = case.tree("x.h5");
    let rates = tree.reals("optimize/history/learning_rate").unwrap();
    let norms = tree.reals("optimize/history/metric_norm").unwrap();
    let halved = rates.iter().zip(&norms).filter(|(rate, norm)| {
        let first = (0.1 / norm.sqrt()).min(0.2);
        **rate < 0.6 * first
    });
    assert!(halved.count() > 0, "{rates:?} {norms:?}");
    let acceptance = tree.reals("optimize/history/acceptance").unwrap();
    assert!(acceptance.iter().all(|a| *a > 0.1), "{acceptance:?}");
}

/// An optimised state, and what more steps make of it.
struct Continued {
    case: Case,
    input: String,
}

impl Continued {
    /// Heisenberg spins on `size` x `size` sites after so many steps of so many samples.
    fn new(size: usize, samples: usize, steps: usize) -> Self {
        let input = format!(
            "seed = 3\n[lattice]\nkind = 'square'\nsize = [{size}, {size}]\n[hamiltonian]\n\
             kind = 'heisenberg'\nsector = {{ total_sz = 0 }}\nsign_rule = 'marshall'\n\
             [ansatz]\nkind = 'rbm'\ndensity = 4\nsymmetry = 'space-group'\n\
             parameters = 'real'\nvisible_bias = false\nhidden_bias = false\n\
             [sampler]\nsamples = {samples}\n[optimize]\nsteps = {steps}\nlearning_rate = 0.05\n\
             shift = 'auto'\n[measure]\nsamples = {}\n[output]\nsamples = 'none'\n",
            16 * samples
        );
        let case = Case::new(&input);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        Continued { case, input }
    }

    /// The energy that a run has measured, and its error.
    fn measured(&self, name: &str) -> [f64; 2] {
        let results = self.case.tree(&format!("{name}.h5"));
        ["mean", "error"].map(|part| results.real(&format!("measure/energy/{part}")).unwrap())
    }

    /// So many steps more, as another run: the energy of the last half of them, and the measured
    /// one, each with its error.
    fn with(&self, name: &str, shift: &str, steps: usize) -> [[f64; 2]; 2] {
        let file = self.case.path(&format!("{name}.toml"));
        std::fs::write(file, &self.input).unwrap();
        let settings = [
            "seed=4".to_string(),
            "ansatz.load=x.h5".into(),
            format!("output.name={name}"),
            format!("optimize.steps={steps}"),
            format!("optimize.shift={shift}"),
        ];
        let input = format!("{name}.toml");
        let mut arguments = vec!["run", &input];
        (settings.iter()).for_each(|s| arguments.extend(["--set", s.as_str()]));
        expect_code(&self.case.alone(&arguments), 0);
        let results = self.case.tree(&format!("{name}.h5"));
        let of = |name: &str| results.reals(&format!("optimize/history/{name}")).unwrap();
        let [energies, errors] = ["energy", "error"].map(|name| of(name).split_off(steps / 2));
        let n = energies.len() as f64;
        let error = errors.iter().map(|e| e * e).sum::<f64>().sqrt() / n;
        let late = [energies.iter().sum::<f64>() / n, error];
        [late, self.measured(name)]
    }
}

/// An optimised state stays as good as it is with the shift of the default; with a small one its
/// energy rises again.
fn the_energy_stays(size: usize, exact: f64, samples: usize, steps: [usize; 2]) {
    let state = Continued::new(size, samples, steps[0]);
    let before = state.measured("x");
    let relative = |energy: f64| energy / exact - 1.0;
    let above = -relative(before[0]);
    assert!(
        above < 1.5e-3,
        "{before:?} is no optimised state: {above:e}"
    );
    // In standard errors of the difference.
    let rise = |after: &[f64; 2]| (after[0] - before[0]) / before[1].hypot(after[1]);
    let automatic = state.with("automatic", "auto", steps[1]);
    let small = state.with("small", "1e-6", steps[1]);
    println!("{before:?}, then {automatic:?}, with a small shift {small:?}");
    for after in &automatic {
        assert!(rise(after) < 4.0, "{before:?}, then {after:?}");
    }
    // What is measured is the best state of the way.
    let apart = -relative(small[0][0]) - above;
    assert!(
        rise(&small[0]) > 5.0 && apart > 1e-3,
        "{before:?}, then {small:?}"
    );
}

#[test]
fn an_optimised_state_does_not_get_worse() {
    the_energy_stays(4, -11.228483208428855, 256, [100, 40]);
}

#[test]
fn an_optimised_state_of_36_sites_does_not_get_worse() {
    if is_left_out() {
        return;
    }
    the_energy_stays(6, -24.439397399308923, 2048, [170, 100]);
}
