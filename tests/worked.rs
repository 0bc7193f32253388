//! Worked inputs reach what they promise: relative error, an error bar of a third of it, never
//! below the exact energy; what is learned, its divergence, fidelity and magnetisation.

mod common;
use common::{Case, expect_code, is_left_out, project};

/// Exact energies: free fermions (Ising), Bethe equations and exact diagonalisation (Heisenberg,
/// J1-J2).
const SHORT: [(&str, f64, f64); 6] = [
    ("dbm-tfim-8", -8.509082235140278, 1e-4),
    ("tfim-chain-10-h0.5", -10.63560440934797, 1e-4),
    ("tfim-chain-10-h1", -12.784906442999322, 1e-4),
    ("tfim-chain-10-h2", -21.271208818695932, 1e-4),
    ("heisenberg-chain-20", -8.904386529876462, 1e-4),
    ("mps-heisenberg-chain-12", -5.142090632841, 1e-6),
];
const LONG: [(&str, f64, f64); 13] = [
    ("eps-heisenberg-4x4", -11.228483208428855, 2e-3),
    ("heisenberg-square-4x4", -11.228483208428855, 1e-4),
    ("heisenberg-chain-40", -17.746522788332, 1e-4),
    ("heisenberg-chain-80", -35.462076149722, 1e-4),
    ("tfim-chain-80-h1", -101.86570885790465, 1e-4),
    ("heisenberg-honeycomb-3x3", -10.097165836504864, 3e-4),
    ("heisenberg-kagome-2x3", -8.048270773541, 1e-2),
    ("tfim-chain-40-h0.5", -42.54177639893467, 1e-4),
    ("tfim-chain-40-h1", -50.94267411425692, 1e-4),
    ("tfim-chain-40-h2", -85.08355279786934, 1e-4),
    ("j1j2-square-4x4", -8.457923351394845, 3e-3),
    ("pair-j1j2-4x4", -8.457923351394845, 5e-3),
    ("resnet-j1j2-4x4", -8.457923351394845, 1e-5),
];

fn reach(inputs: &[(&str, f64, f64)]) {
    let mut faults = Vec::new();
    for (name, exact, tolerance) in inputs {
        let case = Case::new("");
        let input = project().join(format!("configs/{name}.toml"));
        expect_code(
            &case.alone(&["run", input.to_str().unwrap(), "--set", "output.name=x"]),
            0,
        );
        let energy = case.info()["energy"].clone();
        let warnings = case.info()["warnings"].clone();
        if warnings != serde_json::json!([]) {
            faults.push(format!("{name}: {warnings}"));
        }
        let (mean, error) = (
            energy["mean"].as_f64().unwrap(),
            energy["error"].as_f64().unwrap(),
        );
        let relative = (mean - exact) / exact.abs();
        println!("{name}: {mean} +- {error}, relative {relative:.1e}, wanted {tolerance:.0e}");
        let sound = relative.abs() < *tolerance
            && error < tolerance / 3.0 * exact.abs()
            && mean > exact - 4.0 * error;
        if !sound {
            faults.push(format!(
                "{name}: {mean} +- {error} for {exact}, relative {relative:.1e}"
            ));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A quantity of `info`, and the range that it has to lie in.
type Bound = (&'static str, f64, f64);

/// What `[learn]` reaches.
const LEARNED: [(&str, &[Bound]); 3] = [
    (
        "learn-tfim-8",
        &[("/learn/kl", 0.0, 2e-4), ("/learn/fidelity", 0.9999, 1.0)],
    ),
    ("learn-w-6", &[("/learn/fidelity", 0.99, 1.0)]),
    ("learn-w-8", &[("/learn/kl", 0.0, 1e-2)]),
];
const LEARNED_LONG: [(&str, &[Bound]); 2] = [
    (
        "learn-tfim-20-shots",
        &[
            ("/learn/fidelity", 0.99, 1.0),
            ("/observables/transverse-magnetisation/mean", 0.6245, 0.6500),
        ],
    ),
    (
        "learn-tfim-40-shots",
        &[
            ("/learn/fidelity", 0.97, 1.0),
            ("/learn/fidelity_error", 0.0, 0.01),
            ("/learn/log_z_error", 0.0, 0.3),
            ("/observables/transverse-magnetisation/mean", 0.6240, 0.6495),
        ],
    ),
];

fn learn(inputs: &[(&str, &[Bound])]) {
    let mut faults = Vec::new();
    for (name, bounds) in inputs {
        let case = Case::new("");
        let input = project().join(format!("configs/{name}.toml"));
        let input = input.to_str().unwrap();
        expect_code(&case.alone(&["run", input, "--set", "output.name=x"]), 0);
        let info = case.info();
        for (quantity, from, to) in *bounds {
            let value = info.pointer(quantity).and_then(|v| v.as_f64());
            println!("{name}: {quantity} {value:?}, wanted {from} to {to}");
            if !value.is_some_and(|v| *from <= v && v <= *to) {
                faults.push(format!("{name}: {quantity} is {value:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What learns a tensor network, after fewer steps than the input has.
const LEARNED_NETWORKS: [(&str, usize, f64); 2] =
    [("learn-mps-12", 120, 1e-2), ("learn-peps-3x3", 120, 1e-2)];

#[test]
fn machines_learn_tensor_networks() {
    for (name, steps, most) in LEARNED_NETWORKS {
        let case = Case::new("");
        let input = project().join(format!("configs/{name}.toml"));
        let (input, steps) = (input.to_str().unwrap(), format!("learn.steps={steps}"));
        let run = ["run", input, "--set", "output.name=x", "--set", &steps];
        expect_code(&case.alone(&run), 0);
        let fidelity = case.info()["learn"]["fidelity"].as_f64().unwrap();
        println!("{name}: infidelity {:.1e}", 1.0 - fidelity);
        assert!(1.0 - fidelity < most, "{name}: {fidelity}");
    }
}

#[test]
fn short_worked_inputs_learn_what_they_promise() {
    learn(&LEARNED);
}

#[test]
fn long_worked_inputs_learn_what_they_promise() {
    if is_left_out() {
        return;
    }
    learn(&LEARNED_LONG);
}

#[test]
fn short_worked_inputs_reach_their_accuracy() {
    reach(&SHORT);
}

#[test]
fn long_worked_inputs_reach_their_accuracy() {
    if is_left_out() {
        return;
    }
    reach(&LONG);
}
