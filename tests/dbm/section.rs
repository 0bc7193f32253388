//! `[construct]` from input to files: networks, starts, ranks, kills, what is refused.

use crate::common::sections::{obeys_the_laws, same_after_any_kill, same_on_any_ranks};
use crate::common::{Case, expect_code, text};

/// A ring by exchanges, with a checkpoint after each block.
fn exchange(keys: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'xxz'\ndelta = 0.7\n\
         sign_rule = 'marshall'\n[ansatz]\nkind = 'dbm'\n[sampler]\nmethod = 'full-sum'\n\
         [construct]\n{keys}\n"
    )
}

/// A ring in fields, from a restricted machine.
fn ising(ansatz: &str, keys: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\nhx = 0.9\nhz = 0.3\n\
         [ansatz]\nkind = 'dbm'\n{ansatz}\n[sampler]\nmethod = 'full-sum'\n{keys}\n"
    )
}

const OFTEN: &str = "[output]\ncheckpoint_every = 1e-9\n";
const STEPS: &str = "[construct]\ntime = 0.6\nstep = 0.2";

#[test]
fn networks_are_the_circuits() {
    let machine = "density = 0.5\ninit = 0.4";
    let complex = format!("{machine}\nparameters = 'complex'");
    let mut inputs = vec![
        ising("", STEPS),
        ising(machine, STEPS),
        ising(&complex, STEPS),
        ising(
            machine,
            &format!("[optimize]\nsteps = 3\nlearning_rate = 0.05\n{STEPS}"),
        ),
    ];
    for gates in ["1d-3h", "2d-4h", "2d-6h"] {
        inputs.push(exchange(&format!(
            "time = 0.2\nstep = 0.2\ngates = '{gates}'"
        )));
    }
    for (number, input) in inputs.iter().enumerate() {
        let case = Case::new(input);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let (tree, info) = (case.tree("x.h5"), case.info());
        let deviation = info["construct"]["deviation"].as_f64().unwrap();
        assert!(deviation < 1e-12, "{input}: {deviation}");
        let shape = |name: &str| match &tree.datasets[&format!("parameters/{name}")] {
            nishina::io::tree::Value::Real(values) => (true, values.shape().to_vec()),
            nishina::io::tree::Value::Complex(values) => (false, values.shape().to_vec()),
            other => panic!("{other:?}"),
        };
        let count = |name: &str| info["construct"][name].as_u64().unwrap() as usize;
        let (hidden, deep) = (count("hidden"), count("deep"));
        assert_eq!(shape("W").1, [4, hidden], "{input}");
        // A complex start has moved to the deep units; constraints have imaginary couplings.
        let real = number < 2 || number == 3;
        assert_eq!(shape("W_deep"), (real, vec![hidden, deep]), "{input}");
        assert_eq!(shape("b").1, [hidden]);
        assert_eq!(shape("b_deep").1, [deep]);
        assert_eq!(shape("a").1, [4]);
        assert_eq!(shape("log_constant").1, [0; 0]);
        let times = tree.reals("construct/history/time").unwrap();
        let units = tree.integers("construct/history/deep").unwrap();
        assert_eq!((times[0], units[0], units.len()), (0.0, 0, times.len()));
    }
}

