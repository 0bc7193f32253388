//! What `check` learns from its trials: of inputs whose keys count steps, samples and chains, and
//! of runs that cannot come to a step in the time.

mod common;
use common::{Case, expect_code, text};

/// An input on a ring with this wave function.
fn ring(sites: usize, ansatz: &str, rest: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\nkind = 'heisenberg'\n\
         sector = {{ total_sz = 0 }}\nsign_rule = 'marshall'\n[ansatz]\n{ansatz}\n{rest}"
    )
}

/// The same of Ising spins in a transverse field, without a sector.
fn ising(ansatz: &str, rest: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n\
         [ansatz]\n{ansatz}\n{rest}"
    )
}

/// What `check` says of the input with more arguments, as one JSON object.
fn check(input: &str, arguments: &[&str]) -> serde_json::Value {
    let case = Case::new(input);
    std::fs::write(case.path("table.csv"), "x,y\n1,1\n2,4\n3,9\n4,16\n").unwrap();
    let out = case.alone(&[&["check", "x.toml", "--json"], arguments].concat());
    expect_code(&out, 0);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&out)))
}

/// Inputs with every key that counts steps, samples or chains of which a trial has fewer.
fn counted() -> Vec<(&'static str, String)> {
    let small = |rest: &str| ring(8, "kind = 'jastrow'", rest);
    let chains = "[sampler]\nchains = 6\nsamples = 96\n";
    vec![
        (
            "average, pilots, polish, tempering, targets",
            small(
                "[sampler]\nchains = 6\nsamples = 96\nburn_in = 5\ntempering = { replicas = 3 }\n\
                 [optimize]\nsteps = 60\naverage = 50\npilots = { seeds = 3, steps = 30 }\n\
                 polish = true\nmax_backoffs = 40\nclip_force = 5\nnorm_constraint = 0.1\n\
                 learning_rate = { kind = 'cosine', start = 0.1, end = 0.01, steps = 60 }\n\
                 [measure]\nsamples = 960\nburn_in = 500\ntarget_error = 1e-6\n\
                 observables = [{ kind = 'renyi-2', blocks = [[0, 1]] }]\n\
                 [output]\nsamples = 'all'\n",
            ),
        ),
        (
            "stages with an average over both",
            small(&format!(
                "{chains}[optimize]\naverage = 55\nstages = [{{ steps = 30, samples = 64, \
                 chains = 4, sweeps = 2, learning_rate = 0.02, method = 'sr', shift = 0.01 }}, \
                 {{ steps = 30, samples = 192, chains = 12, learning_rate = 0.01, \
                 method = 'adam' }}]\n"
            )),
        ),
        (
            "independent samples",
            ring(
                8,
                "kind = 'autoregressive'\nnetwork = 'gru'\nhidden = 3",
                "[sampler]\nmethod = 'direct'\nsamples = 30\n[optimize]\nsteps = 60\n\
                 learning_rate = 0.01\naverage = 20\n[measure]\nsamples = 7\n",
            ),
        ),
        (
            "realisations of random couplings",
            small(&format!(
                "{chains}[disorder]\nrealisations = 20\ncouplings = {{ hz = {{ kind = 'uniform', \
                 low = -1.0, high = 1.0 }} }}\n[optimize]\nsteps = 60\nlearning_rate = 0.01\n"
            )),
        ),
        (
            "a full sum",
            small(
                "[sampler]\nmethod = 'full-sum'\n[optimize]\nsteps = 60\nlearning_rate = 0.01\n\
                 average = 20\n[measure]\nsamples = 1\n",
            ),
        ),
        (
            "a sector that is left open",
            ring(
                8,
                "kind = 'symmetrised'\nof = { kind = 'jastrow' }\nsector = { auto = 20 }",
                &format!("{chains}[optimize]\nsteps = 60\nlearning_rate = 0.01\naverage = 30\n"),
            ),
        ),
        (
            "an evolution whose steps adapt, behind an average",
            ising(
                "kind = 'rbm'\ndensity = 1",
                &format!(
                    "{chains}[optimize]\nsteps = 60\nlearning_rate = 0.01\naverage = 30\n\
                     [evolve]\ntime = 0.1\nstep = 0.01\nmax_step = 0.05\nmin_step = 1e-6\n\
                     tolerance = 0.1\nintegrator = 'bogacki-shampine'\n\
                     output_every = 0.05\nsamples = 960\n\
                     hamiltonian = {{ hx = 0.5 }}\n[measure]\nsamples = 960\n"
                ),
            ),
        ),
        (
            "a machine that learns from outcomes",
            ising(
                "kind = 'boltzmann'\ndensity = 1\nphase = true",
                "[sampler]\nmethod = 'full-sum'\n[learn]\nobjective = 'kullback-leibler'\n\
                 target = { kind = 'ground-state' }\nbases = ['ZZZZZZ', 'XZZZZZ']\nshots = 400\n\
                 batch = 100\nsteps = 60\nlearning_rate = 0.01\nphase_from = 40\nrestarts = 3\n\
                 test_fraction = 0.2\npatience = 50\n",
            ),
        ),
        (
            "classical spins and networks",
            "[lattice]\nkind = 'square'\nsize = [4, 4]\n[hamiltonian]\nkind = 'ising'\n\
             [sampler]\nchains = 4\nsamples = 2048\nburn_in = 20\n[classical]\n\
             temperatures = [1.5, 3.0]\nupdate = 'self-learning'\nreweight = [2.0]\n\
             effective = { training_samples = 4096, rounds = 3, features = 'auto' }\n\
             tempering = 5\n[phases]\ntask = 'classify'\ncritical_temperature = 2.269\n\
             epochs = 60\nbatch = 64\nseeds = 3\nlearning_rate = 0.01\ntest_fraction = 0.2\n"
                .into(),
        ),
        (
            "a construction",
            ising(
                "kind = 'dbm'",
                "[sampler]\nmethod = 'full-sum'\n[construct]\ntime = 1.0\nstep = 0.1\n\
                 [measure]\nsamples = 1\n",
            ),
        ),
        (
            "a metric",
            "[holography]\nexperiment = 'synthetic'\npoints = 100\nepochs = 2000\nbatch = 50\n\
             seeds = 2\nbootstrap = 3\n"
                .into(),
        ),
        (
            "a table",
            "[regression]\ndata = 'table.csv'\ninputs = ['x']\noutputs = ['y']\nwidths = [4]\n\
             method = 'adam'\nlearning_rate = 0.01\nsteps = 5000\nrestarts = 3\n"
                .into(),
        ),
    ]
}

