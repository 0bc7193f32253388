//! Chains that sample |psi|^p: their weights make the averages over |psi|^2 that full sums give, on
//! any number of ranks, and readers that do not use weights refuse them.

mod common;
use common::{Case, expect_code, text};
use nishina::io::tree::Tree;

/// A state far from any eigenstate: local energies fluctuate, so that wrong weights are seen.
const ROUGH: &str = "seed = 5\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = \
 'ising'\nhx = 1.0\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.4\n";
const OBSERVABLES: &str = "observables = ['magnetisation', 'transverse-magnetisation', { kind = \
 'renyi-2', blocks = [[0, 1, 2]] }, { kind = 'lanczos', steps = 1 }]\n";

/// The results of a run.
fn results(input: &str) -> Tree {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case.tree("x.h5")
}

fn near(what: &str, (found, error): (f64, f64), wanted: f64) {
    assert!(
        error > 0.0 && error < 0.1 * (1.0 + wanted.abs()),
        "{what}: +- {error}"
    );
    let close = (found - wanted).abs() < 5.0 * error;
    assert!(close, "{what}: {found} +- {error} instead of {wanted}");
}

#[test]
fn a_measurement_is_that_of_a_full_sum() {
    let measure = |sampler: &str| {
        let keys = format!("{ROUGH}[sampler]\n{sampler}[measure]\nsamples = 8192\n{OBSERVABLES}");
        results(&keys).group("measure")
    };
    let exact = measure("method = 'full-sum'\n");
    let names = [
        "energy/mean",
        "energy/variance",
        "observables/magnetisation/squared/mean",
        "observables/transverse-magnetisation/mean",
        "observables/renyi-2/purity/mean",
        "observables/lanczos/energy/mean",
    ];
    for power in [1.0, 1.5] {
        let found = measure(&format!("chains = 16\npower = {power:?}\n"));
        for name in names {
            let error = match name.strip_suffix("mean") {
                Some(group) => format!("{group}error"),
                None => format!("{name}_error"),
            };
            let first = |tree: &Tree, name: &str| tree.reals(name).unwrap()[0];
            let pair = (first(&found, name), first(&found, &error));
            near(&format!("{power} {name}"), pair, first(&exact, name));
        }
        let fraction = found.real("energy/effective_fraction").unwrap();
        assert!((0.2..0.99).contains(&fraction), "{fraction}");
    }
}

#[test]
fn a_step_is_that_of_a_full_sum() {
    for method in ["sr", "kernel-sr"] {
        let step = |sampler: &str| {
            let input = format!(
                "{ROUGH}[sampler]\n{sampler}[optimize]\nsteps = 2\nlearning_rate = 0.05\nshift = \
                 0.01\nmethod = '{method}'\n"
            );
            results(&input).group("optimize/history")
        };
        let column = |tree: &Tree, name: &str| tree.reals(name).unwrap();
        let exact = step("method = 'full-sum'\n");
        for power in [1.0, 1.5] {
            let samples = if method == "sr" { 16384 } else { 1024 };
            let found = step(&format!(
                "chains = 16\nsamples = {samples}\npower = {power:?}\n"
            ));
            let errors = column(&found, "error");
            for (k, wanted) in column(&exact, "energy").into_iter().enumerate() {
                let pair = (column(&found, "energy")[k], errors[k]);
                near(&format!("{power} energy {k}"), pair, wanted);
            }
            // delta^H S delta has the force and the matrix.
            let wanted = column(&exact, "metric_norm")[0];
            let ratio = column(&found, "metric_norm")[0] / wanted;
            let allowed = if method == "sr" { 0.1 } else { 0.3 };
            assert!((ratio - 1.0).abs() < allowed, "{method} {power}: {ratio}");
            let fractions = column(&found, "effective_fraction");
            assert!(fractions.iter().all(|f| (0.2..0.99).contains(f)));
        }
        assert_eq!(column(&exact, "effective_fraction"), [1.0, 1.0]);
    }
}

#[test]
fn a_penalty_on_overlaps_is_that_of_a_full_sum() {
    let other = ROUGH.replace("seed = 5", "seed = 6");
    let norm = |sampler: &str, penalty: &str| {
        let case = Case::new(&format!(
            "{ROUGH}[sampler]\n{sampler}[optimize]\nsteps = 1\nlearning_rate = 0.05\nshift = \
             0.01\nmethod = 'sr'\n{penalty}"
        ));
        let known = format!("{other}[sampler]\nmethod = 'full-sum'\n[measure]\nsamples = 2\n");
        std::fs::write(case.path("o.toml"), known).unwrap();
        expect_code(&case.alone(&["run", "o.toml"]), 0);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let history = case.tree("x.h5").group("optimize/history");
        history.reals("metric_norm").unwrap()[0]
    };
    let penalty = "orthogonal_to = [{ file = 'o.h5', weight = 10.0 }]\n";
    let exact = norm("method = 'full-sum'\n", penalty);
    let without = norm("method = 'full-sum'\n", "");
    assert!((exact / without - 1.0).abs() > 0.5, "{exact} {without}");
    let found = norm("chains = 16\nsamples = 16384\npower = 1.0\n", penalty);
    assert!(
        (found / exact - 1.0).abs() < 0.15,
        "{found} instead of {exact}"
    );
}

