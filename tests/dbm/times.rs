//! Correlations in imaginary time: gaps of rings beside their spectra, world lines beside state
//! vectors, energies at step 0, what is refused.

use crate::common::{Case, expect_code, text};

const NAME: &str = "measure/observables/imaginary-time-correlations";

fn ising(size: usize, more: &str) -> String {
    format!(
        "seed = 5\n[lattice]\nkind = 'chain'\nsize = {size}\n[hamiltonian]\nkind = 'ising'\n\
         hx = 1.0\n{more}\n[ansatz]\nkind = 'dbm'\n"
    )
}

fn heisenberg(size: usize, more: &str) -> String {
    format!(
        "seed = 5\n[lattice]\nkind = 'chain'\nsize = {size}\n[hamiltonian]\nkind = 'heisenberg'\n\
         sign_rule = 'marshall'\n{more}\n[ansatz]\nkind = 'dbm'\n"
    )
}

const SECTOR: &str = "sector = { total_sz = 0 }";
const FULL: &str = "[sampler]\nmethod = 'full-sum'\n";

fn steps(time: f64, step: f64, keys: &str) -> String {
    format!(
        "[construct]\ntime = {time}\nstep = {step}\n[measure]\nsamples = 32768\n\
         observables = [{{ kind = 'imaginary-time-correlations'{keys} }}]\n"
    )
}

