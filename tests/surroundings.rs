//! What surrounds a run: streams that are full, odd environments, names of files, files that went
//! missing, limits of the system, signals. Each is noticed, named, and costs no more than it must.

mod common;
use common::{Case, RING, expect_code, program, signal, text};
use nishina::io::output::OutputPaths;
use nishina::io::samples;
use nishina::io::tree::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A run of a second that keeps samples.
fn short() -> String {
    format!(
        "{RING}[optimize]\nsteps = 3\nlearning_rate = 0.05\n[measure]\nsamples = 512\n\
         observables = ['magnetisation']\n[output]\nsamples = 'all'\n"
    )
}

fn finished() -> Case {
    let case = Case::new(&short());
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

/// A command line of the shell in the case's folder; `$NISHINA` is the program.
fn shell(case: &Case, line: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", line]).current_dir(case.folder.path());
    command
        .env("NISHINA", program())
        .env("OPENBLAS_NUM_THREADS", "1");
    command.output().unwrap()
}

/// The result's numbers, without what differs from run to run.
fn numbers(case: &Case, name: &str) -> Vec<(String, Value)> {
    let tree = case.tree(name);
    let apart = [
        "provenance/",
        "timing/",
        "progress/",
        "status/started_at_step",
    ];
    let stays = |path: &String| !apart.iter().any(|group| path.starts_with(group));
    tree.datasets
        .into_iter()
        .filter(|(path, _)| stays(path))
        .collect()
}

#[test]
fn what_cannot_be_printed_is_74_and_a_closed_pipe_is_none_of_it() {
    let case = finished();
    for arguments in [
        "gather x.h5",
        "info x.h5",
        "info x.h5 --json",
        "info x.h5 --varbench",
        "export x.h5 --csv",
        "export x.h5 --netket",
        "exact x.toml",
        "exact x.toml --json",
        "schema",
        "check x.toml --quick",
        "watch x.h5 --once",
        "plot x.h5 --format svg",
        "--help",
        "--version",
    ] {
        let full = shell(&case, &format!("\"$NISHINA\" {arguments} > /dev/full"));
        expect_code(&full, 74);
        let said = String::from_utf8_lossy(&full.stderr).into_owned();
        assert!(said.contains("standard output"), "{arguments}: {said}");
        let mut command = Command::new(program());
        command
            .args(arguments.split(' '))
            .current_dir(case.folder.path());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments}");
    }
}

#[test]
fn a_full_standard_error_changes_no_code() {
    let case = finished();
    for (arguments, code) in [
        ("info nope.h5", 74),
        ("run nope.toml", 64),
        ("run x.toml --set optimize.steps=0", 64),
        ("run", 64),
        ("run x.toml --fresh", 0),
    ] {
        for place in ["/dev/full", "&-"] {
            let out = shell(&case, &format!("\"$NISHINA\" {arguments} 2>{place}"));
            expect_code(&out, code);
        }
    }
}

/// A stream that is closed is no place for a file, and what is printed there has not arrived.
#[test]
fn closed_streams_are_told_and_take_no_file() {
    let case = finished();
    let whole = std::fs::read(case.path("x.h5")).unwrap();
    for arguments in [
        "info x.h5",
        "info x.h5 --json",
        "gather x.h5",
        "export x.h5 --csv",
        "exact x.toml --output e.h5",
        "check x.toml --quick",
        "plot x.h5 --format svg",
        "schema",
        "--version",
    ] {
        for (place, code) in [
            (">&-", 74),
            (">&- 2>&-", 74),
            ("<&- >&- 2>&-", 74),
            ("<&-", 0),
            ("<&- 2>&-", 0),
            ("> /dev/null", 0),
            ("<> /dev/null 1>&0", 0),
        ] {
            let out = shell(&case, &format!("\"$NISHINA\" {arguments} {place}"));
            assert_eq!(out.status.code(), Some(code), "{arguments} {place}");
            let said = text(&out);
            assert!(!said.contains("panic"), "{arguments} {place}: {said}");
            assert_eq!(said.contains("standard output: is closed"), place == ">&-");
        }
        assert_eq!(std::fs::read(case.path("x.h5")).unwrap(), whole);
    }
    assert!(case.tree("e.h5").reals("energies").is_ok());
    // A run prints nothing there.
    let line = "\"$NISHINA\" run x.toml --fresh <&- >&- 2>&-";
    expect_code(&shell(&case, line), 0);
    assert!(case.tree("x.h5").real("measure/energy/mean").is_ok());
    assert_eq!(
        samples::read(&case.path("x.samples.h5"))
            .unwrap()
            .chain
            .len(),
        3 * 256 + 512
    );
}

