//! Pilots: the best start goes on to the bit as if it were the only one, restarts within any of
//! them leave no trace, and their energies are those of full sums.

mod common;

use common::sections::obeys_the_laws;
use common::{Case, RING, expect_code, text};

/// Six sites, all configurations: energies have no noise.
const SUM: &str = "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'heisenberg'\n\
    sector = { total_sz = 0 }\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.3\n\
    parameters = 'complex'\n[sampler]\nmethod = 'full-sum'\n";

fn run(input: &str) -> Case {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

fn column(case: &Case, name: &str) -> Vec<f64> {
    case.tree("x.h5")
        .reals(&format!("optimize/{name}"))
        .unwrap()
}

#[test]
fn the_lowest_of_the_pilots_goes_on() {
    let plan = "[optimize]\nsteps = 12\nlearning_rate = 0.05\nmethod = 'spring'\n";
    let pilots = "pilots = { seeds = 4, steps = 6 }\n";
    let case = run(&format!("seed = 3\n{SUM}{plan}{pilots}"));
    let energies = column(&case, "pilots/energy");
    let chosen = column(&case, "pilots/chosen");
    assert_eq!((energies.len(), chosen.iter().sum::<f64>()), (4, 1.0));
    let best = chosen.iter().position(|&c| c == 1.0).unwrap();
    let info = case.info();
    assert_eq!(
        (&info["pilots"]["tried"], &info["pilots"]["chosen"]),
        (&4.into(), &(best + 1).into())
    );
    assert_eq!(info["ending"], "steps");
    assert!(
        energies.iter().all(|&e| e >= energies[best]),
        "{energies:?}"
    );
    assert!(
        energies.iter().any(|&e| e > energies[best] + 1e-3),
        "{energies:?}"
    );
    let history = column(&case, "history/energy");
    assert_eq!(history.len(), 12);
    let window = history[1..6].iter().sum::<f64>() / 5.0;
    assert!(
        (window - energies[best]).abs() < 1e-12,
        "{window} {energies:?}"
    );
    // The first pilot is the run without pilots.
    let alone = run(&format!("seed = 3\n{SUM}{plan}"));
    let without = column(&alone, "history/energy");
    let first = without[1..6].iter().sum::<f64>() / 5.0;
    assert!((first - energies[0]).abs() < 1e-12);
    // With a seed whose own start is the best, it is that run to the bit.
    let own = (1..20).find(|seed| {
        let with = run(&format!(
            "seed = {seed}\n{SUM}{plan}{}",
            pilots.replace('4', "2")
        ));
        let is_first = column(&with, "pilots/chosen")[0] == 1.0;
        if is_first {
            let without = run(&format!("seed = {seed}\n{SUM}{plan}"));
            assert_eq!(with.optimised(), without.optimised());
        }
        is_first
    });
    assert!(own.is_some());
}

#[test]
fn blocks_of_pilots_obey_the_laws() {
    let case = Case::new(&format!(
        "{RING}[optimize]\nlearning_rate = 0.05\naverage = 4\n\
         pilots = {{ seeds = 3, steps = 7 }}\n\
         stages = [{{ steps = 5, method = 'spring' }}, \
         {{ steps = 5, samples = 512, method = 'adam' }}]\n"
    ));
    // 24 blocks: three times seven, and three more.
    let cuts = [(1, 3), (1, 7), (1, 9), (2, 14), (3, 18), (1, 21), (2, 22)];
    obeys_the_laws(&case, &cuts.map(|(ranks, n)| (ranks, n, 24 - n)));
}

#[test]
fn ranks_choose_the_same_pilot_and_failed_ones_are_left() {
    let plan = "[optimize]\nsteps = 9\nlearning_rate = 0.05\npilots = { seeds = 3, steps = 6 }\n";
    let input = format!("deterministic = true\n{}{plan}", RING.trim_start());
    let (one, two) = (Case::new(&input), Case::new(&input));
    let out = one.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let said = text(&out);
    assert!(
        said.contains("pilot 3: E = ") && said.contains("goes on from step 6"),
        "{said}"
    );
    expect_code(&two.ranks(2, &["run", "x.toml"]), 0);
    for name in ["pilots/energy", "pilots/chosen", "history/energy"] {
        assert_eq!(column(&one, name), column(&two, name), "{name}");
    }
    // No update is finite: all pilots fail, and the run says so.
    let lost = Case::new(&input);
    let rate = ["--set", "optimize.learning_rate=1e308"];
    let free = ["--set", "optimize.max_distance=0"];
    let run = ["run", "x.toml", "--set", "optimize.max_backoffs=1"];
    let run = [&run[..], &rate, &free].concat();
    let out = lost.alone(&run);
    expect_code(&out, 70);
    for words in [
        "all 3 pilots have failed",
        "pilot 1, step ",
        "pilot 3, step ",
    ] {
        assert!(text(&out).contains(words), "{words}: {}", text(&out));
    }
    // No other pilot takes their place.
    let out = lost.alone(&run);
    expect_code(&out, 70);
    let said = text(&out);
    assert!(
        said.contains("all pilots of the checkpoint have failed"),
        "{said}"
    );
}

#[test]
fn a_chosen_pilot_that_is_at_the_target_goes_no_further() {
    let plan = "[optimize]\nsteps = 12\nlearning_rate = 0.05\npilots = { seeds = 3, steps = 6 }\n";
    let whole = run(&format!("seed = 3\n{SUM}{plan}"));
    let score = column(&whole, "history/v_score")[5];
    let target = format!("target_v_score = {:e}\n", score * 1.000001);
    let input = format!("seed = 3\n{SUM}{plan}{target}");
    let case = run(&input);
    let ending = |case: &Case| {
        case.tree("x.h5")
            .text("optimize/ending")
            .unwrap()
            .to_string()
    };
    assert_eq!(ending(&case), "target");
    let steps = column(&case, "history/energy").len();
    assert!(steps <= 6, "{steps}");
    // A restart knows it, too.
    let parts = Case::new(&input);
    let blocks = column(&case, "pilots/steps").iter().sum::<f64>() as usize;
    let stop = format!("stop@rank0:step{}", blocks - 1);
    expect_code(
        &parts.alone_with(&[("NISHINA_FAULT", &stop)], &["run", "x.toml"]),
        75,
    );
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    assert_eq!(ending(&parts), "target");
    assert_eq!(parts.optimised(), case.optimised());
}

#[test]
fn pilots_that_cannot_work_are_refused() {
    let refused = |more: &str, said: &str| {
        let case = Case::new(&format!(
            "{RING}[optimize]\nsteps = 5\nlearning_rate = 0.05\n{more}\n"
        ));
        let out = case.alone(&["check", "x.toml", "--quick"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(said), "{said}: {}", text(&out));
    };
    refused("pilots = { seeds = 0, steps = 2 }", "optimize.pilots.seeds");
    refused(
        "pilots = { seeds = 2, steps = 6 }",
        "optimize.pilots.steps: 6 steps of 5",
    );
    let case = run(&format!(
        "{RING}[optimize]\nsteps = 5\nlearning_rate = 0.05\n"
    ));
    std::fs::copy(case.path("x.h5"), case.path("old.h5")).unwrap();
    let out = case.alone(&[
        "check",
        "x.toml",
        "--quick",
        "--set",
        "ansatz.load=\"old.h5\"",
        "--set",
        "optimize.pilots={ seeds = 2, steps = 2 }",
    ]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("do not depend on the seed"),
        "{}",
        text(&out)
    );
}
