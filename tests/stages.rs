//! Stages of an optimisation: what a stage gives holds in it alone, all else is of the whole;
//! restarts within any stage are to the bit, on any number of ranks.

mod common;

use common::sections::obeys_the_laws;
use common::{Case, RING, expect_code, text};

const MEASURE: &str = "[measure]\nsamples = 64\n";

/// Three stages that differ in all that they can.
const THREE: &str = "[optimize]\nlearning_rate = 0.02\nshift = 0.01\nmax_distance = 0.5\n\
    average = 3\n\
    [[optimize.stages]]\nsteps = 6\nsamples = 64\n\
    [[optimize.stages]]\nsteps = 4\nsamples = 128\nchains = 16\nsweeps = 2\n\
    moves = ['flip', 'global-flip']\n\
    method = 'spring'\nlearning_rate = { kind = 'exponential', start = 0.01, decay = 0.5 }\n\
    shift = { kind = 'exponential', start = 0.5, decay = 0.5 }\n\
    [[optimize.stages]]\nsteps = 3\nchains = 4\nmethod = 'adam'\n";

fn column(case: &Case, name: &str) -> Vec<f64> {
    let path = format!("optimize/history/{name}");
    case.tree("x.h5").reals(&path).unwrap()
}

fn run(input: &str) -> Case {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

#[test]
fn blocks_of_all_stages_obey_the_laws() {
    let case = Case::new(&format!("{RING}{THREE}"));
    let cuts = [(1, 3), (1, 6), (2, 8), (3, 10)];
    obeys_the_laws(&case, &cuts.map(|(ranks, n)| (ranks, n, 13 - n)));
}

#[test]
fn a_stage_has_what_it_gives_and_the_rest_of_the_whole() {
    let case = Case::new(&format!(
        "{RING}{THREE}{MEASURE}[output]\nsamples = 'all'\n"
    ));
    let out = case.ranks(2, &["run", "x.toml"]);
    expect_code(&out, 0);
    let said = text(&out);
    for line in [
        "stage 1 of 3: 6 steps of 64 samples",
        "stage 2 of 3: 4 steps of 128 samples, spring",
        "stage 3 of 3: 3 steps of 256 samples, adam",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let stage = [vec![1.0; 6], vec![2.0; 4], vec![3.0; 3]].concat();
    assert_eq!(column(&case, "stage"), stage);
    let shift = column(&case, "shift");
    assert_eq!(shift[..6], [0.01; 6]);
    assert_eq!(shift[6..], [0.5, 0.25, 0.125, 0.0625, 0.0, 0.0, 0.0]);
    // The exponential rate of the second stage begins with it.
    let rate = column(&case, "learning_rate");
    assert!(
        rate[6..9].windows(2).all(|w| w[1] <= 0.51 * w[0]),
        "{rate:?}"
    );
    assert_eq!(rate[10..], [0.02; 3]);
    let samples = case.tree("x.samples.h5");
    let all = samples.complexes("local_energies").unwrap().len();
    assert_eq!(all, 6 * 64 + 4 * 128 + 3 * 256 + 64);
    let step = samples.integers("step").unwrap();
    let chains_of = |which: &[i64]| {
        let all = samples.integers("chain").unwrap();
        let of = all.iter().zip(&step).filter(|(_, s)| which.contains(s));
        of.map(|(chain, _)| *chain).max().unwrap() + 1
    };
    assert_eq!(
        [&[0, 5][..], &[6, 9], &[10, 12], &[-1]].map(chains_of),
        [8, 16, 4, 8]
    );
    // The measurement has the sampler of the input.
    let alone = run(&format!("{RING}{THREE}{MEASURE}"));
    let energy = |case: &Case| case.info()["energy"]["mean"].as_f64().unwrap();
    assert!((energy(&case) - energy(&alone)).abs() < 1e-6);
}

#[test]
fn a_single_stage_has_what_it_gives() {
    let list = "[[optimize.stages]]\nsteps = 3\nsamples = 64\nchains = 4\nsweeps = 2\n";
    let case = run(&format!(
        "{RING}[optimize]\nlearning_rate = 0.02\n{list}{MEASURE}[output]\nsamples = 'all'\n"
    ));
    let samples = case.tree("x.samples.h5");
    assert_eq!(samples.integers("step").unwrap().len(), 3 * 64 + 64);
    let step = samples.integers("chain").unwrap();
    assert_eq!(step[..3 * 64].iter().max(), Some(&3));
}

#[test]
fn chains_that_change_within_pilots_and_behind_faults_restart_to_the_bit() {
    let stages = "[[optimize.stages]]\nsteps = 3\nchains = 4\n\
        [[optimize.stages]]\nsteps = 7\nchains = 16\n";
    let pilots = "[optimize]\nlearning_rate = 0.05\npilots = { seeds = 2, steps = 5 }\n";
    let case = Case::new(&format!("{RING}{pilots}{stages}"));
    obeys_the_laws(&case, &[(1, 2, 13), (2, 4, 11), (1, 7, 8), (2, 9, 6)]);
    // Any rise is a fault: steps are undone in the second stage to states of the first.
    let falls = "[optimize]\nlearning_rate = 2.0\nshift = 1e-4\nmax_distance = 0\n\
        max_rise = 0.01\nmax_backoffs = 40\n";
    let case = run(&format!("{RING}{falls}{stages}"));
    let rejected = column(&case, "rejected");
    assert!(rejected[3..].iter().any(|&f| f > 0.0), "{rejected:?}");
}

#[test]
fn more_chains_burn_in_and_fewer_do_not() {
    let proposals = |chains: usize| {
        let case = run(&format!(
            "{RING}[optimize]\nlearning_rate = 0.05\n\
             [[optimize.stages]]\nsteps = 1\nsamples = 64\n\
             [[optimize.stages]]\nsteps = 1\nsamples = 64\nchains = {chains}\n"
        ));
        case.present().real("proposals").unwrap()
    };
    // 100 sweeps of 10 sites of each chain at the start; a sweep for each sample.
    let all = (100 * 8 + 64 + 64) as f64 * 10.0;
    assert_eq!([8, 4].map(proposals), [all; 2]);
    assert_eq!(proposals(16), all + (100 * 16) as f64 * 10.0);
}

#[test]
fn a_measurement_behind_pilots_that_do_all_steps_has_the_chains_of_the_input() {
    let case = run(&format!(
        "{RING}[optimize]\nlearning_rate = 0.05\npilots = {{ seeds = 2, steps = 6 }}\n\
         [[optimize.stages]]\nsteps = 3\n[[optimize.stages]]\nsteps = 3\nchains = 16\nsweeps = 3\n\
         {MEASURE}[output]\nsamples = 'measure'\n"
    ));
    let chains = case.tree("x.samples.h5").integers("chain").unwrap();
    assert_eq!(chains.iter().max(), Some(&7));
}

#[test]
fn stages_that_give_nothing_are_the_optimisation_without_them() {
    for method in ["sr", "spring", "adam"] {
        let rate = format!(
            "method = '{method}'\nlearning_rate = {{ kind = 'exponential', start = 0.1, \
             decay = 0.9 }}\n"
        );
        give_nothing(&rate);
    }
}

fn give_nothing(rate: &str) {
    let whole = run(&format!("{RING}[optimize]\nsteps = 9\n{rate}{MEASURE}"));
    let list = "stages = [{ steps = 4 }, { steps = 5, samples = 256, sweeps = 1 }]\n";
    let parts = run(&format!("{RING}[optimize]\n{rate}{list}{MEASURE}"));
    assert_eq!(whole.optimised(), parts.optimised());
    assert_eq!(whole.info()["energy"], parts.info()["energy"]);
    // Another stage at the end goes on from what there is.
    let more = "optimize.stages=[{ steps = 4 }, { steps = 5 }, { steps = 2, samples = 512 }]";
    let out = parts.alone(&["run", "x.toml", "--set", more]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("continuing from step 9"),
        "{}",
        text(&out)
    );
    assert_eq!(column(&parts, "energy").len(), 11);
    assert_eq!(column(&parts, "energy")[..9], column(&whole, "energy"));
}

#[test]
fn polish_ends_with_more_samples() {
    let polished = run(&format!(
        "{RING}[optimize]\nsteps = 10\nlearning_rate = 0.05\npolish = true\n"
    ));
    let list = "stages = [{ steps = 8 }, { steps = 2, samples = 1024 }]\n";
    let by_hand = run(&format!("{RING}[optimize]\nlearning_rate = 0.05\n{list}"));
    assert_eq!(polished.optimised(), by_hand.optimised());
    let error = column(&polished, "error");
    assert!(error[9] < 0.8 * error[7], "{error:?}");
}

#[test]
fn more_steps_go_on_polished() {
    let input = |steps: usize| {
        format!("{RING}[optimize]\nsteps = {steps}\nlearning_rate = 0.05\npolish = true\n")
    };
    let again = |case: &Case, steps: &str| {
        let out = case.alone(&["run", "x.toml", "--set", &format!("optimize.steps={steps}")]);
        expect_code(&out, 0);
    };
    // From within the last fifth on it begins where it began.
    let case = run(&input(10));
    again(&case, "20");
    assert_eq!(
        column(&case, "stage"),
        [[1.0; 8].to_vec(), vec![2.0; 12]].concat()
    );
    again(&case, "21");
    assert_eq!(column(&case, "stage")[8..], [2.0; 13]);
    let list = "stages = [{ steps = 8 }, { steps = 12, samples = 1024 }]\n";
    let by_hand = run(&format!("{RING}[optimize]\nlearning_rate = 0.05\n{list}"));
    assert_eq!(column(&case, "energy")[..20], column(&by_hand, "energy"));
    // Before it the plan is that of the new number of steps.
    let case = Case::new(&input(10));
    expect_code(
        &case.alone_with(&[("NISHINA_FAULT", "stop@rank0:step5")], &["run", "x.toml"]),
        75,
    );
    again(&case, "20");
    assert_eq!(
        column(&case, "stage"),
        [[1.0; 16].to_vec(), vec![2.0; 4]].concat()
    );
    assert_eq!(case.optimised(), run(&input(20)).optimised());
}

#[test]
fn a_lower_target_goes_on_from_the_last_parameters() {
    let plan = |target: &str| {
        format!(
            "{RING}[optimize]\nsteps = 40\nlearning_rate = 0.05\naverage = 38\n{target}\n{MEASURE}"
        )
    };
    let ending = |case: &Case| {
        case.tree("x.h5")
            .text("optimize/ending")
            .unwrap()
            .to_string()
    };
    let whole = run(&plan(""));
    // At a target of its own, and then of none.
    let errors = column(&whole, "v_score");
    let target = |step: usize| format!("target_v_score = {:e}", errors[step] * 1.000001);
    let first = (3..20)
        .min_by(|a, b| errors[*a].total_cmp(&errors[*b]))
        .unwrap();
    let case = run(&plan(&target(first)));
    assert_eq!(ending(&case), "target");
    assert!(column(&case, "energy").len() < 40);
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("nothing to do"), "{}", text(&out));
    // A target that it is at already takes no step, whatever the number of steps.
    let higher = [
        "--set",
        "optimize.steps=41",
        "--set",
        "optimize.target_v_score=1e3",
    ];
    let before = column(&case, "energy").len();
    expect_code(&case.alone(&[&["run", "x.toml"], &higher[..]].concat()), 0);
    assert_eq!(
        (column(&case, "energy").len(), ending(&case)),
        (before, "target".into())
    );
    let lower = ["run", "x.toml", "--set", "optimize.target_v_score=1e-12"];
    expect_code(&case.alone(&lower), 0);
    assert_eq!(ending(&case), "steps");
    assert_eq!(column(&case, "energy"), column(&whole, "energy"));
    assert_eq!(case.optimised(), whole.optimised());
    assert_eq!(case.info()["energy"], whole.info()["energy"]);
}

#[test]
fn where_there_are_stages_their_steps_are_named() {
    let list = "stages = [{ steps = 2 }, { steps = 3 }]\n";
    let case = run(&format!("{RING}[optimize]\nlearning_rate = 0.05\n{list}"));
    let said = text(&case.alone(&["run", "x.toml"]));
    assert!(said.contains("raise optimize.stages[1].steps"), "{said}");
    let case = run(&format!(
        "{RING}[optimize]\nsteps = 3\nlearning_rate = 0.05\n"
    ));
    let said = text(&case.alone(&["run", "x.toml"]));
    assert!(said.contains("raise optimize.steps"), "{said}");
}

#[test]
fn stages_that_cannot_work_are_refused_and_the_largest_is_forecast() {
    let refused = |optimize: &str, said: &str| {
        let case = Case::new(&format!(
            "{RING}[optimize]\nlearning_rate = 0.05\n{optimize}\n"
        ));
        let out = case.alone(&["check", "x.toml", "--quick"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(said), "{said}: {}", text(&out));
    };
    let list = "stages = [{ steps = 4 }, { steps = 5 }]\n";
    refused(
        &format!("steps = 10\n{list}"),
        "optimize.steps: 10 steps, and those of the stages are 9",
    );
    refused("stages = []", "optimize.steps: this key is missing");
    refused(
        "stages = [{ steps = 4, chains = 0 }]",
        "optimize.stages[0].chains: 0 is too small",
    );
    refused(
        "stages = [{ steps = 4, chains = 7 }]",
        "optimize.stages[0].samples: 256 is not a multiple of the 7 chains",
    );
    refused(
        "stages = [{ steps = 4 }, { steps = 1, samples = 100 }]",
        "optimize.stages[1].samples: 100 is not a multiple of the 8 chains",
    );
    refused(
        "stages = [{ steps = 4 }, { steps = 0 }]",
        "optimize.stages[1].steps: 0 is too small",
    );
    refused(
        "stages = [{ steps = 0 }]",
        "optimize.stages[0].steps: 0 is too small",
    );
    refused(
        "stages = [{ steps = 1, moves = ['exchange'] }]",
        "optimize.stages[0].moves: ",
    );
    refused(
        "stages = [{ steps = 2 }, { steps = 1, method = 'x' }]",
        "optimize.stages[1].method: ",
    );
    refused(
        "stages = [{ steps = 2 }, { steps = 1, method = 'linear', shift = 'auto' }]",
        "optimize.stages[1].shift: ",
    );
    refused(
        "shift = 'auto'\nstages = [{ steps = 2, method = 'linear' }]",
        "optimize.shift: ",
    );
    refused(
        "steps = 1\nshift = { relative = 'auto' }",
        "\"auto\" without a table",
    );
    refused(
        &format!("{list}polish = true"),
        "optimize.polish: there are stages",
    );
    let summed = RING.replace("[sampler]", "[sampler]\nmethod = 'full-sum'");
    let case = Case::new(&format!(
        "{summed}[optimize]\nlearning_rate = 0.05\nstages = [{{ steps = 4, chains = 2 }}]\n"
    ));
    let said = text(&case.alone(&["check", "x.toml", "--quick"]));
    assert!(
        said.contains("stages[0].chains: there are no Markov chains"),
        "{said}"
    );
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 9\nlearning_rate = 0.05\n\
         stages = [{{ steps = 4 }}, {{ steps = 5, samples = 16384 }}]\n"
    ));
    let figures = |arguments: &[&str]| -> serde_json::Value {
        let out = case.alone(&[&["check", "x.toml", "--json"], arguments].concat());
        expect_code(&out, 0);
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let quick = figures(&["--quick"]);
    assert_eq!(quick["samples"], 16384, "{quick}");
    // Of equal samples the method that holds the most counts, wherever it stands.
    let held = |methods: &[&str]| {
        let list: Vec<_> = methods
            .iter()
            .map(|m| format!("{{ steps = 4, method = '{m}' }}"))
            .collect();
        let list = list.join(", ");
        let optimize = format!("[optimize]\nlearning_rate = 0.05\nstages = [{list}]\n");
        let case = Case::new(&format!("{RING}{optimize}"));
        let out = case.alone(&["check", "x.toml", "--quick", "--json"]);
        expect_code(&out, 0);
        let said: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        said["bytes_per_rank"].as_f64().unwrap()
    };
    let [small, large] = [held(&["adam"]), held(&["kernel-sr"])];
    assert!(small < large, "{small} {large}");
    assert_eq!(held(&["adam", "kernel-sr"]), large);
    assert_eq!(held(&["kernel-sr", "adam"]), large);
    // An evolution behind them has the samples of [sampler].
    let held = |more: &str| {
        let list = "stages = [{ steps = 4, samples = 4096, method = 'adam' }]\n";
        let case = Case::new(&format!(
            "{RING}[optimize]\nlearning_rate = 0.05\n{list}{more}"
        ));
        let out = case.alone(&["check", "x.toml", "--quick", "--json"]);
        expect_code(&out, 0);
        let said: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        said["bytes_per_rank"].as_f64().unwrap()
    };
    assert_eq!(held(""), held("[evolve]\ntime = 0.1\nstep = 0.01\n"));
    let trial = text(&case.alone(&["check", "x.toml"]));
    assert!(trial.contains("from a trial of"), "{trial}");
}