#[test]
fn an_environment_that_is_not_text_is_left_alone() {
    let case = Case::new(&short());
    let line = "FOO=$'\\xff' SLURM_FOO=$'\\xff' \"$NISHINA\" check x.toml --within 5";
    expect_code(&shell(&case, line), 0);
}

#[test]
fn names_that_cannot_be_are_refused_at_the_start() {
    let case = Case::new(&short());
    let long = "n".repeat(236);
    for name in [
        "a.ckpt",
        "a.ckpt.1",
        "a.samples",
        "a.samples.0001",
        "a.old-1",
        "..",
        "a\\nb",
        "a\\u0000b",
        &long,
    ] {
        let setting = format!("output.name=\"{name}\"");
        let out = case.alone(&["run", "x.toml", "--set", &setting]);
        expect_code(&out, 64);
        assert!(text(&out).contains("error: output.name"), "{}", text(&out));
    }
    for (setting, key) in [
        ("title=\"a\\u0000b\"", "title"),
        ("output.directory=\"~/x\"", "output.directory"),
        ("output.directory=\"$HOME/x\"", "output.directory"),
        ("output.directory=\"${SCRATCH}\"", "output.directory"),
    ] {
        let out = case.alone(&["run", "x.toml", "--set", setting]);
        expect_code(&out, 64);
        let wanted = format!("error: {key}: ");
        assert!(text(&out).contains(&wanted), "{}", text(&out));
    }
    let files = case.folder.path().read_dir().unwrap().count();
    assert_eq!(files, 1, "nothing was made");
}

/// HDF5 reads `%b` and `%%` in the names of virtual sources as something else.
#[test]
fn a_percent_sign_in_a_name_keeps_the_samples() {
    let case = Case::new(&short());
    for name in ["a%%b", "run50%", "a%b"] {
        let setting = format!("output.name={name}");
        expect_code(&case.alone(&["run", "x.toml", "--set", &setting]), 0);
        let all = samples::read(&case.path(&format!("{name}.samples.h5"))).unwrap();
        assert_eq!(all.chain.len(), 3 * 256 + 512);
        assert!(all.configurations.iter().all(|&s| s == 1 || s == -1));
    }
}

#[test]
fn files_of_others_are_left_alone_and_links_to_results_stay() {
    let case = Case::new(&short());
    let at = |name: &str| case.path(name);
    std::fs::create_dir(at("scratch")).unwrap();
    std::os::unix::fs::symlink("scratch/x.h5", at("x.h5")).unwrap();
    for name in ["x.tmp", "x.h5.tmp", "victim"] {
        std::fs::write(at(name), "mine").unwrap();
    }
    for name in ["x.ckpt.h5.tmp", "x.samples.h5.tmp"] {
        std::os::unix::fs::symlink("victim", at(name)).unwrap();
    }
    for _ in 0..2 {
        expect_code(&case.alone(&["run", "x.toml"]), 0);
    }
    for name in ["x.tmp", "x.h5.tmp", "victim"] {
        assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "mine", "{name}");
    }
    assert!(at("x.h5").symlink_metadata().unwrap().is_symlink());
    assert!(
        case.tree("scratch/x.h5")
            .real("measure/energy/mean")
            .is_ok()
    );
    let link = at("locked.lock");
    std::os::unix::fs::symlink("victim", &link).unwrap();
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "output.name=locked"]),
        74,
    );
}

