//! Evolution in time: against exact curves, order of the steps, imaginary time as small-step
//! optimisation.

mod common;
use common::{Case, expect_code, project};
use num_complex::Complex64;
use std::collections::HashMap;

/// A full-sum quench of the transverse-field Ising ring, to be completed with [evolve].
const QUENCH: &str = r#"
seed = 3
[lattice]
kind = "chain"
size = 8
[hamiltonian]
kind = "ising"
hx = 0.5
[ansatz]
kind = "rbm"
density = 3
visible_bias = false
hidden_bias = false
symmetry = "translations"
[sampler]
method = "full-sum"
[optimize]
steps = 300
learning_rate = 0.05
shift = { kind = "exponential", start = 0.01, decay = 0.97, end = 1e-7 }
"#;

fn column(case: &Case, name: &str) -> Vec<f64> {
    case.tree("x.h5").reals(&format!("evolve/{name}")).unwrap()
}

/// ⟨σx⟩ per site at the output times of a quench of the field alone, from the energies under
/// both fields.
fn magnetisation(case: &Case, h0: f64, h1: f64, sites: f64) -> Vec<(f64, f64)> {
    let (before, after) = (
        column(case, "output/initial_energy"),
        column(case, "output/energy"),
    );
    let times = column(case, "output/time");
    (0..times.len())
        .map(|k| (times[k], (before[k] - after[k]) / (h1 - h0) / sites))
        .collect()
}

/// A column of an exact curve, by time in units of 10⁻⁴.
fn exact(name: &str, wanted: &str) -> HashMap<i64, f64> {
    let path = project().join(format!("tests/reference/dynamics/{name}.csv"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let at = lines
        .next()
        .unwrap()
        .split(',')
        .position(|c| c == wanted)
        .unwrap();
    lines
        .map(|line| {
            let row: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
            ((row[0] * 1e4).round() as i64, row[at])
        })
        .collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

#[test]
fn a_full_sum_quench_follows_the_exact_curve() {
    let input = format!(
        "{}[evolve]\ntime = 1.0\nstep = 0.01\nintegrator = \"rk4\"\npseudo_inverse = \
         1e-9\noutput_every = 0.25\n\
         hamiltonian = {{ hx = 1.0 }}\n[measure]\nsamples = 1\n\
         observables = [\"transverse-magnetisation\", \"spin-correlations-zz\"]\n",
        QUENCH.replace("density = 3", "density = 6")
    );
    let case = Case::new(&input);
    // The table of free fermions at N = 10, to which the state is prepared and evolved.
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "lattice.size=10"]),
        0,
    );
    let curve = exact("tfim-chain-n10-pbc-h0.5to1.0", "sx_average");
    let found = magnetisation(&case, 0.5, 1.0, 10.0);
    assert_eq!(found.len(), 5);
    for (time, value) in found {
        let wanted = curve[&((time * 1e4).round() as i64)];
        assert!(
            (value - wanted).abs() < 1e-3,
            "t = {time}: {value}, exact {wanted}"
        );
    }
    let found = column(&case, "output/observables/transverse-magnetisation/mean");
    assert!(
        found
            .iter()
            .zip(magnetisation(&case, 0.5, 1.0, 10.0))
            .all(|(a, (_, b))| (a - b).abs() < 1e-10),
        "{found:?}"
    );
    let tree = case.tree("x.h5");
    let path = "evolve/output/observables/spin-correlations-zz/by_distance/mean";
    let nishina::io::tree::Value::Real(zz) = &tree.datasets[path] else {
        panic!("{path}")
    };
    assert_eq!(zz.shape(), [5, 5]);
    assert!(
        tree.notes[path].1.contains("output time"),
        "{:?}",
        tree.notes[path]
    );
    let [neighbours, far] =
        ["szsz_nn_average", "szsz_site0_far"].map(|c| exact("tfim-chain-n10-pbc-h0.5to1.0", c));
    for (k, time) in column(&case, "output/time").iter().enumerate() {
        let at = (time * 1e4).round() as i64;
        assert!(
            (zz[[k, 0]] - neighbours[&at]).abs() < 1e-3 && (zz[[k, 4]] - far[&at]).abs() < 2e-3,
            "t = {time}"
        );
    }
    // Without noise, a velocity fits the configurations of the output times as well as its own.
    let (own, fresh) = (column(&case, "history/r2"), column(&case, "output/r2"));
    assert!(
        fresh
            .iter()
            .enumerate()
            .all(|(k, r2)| (r2 - own[25 * k]).abs() < 1e-9),
        "{own:?} {fresh:?}"
    );
    assert!(largest(&column(&case, "history/drift")) < 1e-4);
    assert!(column(&case, "history/r2_integral").last().unwrap() < &2e-3);
    let said = &case.info()["evolution"];
    assert!(
        said["time"] == 1.0
            && said["points"] == 101
            && said["r2_integral"].as_f64().unwrap() < 2e-3,
        "{said}"
    );
    // [measure] measures the Hamiltonian of the evolution.
    let mean = case.info()["energy"]["mean"].as_f64().unwrap();
    assert!(
        (mean - column(&case, "output/energy").last().unwrap()).abs() < 1e-10,
        "{mean}"
    );
}

