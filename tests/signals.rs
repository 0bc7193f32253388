//! A run that is told to stop leaves its unfinished block on all ranks, saves, ends with 75, and
//! goes on as if never stopped.

mod common;
use common::{Case, RING, Running, expect_code, signal, text};
use std::process::{Command, Stdio};

const PLAN: &str = "[optimize]\nsteps = 8\nlearning_rate = 0.05\n[measure]\nsamples = \
 256\n[output]\nsamples = \"all\"\n";
/// Sweeps before a block that take an hour.
const ENDLESS: &str = "sampler.burn_in=500000000";

/// A run that has done 5 steps and whose 6th takes an hour.
fn within_a_block(ranks: usize) -> (Case, Running) {
    let case = Case::new(&format!("{RING}{PLAN}"));
    expect_code(
        &case.ranks(
            ranks.max(1),
            &["run", "x.toml", "--set", "optimize.steps=5"],
        ),
        0,
    );
    let mut run = case.launch(ranks, &["run", "x.toml", "--set", ENDLESS], &[]);
    run.wait_for("continuing from step 5");
    std::thread::sleep(std::time::Duration::from_millis(300));
    (case, run)
}

/// The stopped run is finished with the block as it should be, and is then equal to one that never
/// stopped.
fn goes_on(case: &Case, ranks: usize) {
    assert_eq!(case.info()["state"], "stopped");
    assert_eq!(case.info()["steps"], 5);
    let whole = Case::new(&format!("{RING}{PLAN}"));
    for c in [case, &whole] {
        expect_code(&c.ranks(ranks, &["run", "x.toml"]), 0);
    }
    assert_eq!(case.state(), whole.state());
}

#[test]
fn usr1_to_one_rank_calls_all_ranks_out_of_their_sweeps() {
    let (case, mut run) = within_a_block(2);
    let ranks = run.ranks();
    assert_eq!(ranks.len(), 2, "{}", run.said());
    signal(ranks[1], "USR1");
    assert_eq!(run.end_within(10.0), 75, "{}", run.said());
    assert!(
        run.said()
            .contains("stopping: signal USR1; the unfinished block is dropped"),
        "{}",
        run.said()
    );
    goes_on(&case, 2);
}

#[test]
fn usr1_and_usr1_again_through_mpirun() {
    let (case, mut run) = within_a_block(3);
    run.signal("USR1");
    run.signal("USR1");
    assert_eq!(run.end_within(10.0), 75, "{}", run.said());
    goes_on(&case, 3);
}

#[test]
fn term_to_mpirun_saves_or_leaves_the_last_checkpoint() {
    let (case, mut run) = within_a_block(2);
    run.signal("TERM");
    assert_ne!(run.end_within(10.0), 0, "{}", run.said());
    // mpirun hides the code; `info` tells, as the job scripts ask.
    let state = case.info()["state"].as_str().unwrap().to_string();
    let out = case.ranks(2, &["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("continuing from step 5"),
        "{}",
        text(&out)
    );
    assert!(["stopped", "finished"].contains(&state.as_str()));
}

#[test]
fn int_and_term_to_the_program_alone() {
    for name in ["INT", "TERM"] {
        let (case, mut run) = within_a_block(0);
        run.signal(name);
        assert_eq!(run.end_within(5.0), 75, "{}", run.said());
        goes_on(&case, 1);
    }
}

#[test]
fn a_second_signal_leaves_at_once() {
    let (case, mut run) = within_a_block(0);
    // Both are there before the program can act on the first.
    for name in ["STOP", "INT", "TERM", "CONT"] {
        run.signal(name);
    }
    let code = run.end_within(5.0);
    assert!([130, 143].contains(&code), "{code}: {}", run.said());
    assert!(!run.said().contains("saved"), "{}", run.said());
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("continuing from step 5"),
        "{}",
        text(&out)
    );
}

#[test]
fn control_c_on_a_terminal() {
    let case = Case::new(&format!("{RING}{PLAN}"));
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "optimize.steps=5"]),
        0,
    );
    // `script` gives the program a terminal; what comes on its own input is typed there. Its shell
    // becomes the program: one that stayed would have the signal as well, and end with 130 whatever
    // the program does.
    let line = format!("exec {} run x.toml --set {ENDLESS}", common::program());
    let mut terminal = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &line,
            "/dev/null",
        ])
        .current_dir(case.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = std::time::Instant::now();
    while !case.path("x.lock").exists() || started.elapsed().as_millis() < 1500 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    use std::io::Write;
    terminal.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    terminal.stdin.as_mut().unwrap().flush().unwrap();
    let out = terminal.wait_with_output().unwrap();
    expect_code(&out, 75);
    assert!(
        text(&out).contains("stopping: signal INT"),
        "{}",
        text(&out)
    );
    goes_on(&case, 1);
}

#[test]
fn out_of_time_within_a_block() {
    let (case, run) = within_a_block(0);
    drop(run);
    for ranks in [0, 2] {
        let arguments = [
            "run",
            "x.toml",
            "--set",
            ENDLESS,
            "--set",
            "output.max_time=1",
        ];
        let mut run = case.launch(ranks, &arguments, &[]);
        assert_eq!(run.end_within(10.0), 75, "{}", run.said());
        assert!(
            run.said().contains("the time limit of the input"),
            "{}",
            run.said()
        );
        assert!(
            run.said().contains("no step was completed in this attempt"),
            "{}",
            run.said()
        );
    }
    goes_on(&case, 1);
}

#[test]
fn a_measurement_and_an_evolution_drop_their_unfinished_blocks_too() {
    let evolution =
        "[evolve]\naxis = \"imaginary\"\ntime = 0.1\nstep = 0.02\noutput_every = 0.05\n";
    let sections = "[optimize]\nsteps = 2\nlearning_rate = 0.05\n[measure]\nsamples = 4096\n";
    let input = format!(
        "{RING}{sections}{evolution}[output]\ncheckpoint_every = 0.02\nsamples = \"all\"\n"
    );
    let whole = Case::new(&input);
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let case = Case::new(&input);
    let mut stops = 0;
    for attempt in 1.. {
        assert!(attempt < 500, "no progress");
        let mut run = case.launch(0, &["run", "x.toml"], &[]);
        run.wait_for("parameters,");
        std::thread::sleep(std::time::Duration::from_millis(3 * attempt));
        run.signal("USR1");
        match run.end_within(20.0) {
            75 => stops += 1,
            0 => break,
            138 => {}
            other => panic!("{other}: {}", run.said()),
        }
    }
    assert!(stops > 3, "{stops}");
    assert_eq!(case.state(), whole.state());
    let curve = |c: &Case| c.tree("x.h5").reals("evolve/output/energy").unwrap();
    assert_eq!(curve(&case), curve(&whole));
}