/// Flips a bit in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_finished_run_writes_missing_results_again() {
    let case = finished();
    let whole = numbers(&case, "x.h5");
    let results = case.path("x.h5");
    let joined = samples::read(&case.path("x.samples.h5")).unwrap();
    let of_unfinished = Case::new(&std::fs::read_to_string(case.path("x.toml")).unwrap());
    let brief = ["run", "x.toml", "--set", "output.max_time=1e-9"];
    expect_code(&of_unfinished.alone(&brief), 75);
    let spoil: [&dyn Fn(); 4] = [
        &|| assert!(std::fs::copy(of_unfinished.path("x.h5"), &results).is_ok()),
        &|| std::fs::remove_file(&results).unwrap(),
        &|| {
            let bytes = std::fs::read(&results).unwrap();
            std::fs::write(&results, &bytes[..5000]).unwrap();
        },
        &|| flip(&results),
    ];
    for spoiled in spoil {
        spoiled();
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        assert!(text(&out).contains("written again"), "{}", text(&out));
        let again = numbers(&case, "x.h5");
        let differs = again.iter().zip(&whole).find(|(a, b)| a != b);
        assert_eq!(differs.map(|(a, _)| &a.0), None);
        assert_eq!(again.len(), whole.len());
    }
    let shown = case.path("x.samples.h5");
    let spoil: [&dyn Fn(); 2] = [&|| std::fs::remove_file(&shown).unwrap(), &|| flip(&shown)];
    for spoiled in spoil {
        spoiled();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        assert_eq!(samples::read(&shown).unwrap(), joined);
    }
    // A segment itself: its samples are lost, and that is said.
    let first = OutputPaths::new(case.folder.path(), "x")
        .segment_files()
        .unwrap()
        .remove(0);
    let whole = std::fs::read(&first.path).unwrap();
    flip(&first.path);
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains(&first.name()), "{}", text(&out));
    std::fs::write(&first.path, whole).unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    assert_eq!(samples::read(&shown).unwrap(), joined);
    // Nothing is touched where nothing is missing.
    let before = std::fs::metadata(&results).unwrap().modified().unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let after = std::fs::metadata(&results).unwrap().modified().unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_missing_segment_is_named_and_the_run_goes_on() {
    let case = finished();
    let paths = OutputPaths::new(case.folder.path(), "x");
    let kept = paths.segment_files().unwrap().len();
    assert!(kept >= 2, "{kept} segments");
    let (aside, first) = (
        case.path("aside"),
        paths.segment_files().unwrap()[0].path.clone(),
    );
    std::fs::rename(&first, &aside).unwrap();
    for more in [["measure.samples=512"], ["measure.samples=1024"]] {
        let out = case.alone(&["run", "x.toml", "--set", more[0]]);
        expect_code(&out, 0);
        let said = text(&out);
        assert!(said.contains("x.samples.0001.*.h5"), "{said}");
        assert!(said.contains("put them back"), "{said}");
    }
    let lacking = samples::read(&case.path("x.samples.h5")).unwrap();
    assert_eq!(lacking.chain.len(), 1024);
    let warnings = case.tree("x.h5");
    let warnings = warnings.texts("status/warnings").unwrap().join("\n");
    assert!(warnings.contains("x.samples.0001.*.h5"), "{warnings}");
    // Put back, it is there again.
    std::fs::rename(&aside, &first).unwrap();
    let more = ["run", "x.toml", "--set", "measure.samples=1536"];
    expect_code(&case.alone(&more), 0);
    let all = samples::read(&case.path("x.samples.h5")).unwrap();
    assert_eq!(all.chain.len(), 3 * 256 + 1536);
}