#[test]
fn other_quenches_of_the_paper_follow_their_exact_curves() {
    // Exact values at t = 0, 0.25, 0.5, 0.75 and 1 for rings of 10 sites, by exact diagonalisation.
    // Directions that hardly change the state make these equations stiff: fixed steps of 0.01 go
    // astray near t = 1.
    let evolve = "[evolve]\ntime = 1.0\nstep = 0.01\nintegrator = \"dormand-prince\"\ntolerance = \
     1e-4\n\
                  output_every = 0.25\n";
    let ising = QUENCH
        .replace("density = 3", "density = 6")
        .replace("hx = 0.5", "hx = 1.0");
    let xxz = QUENCH
        .replace(
            "kind = \"ising\"\nhx = 0.5",
            "kind = \"xxz\"\ndelta = 1.0\nunits = \"pauli\"\nsector = { total_sz = 0 }\nsign_rule \
             = \"marshall\"",
        )
        .replace("learning_rate = 0.05", "learning_rate = 0.03");
    let observables = "[measure]\nsamples = 1\nobservables = [\"transverse-magnetisation\", \
     \"spin-correlations-zz\"]\n";
    let case = Case::new(&format!(
        "{ising}{evolve}hamiltonian = {{ hx = 2.0 }}\n{observables}"
    ));
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "lattice.size=10"]),
        0,
    );
    let found = column(&case, "output/observables/transverse-magnetisation/mean");
    let wanted = [0.63924532, 0.79135386, 0.86685902, 0.80337685, 0.77374492];
    assert!(
        found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-3),
        "{found:?} {wanted:?}"
    );
    let observables = observables.replace("\"transverse-magnetisation\", ", "");
    let case = Case::new(&format!(
        "{xxz}{evolve}hamiltonian = {{ delta = 2.0 }}\n{observables}"
    ));
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "lattice.size=10"]),
        0,
    );
    let found = column(
        &case,
        "output/observables/spin-correlations-zz/by_distance/mean",
    );
    let wanted = [
        -0.60205951,
        -0.79953601,
        -0.84541008,
        -0.76659372,
        -0.64050003,
    ];
    let distances = found.len() / wanted.len();
    assert!(
        found
            .chunks(distances)
            .zip(wanted)
            .all(|(a, b)| (a[0] - b).abs() < 1e-3),
        "{found:?} {wanted:?}"
    );
}

