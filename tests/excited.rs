//! Decides whether the penalty method finds the next state, and whether energies extrapolate to
//! zero variance.

mod common;
use common::{Case, expect_code, text};

/// E0 and E1 of the Heisenberg ring of 8 sites in total Sz = 0.
const RING_8: [f64; 2] = [-14.6043736357 / 4.0, -12.5136762554 / 4.0];

fn input(sampler: &str, optimize: &str, measure: &str) -> String {
    format!(
        "seed = 4\n[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = 'heisenberg'\nsector \
         = {{ total_sz = 0 }}\n\
         sign_rule = 'marshall'\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 2\ninit = \
         0.1\n[sampler]\n{sampler}\n[optimize]\n{optimize}\n\
         [measure]\n{measure}\n[output]\nsamples = 'none'\n"
    )
}

const OVERLAP: &str = "observables = [{ kind = 'overlap', file = 'ground.h5' }]";

fn ground(case: &Case) {
    let shift = "shift = { kind = 'exponential', start = 0.1, decay = 0.95, end = 1e-6 }";
    let text = input(
        "method = 'full-sum'",
        &format!("steps = 150\nlearning_rate = 0.2\n{shift}"),
        "samples = 16",
    );
    std::fs::write(case.path("ground.toml"), text).unwrap();
    expect_code(&case.alone(&["run", "ground.toml"]), 0);
    let energy = case.tree("ground.h5").real("measure/energy/mean").unwrap();
    assert!((energy - RING_8[0]).abs() < 1e-6, "{energy}");
}

#[test]
fn the_penalty_finds_the_next_state_by_full_sums() {
    let case = Case::new(&input(
        "method = 'full-sum'",
        "steps = 200\nlearning_rate = 0.2\nshift = { kind = 'exponential', start = 0.1, decay = \
         0.95, end = 1e-6 }\n\
         max_distance = 0.2\northogonal_to = [{ file = 'ground.h5', weight = 3.0 }]",
        &format!("samples = 16\n{OVERLAP}"),
    ));
    ground(&case);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let energy = tree.real("measure/energy/mean").unwrap();
    let fidelity = tree
        .real("measure/observables/overlap/fidelity/mean")
        .unwrap();
    println!(
        "full sum: E1 = {energy} for {}, fidelity {fidelity:.1e}",
        RING_8[1]
    );
    assert!(
        (energy - RING_8[1]).abs() < 1e-5 && fidelity < 1e-6,
        "{energy} {fidelity}"
    );
    // A stop in between changes nothing.
    let parts = Case::new(&std::fs::read_to_string(case.path("x.toml")).unwrap());
    std::fs::copy(case.path("ground.h5"), parts.path("ground.h5")).unwrap();
    expect_code(
        &parts.alone(&["run", "x.toml", "--set", "optimize.steps=80"]),
        0,
    );
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    assert_eq!(
        parts.tree("x.h5").real("measure/energy/mean").unwrap(),
        energy
    );
}

#[test]
fn the_penalty_finds_the_next_state_from_samples() {
    let case = Case::new(&input(
        "chains = 16\nsamples = 4096",
        "steps = 250\nlearning_rate = { kind = 'exponential', start = 0.1, decay = 0.99, \
         end = 0.02 }\nshift = { kind = 'exponential', start = 0.1, decay = 0.97, end = 1e-2 }\n\
         max_distance = 0.2\northogonal_to = [{ file = 'ground.h5', weight = 10.0 }]",
        &format!("samples = 32768\n{OVERLAP}"),
    ));
    ground(&case);
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("overlap^2 with ground.h5"));
    let tree = case.tree("x.h5");
    let part = |name: &str| tree.real(&format!("measure/{name}")).unwrap();
    let (energy, error) = (part("energy/mean"), part("energy/error"));
    let fidelity = part("observables/overlap/fidelity/mean");
    println!(
        "samples: E1 = {energy} +- {error} for {}, fidelity {fidelity:.1e}",
        RING_8[1]
    );
    // From samples the fidelity scatters: over the seeds 1 to 8 its median is 2.6e-3 and the
    // largest 1.6e-2, and the energy is within 1 %. More samples do not help by themselves: with
    // 8192 and a last shift of 3e-3 one seed of three had 0.1. Without the penalty the run ends in
    // the ground state, with fidelity 1.
    assert!(
        (energy / RING_8[1] - 1.0).abs() < 1e-2 && fidelity < 2e-2,
        "{energy} {fidelity}"
    );
    // Stopped and continued: the same, with nothing of the other state in the checkpoint.
    let [whole, parts] = [[40, 40], [15, 40]].map(|stops| {
        let run = Case::new(&std::fs::read_to_string(case.path("x.toml")).unwrap());
        std::fs::copy(case.path("ground.h5"), run.path("ground.h5")).unwrap();
        for steps in stops {
            let steps = format!("optimize.steps={steps}");
            expect_code(&run.alone(&["run", "x.toml", "--set", &steps]), 0);
        }
        run.tree("x.h5").real("measure/energy/mean").unwrap()
    });
    assert_eq!(parts, whole);
}

#[test]
fn energies_extrapolate_to_zero_variance() {
    let run = |name: &str, steps: usize, field: f64| {
        format!(
            "{}moves = ['flip', {{ kind = 'global-flip', weight = 0.1 }}]\n[optimize]\nsteps = \
             {steps}\nlearning_rate = 0.05\nshift = 0.01\nmax_distance = 0\n\
             [measure]\nsamples = 65536\n[output]\nsamples = 'none'\nname = '{name}'\n",
            common::RING
                .replace("hx = 1.0", &format!("hx = {field}"))
                .replace("density = 1", "density = 1\ninit = 0.01")
        )
    };
    let case = Case::new("");
    for (name, steps, field) in [
        ("a", 60, 1.0),
        ("b", 100, 1.0),
        ("c", 180, 1.0),
        ("other", 25, 2.0),
    ] {
        std::fs::write(case.path(&format!("{name}.toml")), run(name, steps, field)).unwrap();
        expect_code(&case.alone(&["run", &format!("{name}.toml")]), 0);
    }
    let out = case.alone(&["extrapolate", "a.h5", "b.h5", "c.h5", "--json"]);
    expect_code(&out, 0);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    println!("{json:#}");
    let (energy, error) = (
        json["energy"].as_f64().unwrap(),
        json["error"].as_f64().unwrap(),
    );
    let exact = -12.784906442999322;
    let best = (json["runs"][2]["energy"].as_f64().unwrap() - exact).abs();
    assert!(
        (energy - exact).abs() < 4.0 * error && error < 0.02,
        "{energy} +- {error}"
    );
    assert!(
        (energy - exact).abs() < best + error,
        "no worse than the best run"
    );
    assert!(json["slope"].as_f64().unwrap() > 0.0 && json["chi2_per_freedom"].is_number());
    let shown = text(&case.alone(&["extrapolate", "a.h5", "b.h5", "c.h5"]));
    assert!(shown.contains("E at variance 0"), "{shown}");
    let mixed = case.alone(&["extrapolate", "a.h5", "other.h5"]);
    expect_code(&mixed, 64);
    assert!(text(&mixed).contains("one Hamiltonian"));
    expect_code(&case.alone(&["extrapolate", "a.h5"]), 64);
}