/// Samples are the run's own under its new name, and nobody's in between.
#[test]
fn a_renamed_run_keeps_its_samples() {
    let case = finished();
    let mine = samples::read(&case.path("x.samples.h5")).unwrap();
    for entry in case.folder.path().read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(rest) = name.strip_prefix("x.").filter(|rest| rest.ends_with("h5")) {
            std::fs::rename(&path, case.path(&format!("first.{rest}"))).unwrap();
        }
    }
    let refused = |words: &str| {
        let out = case.alone(&["info", "first.samples.h5"]);
        expect_code(&out, 74);
        assert!(text(&out).contains(words), "{}", text(&out));
        assert!(samples::read(&case.path("first.samples.h5")).is_err());
    };
    refused("are not there");
    expect_code(&case.alone(&["run", "x.toml", "--set", "seed=77"]), 0);
    refused("are not there");
    std::fs::copy(case.path("x.toml"), case.path("first.toml")).unwrap();
    expect_code(&case.alone(&["run", "first.toml"]), 0);
    expect_code(&case.alone(&["info", "first.samples.h5"]), 0);
    assert_eq!(samples::read(&case.path("first.samples.h5")).unwrap(), mine);
    assert_ne!(samples::read(&case.path("x.samples.h5")).unwrap(), mine);
    // One segment, of the measurement: a file of its own, wherever it goes.
    let one = [
        "run",
        "x.toml",
        "--fresh",
        "--set",
        "output.samples=measure",
    ];
    expect_code(&case.alone(&one), 0);
    let whole = samples::read(&case.path("x.samples.h5")).unwrap();
    assert_eq!(whole.chain.len(), 512);
    std::fs::create_dir(case.path("away")).unwrap();
    std::fs::copy(case.path("x.samples.h5"), case.path("away/y.h5")).unwrap();
    assert_eq!(samples::read(&case.path("away/y.h5")).unwrap(), whole);
    expect_code(&case.alone(&["info", "away/y.h5"]), 0);
}

/// A segment that may be whole is no lost one.
#[test]
fn a_segment_that_cannot_be_opened_stops_the_run() {
    let case = finished();
    let paths = OutputPaths::new(case.folder.path(), "x");
    let first = paths.segment_files().unwrap()[0].path.clone();
    let joined = std::fs::read(case.path("x.samples.h5")).unwrap();
    std::fs::rename(&first, case.path("aside")).unwrap();
    std::os::unix::fs::symlink("nowhere", &first).unwrap();
    for more in ["measure.samples=512", "measure.samples=1024"] {
        let out = case.alone(&["run", "x.toml", "--set", more]);
        expect_code(&out, 74);
        assert!(text(&out).contains("x.samples.0001."), "{}", text(&out));
        let now = std::fs::read(case.path("x.samples.h5")).unwrap();
        assert_eq!(now, joined);
    }
    std::fs::rename(case.path("aside"), &first).unwrap();
    let more = ["run", "x.toml", "--set", "measure.samples=1024"];
    expect_code(&case.alone(&more), 0);
    let all = samples::read(&case.path("x.samples.h5")).unwrap();
    assert_eq!(all.chain.len(), 3 * 256 + 1024);
}

/// Many checkpoints, few files: no reader needs more of them than a system gives.
#[test]
fn more_segments_than_open_files_are_read_whole() {
    let whole = Case::new(&short().replace("steps = 3", "steps = 100"));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let case = Case::new(&short().replace("steps = 3", "steps = 100"));
    let often = ["run", "x.toml", "--set", "output.checkpoint_every=1e-9"];
    expect_code(&case.alone(&often), 0);
    let paths = OutputPaths::new(case.folder.path(), "x");
    let files = paths.segment_files().unwrap();
    assert!(files.last().unwrap().last > 64, "{files:?}");
    assert!(files.len() < 20, "{files:?}");
    let wanted = samples::read(&whole.path("x.samples.h5")).unwrap();
    assert_eq!(wanted.chain.len(), 100 * 256 + 512);
    let read = samples::read(&case.path("x.samples.h5")).unwrap();
    assert_eq!(read, wanted);
    // It reads all of it before it says that it cannot draw it.
    let out = shell(&case, "ulimit -n 40; \"$NISHINA\" plot x.samples.h5");
    expect_code(&out, 64);
    assert!(text(&out).contains("samples of a run"), "{}", text(&out));
    let Ok(python) = std::env::var("NISHINA_PYTHON") else {
        println!("SKIPPED: NISHINA_PYTHON does not name a Python with h5py");
        return;
    };
    let script = common::project().join("tests/python/same_samples.py");
    let line = format!(
        "ulimit -n 40; {python} {} x.samples.h5 {}",
        script.display(),
        whole.path("x.samples.h5").display()
    );
    let out = shell(&case, &line);
    expect_code(&out, 0);
    assert!(text(&out).contains("26112 samples"), "{}", text(&out));
}