#[test]
fn projected_steps_have_the_order_of_their_factors_and_follow_the_exact_curve() {
    // Coarse steps, such that what their expansion leaves out is far above what the fits miss.
    let input = format!(
        "{QUENCH}[evolve]\nmethod = \"projected\"\ntime = 0.5\nstep = 0.125\npseudo_inverse = \
         1e-10\noutput_every = 0.25\nhamiltonian = {{ hx = 1.0 }}\n\
         [measure]\nsamples = 1\nobservables = [\"transverse-magnetisation\"]\n"
    );
    let run = |method: &str, integrator: &str, step: &str| {
        let input = input.replace("\"projected\"", &format!("\"{method}\""));
        let fits = "[evolve.projection]\nsolves = 20\ninfidelity = 1e-13\n";
        let input = match method {
            "projected" => input.replace("[measure]", &format!("{fits}[measure]")),
            _ => input,
        };
        let case = Case::new(&input);
        let settings = [
            format!("evolve.integrator=\"{integrator}\""),
            format!("evolve.step={step}"),
        ];
        let sets = settings.iter().flat_map(|s| ["--set", s]);
        let all: Vec<&str> = ["run", "x.toml"].into_iter().chain(sets).collect();
        expect_code(&case.alone(&all), 0);
        let sx = column(&case, "output/observables/transverse-magnetisation/mean");
        (case, *sx.last().unwrap())
    };
    // What the equation of motion gives is held to exact curves above.
    let (_, wanted) = run("variational", "rk4", "0.01");
    let (fine, limit) = run("projected", "rk4", "0.025");
    assert!((limit - wanted).abs() < 2e-4, "{limit} {wanted}");
    assert!(largest(&column(&fine, "history/drift")) < 1e-4);
    // A fit that has ended is below its bound, or has all that the wave function can give.
    let missed = column(&fine, "history/infidelity");
    assert!(largest(&missed) < 1e-6 && missed[1] > 0.0, "{missed:?}");
    let [steps, variances, r2] =
        ["step", "variance", "r2"].map(|name| column(&fine, &format!("history/{name}")));
    for k in 1..steps.len() {
        let wanted = missed[k] / (steps[k] * steps[k] * variances[k - 1]);
        assert!(
            (r2[k] / wanted - 1.0).abs() < 1e-12,
            "{k}: {} {wanted}",
            r2[k]
        );
    }
    let solves = column(&fine, "history/solves");
    assert!(
        solves[1..].iter().all(|n| (4.0..=80.0).contains(n)),
        "{solves:?}"
    );
    let error = |step: &str| (run("projected", "heun", step).1 - limit).abs();
    let (coarse, half) = (error("0.0625"), error("0.03125"));
    assert!((2.8..5.5).contains(&(coarse / half)), "{coarse} {half}");
    // Energies count from that of the state: from zero the error is 9e-3.
    assert!(half < 1e-3, "{half}");
    let fourth = (run("projected", "rk4", "0.0625").1 - limit).abs();
    assert!(fourth < 0.05 * coarse, "{fourth} {coarse}");
}

/// A sum over all configurations has no noise, and no shift for it.
#[test]
fn a_full_sum_with_shifts_by_cross_validation_is_that_without_a_shift() {
    for method in ["variational", "projected"] {
        let run = |own: &str| {
            let case = Case::new(&format!(
                "{QUENCH}[evolve]\ntime = 0.04\nstep = 0.02\noutput_every = 0.02\nmethod = \
                 \"{method}\"\nhamiltonian = {{ hx = 1.0 }}\n{own}"
            ));
            let few = ["run", "x.toml", "--set", "optimize.steps=5"];
            expect_code(&case.alone(&few), 0);
            let names = ["history/energy", "history/kept", "history/shift"];
            (
                case.present().reals("parameters").unwrap(),
                names.map(|name| column(&case, name)),
            )
        };
        let with = run("shift = \"auto\"\n");
        assert_eq!(with, run(""), "{method}");
        assert_eq!(with.1[2], [0.0; 3]);
        assert_ne!(with, run("shift = 1e-3\n"), "{method}");
    }
}

#[test]
fn adaptive_pairs_keep_their_tolerance() {
    let input = format!(
        "{QUENCH}[evolve]\ntime = 0.5\nstep = 0.001\nintegrator = \"rk4\"\npseudo_inverse = \
         1e-9\noutput_every = 0.1\n\
         hamiltonian = {{ hx = 1.0 }}\n"
    );
    let truth = Case::new(&input);
    expect_code(&truth.alone(&["run", "x.toml"]), 0);
    let truth_energies = column(&truth, "output/initial_energy");
    for (name, tolerance) in [("bogacki-shampine", "1e-5"), ("dormand-prince", "1e-5")] {
        let input = input.replace("\"rk4\"", &format!("\"{name}\"\ntolerance = {tolerance}"));
        let case = Case::new(&input.replace("step = 0.001", "step = 0.4"));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let found = column(&case, "output/initial_energy");
        for (a, b) in found.iter().zip(&truth_energies) {
            assert!((a - b).abs() < 2e-3, "{name}: {a} {b}");
        }
        assert!(
            column(&case, "history/step_error")
                .iter()
                .all(|e| *e <= 1e-5)
        );
        assert!(
            column(&case, "history/rejected").iter().sum::<f64>() > 0.0,
            "{name}: the first step was far too long"
        );
    }
}

