//! `[learn]` from input to files: datasets, restarts, ranks, kills, what is refused.

use crate::common::sections::{Compared, differences, obeys_the_laws};
use crate::common::{Case, expect_code, text};

/// A machine with a phase by full sums, with several restarts and held-out outcomes.
const FULL: &str = "seed = 4\n[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\n\
    kind = 'ising'\nhx = 1.2\n[ansatz]\nkind = 'boltzmann'\ndensity = 1\nphase = true\n[sampler]\n\
    method = 'full-sum'\n[learn]\nobjective = 'kullback-leibler'\n\
    target = { kind = 'ground-state' }\nbases = ['ZZZZ', 'XXZZ', 'YXZY']\nshots = 200\n\
    test_fraction = 0.2\npatience = 15\nsteps = 24\nlearning_rate = 0.05\nbatch = 40\n\
    phase_from = 5\nphase_init = 0.3\nphase_learning_rate = 0.02\nrestarts = 2\n\
    readout = [[[0.98, 0.03], [0.02, 0.97]]]\n";

/// Block Gibbs with chains that go on, a metric, and annealing at the end.
const GIBBS: &str = "seed = 2\ndeterministic = true\n[lattice]\nkind = 'chain'\nsize = 5\n\
    [hamiltonian]\nkind = 'ising'\nhx = 1.0\n[ansatz]\nkind = 'boltzmann'\ndensity = 1\n[sampler]\n\
    method = 'gibbs'\nchains = 6\nsamples = 48\n[learn]\nobjective = 'kullback-leibler'\n\
    target = { kind = 'ground-state' }\nshots = 300\nsteps = 12\nmethod = 'sr'\n\
    learning_rate = 0.1\nlog_z = { method = 'ais', temperatures = 20, samples = 30 }\n";

/// A state by Metropolis chains.
const STATE: &str = "deterministic = true\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\n\
    kind = 'heisenberg'\nsector = { total_sz = 0 }\n[ansatz]\nkind = 'rbm'\ndensity = 1\n\
    [sampler]\nchains = 6\nsamples = 48\n[learn]\nobjective = 'infidelity'\n\
    target = { kind = 'ground-state' }\nsteps = 12\nlearning_rate = 0.02\n";

const OFTEN: &str = "[output]\ncheckpoint_every = 1e-9\n";

#[test]
fn ranks_and_kills_change_no_bit() {
    for (input, blocks, kills) in [
        (GIBBS, 12, [(2, 2), (7, 1), (12, 2)]),
        (STATE, 12, [(1, 1), (6, 2), (11, 1)]),
    ] {
        let make = || Case::new(&format!("{input}{OFTEN}"));
        let compared = Compared::new("learn", &make);
        let whole = compared.whole();
        compared.same_on_more_ranks(&whole);
        compared.same_after_kills(&whole, &kills, blocks, "");
    }
}

#[test]
fn kills_change_no_bit_of_a_full_sum() {
    let make = || Case::new(&format!("{FULL}{OFTEN}"));
    let whole = make();
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let whole = whole.tree("x.h5").group("learn");
    for block in [3, 20, 27] {
        let case = make();
        let fault = format!("kill@rank0:step{block}");
        case.alone_with(&[("NISHINA_FAULT", &fault)], &["run", "x.toml"]);
        assert_eq!(case.info()["state"], "stopped", "{fault}");
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let found = case.tree("x.h5").group("learn");
        assert_eq!(differences(&whole, &found), [""; 0], "{fault}");
    }
    // Sums of more ranks differ in their last digits alone.
    for ranks in [2, 3] {
        let case = make();
        expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
        let found = case.tree("x.h5").group("learn");
        let (a, b) = (
            whole.real("objective").unwrap(),
            found.real("objective").unwrap(),
        );
        assert!((a - b).abs() < 1e-9, "{ranks}: {a}, {b}");
    }
}

#[test]
fn learning_obeys_the_laws_of_calculations() {
    for input in [FULL, GIBBS, STATE] {
        obeys_the_laws(&Case::new(input), &[(1, 2, 3), (2, 5, 4), (1, 9, 14)]);
    }
}