#[test]
fn a_checkpoint_that_cannot_be_opened_is_not_replaced() {
    let case = finished();
    let more = ["run", "x.toml", "--set", "measure.samples=1024"];
    expect_code(&case.alone(&more), 0);
    let newest = case.path("x.ckpt.h5");
    std::fs::rename(&newest, case.path("moved")).unwrap();
    std::os::unix::fs::symlink("nowhere", &newest).unwrap();
    let out = case.alone(&["run", "x.toml", "--set", "measure.samples=2048"]);
    expect_code(&out, 74);
    assert!(text(&out).contains("x.ckpt.h5"), "{}", text(&out));
    assert!(newest.symlink_metadata().unwrap().is_symlink());
    let fresh = ["run", "x.toml", "--fresh", "--set", "output.name=y"];
    std::os::unix::fs::symlink("nowhere", case.path("y.ckpt.h5")).unwrap();
    expect_code(&case.alone(&fresh), 0);
    std::fs::remove_file(&newest).unwrap();
    std::fs::rename(case.path("moved"), &newest).unwrap();
    // Too few open files: nothing is damaged by that.
    let line = "ulimit -n 3; \"$NISHINA\" run x.toml --set measure.samples=2048";
    let out = shell(&case, line);
    assert!(
        !text(&out).contains("checkpoint before it"),
        "{}",
        text(&out)
    );
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "measure.samples=2048"]),
        0,
    );
}

#[test]
fn an_address_space_that_is_too_small_is_64() {
    let case = Case::new(&short());
    for command in ["run x.toml", "check x.toml --quick", "exact x.toml"] {
        for limit in [150_000, 200_000] {
            let line = format!("ulimit -v {limit}; exec \"$NISHINA\" {command}");
            let bash = ["bash", "-c", &line].map(String::from);
            let mut run = case.start(&bash, &[("NISHINA", program())]);
            let code = run.end_within(20.0);
            assert_eq!(code, 64, "{command} {limit}: {}", run.said());
            let said = run.said();
            assert!(said.contains("cannot fit in memory"), "{said}");
        }
    }
    assert!(!case.path("x.h5").exists());
}

#[test]
fn inputs_that_are_no_regular_files_are_refused_at_once() {
    let case = Case::new(&short());
    let made = Command::new("mkfifo").arg(case.path("pipe.toml")).status();
    assert!(made.unwrap().success());
    let graph = "[lattice]\nkind = 'graph'\nfile = 'FILE'\n[hamiltonian]\nkind = 'ising'\n\
                 [ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n[measure]\nsamples = 64\n";
    for (name, file) in [("a.toml", "pipe.toml"), ("b.toml", "/proc/kmsg")] {
        std::fs::write(case.path(name), graph.replace("FILE", file)).unwrap();
    }
    std::fs::write(case.path("latin.toml"), b"title = \"B\xfccher\"\n").unwrap();
    for input in [
        "pipe.toml",
        "/dev/zero",
        ".",
        "a.toml",
        "b.toml",
        "latin.toml",
    ] {
        let mut run = case.launch(0, &["run", input], &[]);
        let code = run.end_within(5.0);
        assert_eq!(code, 64, "{input}: {}", run.said());
        let said = run.said();
        let words = match input {
            "latin.toml" => "save it as UTF-8",
            "b.toml" => "/proc/kmsg",
            _ => "not a regular file",
        };
        assert!(said.contains(words), "{input}: {said}");
    }
}

