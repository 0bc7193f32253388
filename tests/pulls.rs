//! Error bars are honest: over many short measurements (E − exact)/error is a standard normal,
//! and samples follow |ψ|².

mod common;
use nishina::basis::StateIndex;
use nishina::ensemble::{Request, Variational};
use nishina::problem::{ensemble, problem};
use nishina::registry::Registry;
use nishina::rng::Purpose;
use nishina::stats::Estimate;

/// The ensemble of an input, at parameters that make a state with structure.
fn prepared(
    method: &str,
    seed: u64,
    hamiltonian: &str,
) -> (Box<dyn Variational>, nishina::problem::Problem<'static>) {
    let case = common::Case::new(&format!(
        "seed = {seed}\n[lattice]\nkind = 'chain'\nsize = \
         6\n[hamiltonian]\n{hamiltonian}\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n\
         [sampler]\nmethod = '{method}'\nchains = 16\nsamples = 1024\n[measure]\nsamples = 1024\n"
    ));
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let problem = problem(&source, &Registry::default()).unwrap();
    let mut ensemble = ensemble(&source, &problem, 0, 1).unwrap();
    let parameters: Vec<f64> = (0..ensemble.parameters().len())
        .map(|k| 0.3 * (1.0 + 2.3 * k as f64).sin())
        .collect();
    ensemble.set_parameters(&parameters).unwrap();
    (ensemble, problem)
}

fn request(step: u64, per_chain: usize) -> Request {
    Request {
        purpose: Purpose::Measure,
        step,
        burn_in: 20,
        per_chain,
    }
}

#[test]
fn pulls_of_two_hundred_measurements_are_standard_normal() {
    let hamiltonian = "kind = 'ising'\nhx = 1";
    let (mut full, problem) = prepared("full-sum", 1, hamiltonian);
    full.sample(&request(0, 0)).unwrap();
    let local = full.local_values(&*problem.hamiltonian).unwrap();
    let exact: f64 = full
        .weights()
        .iter()
        .zip(&local.values)
        .map(|(w, e)| w * e.re)
        .sum();
    let pulls: Vec<f64> = (1..=200)
        .map(|seed| {
            let (mut chains, problem) = prepared("metropolis", seed, hamiltonian);
            chains.sample(&request(0, 64)).unwrap();
            let values = chains.local_values(&*problem.hamiltonian).unwrap().values;
            let series: Vec<_> = values.chunks(64).map(<[_]>::to_vec).collect();
            let estimate = Estimate::from_series(&series);
            (estimate.mean.re - exact) / estimate.error
        })
        .collect();
    let mean = pulls.iter().sum::<f64>() / 200.0;
    let sd = (pulls.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
    assert!(
        mean.abs() < 0.25 && (0.85..1.2).contains(&sd),
        "mean {mean}, standard deviation {sd}"
    );
}

/// Pulls of a linear quantity, of one with zero-frequency noise and of two nonlinear ones: Binder
/// ratio and entropy.
#[test]
fn pulls_of_observables_are_standard_normal() {
    use nishina::calculation::vmc::observe::observe;
    use nishina::input::ObservableInput;
    const EXPERIMENTS: u64 = 200;
    let hamiltonian = "kind = 'ising'\nhx = 1";
    let entropy: toml::Table = "kind = 'renyi-2'\nblocks = [[0, 1]]".parse().unwrap();
    let name = |n: &str| ObservableInput::Name(n.to_string());
    let list = [
        name("magnetisation"),
        name("spin-correlations"),
        ObservableInput::Table(entropy),
    ];
    let source = |method: &str| {
        let case = common::Case::new(&format!(
            "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\n{hamiltonian}\n[ansatz]\nkind = \
             'rbm'\ndensity = 1\n\
             [sampler]\nmethod = '{method}'\nchains = 16\n"
        ));
        nishina::input::read(&case.path("x.toml"), &[]).unwrap()
    };
    let comm = nishina::comm::Serial;
    let (mut full, problem) = prepared("full-sum", 1, hamiltonian);
    let named =
        nishina::problem::observables(&source("full-sum"), &problem, &list, "measure.observables")
            .unwrap();
    full.sample(&request(0, 0)).unwrap();
    let exact = observe(&comm, &*full, &named, 0, 0).unwrap();
    // Observable and entry: m², the Binder ratio (the last), S_0·S_1, S₂.
    let places = [(0, 2), (0, exact[0].mean.len() - 1), (1, 1), (2, 0)];
    let mut pulls = vec![Vec::new(); places.len()];
    for seed in 1..=EXPERIMENTS {
        let (mut chains, _) = prepared("metropolis", seed, hamiltonian);
        chains.sample(&request(0, 256)).unwrap();
        let found = observe(&comm, &*chains, &named, 256, 16).unwrap();
        for (pulls, (o, k)) in pulls.iter_mut().zip(places) {
            pulls.push((found[o].mean[k] - exact[o].mean[k]) / found[o].error[k]);
        }
    }
    for (pulls, place) in pulls.iter().zip(places) {
        let n = EXPERIMENTS as f64;
        let mean = pulls.iter().sum::<f64>() / n;
        let sd = (pulls.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        println!("{place:?}: mean {mean:.2}, standard deviation {sd:.2}");
        assert!(
            mean.abs() < 0.3 && (0.85..1.2).contains(&sd),
            "{place:?}: mean {mean}, standard deviation {sd}"
        );
    }
}

#[test]
fn samples_follow_the_square_of_the_wave_function() {
    for hamiltonian in [
        "kind = 'ising'\nhx = 1",
        "kind = 'heisenberg'\nsector = { total_sz = 0 }",
    ] {
        let (mut full, problem) = prepared("full-sum", 1, hamiltonian);
        full.sample(&request(0, 0)).unwrap();
        let index = StateIndex::new(&problem.basis).unwrap();
        let mut counts = vec![0.0; index.dimension()];
        let (mut chains, _) = prepared("metropolis", 2, hamiltonian);
        // Every tenth sweep is kept, so that samples are nearly independent.
        for step in 0..2000 {
            chains.sample(&request(step, 1)).unwrap();
            for x in chains.configurations().chunks(6) {
                counts[index.index(StateIndex::word(x))] += 1.0;
            }
        }
        let total: f64 = counts.iter().sum();
        let chi2: f64 = (full.configurations().chunks(6).zip(full.weights()))
            .map(|(x, w)| {
                (counts[index.index(StateIndex::word(x))] - w * total).powi(2) / (w * total)
            })
            .sum();
        let freedom = (index.dimension() - 1) as f64;
        assert!(
            (chi2 - freedom) / (2.0 * freedom).sqrt() < 4.0,
            "{hamiltonian}: chi2 {chi2} for {freedom}"
        );
    }
}
