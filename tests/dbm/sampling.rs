//! Constructed states by world lines beside full sums, restarts and ranks.

use crate::common::sections::differences;
use crate::common::{Case, expect_code, text};

fn ising(ansatz: &str) -> String {
    format!(
        "seed = 3\n[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\nhx = 0.9\n\
         hz = 0.2\n[ansatz]\nkind = 'dbm'\n{ansatz}\n"
    )
}

fn exchange(hamiltonian: &str) -> String {
    format!(
        "seed = 3\n[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'xxz'\n\
         sign_rule = 'marshall'\n{hamiltonian}\n[ansatz]\nkind = 'dbm'\n"
    )
}

const REST: &str = "[construct]\ntime = 0.4\nstep = 0.1\n[measure]\nsamples = 16384\n\
                    observables = ['spin-correlations-zz']\n";

fn number(case: &Case, name: &str) -> Option<f64> {
    case.tree("x.h5").real(name).ok()
}

/// Energy, correlations and their errors.
fn measured(input: &str, sampler: &str) -> (f64, f64, Vec<f64>, Vec<f64>) {
    let case = Case::new(&format!("{input}[sampler]\n{sampler}\n{REST}"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let correlations = |part: &str| {
        let path = "measure/observables/spin-correlations-zz";
        let mut names = tree.datasets.keys();
        let name = names.find(|n| n.starts_with(path) && n.ends_with(part));
        tree.reals(name.unwrap()).unwrap()
    };
    let energy = number(&case, "measure/energy/mean").unwrap();
    let error = number(&case, "measure/energy/error").unwrap();
    if !sampler.contains("full-sum") {
        let info = case.info();
        assert_eq!(number(&case, "measure/average_sign"), Some(1.0));
        assert_eq!(number(&case, "measure/energy/variance"), None);
        assert!(info["energy"]["variance"].is_null(), "{info}");
        assert!(info["construct"]["infidelity"].is_null(), "{info}");
        assert!(info["construct"]["deviation"].as_f64().unwrap() < 1e-12);
    }
    (energy, error, correlations("/mean"), correlations("/error"))
}

#[test]
fn clusters_loops_and_block_gibbs_agree_with_full_sums() {
    let machine = ising("density = 0.5\ninit = 0.4");
    let sector = exchange("delta = 1.0\nsector = { total_sz = 0 }");
    let whole = exchange("delta = -0.4");
    let steep = exchange("delta = 1.5\nsector = { total_sz = 0 }");
    let ferro = exchange("delta = -1.5");
    let magnetised = exchange("delta = 0.6\nsector = { total_sz = 1 }");
    let (cluster, gibbs) = (
        "method = 'cluster'\nsweeps = 4",
        "method = 'gibbs'\nsweeps = 20",
    );
    for (input, sampler) in [
        (ising(""), cluster),
        (ising(""), "sweeps = 4"),
        (ising(""), gibbs),
        (machine.clone(), gibbs),
        (machine, cluster),
        (sector, cluster),
        (whole, cluster),
        (steep, cluster),
        (ferro, cluster),
        (magnetised, cluster),
    ] {
        let (energy, error, means, errors) = measured(&input, sampler);
        let (exact, _, known, _) = measured(&input, "method = 'full-sum'");
        assert!(error > 0.0 && error < 0.2, "{input}{sampler}: {error}");
        let off = (energy - exact).abs();
        assert!(
            off < 4.5 * error,
            "{input}{sampler}: {energy} ± {error}, {exact}"
        );
        for ((mean, error), known) in means.iter().zip(&errors).zip(&known) {
            let off = (mean - known).abs();
            assert!(
                off < 5.0 * error + 1e-9,
                "{input}{sampler}: {mean} ± {error}, {known}"
            );
        }
    }
}

#[test]
fn ranks_and_restarts_change_no_bit() {
    for input in [
        ising("density = 0.5\ninit = 0.4"),
        exchange("delta = 0.6"),
        exchange("delta = 1.6"),
    ] {
        let rest = "[construct]\ntime = 0.4\nstep = 0.1\n[measure]\nsamples = 2304\n\
                    [output]\ncheckpoint_every = 1e-9\n";
        let sampler = "method = 'cluster'\nchains = 6\nsamples = 48";
        let input = format!("deterministic = true\n{input}[sampler]\n{sampler}\n{rest}");
        let run = |ranks: usize, blocks: Option<usize>| {
            let case = Case::new(&input);
            if let Some(blocks) = blocks {
                let fault = format!("kill@rank0:step{blocks}");
                case.alone_with(&[("NISHINA_FAULT", &fault)], &["run", "x.toml"]);
                assert_eq!(case.info()["state"], "stopped");
            }
            let out = match ranks {
                1 => case.alone(&["run", "x.toml"]),
                _ => case.ranks(ranks, &["run", "x.toml"]),
            };
            expect_code(&out, 0);
            let tree = case.tree("x.h5");
            let mut kept = tree.group("measure");
            kept.put_group("construct", tree.group("construct"));
            kept
        };
        let whole = run(1, None);
        for (ranks, blocks) in [
            (2, None),
            (3, None),
            (1, Some(2)),
            (2, Some(7)),
            (1, Some(9)),
        ] {
            let found = run(ranks, blocks);
            assert_eq!(differences(&whole, &found), [""; 0], "{ranks} {blocks:?}");
        }
    }
}

#[test]
fn what_world_lines_cannot_sample_is_refused() {
    let complex = ising("density = 1\nparameters = 'complex'");
    let cluster = "method = 'cluster'";
    for (input, sampler, more) in [
        (complex, cluster, ""),
        (exchange("delta = 0.5"), "method = 'gibbs'", ""),
        (ising(""), "method = 'metropolis'", ""),
        (
            ising("").replace(
                "kind = 'dbm'",
                "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1",
            ),
            cluster,
            "rbm",
        ),
    ] {
        let rest = if more.is_empty() {
            REST
        } else {
            "[measure]\nsamples = 64\n"
        };
        let case = Case::new(&format!("{input}[sampler]\n{sampler}\n{rest}"));
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        assert!(text(&out).contains("sampler.method"), "{}", text(&out));
    }
}