#[test]
fn a_signal_before_the_first_step_ends_the_run_at_once() {
    let case = Case::new(&short());
    // Another run holds the lock; this one waits for it two seconds.
    let paths = OutputPaths::new(case.folder.path(), "x");
    for name in ["TERM", "INT", "USR1", "HUP", "XCPU"] {
        let lock = paths.lock().unwrap();
        let mut run = case.launch(0, &["run", "x.toml"], &[]);
        run.wait_for("rank 0 on");
        run.signal(name);
        let code = run.end_within(1.0);
        assert_eq!(code, 75, "{name}: {}", run.said());
        assert!(run.said().contains("nothing was begun"), "{}", run.said());
        drop(lock);
    }
    assert!(!case.path("x.h5").exists());
    expect_code(&case.alone(&["run", "x.toml"]), 0);
}

/// A run that takes long enough.
fn long_run() -> Case {
    Case::new(&short().replace("steps = 3", "steps = 100000"))
}

#[test]
fn hup_and_xcpu_are_stops() {
    for name in ["HUP", "XCPU"] {
        let case = long_run();
        let mut run = case.launch(0, &["run", "x.toml"], &[]);
        run.wait_for("step 3 ");
        run.signal(name);
        assert_eq!(run.end_within(5.0), 75, "{name}: {}", run.said());
        assert!(run.said().contains("state saved"), "{}", run.said());
        assert_eq!(case.tree("x.h5").text("status/state"), Ok("stopped"));
    }
    // nohup.
    let case = long_run();
    let bash = [
        "bash",
        "-c",
        "trap '' HUP; exec \"$NISHINA\" run x.toml --set output.log_every=0",
    ]
    .map(String::from);
    let mut run = case.start(&bash, &[("NISHINA", program())]);
    run.wait_for("step 3 ");
    run.signal("HUP");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(run.child.try_wait().unwrap().is_none(), "{}", run.said());
    signal(run.child.id(), "TERM");
    assert_eq!(run.end_within(5.0), 75, "{}", run.said());
}

#[test]
fn the_largest_size_of_files_is_an_error_of_writing() {
    let case = Case::new(&short());
    let out = shell(
        &case,
        "ulimit -f 60; \"$NISHINA\" run x.toml > log 2>&1; echo $?",
    );
    let said = std::fs::read_to_string(case.path("log")).unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "74", "{said}");
    assert!(said.contains("error: "), "{said}");
    let remnant = |name: &str| name.ends_with(".tmp");
    let names = case.folder.path().read_dir().unwrap();
    let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|n| remnant(&n)));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
}

#[test]
fn gather_shows_the_others_and_names_what_is_damaged() {
    let case = finished();
    std::fs::copy(case.path("x.h5"), case.path("y.h5")).unwrap();
    let bytes = std::fs::read(case.path("x.h5")).unwrap();
    std::fs::write(case.path("cut.h5"), &bytes[..3000]).unwrap();
    let out = case.alone(&["gather", "x.h5", "cut.h5", "y.h5"]);
    expect_code(&out, 74);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(
        table.contains("x.h5,") && table.contains("y.h5,"),
        "{table}"
    );
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("cut.h5"), "{said}");
}

#[test]
fn every_file_says_what_it_is() {
    let case = finished();
    expect_code(&case.alone(&["exact", "x.toml", "--output", "e.h5"]), 0);
    let paths = OutputPaths::new(case.folder.path(), "x");
    let first = paths.segment_files().unwrap()[0].name();
    for (file, kind, shown) in [
        ("x.h5", "results", "energy"),
        ("x.ckpt.h5", "checkpoint", "stage"),
        ("x.samples.h5", "samples", "1280"),
        (first.as_str(), "samples", "sites"),
        ("e.h5", "exact energies", "residuals"),
    ] {
        let out = case.alone(&["info", file]);
        expect_code(&out, 0);
        let said = text(&out);
        let line = said.lines().find(|l| l.starts_with("file ")).unwrap();
        assert!(line.ends_with(kind), "{file}: {said}");
        assert!(said.contains(shown), "{file}: {said}");
        if kind != "results" {
            let out = case.alone(&["plot", file]);
            expect_code(&out, 64);
            assert!(text(&out).contains("not results"), "{}", text(&out));
        }
    }
    let unwritable = ["exact", "x.toml", "--output", "none/e.h5"];
    expect_code(&case.alone(&unwritable), 74);
}

