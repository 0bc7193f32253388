//! A direction holds no more memory than the cost model says: the allocator counts.

#[path = "common/tally.rs"]
mod tally;
use nishina::comm::Serial;
use nishina::ensemble::Request;
use nishina::optimizer::{OPTIMIZERS, OptimizerOptions, Schedule, Sizes, StepData, cost};
use nishina::problem;
use nishina::registry::Registry;
use nishina::rng::Purpose;
use tally::most_held;

#[test]
fn a_direction_stays_within_its_formula() {
    let samples = 384;
    for ansatz in [
        "density = 1",
        "density = 2\nparameters = \"real\"",
        "density = 2\nsymmetry = \"translations\"",
    ] {
        let text = format!(
            "[lattice]\nkind = \"chain\"\nsize = 20\n[hamiltonian]\nkind = \"ising\"\nhx = 1.0\n\
             [ansatz]\nkind = \"rbm\"\n{ansatz}\n[sampler]\nchains = 16\nsamples = {samples}\n"
        );
        let source = nishina::input::from_text(&text, ".".into()).unwrap();
        let problem = problem::problem(&source, &Registry::default()).unwrap();
        let mut ensemble = problem::ensemble(&source, &problem, 0, 1).unwrap();
        let request = Request {
            purpose: Purpose::Optimize,
            step: 0,
            burn_in: 5,
            per_chain: samples / 16,
        };
        ensemble.sample(&request).unwrap();
        let local = ensemble.local_values(&*problem.hamiltonian).unwrap();
        let derivatives = ensemble.derivatives();
        let data = StepData {
            derivatives: &derivatives,
            weights: ensemble.weights(),
            local_energies: &local.values,
        };
        for method in OPTIMIZERS {
            for decomposed in [false, true] {
                if decomposed && !matches!(method.kind, "dense-sr" | "kernel-sr" | "spring") {
                    continue;
                }
                let sizes = Sizes {
                    kind: derivatives.kind,
                    columns: derivatives.columns(),
                    samples,
                    numbers: derivatives.numbers_per_sample(),
                    ranks: 1,
                    diagonal: false,
                    decomposed,
                    shared_above: None,
                    avoided_above: 8192,
                };
                let plain = OptimizerOptions::shifted(Schedule::Number(0.01));
                let options = OptimizerOptions {
                    pseudo_inverse: decomposed.then_some(1e-8),
                    ..plain
                };
                let mut optimizer = (method.build)(&options).unwrap();
                optimizer.direction(&data, 0, &Serial).unwrap();
                let (_, held) = most_held(|| optimizer.direction(&data, 1, &Serial).unwrap());
                let held = (held + 8 * sizes.numbers * samples) as f64;
                let formula = cost::memory(method.kind, &sizes, 0);
                // Vectors over samples and the tiles of a Gram matrix are not in the formula.
                let rest = 2.5e6;
                assert!(
                    held < 1.05 * formula + rest,
                    "{} {ansatz:?} {decomposed}: {held} {formula}",
                    method.kind
                );
                assert!(
                    formula < 3.0 * held + rest,
                    "{} {ansatz:?} {decomposed}: {held} {formula}",
                    method.kind
                );
            }
        }
    }
}
