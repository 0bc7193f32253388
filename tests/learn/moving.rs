//! How parameters move: rates of amplitude and phase, chains that start at outcomes.

use crate::common::{Case, expect_code};
use nishina::io::hdf5;
use nishina::io::tree::{Tree, Value, shaped};

const AMPLITUDE: [&str; 3] = ["a", "b", "W"];
const PHASE: [&str; 3] = ["phase_a", "phase_b", "phase_W"];

/// Results of a ring of 3 by plain gradients with these keys.
fn ring(keys: &str) -> Tree {
    let case = Case::new(&format!(
        "[lattice]\nkind = 'chain'\nsize = 3\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n[ansatz]\n\
         kind = 'boltzmann'\ndensity = 1\nphase = true\ninit = 0.3\n[sampler]\n\
         method = 'full-sum'\n[learn]\nobjective = 'kullback-leibler'\n\
         target = {{ kind = 'ground-state' }}\nbases = ['ZZZ', 'XYZ']\nmethod = 'sgd'\n\
         learning_rate = 0.1\nphase_init = 0.4\n{keys}\n"
    ));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case.tree("x.h5")
}

fn numbers(tree: &Tree, part: &str, blocks: &[&str]) -> Vec<f64> {
    let of = |block: &&str| tree.reals(&format!("{part}/{block}")).unwrap();
    blocks.iter().flat_map(of).collect()
}

#[test]
fn amplitude_and_phase_have_their_steps_and_rates() {
    let start = ring("steps = 0");
    let moved = |tree: &Tree, from: &Tree, blocks: &[&str]| -> Vec<f64> {
        let (a, b) = (
            numbers(from, "parameters", blocks),
            numbers(tree, "parameters", blocks),
        );
        a.iter().zip(&b).map(|(a, b)| b - a).collect()
    };
    let gradient = |blocks: &[&str]| numbers(&start, "learn/gradient", blocks);
    let follows = |moved: &[f64], gradient: &[f64], rate: f64| {
        let near = |(m, g): (&f64, &f64)| (m + rate * g).abs() < 1e-12;
        moved.iter().zip(gradient).all(near) && gradient.iter().any(|g| g.abs() > 1e-3)
    };
    let one = ring("steps = 1\nphase_learning_rate = 0.7");
    let (amplitude, phase) = (gradient(&AMPLITUDE), gradient(&PHASE));
    assert!(follows(&moved(&one, &start, &AMPLITUDE), &amplitude, 0.1));
    assert!(follows(&moved(&one, &start, &PHASE), &phase, 0.7));
    // The phase waits, and then it moves alone.
    let waits = ring("steps = 2\nphase_from = 2\nfreeze_amplitude = true");
    assert!(moved(&waits, &start, &PHASE).iter().all(|m| *m == 0.0));
    assert!(
        moved(&waits, &start, &AMPLITUDE)
            .iter()
            .any(|m| m.abs() > 1e-3)
    );
    let alone = ring("steps = 4\nphase_from = 2\nfreeze_amplitude = true");
    assert!(moved(&alone, &waits, &AMPLITUDE).iter().all(|m| *m == 0.0));
    assert!(moved(&alone, &waits, &PHASE).iter().any(|m| m.abs() > 1e-3));
    let both = ring("steps = 4\nphase_from = 2");
    assert!(
        moved(&both, &waits, &AMPLITUDE)
            .iter()
            .any(|m| m.abs() > 1e-3)
    );
}

#[test]
fn contrastive_chains_start_at_outcomes() {
    // Each unit holds its partner, so that sweeps change nothing: the model of chains that start
    // at the outcomes is the data, that of others is not.
    let gradient = |negative: &str, seed: u64| {
        let case = Case::new(&format!(
            "seed = {seed}\n[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\n\
             hx = 1.0\n[ansatz]\nkind = 'boltzmann'\ndensity = 1\nload = 'start.h5'\n[sampler]\n\
             method = 'gibbs'\nchains = 8\nsamples = 64\n[learn]\n\
             objective = 'kullback-leibler'\ntarget = {{ kind = 'shots', file = 'shots.csv' }}\n\
             steps = 0\nlearning_rate = 0.1\nnegative = '{negative}'\n"
        ));
        let mut start = Tree::default();
        let diagonal = |k: usize| if k.is_multiple_of(5) { 20.0 } else { 0.0 };
        let weights = (0..16).map(diagonal).collect();
        start.put("W", Value::Real(shaped(&[4, 4], weights)));
        start.put_reals("a", &[0.0; 4]);
        start.put_reals("b", &[0.0; 4]);
        hdf5::write_atomic(&case.path("start.h5"), &start).unwrap();
        std::fs::write(case.path("shots.csv"), "basis,outcome\nZZZZ,+-++\n").unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        case.tree("x.h5").reals("learn/gradient/a").unwrap()
    };
    for seed in [1, 2] {
        assert!(gradient("cd", seed).iter().all(|g| g.abs() < 1e-12));
        assert!(gradient("pcd", seed).iter().any(|g| g.abs() > 0.1));
    }
}
