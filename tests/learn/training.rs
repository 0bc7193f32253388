//! Trained machines: how far they come, on distributions, phases, outcomes and states.

use crate::common::{Case, expect_code, text};
use nishina::io::hdf5;
use nishina::io::tree::Tree;
use num_complex::Complex64;

fn run(input: &str) -> Tree {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case.tree("x.h5")
}

fn ring(sites: usize, hx: f64, ansatz: &str, sampler: &str, learn: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\nkind = 'ising'\nhx = {hx}\n\
         [ansatz]\n{ansatz}\n[sampler]\n{sampler}\n[learn]\n{learn}\n"
    )
}

const EXACT: &str = "objective = 'kullback-leibler'\ntarget = { kind = 'ground-state' }\n";

#[test]
fn five_seeds_learn_a_ring_of_six() {
    let learn = format!("{EXACT}steps = 1000\nlearning_rate = 0.01\nrestarts = 5\n");
    let input = ring(
        6,
        1.0,
        "kind = 'boltzmann'\ndensity = 1\ninit = 0.05",
        "method = 'full-sum'",
        &learn,
    );
    let found = run(&format!("{input}[measure]\nsamples = 1\n"));
    let entropy = found.real("learn/entropy").unwrap();
    let objectives = found.reals("learn/restarts/objective").unwrap();
    assert_eq!(objectives.len(), 5);
    // Three times the largest of five seeds of another program.
    for objective in &objectives {
        let kl = objective - entropy;
        assert!(kl > 0.0 && kl < 7.25e-4, "{kl}");
    }
    let best = objectives.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(found.real("learn/objective"), Ok(best));
    assert!(found.real("learn/fidelity").unwrap() > 0.9998);
    let energy = found.real("measure/energy/mean").unwrap();
    assert!(energy > -7.727406610312546 && energy < -7.7262, "{energy}");
}

#[test]
fn natural_gradients_arrive_sooner() {
    let kl = |how: &str| {
        let learn = format!("{EXACT}steps = 100\n{how}\n");
        let input = ring(
            8,
            1.0,
            "kind = 'boltzmann'\ndensity = 1\ninit = 0.05",
            "method = 'full-sum'",
            &learn,
        );
        run(&input).real("learn/kl").unwrap()
    };
    let adam = kl("learning_rate = 0.01");
    let natural = kl("method = 'sr'\nlearning_rate = 0.1\nshift = 0.01");
    // The table of Adam has 0.104 to 0.110 after 100 steps.
    assert!((0.03..0.33).contains(&adam), "{adam}");
    assert!(natural < 0.02, "{natural}");
}

/// Σ_j e^{iθ_j} |..1_j..⟩/√N, as a file.
fn w_state(case: &Case, sites: usize, turns: &[f64]) {
    let mut all = vec![Complex64::ZERO; 1 << sites];
    let norm = 1.0 / (sites as f64).sqrt();
    for (j, turn) in turns.iter().enumerate() {
        all[1 << j] = Complex64::from_polar(norm, *turn);
    }
    let mut tree = Tree::default();
    tree.put_complex("amplitudes", &[1 << sites], &all);
    hdf5::write_atomic(&case.path("w.h5"), &tree).unwrap();
}

#[test]
fn phases_of_a_w_state_come_from_rotated_pairs() {
    let learn = "objective = 'kullback-leibler'\ntarget = { kind = 'file', file = 'w.h5' }\n\
                 bases = 'pairs'\nsteps = 4000\nlearning_rate = 0.01\nphase_init = 0.5\n\
                 phase_from = 1000\nrestarts = 8\n";
    let ansatz = "kind = 'boltzmann'\nphase = true\ndensity = 2\ninit = 0.05";
    let case = Case::new(&ring(4, 1.0, ansatz, "method = 'full-sum'", learn));
    w_state(&case, 4, &[0.3, 1.9, -0.8, 2.6]);
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let found = case.tree("x.h5");
    let fidelity = found.real("learn/fidelity").unwrap();
    assert!(fidelity > 0.99, "{fidelity}\n{}", text(&out));
    // What ends above the entropy of the data is told.
    let kl = found.real("learn/kl").unwrap();
    assert_eq!(text(&out).contains("local minimum"), kl > 1e-2);
}

#[test]
fn a_holomorphic_machine_learns_a_heisenberg_ring() {
    let found = run(
        "[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = 'heisenberg'\n\
         sector = { total_sz = 0 }\nsign_rule = 'marshall'\n[ansatz]\nkind = 'rbm'\n\
         density = 2\n[sampler]\nmethod = 'full-sum'\n[learn]\nobjective = 'infidelity'\n\
         target = { kind = 'ground-state' }\nmethod = 'sr'\nshift = 1e-3\nsteps = 300\n\
         learning_rate = 0.1\n[measure]\nsamples = 1\n",
    );
    let fidelity = found.real("learn/fidelity").unwrap();
    assert!(fidelity > 0.99, "{fidelity}");
}