#[test]
fn more_steps_go_on_from_where_a_run_ended() {
    for input in [GIBBS, STATE] {
        let long = Case::new(input);
        expect_code(
            &long.alone(&["run", "x.toml", "--set", "learn.steps=20"]),
            0,
        );
        let both = Case::new(input);
        expect_code(&both.alone(&["run", "x.toml"]), 0);
        expect_code(
            &both.alone(&["run", "x.toml", "--set", "learn.steps=20"]),
            0,
        );
        for name in ["learn/history/gradient_norm", "learn/history/objective"] {
            let rows = both.tree("x.h5").reals(name).unwrap();
            assert_eq!(rows.len(), 21);
            assert_eq!(rows, long.tree("x.h5").reals(name).unwrap(), "{name}");
        }
    }
}

#[test]
fn what_was_drawn_and_held_out_is_told() {
    let case = Case::new(FULL);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = case.tree("x.h5").group("learn");
    let (shots, basis) = (
        found.spins("shots").unwrap(),
        found.integers("shot_basis").unwrap(),
    );
    assert_eq!((shots.len(), basis.len()), (4 * 600, 600));
    let each = |b: i64| basis.iter().filter(|k| **k == b).count();
    assert_eq!([each(0), each(1), each(2)], [200; 3]);
    assert_eq!(found.texts("bases").unwrap(), ["ZZZZ", "XXZZ", "YXZY"]);
    let held = found.reals("history/held_out").unwrap();
    let best = held.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(found.real("held_out"), Ok(best));
    let all = found.reals("restarts/objective").unwrap();
    let kept = found.integer("restarts/kept").unwrap() as usize;
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|o| all[kept] <= *o), "{all:?}");
}

#[test]
fn batches_end_with_the_likelihood_of_all_outcomes() {
    for sampler in [
        "method = 'full-sum'",
        "method = 'gibbs'\nchains = 4\nsamples = 16",
    ] {
        let input = |ansatz: &str, keys: &str| {
            format!(
                "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n\
                 [ansatz]\nkind = 'boltzmann'\ndensity = 1\n{ansatz}\n[sampler]\n{sampler}\n\
                 [learn]\nobjective = 'kullback-leibler'\ntarget = {{ kind = 'ground-state' }}\n\
                 shots = 100\nlearning_rate = 0.1\n{keys}\n"
            )
        };
        let case = Case::new(&input("init = 0.3", "steps = 3\nbatch = 7\nrestarts = 2"));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let wanted = input("load = 'x.h5'", "steps = 0");
        std::fs::write(case.path("y.toml"), wanted).unwrap();
        expect_code(&case.alone(&["run", "y.toml"]), 0);
        let of = |file: &str, name: &str| case.tree(file).real(&format!("learn/{name}")).unwrap();
        for name in ["nll", "objective", "kl", "entropy"] {
            let (found, wanted) = (of("x.h5", name), of("y.h5", name));
            assert!((found - wanted).abs() < 1e-12, "{name}: {found}, {wanted}");
        }
        let all = case.tree("x.h5").reals("learn/restarts/objective").unwrap();
        assert_eq!(
            all.iter().copied().fold(f64::INFINITY, f64::min),
            of("x.h5", "objective")
        );
    }
}

#[test]
fn ranks_learn_what_rank_0_has_found() {
    // Held-out shots, rotated bases, a state with its shots drawn by chains: one set for all ranks.
    let input = |learn: &str| {
        format!(
            "deterministic = true\n[lattice]\nkind = 'chain'\nsize = 22\n[hamiltonian]\n\
             kind = 'ising'\nhx = 2.0\n[ansatz]\nkind = 'boltzmann'\ndensity = 1\n\
             init = 0.05\n[sampler]\nmethod = 'gibbs'\nchains = 6\nsamples = 24\n{learn}"
        )
    };
    let make = || {
        let case = Case::new(&input("[optimize]\nsteps = 2\nlearning_rate = 0.1\n"));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        std::fs::rename(case.path("x.h5"), case.path("state.h5")).unwrap();
        std::fs::remove_file(case.path("x.ckpt.h5")).unwrap();
        let pair = format!("XY{}", "Z".repeat(20));
        let learn = format!(
            "[learn]\nobjective = 'kullback-leibler'\nshots = 60\ntest_fraction = 0.2\n\
             target = {{ kind = 'file', file = 'state.h5' }}\nbases = ['{pair}']\nsteps = 3\n\
             learning_rate = 0.01\nlog_z = {{ method = 'ais', temperatures = 9, samples = 8 }}\n"
        );
        std::fs::write(case.path("x.toml"), input(&learn)).unwrap();
        case
    };
    let compared = Compared::new("learn", &make);
    compared.same_on_more_ranks(&compared.whole());
}