fn run(input: &str) -> Case {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

fn gap(case: &Case) -> f64 {
    case.tree("x.h5").real(&format!("{NAME}/gap/mean")).unwrap()
}

#[test]
fn gaps_of_rings_are_those_of_their_spectra() {
    // From exact diagonalisation: the lowest state that one spin reaches, less the ground state.
    let four = ising(4, "");
    let six = ising(6, "");
    let pair = |size| heisenberg(size, SECTOR);
    for (input, time, step, known) in [
        (&four, 10.0, 0.1, 0.397_824_734_8),
        (&six, 12.0, 0.1, 0.263_304_995_2),
        (&pair(4), 12.0, 0.2, 1.0),
        (&pair(6), 16.0, 0.2, 0.684_741_649_0),
    ] {
        let longest = time / 2.5;
        let found = [1.0, 0.5].map(|part| {
            let rest = steps(time, part * step, &format!(", time = {longest}"));
            gap(&run(&format!("{input}{FULL}{rest}"))) - known
        });
        // The steps are of second order.
        let limit = (4.0 * found[1] - found[0]) / 3.0;
        assert!(limit.abs() < 2e-4 * known, "{input}: {found:?}, {limit}");
        assert!(found[0].abs() < 0.02 * known, "{input}: {found:?}");
    }
}

#[test]
fn momenta_and_times_stand_beside_the_numbers() {
    let rest = steps(4.0, 0.1, ", time = 1.0, every = 2");
    let case = run(&format!("{}{FULL}{rest}", ising(4, "hz = 0.3")));
    let tree = case.tree("x.h5");
    let reals = |part: &str| tree.reals(&format!("{NAME}/{part}")).unwrap();
    let times = reals("times");
    assert_eq!((times.len(), times[0]), (6, 0.0));
    assert!((times[1] - 0.2).abs() < 1e-12 && (times[5] - 1.0).abs() < 1e-12);
    assert_eq!(reals("momenta").len(), 4);
    let (local, waves) = (reals("mean"), reals("by_momentum/mean"));
    assert_eq!((local.len(), waves.len()), (6, 24));
    for (k, local) in local.iter().enumerate() {
        let mean = (0..4).map(|q| waves[6 * q + k]).sum::<f64>() / 4.0;
        assert!((mean - local).abs() < 1e-10, "{k}: {mean}, {local}");
        // q and -q.
        assert!((waves[6 + k] - waves[18 + k]).abs() < 1e-10);
    }
    let gaps = reals("gap_by_momentum/mean");
    let second = (waves[7] / waves[8]).ln() / 0.2;
    assert!((gaps[5 + 1] - second).abs() < 1e-9 * second, "{gaps:?}");
    let shown = case.info()["observables"]["imaginary-time-correlations.gap"].clone();
    assert_eq!(shown["mean"].as_f64(), Some(gap(&case)));
    expect_code(&case.alone(&["plot", "x.h5"]), 0);
    let said = text(&case.alone(&["plot", "x.h5"]));
    assert!(said.contains("imaginary-time-correlations.png"), "{said}");
    assert!(
        said.contains("left out filters: ") && said.contains("gates"),
        "{said}"
    );
}

#[test]
fn world_lines_agree_with_state_vectors() {
    let short = steps(0.8, 0.1, ", time = 0.3");
    let two = steps(
        0.8,
        0.1,
        ", time = 0.4, every = 2, momenta = [[0.0], [0.25]]",
    );
    let cluster = "[sampler]\nmethod = 'cluster'\nsweeps = 2\n";
    let gibbs = "[sampler]\nmethod = 'gibbs'\nsweeps = 20\n";
    for (input, sampler, rest) in [
        (ising(4, "hz = 0.4"), cluster, &short),
        (ising(4, "j = -1.0"), cluster, &two),
        (ising(4, "hz = 0.4"), gibbs, &short),
        (heisenberg(6, SECTOR), cluster, &short),
        (heisenberg(4, ""), cluster, &two),
        (heisenberg(6, "sector = { total_sz = 1 }"), cluster, &two),
    ] {
        let known = run(&format!("{input}{FULL}{rest}")).tree("x.h5");
        let found = run(&format!("{input}{sampler}{rest}")).tree("x.h5");
        for part in ["", "/by_momentum", "/gap"] {
            let reals = |tree: &nishina::io::tree::Tree, name: &str| {
                tree.reals(&format!("{NAME}{part}/{name}")).unwrap()
            };
            let (means, errors) = (reals(&found, "mean"), reals(&found, "error"));
            for ((mean, error), known) in means.iter().zip(errors).zip(reals(&known, "mean")) {
                let off = (mean - known).abs();
                assert!(
                    off < 5.0 * error + 1e-9,
                    "{input}{sampler}{part}: {mean} ± {error}, {known}"
                );
                assert!(
                    error < 0.5 * known.abs().max(0.1),
                    "{part}: {error} of {known}"
                );
            }
        }
    }
}

#[test]
fn energies_of_two_steps_meet_that_of_short_ones() {
    let file = |step: f64, name: &str| {
        format!(
            "{}{FULL}[construct]\ntime = 12.0\nstep = {step}\n[measure]\nsamples = 1\n[output]\n\
             name = '{name}'\n",
            heisenberg(6, SECTOR)
        )
    };
    let case = Case::new(&file(0.4, "x"));
    std::fs::write(case.path("y.toml"), file(0.2, "y")).unwrap();
    std::fs::write(case.path("z.toml"), file(0.2, "z").replace("12.0", "8.0")).unwrap();
    for name in ["x", "y", "z"] {
        expect_code(&case.alone(&["run", &format!("{name}.toml")]), 0);
    }
    let out = case.alone(&["extrapolate", "x.h5", "y.h5", "--json"]);
    expect_code(&out, 0);
    let result: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let known = -2.802_775_637_731_995;
    let energy = result["energy"].as_f64().unwrap();
    let near = case.tree("y.h5").real("measure/energy/mean").unwrap();
    assert!((energy - known).abs() < 2e-6, "{energy}");
    assert!(
        (energy - known).abs() < 0.2 * (near - known).abs(),
        "{near}"
    );
    let words = text(&case.alone(&["extrapolate", "x.h5", "y.h5"]));
    assert!(words.contains("E at step 0 = -2.8027"), "{words}");
    let out = case.alone(&["extrapolate", "x.h5", "z.h5"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("construct.time"), "{}", text(&out));
}

#[test]
fn wave_functions_without_imaginary_time_are_refused() {
    let list = "[measure]\nsamples = 64\nobservables = ['imaginary-time-correlations']\n";
    let rbm = ising(4, "").replace("'dbm'", "'rbm'\ndensity = 1");
    let start = ising(4, "") + "density = 1\n";
    let walk = "[sampler]\nmethod = 'metropolis'\nchains = 2\nsamples = 8\n";
    for (input, key) in [
        (format!("{rbm}{walk}{list}"), "measure.observables"),
        (format!("{rbm}{FULL}{list}"), "measure.observables"),
        (format!("{start}{FULL}{list}"), "measure.observables"),
        (
            format!("{}{FULL}{}", ising(4, ""), steps(0.4, 0.1, ", time = 0.6")),
            "measure.observables[0].time",
        ),
        (
            format!("{}{FULL}{}", ising(4, ""), steps(0.4, 0.1, ", every = 0")),
            "measure.observables[0].every",
        ),
        (
            format!("{}init = 0.1\n{FULL}{}", ising(4, ""), steps(0.4, 0.1, "")),
            "ansatz.init",
        ),
        (
            format!(
                "{}{FULL}{}",
                ising(4, ""),
                steps(0.4, 0.1, "").replace("step =", "gates = '2d-4h'\nstep =")
            ),
            "construct.gates",
        ),
    ] {
        let out = Case::new(&input).alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(key), "{key}: {}", text(&out));
    }
}
