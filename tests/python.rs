//! Other tools read the files: h5py every one of them, h5dump a file of a run in progress.

mod common;
use common::{Case, RING, expect_code, project, text};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The Python with the libraries of the tests; `None` where there is none, which is said.
fn python() -> Option<String> {
    let found = std::env::var("NISHINA_PYTHON").ok();
    if found.is_none() {
        println!(
            "SKIPPED: NISHINA_PYTHON does not name a Python with h5py (jobs/test.sh makes one)"
        );
    }
    found
}

/// Runs a script of the tests; it says OK.
fn script(name: &str, arguments: &[&std::path::Path]) {
    let Some(python) = python() else { return };
    let path = project().join("tests/python").join(name);
    let out = Command::new(python)
        .arg(path)
        .args(arguments)
        .output()
        .unwrap();
    expect_code(&out, 0);
    let said = text(&out);
    assert!(said.contains("OK"), "{said}");
    print!("{said}");
}

fn optimised() -> Case {
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 10\nlearning_rate = 0.05\n[measure]\nsamples = 1024\n"
    ));
    expect_code(&case.ranks(2, &["run", "x.toml"]), 0);
    case
}

#[test]
fn h5py_opens_every_file() {
    let case = optimised();
    script("read_outputs.py", &[case.folder.path(), "x".as_ref()]);
}

#[test]
fn results_that_another_program_changed_are_read() {
    let case = optimised();
    script(
        "changed.py",
        &[case.folder.path(), common::program().as_ref()],
    );
}

/// What stands between the first pair of fences of a language on the page of readers.
fn snippet(language: &str) -> String {
    let page = std::fs::read_to_string(project().join("docs/guide/reading.md")).unwrap();
    let start = page.split(&format!("```{language}\n")).nth(1).unwrap();
    start.split("```").next().unwrap().to_string()
}

#[test]
fn the_snippet_of_r_reads_results() {
    let is_there = Command::new("Rscript")
        .args(["-e", "library(hdf5r)"])
        .output()
        .is_ok_and(|out| out.status.success());
    if !is_there {
        println!(
            "SKIPPED: R with hdf5r is not installed (jobs/setup.sh takes it where apt has it)"
        );
        return;
    }
    let case = optimised();
    let results = case.tree("x.h5");
    std::fs::rename(case.path("x.h5"), case.path("first.h5")).unwrap();
    let more =
        "cat(f[[\"measure/energy/mean\"]]$read(), Re(W[2, 1]), Im(W[2, 1]), sep = \"\\n\")\n";
    std::fs::write(
        case.path("read.R"),
        snippet("r") + "options(digits = 17)\n" + more,
    )
    .unwrap();
    let out = Command::new("Rscript")
        .arg("read.R")
        .current_dir(case.folder.path())
        .output()
        .unwrap();
    expect_code(&out, 0);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("\"coupling\""), "{said}");
    let lines: Vec<&str> = said.lines().rev().take(3).collect();
    let found = |k: usize| lines[k].trim().parse::<f64>().unwrap();
    assert_eq!(found(2), results.real("measure/energy/mean").unwrap());
    // [site, unit] here is [unit, site] in R: unit 1 of site 0.
    let w = results.complexes("parameters/W").unwrap();
    assert_eq!((found(1), found(0)), (w[1].re, w[1].im));
}

#[test]
fn the_reader_agrees_with_h5py_and_xarray() {
    let observables = "observables = [\"magnetisation\", \"spin-correlations-zz\", \
                       \"structure-factor-zz\"]";
    let input = format!(
        "[lattice]\nkind = \"chain\"\nsize = 6\n[hamiltonian]\nkind = \"ising\"\nhx = \
         1.0\n[ansatz]\nkind = \"rbm\"\ndensity = 1\n[sampler]\nchains = 8\nsamples = \
         256\n[optimize]\nsteps = 10\nlearning_rate = 0.05\n[measure]\nsamples = \
         256\n{observables}\n"
    );
    let case = Case::new(&input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let evolve = "[evolve]\ntime = 0.02\nstep = 0.01\noutput_every = 0.01\n[measure]";
    std::fs::write(case.path("y.toml"), input.replace("[measure]", evolve)).unwrap();
    expect_code(&case.alone(&["run", "y.toml"]), 0);
    let post = project().join("jobs/post");
    script("read_results.py", &[case.folder.path(), &post]);
}

#[test]
fn h5dump_reads_a_run_in_progress_and_usr1_stops_it() {
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 1000000\nlearning_rate = 0.01\n[output]\ncheckpoint_every = \
         0.2\n"
    ));
    let log = std::fs::File::create(case.path("log")).unwrap();
    let mut run = Command::new(common::program())
        .args(["run", "x.toml"])
        .current_dir(case.folder.path())
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !case.path("x.ckpt.h5").exists() && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(50));
    }
    for _ in 0..5 {
        match Command::new("h5dump")
            .arg("-H")
            .arg(case.path("x.h5"))
            .output()
        {
            Ok(out) => {
                expect_code(&out, 0);
                assert!(text(&out).contains("history"));
            }
            Err(e) => println!("SKIPPED: h5dump cannot be started: {e}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(run.try_wait().unwrap().is_none(), "still running");
    // SAFETY: the process is this test's own child and has not been waited for.
    unsafe { libc::kill(run.id() as i32, libc::SIGUSR1) };
    assert_eq!(
        run.wait().unwrap().code(),
        Some(75),
        "{}",
        std::fs::read_to_string(case.path("log")).unwrap()
    );
    assert_eq!(case.info()["state"], "stopped");
}

#[test]
fn tensor_networks_of_other_programs_keep_their_amplitudes() {
    let case = Case::new("");
    script(
        "import_tensors.py",
        &[case.folder.path(), common::program().as_ref()],
    );
}