#[test]
fn a_quench_is_that_of_a_full_sum() {
    let quench = |sampler: &str, evolve: &str| {
        let rest = format!(
            "[sampler]\n{sampler}[evolve]\ntime = 0.1\nstep = 0.01\n\
             integrator = 'rk4'\noutput_every = 0.05\n\
             {evolve}[measure]\nsamples = 4096\nobservables = ['transverse-magnetisation']\n"
        );
        results(&format!("{ROUGH}{rest}")).group("evolve")
    };
    let methods = ["", "method = 'projected'\n"];
    let exact = methods.map(|method| quench("method = 'full-sum'\n", method));
    let automatic = "shift = 'auto'\n";
    for (power, method, exact) in [
        (1.0, methods[0], &exact[0]),
        (1.5, methods[0], &exact[0]),
        (1.5, methods[1], &exact[1]),
        (1.5, automatic, &exact[0]),
    ] {
        let samples = format!("chains = 16\nsamples = 8192\npower = {power:?}\n");
        let found = quench(&samples, method);
        for name in ["output/initial_energy", "output/energy"] {
            let column = |tree: &Tree, name: &str| tree.reals(name).unwrap();
            let (means, errors) = (
                column(&found, name),
                column(&found, &format!("{name}_error")),
            );
            for (k, wanted) in column(exact, name).into_iter().enumerate() {
                // The velocity has noise of its own.
                let error = errors[k].hypot(0.01);
                near(&format!("{power} {name} {k}"), (means[k], error), wanted);
            }
        }
        let name = "output/observables/transverse-magnetisation/mean";
        let [ours, wanted] = [&found, exact].map(|tree| tree.reals(name).unwrap());
        assert_eq!(ours.len(), 3);
        let far = ours.iter().zip(&wanted).map(|(a, b)| (a - b).abs());
        let far = far.fold(0.0, f64::max);
        assert!(far < 0.01, "{power} {method}: {ours:?} {wanted:?}");
        let shifts = found.reals("history/shift").unwrap();
        assert!(shifts.iter().all(|s| (*s > 0.0) == (method == automatic)));
        for name in ["history", "output"] {
            let fractions = found.reals(&format!("{name}/effective_fraction")).unwrap();
            assert!(fractions.iter().all(|f| (0.2..0.99).contains(f)));
            let of_sum = exact.reals(&format!("{name}/effective_fraction")).unwrap();
            assert!(of_sum.iter().all(|f| *f == 1.0));
        }
    }
}

#[test]
fn a_motion_whose_weights_rest_on_few_samples_ends() {
    let case = polarised(40, "[evolve]\ntime = 0.1\nstep = 0.05\n");
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 70);
    let said = text(&out);
    assert!(said.contains("raise sampler.power towards 2"), "{said}");
    let case = polarised(16, "[evolve]\ntime = 0.1\nstep = 0.05\n");
    let said = text(&case.alone(&["run", "x.toml"]));
    let warning = "at t = 0.0000 the weights of the samples make them worth a fraction";
    assert!(said.contains(warning), "{said}");
}

#[test]
fn an_optimisation_reaches_the_exact_energy() {
    let input = "seed = 2\n[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = \
                 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'\n[ansatz]\nkind = \
                 'rbm'\ndensity = 2\nsymmetry = 'translations'\nparameters = \
                 'real'\n[sampler]\nchains = 16\nsamples = 512\npower = 1.0\n[optimize]\nsteps = \
                 150\nlearning_rate = 0.1\n[measure]\nsamples = 4096\n";
    let energy = results(input).group("measure/energy");
    let (mean, error) = (energy.real("mean").unwrap(), energy.real("error").unwrap());
    let exact = -3.651_093_408_937_176;
    assert!(
        mean > exact - 5.0 * error && mean < exact + 2e-3 + 5.0 * error,
        "{mean} +- {error}"
    );
}

/// exp(0.65 sum sigma) of so many spins, to be completed with what is done.
fn polarised(sites: usize, rest: &str) -> Case {
    let case = Case::new(&format!(
        "seed = 5\n[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\nkind = \
         'ising'\nhx = 1.0\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\nvisible_bias \
         = true\nload = 'a.wf'\n[sampler]\nchains = 16\nsamples = 1024\npower = 1.0\n{rest}"
    ));
    let (biases, others) = (
        "(0.65,0)\n".repeat(sites),
        "(0,0)\n".repeat(sites + sites * sites),
    );
    let text = format!("{sites} {sites}\n{biases}{others}");
    std::fs::write(case.path("a.wf"), text).unwrap();
    case
}