/// What a command does not need is no reason to refuse, and what it needs is named.
#[test]
fn messages_say_what_is_missing() {
    let case = finished();
    let uneven = ["exact", "x.toml", "--set", "measure.samples=513"];
    expect_code(&case.alone(&uneven), 0);
    let out = case.alone(&["extrapolate", "x.h5", "x.h5"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("2 different variances"),
        "{}",
        text(&out)
    );
    let target = "measure.target_error={observable=\"m\",error=0.1}";
    let observables = "measure.observables=[]";
    let out = case.alone(&["run", "x.toml", "--set", target, "--set", observables]);
    expect_code(&out, 64);
    let line = text(&out);
    let line = line.lines().find(|l| l.starts_with("error: "));
    assert!(
        line.is_some_and(|l| l.ends_with("measured: energy")),
        "{line:?}"
    );
}

/// A file from elsewhere may hold anything in its texts.
#[test]
fn control_characters_of_files_do_not_reach_the_terminal() {
    let case = finished();
    let mut tree = case.tree("x.h5");
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J";
    for path in ["input/title", "status/state", "provenance/host"] {
        tree.put_text(path, evil);
    }
    tree.put("status/warnings", Value::Texts(vec![evil.into()]));
    let moved = format!("measure/observables/{evil}/mean");
    tree.put_real(&moved, 1.0);
    nishina::io::hdf5::write_atomic(&case.path("evil.h5"), &tree).unwrap();
    for arguments in [
        vec!["info", "evil.h5"],
        vec!["info", "evil.h5", "--json"],
        vec!["gather", "evil.h5"],
        vec!["watch", "evil.h5", "--once"],
        vec!["plot", "evil.h5"],
    ] {
        let out = case.alone(&arguments);
        let said = text(&out);
        let bad = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(!said.contains(bad), "{arguments:?}: {said:?}");
    }
    let out = case.alone(&["info", "evil.h5", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["title"], evil);
}

/// Of an array, one task is put into the queue again and not all of them.
#[test]
fn a_task_of_an_array_requeues_itself_alone() {
    let case = Case::new(&short());
    let tools = case.path("tools");
    std::fs::create_dir(&tools).unwrap();
    let tool = |name: &str, lines: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = tools.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    };
    let stopped = tool("launcher", "exit 75");
    tool("scontrol", "echo \"$@\" >> \"$RECORD\"");
    tool("sleep", "exit 0");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let record = case.path("record").display().to_string();
    let jobs = common::project().join("jobs");
    let run = |script: &str, more: &[(&str, &str)]| {
        let one = jobs.join("slurm-run.sh").display().to_string();
        let mut command = Command::new("bash");
        command
            .arg(jobs.join(script))
            .arg("x.toml")
            .current_dir(case.folder.path())
            .envs([("PATH", path.as_str()), ("RECORD", &record)])
            .envs([("NISHINA_LAUNCHER", stopped.as_str())])
            .envs([("NISHINA", program()), ("NISHINA_ONE", &one)])
            .envs(more.iter().copied());
        expect_code(&command.output().unwrap(), 75);
    };
    let array = [
        ("SLURM_ARRAY_JOB_ID", "1234"),
        ("SLURM_ARRAY_TASK_ID", "8"),
        ("SLURM_JOB_ID", "1234"),
        ("SLURM_JOB_NAME", "two words/a"),
    ];
    run("slurm-array.sh", &array);
    run("slurm-run.sh", &[("SLURM_JOB_ID", "77")]);
    let asked = std::fs::read_to_string(Path::new(&record)).unwrap();
    assert_eq!(asked, "requeue 1234_8\nrequeue 77\n");
}