#[test]
fn imaginary_time_is_small_step_optimisation() {
    let common = QUENCH
        .split("[optimize]")
        .next()
        .unwrap()
        .replace("density = 3", "density = 1\ninit = 0.1");
    let evolved = Case::new(&format!(
        "{common}[evolve]\naxis = \"imaginary\"\ntime = 1.0\nstep = 0.01\nintegrator = \
         \"rk4\"\nshift = 1e-3\n"
    ));
    expect_code(&evolved.alone(&["run", "x.toml"]), 0);
    let error = |steps: usize| {
        let rate = 1.0 / steps as f64;
        let sr = Case::new(&format!(
            "{common}[optimize]\nsteps = {steps}\nlearning_rate = {rate}\nshift = \
             1e-3\n[measure]\nsamples = 1\n"
        ));
        expect_code(&sr.alone(&["run", "x.toml"]), 0);
        let energy = sr.info()["energy"]["mean"].as_f64().unwrap();
        (energy - column(&evolved, "output/energy").last().unwrap()).abs()
    };
    let (coarse, fine) = (error(250), error(1000));
    // Euler steps of optimisation approach the flow linearly.
    assert!(
        fine < 2e-2 && (coarse / fine - 4.0).abs() < 0.4,
        "{coarse} {fine}"
    );
}

/// The energies at `times` of a ring of 4 spins that starts along x, J = 1, field `h(t)`: dψ/dt =
/// `factor` H(t) ψ by Runge–Kutta.
fn driven_ring(h: &dyn Fn(f64) -> f64, factor: Complex64, times: &[f64]) -> Vec<f64> {
    let apply = |time: f64, psi: &[Complex64]| -> Vec<Complex64> {
        let bond = |s: usize, i: usize| {
            if (s >> i ^ s >> ((i + 1) % 4)) & 1 == 0 {
                -1.0
            } else {
                1.0
            }
        };
        let row = |s: usize| {
            let flipped: Complex64 = (0..4).map(|i| psi[s ^ 1 << i]).sum();
            psi[s] * (0..4).map(|i| bond(s, i)).sum::<f64>() - flipped * h(time)
        };
        (0..16).map(row).collect()
    };
    let mut psi = vec![Complex64::ONE; 16];
    let (mut time, dt, mut energies) = (0.0, 1e-3, Vec::new());
    for &end in times {
        while time < end - 0.5 * dt {
            let slope = |t: f64, k: &[Complex64], c: f64| -> Vec<Complex64> {
                let there: Vec<Complex64> =
                    psi.iter().zip(k).map(|(p, k)| p + k * c * dt).collect();
                apply(t, &there).into_iter().map(|v| v * factor).collect()
            };
            let k1 = slope(time, &psi, 0.0);
            let k2 = slope(time + 0.5 * dt, &k1, 0.5);
            let k3 = slope(time + 0.5 * dt, &k2, 0.5);
            let k4 = slope(time + dt, &k3, 1.0);
            psi = (0..16)
                .map(|s| psi[s] + (k1[s] + (k2[s] + k3[s]) * 2.0 + k4[s]) * (dt / 6.0))
                .collect();
            time += dt;
        }
        let (top, norm) = psi
            .iter()
            .zip(apply(end, &psi))
            .fold((0.0, 0.0), |(t, n), (p, v)| {
                (t + (p.conj() * v).re, n + p.norm_sqr())
            });
        energies.push(top / norm);
    }
    energies
}

#[test]
fn a_table_follows_driven_dynamics_exactly() {
    let smooth = |t: f64| {
        let s = (t / 0.4).clamp(0.0, 1.0);
        2.0 - 1.5 * s.powi(3) * (10.0 - 15.0 * s + 6.0 * s * s)
    };
    let periodic = |t: f64| 1.0 + 0.7 * (5.0 * t + 0.3).sin();
    for (axis, factor) in [("real", -Complex64::I), ("imaginary", -Complex64::ONE)] {
        let drives: [(&str, &dyn Fn(f64) -> f64); 2] = [
            (
                "{ kind = \"smooth\", from = 2.0, to = 0.5, duration = 0.4 }",
                &smooth,
            ),
            (
                "{ kind = \"periodic\", mean = 1.0, amplitude = 0.7, omega = 5.0, phase = 0.3 }",
                &periodic,
            ),
        ];
        for (drive, h) in drives {
            let case = Case::new(&format!(
                "[lattice]\nkind = \"chain\"\nsize = 4\n[hamiltonian]\nkind = \"ising\"\nhx = \
                 1.0\n[ansatz]\n\
                 kind = \"table\"\ninit = 0.0\n[sampler]\nmethod = \"full-sum\"\n[evolve]\naxis = \
                 \"{axis}\"\n\
                 time = 0.5\nstep = 0.01\nintegrator = \"rk4\"\noutput_every = 0.1\npseudo_inverse \
                 = 1e-12\n\
                 [evolve.ramps]\nhx = {drive}\n"
            ));
            expect_code(&case.alone(&["run", "x.toml"]), 0);
            let found = column(&case, "output/energy");
            let wanted = driven_ring(h, factor, &column(&case, "output/time"));
            assert_eq!(found.len(), 6);
            assert!(
                found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-6),
                "{axis} {drive}: {found:?} {wanted:?}"
            );
            assert!(
                largest(&column(&case, "history/r2")) < 1e-9,
                "{:?}",
                column(&case, "history/r2")
            );
            // Projected steps take the middle of each step: their error falls with its square, or
            // faster where it is that of the expansion, which keeps energies to the third power.
            let error = |step: &str| {
                let step = format!("evolve.step={step}");
                let more = [
                    "evolve.method=\"projected\"",
                    "evolve.integrator=\"heun\"",
                    &step,
                ];
                let sets = more.iter().flat_map(|s| ["--set", *s]);
                let all: Vec<&str> = ["run", "x.toml", "--fresh"]
                    .into_iter()
                    .chain(sets)
                    .collect();
                expect_code(&case.alone(&all), 0);
                let found = column(&case, "output/energy");
                let differences = found.iter().zip(&wanted).map(|(a, b)| a - b);
                largest(&differences.collect::<Vec<_>>())
            };
            let (coarse, fine) = (error("0.02"), error("0.01"));
            assert!(
                coarse < 0.01 && (3.0..9.0).contains(&(coarse / fine)),
                "{axis} {drive}: {coarse} {fine}"
            );
        }
    }
}