#[test]
fn what_is_not_known_on_the_way_is_not_shown() {
    // The norm of 2^14 amplitudes is summed at the end alone.
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 14\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n[ansatz]\n\
         kind = 'rbm'\ndensity = 1\n[sampler]\nchains = 4\nsamples = 64\n[learn]\nsteps = 2\n\
         objective = 'kullback-leibler'\ntarget = { kind = 'ground-state' }\nshots = 100\n\
         learning_rate = 0.01\n",
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let info = case.info();
    let (way, end) = (&info["sections"]["learn"], &info["learn"]);
    for name in ["objective", "kl", "fidelity"] {
        assert!(way[name].is_null(), "{name}: {}", way[name]);
        assert!(end[name].as_f64().unwrap() > 0.0, "{name}: {}", end[name]);
    }
    let out = case.alone(&["plot", "x.h5"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("left out learn-objective"),
        "{}",
        text(&out)
    );
    assert!(text(&out).contains("left out learning"), "{}", text(&out));
}

#[test]
fn samples_without_an_overlap_are_told() {
    // Without a field all spins of the ground state are equal; no sample is.
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 30\n[hamiltonian]\nkind = 'ising'\n\
         sector = { total_sz = -14 }\n[ansatz]\nkind = 'rbm'\ndensity = 1\ninit = 0.01\n\
         [sampler]\nchains = 4\nsamples = 4\n[learn]\nobjective = 'infidelity'\nsteps = 2\n\
         learning_rate = 0.1\n\
         target = { kind = 'file', file = 'one.h5' }\n",
    );
    let mut tree = nishina::io::tree::Tree::default();
    let mut all = vec![0.0; 30];
    all[7] = 1.0;
    tree.put_reals("amplitudes", &all);
    nishina::io::hdf5::write_atomic(&case.path("one.h5"), &tree).unwrap();
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 70);
    assert!(text(&out).contains("no overlap"), "{}", text(&out));
}

#[test]
fn samples_agree_with_full_sums() {
    // The gradient of one look with many samples is that of the full sum within its noise, for
    // chains of both kinds and in rotated bases.
    let gradient = |sampler: &str| {
        let case = Case::new(&format!(
            "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n\
             [ansatz]\nkind = 'boltzmann'\ndensity = 1\nphase = true\ninit = 0.4\n[sampler]\n\
             {sampler}\n[learn]\nobjective = 'kullback-leibler'\n\
             target = {{ kind = 'ground-state' }}\nbases = 'pairs'\nshots = 100\n\
             steps = 0\nlearning_rate = 0.01\nphase_init = 0.5\n"
        ));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let found = case.tree("x.h5").group("learn");
        let blocks = ["a", "b", "W", "phase_a", "phase_b", "phase_W"];
        let of = |b: &str| found.reals(&format!("gradient/{b}")).unwrap();
        (blocks.map(of).concat(), found.real("nll").unwrap())
    };
    let (exact, nll) = gradient("method = 'full-sum'");
    for sampler in [
        "method = 'gibbs'\nchains = 32\nsamples = 65536",
        "chains = 32\nsamples = 65536",
    ] {
        let (sampled, sampled_nll) = gradient(sampler);
        assert!((nll - sampled_nll).abs() < 1e-9, "{nll}, {sampled_nll}");
        let far = exact.iter().zip(&sampled).map(|(a, b)| (a - b).abs());
        let far = far.fold(0.0, f64::max);
        assert!(far < 0.03, "{sampler}: {far}");
        // The phase is a matter of the outcomes alone.
        let phase = exact.len() / 2;
        for (a, b) in exact[phase..].iter().zip(&sampled[phase..]) {
            assert!((a - b).abs() < 1e-9);
        }
    }
}