#[test]
fn units_grow_as_the_time() {
    let case = Case::new(&ising("density = 1", "[construct]\ntime = 1.0\nstep = 0.1"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let units = |name: &str| {
        case.tree("x.h5")
            .integers(&format!("construct/history/{name}"))
    };
    let hidden = |n: i64| if n == 0 { 4 } else { 4 + 4 * n + 4 * (n + 1) };
    assert_eq!(
        units("hidden").unwrap(),
        (0..11).map(hidden).collect::<Vec<_>>()
    );
    assert_eq!(
        units("deep").unwrap(),
        (0..11).map(|n| 4 * n).collect::<Vec<_>>()
    );
}

#[test]
fn observables_are_those_of_the_state() {
    // In a field alone the evolution keeps a product state, whose magnetisation is known.
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\nj = 0\nhx = 0.5\n\
         hz = 0.5\n[ansatz]\nkind = 'dbm'\n[sampler]\nmethod = 'full-sum'\n[construct]\n\
         time = 10.0\nstep = 0.01\n[measure]\nsamples = 1\n\
         observables = ['transverse-magnetisation', 'magnetisation', 'spin-correlations']\n",
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let energy = tree.real("measure/energy/mean").unwrap();
    assert!((energy + 4.0 * 0.5f64.sqrt()).abs() < 1e-4, "{energy}");
    let has = |part: &str| tree.datasets.keys().any(|name| name.contains(part));
    assert!(has("measure/observables/spin-correlations"));
    assert!(has("measure/observables/transverse-magnetisation"));
}

#[test]
fn ranks_and_kills_change_no_bit() {
    let inputs = [
        ising("density = 1\ninit = 0.3", &format!("{STEPS}\n{OFTEN}")),
        exchange(&format!("time = 0.6\nstep = 0.2\n{OFTEN}")),
    ];
    let inputs = [inputs[0].as_str(), inputs[1].as_str()];
    let case = |input: &str| Case::new(input);
    same_on_any_ranks(
        "construct",
        &inputs,
        &case,
        &["history/energy", "deviation"],
    );
    same_after_any_kill(
        "construct",
        &inputs,
        &case,
        &[(1, 2), (3, 1)],
        "continuing from t =",
    );
}

#[test]
fn construction_obeys_the_laws_of_calculations() {
    for input in [
        ising("density = 1\ninit = 0.3", STEPS),
        exchange("time = 0.8\nstep = 0.2"),
    ] {
        obeys_the_laws(&Case::new(&input), &[(1, 1, 2), (2, 2, 2), (1, 3, 1)]);
    }
}

/// A finished run that is given another time ends as one that had it from the start.
fn ends_as_with_this_time(time: &str) {
    let input = ising("", &format!("{STEPS}\n[measure]\nsamples = 1"));
    let other = ["run", "x.toml", "--set", time];
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.alone(&other), 0);
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    expect_code(&parts.alone(&other), 0);
    for name in [
        "construct/history/energy",
        "measure/energy/mean",
        "parameters/W",
    ] {
        let values = |case: &Case| case.tree("x.h5").reals(name).unwrap();
        assert_eq!(values(&whole), values(&parts), "{name}");
    }
}

#[test]
fn more_time_goes_on_and_a_measurement_after_it_is_new() {
    ends_as_with_this_time("construct.time=1.0");
}

#[test]
fn less_time_starts_over() {
    ends_as_with_this_time("construct.time=0.4");
}

#[test]
fn what_cannot_work_is_refused_with_the_key() {
    let measured = "[measure]\nsamples = 16";
    let base = ising("", STEPS);
    let without = |from: &str, to: &str| {
        assert!(base.contains(from), "{from}");
        base.replace(from, to)
    };
    let other = |from: &str, to: &str| exchange("time = 0.2\nstep = 0.1").replace(from, to);
    for (input, key) in [
        (without("time = 0.6", "time = 0.5"), "construct.time"),
        (without("time = 0.6", "time = -0.6"), "construct.time"),
        (without("step = 0.2", "step = 0"), "construct.step"),
        (without("step = 0.2", "step = 1e-9"), "construct.step"),
        (without("hx = 0.9", "hx = 0.0"), "hamiltonian.hx"),
        (without("hx = 0.9", "hx = -0.9"), "hamiltonian.hx"),
        (
            without(
                "kind = 'dbm'",
                "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1",
            ),
            "ansatz.kind",
        ),
        (
            without("kind = 'dbm'", "kind = 'dbm'\nload = 'x.h5'"),
            "ansatz.load",
        ),
        (
            format!("{base}\n[evolve]\ntime = 1.0\nstep = 0.1\n"),
            "evolve",
        ),
        (
            without("'full-sum'", "'metropolis'") + measured,
            "sampler.method",
        ),
        (
            without("method = 'full-sum'", "chains = 2\nsamples = 8")
                + "[measure]\nsamples = 16\nobservables = ['transverse-magnetisation']",
            "transverse-magnetisation asks for amplitudes",
        ),
        (other("sign_rule = 'marshall'", ""), "hamiltonian.sign_rule"),
        (other("size = 4", "size = 5"), "hamiltonian.sign_rule"),
        (
            other("kind = 'xxz'", "j = -1\nkind = 'xxz'"),
            "hamiltonian.j",
        ),
        (
            other("delta = 0.7", "delta = 0.7\nhz = 0.2"),
            "hamiltonian.hz",
        ),
        (
            other(
                "kind = 'xxz'\ndelta = 0.7",
                "kind = 'xyz'\njx = 1\njy = 1\njz = 1",
            ),
            "hamiltonian.kind",
        ),
        (
            exchange("time = 0.2\nstep = 0.1\ngates = '3d-3h'"),
            "construct.gates",
        ),
    ] {
        let out = Case::new(&input).alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(key), "{key}: {}", text(&out));
    }
}