/// N_eff/N of [`polarised`] samples of |psi|: of each spin (1 + r^2)^2/((1 + r)(1 + r^3)).
fn known_fraction(sites: usize) -> f64 {
    let r = (-1.3f64).exp();
    let of_spin = (1.0 + r * r).powi(2) / ((1.0 + r) * (1.0 + r.powi(3)));
    of_spin.powi(sites as i32)
}

#[test]
fn steps_whose_weights_rest_on_few_samples_are_undone() {
    assert!(known_fraction(40) < 0.01);
    let case = polarised(
        40,
        "[optimize]\nsteps = 4\nlearning_rate = 0.01\nmethod = 'sgd'\nmax_backoffs = 1\n",
    );
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 70);
    let said = text(&out);
    assert!(said.contains("raise sampler.power towards 2"), "{said}");
    let history = case.tree("x.h5").group("optimize/history");
    assert_eq!(history.reals("rejected").unwrap(), [8.0; 2]);
    let fractions = history.reals("effective_fraction").unwrap();
    assert!(fractions.iter().all(|f| *f < 0.05), "{fractions:?}");
}

#[test]
fn the_share_that_samples_are_worth_is_known_and_said() {
    for (sites, warned) in [(6, false), (16, true)] {
        let case = polarised(sites, "[measure]\nsamples = 8192\n");
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        let said = text(&out);
        let (found, wanted) = (case.info(), known_fraction(sites));
        let fraction = found["energy"]["effective_fraction"].as_f64().unwrap();
        assert!(
            (fraction / wanted - 1.0).abs() < 0.1,
            "{fraction}, {wanted}"
        );
        assert!(said.contains(&format!("  weights {fraction:.2}")), "{said}");
        assert_eq!(
            said.contains("the error bars may be too small"),
            warned,
            "{said}"
        );
    }
}

#[test]
fn ranks_have_the_same_bits() {
    let input = format!(
        "deterministic = true\n{ROUGH}[sampler]\nchains = 6\nsamples = 96\npower = \
         1.5\n[optimize]\nsteps = 6\nlearning_rate = 0.05\n[measure]\nsamples = \
         192\n{OBSERVABLES}[output]\nsamples = 'all'\n"
    );
    let case = Case::new(&input);
    let numbers = || {
        let (results, samples) = (case.tree("x.h5"), case.tree("x.samples.h5"));
        let of_results = [
            "optimize/history/energy",
            "optimize/history/effective_fraction",
            "measure/energy/log_weights",
            "measure/energy/error",
            "measure/observables/renyi-2/mean",
            "measure/observables/lanczos/energy/error",
        ];
        let mut all: Vec<Vec<f64>> = of_results.map(|name| results.reals(name).unwrap()).into();
        all.push(case.present().reals("parameters").unwrap());
        all.push(samples.reals("log_weights").unwrap());
        (all, samples.complexes("log_psi").unwrap())
    };
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let (alone, log_psi) = numbers();
    let logs = alone.last().unwrap();
    assert_eq!(logs.len(), 6 * 96 + 192);
    // Weights of two powers do not belong to one measurement.
    let out = case.alone(&["run", "x.toml", "--set", "sampler.power=2.0"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("sampler.power was 1.5"),
        "{}",
        text(&out)
    );
    assert!(log_psi.iter().zip(logs).all(|(psi, w)| *w == 0.5 * psi.re));
    for ranks in [2, 3] {
        expect_code(&case.ranks(ranks, &["run", "x.toml", "--fresh"]), 0);
        assert_eq!(
            (&alone, &log_psi),
            (&numbers().0, &numbers().1),
            "{ranks} ranks"
        );
    }
}

#[test]
fn samples_with_weights_are_not_read_as_equal_ones() {
    let input = format!(
        "{ROUGH}[sampler]\nchains = 4\nsamples = 64\npower = 1.0\n[measure]\nsamples = \
         64\n[output]\nsamples = 'measure'\n"
    );
    let case = Case::new(&input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let phases = "[lattice]\nkind = 'chain'\nsize = 6\n[phases]\ntask = \
                  'classify'\ncritical_value = 1.5\nepochs = 2\nfiles = [{ file = \
                  'x.samples.h5', parameter = 1.0 }]\n";
    std::fs::write(case.path("p.toml"), phases).unwrap();
    let out = case.alone(&["run", "p.toml"]);
    expect_code(&out, 64);
    let said = text(&out);
    assert!(
        said.contains("log_weights") && said.contains("sampler.power = 2"),
        "{said}"
    );
}