#[test]
fn every_key_that_counts_has_a_trial() {
    let mut faults = Vec::new();
    for (name, input) in counted() {
        let said = check(&input, &["--within", "20"]);
        let notes = said["notes"].to_string();
        let learned = notes.contains("from a trial of") || notes.contains("blocks on");
        if !learned || !said["total_seconds"].is_f64() {
            faults.push(format!("{name}: {said}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn all_realisations_count() {
    let rest = "[sampler]\nchains = 4\nsamples = 64\n[disorder]\nrealisations = 20\n\
                couplings = { hz = { kind = 'uniform', low = -1.0, high = 1.0 } }\n\
                [optimize]\nsteps = 300\nlearning_rate = 0.01\n";
    let input = ring(8, "kind = 'jastrow'", rest);
    let all = check(&input, &["--within", "10"]);
    let third = check(
        &input,
        &["--within", "10", "--set", "disorder.realisation=3"],
    );
    assert!(
        all["notes"].to_string().contains("20 realisations"),
        "{all}"
    );
    for (said, runs) in [(all, 20.0), (third, 1.0)] {
        let number = |key: &str| said[key].as_f64().unwrap();
        let steps = 300.0 * runs * number("step_seconds");
        assert!(number("total_seconds") >= steps, "{said}");
    }
}

#[test]
fn a_time_that_is_not_known_is_not_given() {
    // Sweeps can be stopped, and no machine is fast enough for the first sample.
    let sampler = "[sampler]\nchains = 2\nsamples = 8\nsweeps = 1000000000\n";
    let steps = "steps = 100\nlearning_rate = 0.01\n";
    let quantum = |rest: &str| ising("kind = 'rbm'\ndensity = 1", &format!("{sampler}{rest}"));
    for (name, input) in [
        (
            "optimize",
            quantum(&format!("[optimize]\n{steps}[measure]\nsamples = 16\n")),
        ),
        ("evolve", quantum("[evolve]\ntime = 1.0\nstep = 0.01\n")),
        ("measure", quantum("[measure]\nsamples = 16\n")),
        (
            "learn",
            quantum(&format!(
                "[learn]\nobjective = 'infidelity'\ntarget = {{ kind = 'ground-state' }}\n{steps}"
            )),
        ),
        (
            "classical",
            format!(
                "[lattice]\nkind = 'square'\nsize = [8, 8]\n[hamiltonian]\nkind = 'ising'\n\
                 {sampler}[classical]\ntemperatures = [2.0]\n"
            ),
        ),
    ] {
        let said = check(&input, &["--within", "1"]);
        assert!(said["total_seconds"].is_null(), "{name}: {said}");
        let header = said["slurm_header"].as_str().unwrap();
        assert!(!header.contains("--time="), "{name}: {said}");
        for key in ["step_seconds", "measure_seconds", "evolve_step_seconds"] {
            assert!(said[key].is_null(), "{name}: {said}");
        }
        let notes = said["notes"].to_string();
        // A block of classical spins does not stop between its sweeps.
        if name == "classical" {
            assert!(notes.contains("taught nothing"), "{name}: {said}");
            continue;
        }
        assert!(notes.contains(&format!("[{name}")), "{name}: {said}");
        assert!(
            said["least_seconds"].as_f64().unwrap() > 0.1,
            "{name}: {said}"
        );
    }
}
