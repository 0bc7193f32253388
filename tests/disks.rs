//! A disk that is full, cannot be written or knows no locks: a clear error with code 74, and the
//! last generation stays whole.

mod common;
use common::{Case, RING, expect_code, is_root, text};
use std::path::Path;
use std::process::Command;

const PLAN: &str = "[optimize]\nsteps = 20\nlearning_rate = 0.05\n[measure]\nsamples = 512\n";

/// A run that saves `every` so many seconds.
fn ring(directory: &str, every: f64, samples: &str) -> String {
    format!(
        "{RING}{PLAN}[output]\nsamples = \"{samples}\"\ncheckpoint_every = {every}\ndirectory = \
         \"{directory}\"\n"
    )
}

/// A small file system in memory, unmounted when dropped.
struct Disk<'p>(&'p Path);

impl<'p> Disk<'p> {
    fn new(at: &'p Path) -> Self {
        std::fs::create_dir(at).unwrap();
        let disk = Disk(at);
        disk.mount("size=2m");
        disk
    }
    fn mount(&self, options: &str) {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0)
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

/// Every HDF5 file of a folder opens.
fn all_open(folder: &Path) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "h5") {
            nishina::io::hdf5::read(&path).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

#[test]
fn a_full_disk_is_74_and_the_run_goes_on_when_there_is_room() {
    if !is_root("a small disk of its own") {
        return;
    }
    let case = Case::new(&ring("disk", 0.001, "all"));
    let whole = Case::new(&ring("disk", 0.001, "all"));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let place = case.path("disk");
    let disk = Disk::new(&place);
    let filler = place.join("filler");
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "optimize.steps=5"]),
        0,
    );
    let mut steps = 5;
    for (ranks, room) in [(0, 0), (0, 4), (0, 20), (0, 60), (2, 0), (2, 40)] {
        // Everything is taken, then so many KiB are given back.
        let _ = Command::new("dd")
            .args(["if=/dev/zero", "bs=1k", "count=3000"])
            .arg(format!("of={}", filler.display()))
            .output();
        let taken = std::fs::metadata(&filler).unwrap().len();
        std::fs::File::options()
            .write(true)
            .open(&filler)
            .unwrap()
            .set_len(taken - 1024 * room)
            .unwrap();
        let mut run = case.launch(ranks, &["run", "x.toml"], &[]);
        assert_eq!(run.end_within(60.0), 74, "{}", run.said());
        assert_eq!(
            run.said().matches("error: disk/x").count(),
            1,
            "{}",
            run.said()
        );
        assert!(
            run.said().contains("No space left on device"),
            "{}",
            run.said()
        );
        all_open(&place);
        let now = nishina::io::hdf5::read(&place.join("x.ckpt.h5"))
            .unwrap()
            .integer("optimize/step")
            .unwrap();
        assert!(now >= steps, "{now}");
        steps = now;
    }
    std::fs::remove_file(&filler).unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let parameters = |p: &Path| {
        nishina::io::hdf5::read(&p.join("x.ckpt.h5"))
            .unwrap()
            .reals("optimize/parameters")
            .unwrap()
    };
    if steps < 20 {
        // The ranks' sums differ in rounding; the steps are the same otherwise.
        for (a, b) in parameters(&place)
            .iter()
            .zip(parameters(&whole.path("disk")))
        {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
    drop(disk);
}

#[test]
fn a_folder_that_cannot_be_written_is_74() {
    if !is_root("a read-only disk") {
        return;
    }
    let case = Case::new(&ring("disk", 0.001, "none"));
    let place = case.path("disk");
    let disk = Disk::new(&place);
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "optimize.steps=5"]),
        0,
    );
    disk.mount("remount,ro");
    for ranks in [0, 2] {
        let mut run = case.launch(ranks, &["run", "x.toml"], &[]);
        assert_eq!(run.end_within(60.0), 74, "{}", run.said());
        assert!(
            run.said()
                .contains("error: disk: cannot be written: Read-only file system"),
            "{}",
            run.said()
        );
    }
    disk.mount("remount,rw");
    let out = case.alone(&["run", "x.toml", "--set", "optimize.steps=5"]);
    expect_code(&out, 0);
}

#[test]
fn two_jobs_on_one_output() {
    let case = Case::new(&ring(".", 300.0, "all"));
    let mut first = case.launch(
        2,
        &["run", "x.toml", "--set", "optimize.steps=1000000"],
        &[],
    );
    first.wait_for("step 2 ");
    for ranks in [0, 2] {
        let mut second = case.launch(ranks, &["run", "x.toml"], &[]);
        assert_eq!(second.end_within(10.0), 74, "{}", second.said());
        assert!(
            second
                .said()
                .contains("x.lock: another run is writing; choose another name"),
            "{}",
            second.said()
        );
    }
    first.signal("USR1");
    assert_eq!(first.end_within(10.0), 75, "{}", first.said());
}

#[test]
fn a_file_system_without_locks() {
    let case = Case::new(&ring(".", 300.0, "all"));
    // flock and fcntl locks answer as they do on such a file system (ENOLCK).
    let code = "#include <errno.h>\nint flock(int f, int o) { errno = ENOLCK; return -1; }\n";
    std::fs::write(case.path("nolock.c"), code).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "nolock.so", "nolock.c"])
        .current_dir(case.folder.path())
        .status();
    assert!(made.unwrap().success());
    let preload = case.path("nolock.so");
    let variables = [("LD_PRELOAD", preload.to_str().unwrap())];
    for ranks in [0, 2] {
        let mut run = case.launch(ranks, &["run", "x.toml", "--fresh"], &variables);
        assert_eq!(run.end_within(120.0), 0, "{}", run.said());
        assert!(
            run.said().contains("no lock on this file system"),
            "{}",
            run.said()
        );
    }
    // The library's own locks, which the program switches off unless told otherwise, would have
    // stopped it.
    let refused = case.start(
        &[common::program(), "run", "x.toml", "--fresh"].map(String::from),
        &[variables[0], ("HDF5_USE_FILE_LOCKING", "TRUE")],
    );
    let mut refused = refused;
    assert_eq!(refused.end_within(120.0), 74, "{}", refused.said());
    assert!(refused.said().contains("lock"), "{}", refused.said());
    let again = case.alone(&["info", "x.h5"]);
    assert!(text(&again).len() > 1);
}
