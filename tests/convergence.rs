//! Decides whether convergence is told honestly: no warning on sound runs, the right one on five
//! prepared bad ones, and measurements that go on to a target error.

mod common;
use common::{Case, expect_code, text};

/// The warnings of the results.
fn warnings(case: &Case) -> Vec<String> {
    let info = case.info();
    info["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w.as_str().unwrap().to_string())
        .collect()
}

/// A measurement of the amplitudes of the Ising ring of `sites` sites at field `of`, under a
/// Hamiltonian of field 1.
fn ordered(sites: usize, of: f64, sampler: &str, measure: &str) -> Case {
    let case = Case::new(&format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\n\
         [hamiltonian]\nkind = 'ising'\nhx = 1\n\
         [ansatz]\nkind = 'table'\nparameters = 'real'\nfile = 'ground.h5'\n\
         [sampler]\n{sampler}\n[measure]\n{measure}\n[output]\nsamples = 'none'\n"
    ));
    let field = format!("hamiltonian.hx={of}");
    expect_code(
        &case.alone(&["exact", "x.toml", "--set", &field, "--output", "ground.h5"]),
        0,
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

fn one_about(case: &Case, words: &str) {
    let list = warnings(case);
    println!("{list:#?}");
    assert!(
        list.iter().any(|w| w.contains(words)),
        "`{words}` is not in {list:#?}"
    );
    // Every warning says what to do.
    assert!(
        list.iter().all(|w| w.contains(": ") || w.contains("; ")),
        "{list:#?}"
    );
}

#[test]
fn stuck_chains() {
    let case = ordered(8, 0.001, "chains = 16\nsamples = 1024", "samples = 8192");
    one_about(&case, "never moved");
}

#[test]
fn too_few_samples() {
    let case = ordered(8, 1.5, "chains = 16\nsamples = 1024", "samples = 64");
    one_about(&case, "effective samples");
    assert_eq!(warnings(&case).len(), 1);
}

#[test]
fn a_beginning_out_of_equilibrium_is_cut() {
    let moves =
        "moves = ['flip', { kind = 'global-flip', weight = 0.2 }]\nchains = 64\nsamples = 1024";
    let case = ordered(
        14,
        0.3,
        moves,
        "samples = 16384\nburn_in = 0\nobservables = ['spin-correlations-zz']",
    );
    one_about(&case, "not in equilibrium");
    let tree = case.tree("x.h5");
    assert!(tree.real("measure/convergence/cut").unwrap() > 0.0);
    // What is left has the right energy; the whole would not.
    let exact = ordered(14, 0.3, "method = 'full-sum'", "samples = 16")
        .tree("x.h5")
        .real("measure/energy/mean")
        .unwrap();
    let (mean, error) = (
        tree.real("measure/energy/mean").unwrap(),
        tree.real("measure/energy/error").unwrap(),
    );
    let series = tree.complexes("measure/energy/series").unwrap();
    let whole = series.iter().map(|e| e.re).sum::<f64>() / series.len() as f64;
    println!("{mean} +- {error}, uncut {whole}, exact {exact}");
    assert!((mean - exact).abs() < 4.0 * error && (whole - exact).abs() > (mean - exact).abs());
}

#[test]
fn moves_that_do_not_reach_everything() {
    let case = ordered(
        8,
        0.2,
        "moves = ['flip']\nchains = 16\nsamples = 1024",
        "samples = 8192",
    );
    one_about(&case, "R-hat of the spins");
    let joined = ordered(
        8,
        0.2,
        "moves = ['flip', { kind = 'global-flip', weight = 0.2 }]\nchains = 16\nsamples = 1024",
        "samples = 8192",
    );
    assert_eq!(warnings(&joined), Vec::<String>::new());
}

#[test]
fn a_diverged_optimisation() {
    let case = Case::new(&format!(
        "{}[optimize]\nsteps = 120\nmethod = 'sgd'\nmax_rise = 0\n\
          learning_rate = {{ kind = 'piecewise', values \
         = [[0, 0.1], [60, 30.0]] }}\n\
         [measure]\nsamples = 4096\n",
        common::RING
    ));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    one_about(&case, "diverged");
    assert!(text(&out).contains("warn: the optimisation diverged"));
    // The state that is measured is that of the best window of six steps, long settled by then.
    let history = case.tree("x.h5");
    let curve = history.reals("optimize/history/energy").unwrap();
    let means: Vec<f64> = (curve.chunks(6).map(|w| w.iter().sum::<f64>() / 6.0)).collect();
    let best = means.iter().copied().fold(0.0, f64::min);
    let energy = case.info()["energy"]["mean"].as_f64().unwrap();
    assert!(energy < best + 0.1, "{energy} and {means:?}");
    assert!(means[19] > best + 0.5, "{means:?}");
    assert!(text(&out).contains("the parameters are those after step "));
}

#[test]
fn a_sound_run_has_no_warning_and_errors_of_everything() {
    let input = format!(
        "{}moves = ['flip', {{ kind = 'global-flip', weight = 0.1 }}]\n[optimize]\nsteps = \
         120\nlearning_rate = 0.05\n\
         [measure]\nsamples = 32768\nobservables = ['magnetisation', 'spin-correlations', \
         'transverse-magnetisation']\n",
        common::RING
    );
    let case = Case::new(&input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    assert_eq!(warnings(&case), Vec::<String>::new());
    let info = case.info();
    let part = |name: &str| info["energy"][name].as_f64().unwrap();
    assert!(part("variance_error") > 0.0 && part("variance_error") < part("variance"));
    assert!(part("v_score_error") > 0.0 && part("effective_samples") > 1000.0);
    // The covariance belongs to the same errors, which the two ways to the error of the energy
    // share.
    let covariance = case
        .tree("x.h5")
        .reals("measure/energy/covariance")
        .unwrap();
    assert!((covariance[4].sqrt() / part("variance_error") - 1.0).abs() < 1e-12);
    assert!((covariance[0].sqrt() / part("error") - 1.0).abs() < 0.5);
    let shown = text(&case.alone(&["info", "x.h5"]));
    assert!(
        shown.contains("effective samples") && shown.contains("R-hat of the spins"),
        "{shown}"
    );
}

#[test]
fn measurements_go_on_to_a_target() {
    let input = |target: &str, samples: usize| {
        format!(
            "{}[optimize]\nsteps = 30\nlearning_rate = 0.05\n[measure]\nsamples = \
             {samples}\ntarget_error = {target}\n\
             observables = ['magnetisation']\n[output]\nsamples = 'none'\n",
            common::RING
        )
    };
    let whole = Case::new(&input("0.002", 1 << 20));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let info = whole.info();
    let samples = info["samples"].as_u64().unwrap();
    assert!(
        info["energy"]["error"].as_f64().unwrap() <= 0.002 && samples < 1 << 19,
        "{info}"
    );
    // Finished is finished, though samples are left.
    let again = whole.alone(&["run", "x.toml"]);
    expect_code(&again, 0);
    assert!(text(&again).contains("nothing to do"), "{}", text(&again));
    // Stopped on the way and continued: the same numbers.
    let parts = Case::new(&input("0.002", 1 << 20));
    expect_code(
        &parts.alone(&["run", "x.toml", "--set", "measure.samples=1536"]),
        0,
    );
    assert!(
        warnings(&parts).iter().any(|w| w.contains("target error")),
        "{:?}",
        warnings(&parts)
    );
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    for name in ["mean", "error", "variance", "variance_error"] {
        let path = format!("measure/energy/{name}");
        assert_eq!(
            whole.tree("x.h5").real(&path).unwrap(),
            parts.tree("x.h5").real(&path).unwrap(),
            "{name}"
        );
    }
    // A target of an observable, on two ranks.
    let named = Case::new(&input(
        "{ observable = 'magnetisation', quantity = 'squared', error = 0.01 }",
        1 << 20,
    ));
    expect_code(&named.ranks(2, &["run", "x.toml"]), 0);
    assert!(
        named
            .tree("x.h5")
            .real("measure/observables/magnetisation/squared/error")
            .unwrap()
            <= 0.01
    );
    assert!(named.info()["samples"].as_u64().unwrap() < 1 << 20);
}