#[test]
fn samples_learn_what_full_sums_learn() {
    // Persistent chains from many outcomes: what was never in the data comes out.
    let learn = format!(
        "{EXACT}shots = 100000\nsteps = 1500\nlearning_rate = {{ kind = 'exponential', \
         start = 0.02, decay = 0.998, end = 1e-3 }}\n"
    );
    let sampler = "method = 'gibbs'\nchains = 256\nsamples = 1024\nsweeps = 2";
    let input = ring(
        10,
        1.0,
        "kind = 'boltzmann'\ndensity = 1\ninit = 0.05",
        sampler,
        &learn,
    );
    let found = run(&format!(
        "{input}[measure]\nsamples = 65536\n\
         observables = ['transverse-magnetisation', 'spin-correlations-zz']\n"
    ));
    // The entropy of 10^5 outcomes over 2^10 words is too low by 5e-3.
    let kl = found.real("learn/kl").unwrap();
    assert!(kl > 0.0 && kl < 0.012, "{kl}");
    let fidelity = found.real("learn/fidelity").unwrap();
    assert!(fidelity > 0.997, "{fidelity}");
    within_three_errors(&found, 10);
    let sx = found
        .real("measure/observables/transverse-magnetisation/mean")
        .unwrap();
    // Ring of 10 at the critical field: <sx> = -E/(2 N) by self-duality.
    let exact = 12.784906442999324 / 20.0;
    assert!((sx - exact).abs() < 0.02 * exact, "{sx}, {exact}");
}

/// ⟨s_i s_j⟩ of the ground state of a critical ring, all pairs.
fn exact_correlations(sites: usize) -> Vec<f64> {
    let case = Case::new(&format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n"
    ));
    expect_code(&case.alone(&["exact", "x.toml", "--output", "e.h5"]), 0);
    let all = case.tree("e.h5").complexes("states/0/amplitudes").unwrap();
    let sum = |i: usize, j: usize| -> f64 {
        let equal = |w: usize| (w >> i ^ w >> j) & 1 == 0;
        let each = all.iter().enumerate();
        each.map(|(w, z)| {
            if equal(w) {
                z.norm_sqr()
            } else {
                -z.norm_sqr()
            }
        })
        .sum()
    };
    let pairs = (0..sites).flat_map(|i| (0..sites).map(move |j| (i, j)));
    pairs.map(|(i, j)| sum(i, j)).collect()
}

/// Fails unless the measured correlations are the exact ones within three errors of the data and
/// the measurement, apart from one pair in twenty.
fn within_three_errors(found: &Tree, sites: usize) {
    let measured = |part: &str| {
        let name = format!("measure/observables/spin-correlations-zz/{part}");
        found.reals(&name).unwrap()
    };
    let (mean, error) = (measured("mean"), measured("error"));
    let data = found.reals("learn/correlations/error").unwrap();
    assert_eq!(found.real("learn/outcomes"), Ok(100_000.0));
    let exact = exact_correlations(sites);
    let (mut far, mut pairs) = (0, 0);
    for k in (0..exact.len()).filter(|k| k / sites < k % sites) {
        let pull = (mean[k] - exact[k]) / error[k].hypot(data[k]);
        far += usize::from(pull.abs() > 3.0);
        pairs += 1;
        assert!(
            pull.abs() < 4.5,
            "pair {k}: {} for {}, {pull}",
            mean[k],
            exact[k]
        );
    }
    assert!(20 * far <= pairs, "{far} of {pairs} pairs");
}

#[test]
fn correlations_of_the_outcomes_are_told() {
    // A distribution has no errors; the machine that learned it has its correlations.
    let learn = format!("{EXACT}steps = 1000\nlearning_rate = 0.01\n");
    let ansatz = "kind = 'boltzmann'\ndensity = 1\ninit = 0.05";
    let input = ring(6, 1.0, ansatz, "method = 'full-sum'", &learn);
    let found = run(&format!(
        "{input}[measure]\nsamples = 1\nobservables = ['spin-correlations-zz']\n"
    ));
    let data = found.reals("learn/correlations/mean").unwrap();
    let exact = exact_correlations(6);
    let learned = found.reals("measure/observables/spin-correlations-zz/mean");
    for ((d, e), l) in data.iter().zip(&exact).zip(learned.unwrap()) {
        assert!((d - e).abs() < 1e-12 && (l - e).abs() < 5e-3, "{d} {e} {l}");
    }
    assert_eq!(found.reals("learn/correlations/error"), Ok(vec![0.0; 36]));
    assert!(found.real("learn/outcomes").is_err());
}

#[test]
fn outcomes_that_are_not_learned_are_told() {
    // Of 20 outcomes, most of which differ, nobody knows how near their entropy is.
    for (shots, told) in [(20_000, true), (20, false)] {
        let learn = format!("{EXACT}shots = {shots}\nsteps = 1\nlearning_rate = 0.01\n");
        let ansatz = "kind = 'boltzmann'\ndensity = 1\ninit = 0.05";
        let case = Case::new(&ring(6, 1.0, ansatz, "method = 'full-sum'", &learn));
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        assert_eq!(text(&out).contains("local minimum"), told, "{}", text(&out));
        assert!(text(&out).contains("learned: objective"), "{}", text(&out));
    }
}

#[test]
fn the_restart_that_is_kept_is_named() {
    let learn = format!("{EXACT}steps = 2\nlearning_rate = 0.01\nrestarts = 3\n");
    let ansatz = "kind = 'boltzmann'\ndensity = 1\ninit = 0.05";
    let case = Case::new(&ring(4, 1.0, ansatz, "method = 'full-sum'", &learn));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let kept = case.tree("x.h5").integer("learn/restarts/kept").unwrap() + 1;
    let line = format!("restart {kept} of 3 is kept: objective");
    assert!(text(&out).contains(&line), "{}", text(&out));
}