#[test]
fn projected_steps_refuse_what_they_cannot_do() {
    let common = QUENCH.split("[optimize]").next().unwrap();
    let refused = |more: &str, key: &str| {
        let case = Case::new(&format!(
            "{common}[evolve]\ntime = 0.1\nstep = 0.01\n{more}"
        ));
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        let said = common::text(&out);
        assert!(said.contains(key), "{more}: {said}");
    };
    let projected = "method = \"projected\"\n";
    for (more, key) in [
        ("[evolve.projection]\nsolves = 3\n", "evolve.projection:"),
        ("method = \"exact\"\n", "evolve.method"),
    ] {
        refused(more, key);
    }
    for (more, key) in [
        ("integrator = \"dormand-prince\"\n", "evolve.integrator"),
        ("principle = \"dirac-frenkel\"\n", "evolve.principle"),
        (
            "[evolve.projection]\nsolves = 0\n",
            "evolve.projection.solves",
        ),
        (
            "[evolve.projection]\ninfidelity = nan\n",
            "evolve.projection.infidelity",
        ),
        (
            "integrator = \"rk4\"\n[evolve.ramps]\n\
             hx = { kind = \"linear\", from = 0.5, to = 1.0, duration = 0.1 }\n",
            "evolve.integrator",
        ),
    ] {
        refused(&format!("{projected}{more}"), key);
    }
    let real = common.replace("density = 3", "density = 3\nparameters = \"real\"");
    let case = Case::new(&format!(
        "{real}[evolve]\naxis = \"imaginary\"\ntime = 0.1\nstep = 0.01\n{projected}"
    ));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    assert!(
        common::text(&out).contains("evolve.method"),
        "{}",
        common::text(&out)
    );
}

#[test]
fn couplings_follow_their_ramp() {
    let ramp = "[evolve]\ntime = 0.4\nstep = 0.02\nintegrator = \"rk4\"\noutput_every = 0.2\n";
    let run = |more: &str| {
        let case = Case::new(&format!(
            "{}{ramp}{more}",
            QUENCH.split("[optimize]").next().unwrap()
        ));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        column(&case, "output/energy")
    };
    // A table and the line that it describes are the same drive; a step function at time 0 is a
    // quench.
    let line =
        run("[evolve.ramps]\nhx = { kind = \"linear\", from = 0.5, to = 1.0, duration = 0.4 }\n");
    let table =
        run("[evolve.ramps]\nhx = { kind = \"table\", points = [[0.0, 0.5], [0.4, 1.0]] }\n");
    let quench = run("hamiltonian = { hx = 1.0 }\n");
    let flat = run(
        "[evolve.ramps]\nhx = { kind = \"periodic\", mean = 1.0, amplitude = 0.0, omega = 1.0 }\n",
    );
    assert!(
        line.iter().zip(&table).all(|(a, b)| (a - b).abs() < 1e-9),
        "{line:?} {table:?}"
    );
    assert!(
        quench.iter().zip(&flat).all(|(a, b)| (a - b).abs() < 1e-9),
        "{quench:?} {flat:?}"
    );
    assert!((line[0] - quench[0]).abs() > 1.0 && (line[2] - quench[2]).abs() > 1e-4);
}