#[test]
fn outcomes_of_a_saved_state_are_those_of_its_chains() {
    // A saved state of many sites has no list of amplitudes: its outcomes come from chains.
    let input = |learn: &str| {
        format!(
            "[lattice]\nkind = 'chain'\nsize = 22\n[hamiltonian]\nkind = 'ising'\nhx = 2.0\n\
             [ansatz]\nkind = 'boltzmann'\ndensity = 1\ninit = 0.05\n[sampler]\nmethod = 'gibbs'\n\
             chains = 16\nsamples = 512\n{learn}"
        )
    };
    let case = Case::new(&input("[optimize]\nsteps = 60\nlearning_rate = 0.1\n"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let learn = input(
        "[learn]\nobjective = 'kullback-leibler'\ntarget = { kind = 'file', file = 'x.h5' }\n\
         bases = ['ZZZZZZZZZZZZZZZZZZZZZZ', 'XXZZZZZZZZZZZZZZZZZZZZ']\nshots = 2000\nsteps = 1\n\
         learning_rate = 0.01\n",
    );
    std::fs::write(case.path("y.toml"), learn).unwrap();
    let out = case.alone(&["run", "y.toml"]);
    expect_code(&out, 0);
    let found = case.tree("y.h5").group("learn");
    let (shots, basis) = (
        found.spins("shots").unwrap(),
        found.integers("shot_basis").unwrap(),
    );
    assert_eq!(shots.len(), 22 * 4000);
    let mean = |b: i64, site: usize| {
        let own = (0..basis.len()).filter(|k| basis[*k] == b);
        own.map(|k| f64::from(shots[22 * k + site])).sum::<f64>() / 2000.0
    };
    // At a field of 2 spins point along x; along z they have no direction.
    assert!(
        mean(1, 0) > 0.8 && mean(1, 1) > 0.8,
        "{}\n{}",
        mean(1, 0),
        text(&out)
    );
    assert!(mean(1, 5).abs() < 0.2 && mean(0, 0).abs() < 0.2);
}

/// A run that learns the outcomes of `shots.csv`.
fn of_shots(shots: &str, model: &str, sampler: &str, keys: &str) -> Case {
    let case = Case::new(&format!(
        "[lattice]\nkind = 'chain'\nsize = 2\nboundary = 'open'\n[hamiltonian]\n{model}\n[ansatz]\n\
         kind = 'rbm'\ndensity = 1\n[sampler]\n{sampler}\n[learn]\n\
         objective = 'kullback-leibler'\ntarget = {{ kind = 'shots', file = 'shots.csv' }}\n\
         steps = 1\nlearning_rate = 0.01\n{keys}\n"
    ));
    std::fs::write(case.path("shots.csv"), shots).unwrap();
    case
}

#[test]
fn outcomes_outside_the_sector_are_refused_in_sums_and_beside_samples() {
    let model = "kind = 'heisenberg'\nsector = { total_sz = 0 }";
    for sampler in ["method = 'full-sum'", "chains = 2\nsamples = 8"] {
        let case = of_shots("basis,outcome\nZZ,+-\nZZ,++\n", model, sampler, "");
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        let said = "the outcome ++ is not in the sector";
        assert!(text(&out).contains(said), "{sampler}: {}", text(&out));
    }
}

#[test]
fn probabilities_are_no_counts() {
    let shots = "basis,outcome,weight\nZZ,+-,0.25\nZZ,++,0.75\n";
    let (model, sampler) = ("kind = 'ising'\nhx = 1.0", "method = 'full-sum'");
    let case = of_shots(shots, model, sampler, "");
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = case.tree("x.h5").group("learn");
    assert_eq!(
        found.reals("correlations/mean"),
        Ok(vec![1.0, 0.5, 0.5, 1.0])
    );
    assert_eq!(found.reals("correlations/error"), Ok(vec![0.0; 4]));
    assert!(found.real("outcomes").is_err());
    let case = of_shots(shots, model, sampler, "test_fraction = 0.5");
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("give counts"), "{}", text(&out));
}

#[test]
fn one_chain_has_a_fidelity_without_an_error() {
    let state = "[lattice]\nkind = 'chain'\nsize = 22\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n\
                 [ansatz]\nkind = 'rbm'\ndensity = 1\nsymmetry = 'none'\nparameters = 'real'\n\
                 init = 0.1\n[sampler]\nsamples = 32\n";
    let case = Case::new(&format!("{state}[measure]\nsamples = 32\n"));
    std::fs::write(
        case.path("state.toml"),
        std::fs::read(case.path("x.toml")).unwrap(),
    )
    .unwrap();
    expect_code(&case.alone(&["run", "state.toml"]), 0);
    for (chains, told) in [(1, false), (4, true)] {
        let learn = format!(
            "{state}chains = {chains}\n[learn]\nobjective = 'infidelity'\n\
             target = {{ kind = 'file', file = 'state.h5' }}\nsteps = 1\nlearning_rate = 0.01\n"
        );
        std::fs::write(case.path("x.toml"), learn).unwrap();
        expect_code(&case.alone(&["run", "x.toml", "--fresh"]), 0);
        let found = case.tree("x.h5").group("learn");
        assert!(found.real("fidelity").unwrap() > 0.9);
        assert_eq!(found.real("fidelity_error").is_ok(), told, "{chains}");
    }
}
