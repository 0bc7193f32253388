//! What the tests of faults share: programs that still run, signals to them, the state that a
//! restart has to reproduce.

use super::{Case, program};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that is still running, with what it has written so far in a file; killed when dropped.
pub struct Running {
    pub child: std::process::Child,
    log: PathBuf,
    started: std::time::Instant,
}

impl Running {
    /// Everything written so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until it has written `words`.
    pub fn wait_for(&mut self, words: &str) {
        self.wait_until(&format!("`{words}` is said"), |said| said.contains(words));
    }

    /// Waits until what it has written is as wanted.
    pub fn wait_until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let start = std::time::Instant::now();
        while !wanted(&self.said()) {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() || wanted(&self.said()),
                "ended before {what}: {}",
                self.said()
            );
            assert!(
                start.elapsed().as_secs() < 120,
                "not until {what}: {}",
                self.said()
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Its exit status, which has to be there within `seconds`; a shell's code for an end by a
    /// signal.
    pub fn end_within(&mut self, seconds: f64) -> i32 {
        self.code_within(seconds)
            .unwrap_or_else(|| panic!("still there after {seconds} s: {}", self.said()))
    }

    /// The same, or none where it is still there after `seconds`.
    pub fn code_within(&mut self, seconds: f64) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let start = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let by_signal = || 128 + status.signal().unwrap_or(0);
                return Some(status.code().unwrap_or_else(by_signal));
            }
            if start.elapsed().as_secs_f64() > seconds {
                return None;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Sends a signal to the process started first: the program, or mpirun.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// The process numbers of the program's ranks below mpirun.
    pub fn ranks(&self) -> Vec<u32> {
        descendants(self.child.id())
            .into_iter()
            .filter(|&p| is_program(p))
            .collect()
    }

    /// Seconds since the start.
    pub fn age(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            for process in descendants(self.child.id()) {
                signal(process, "KILL");
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal by name; a process that is gone already is no error.
pub fn signal(process: u32, name: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .output();
}

/// Whether a process runs the program.
pub fn is_program(process: u32) -> bool {
    std::fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|exe| exe == Path::new(program()))
}

/// The children of a process, theirs, and so on.
fn descendants(process: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"))
        .unwrap_or_default();
    let children = children.split_whitespace().filter_map(|c| c.parse().ok());
    children
        .flat_map(|c: u32| std::iter::once(c).chain(descendants(c)))
        .collect()
}

/// mpirun with as many ranks as asked, for what follows.
pub fn mpirun(ranks: usize) -> Vec<String> {
    [
        "mpirun",
        "--oversubscribe",
        "--bind-to",
        "none",
        "-np",
        &ranks.to_string(),
    ]
    .map(String::from)
    .to_vec()
}

impl Case {
    /// Starts any command in the case's folder, with variables; its output goes to a file.
    pub fn start(&self, command: &[String], variables: &[(&str, &str)]) -> Running {
        let log = self.path(&format!(
            "log.{}",
            self.folder.path().read_dir().unwrap().count()
        ));
        let file = std::fs::File::create(&log).unwrap();
        let mut start = Command::new(&command[0]);
        start.args(&command[1..]).current_dir(self.folder.path());
        start
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        start
            .env("OPENBLAS_NUM_THREADS", "1")
            .envs(variables.iter().copied());
        start
            .stdin(std::process::Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        Running {
            child: start.spawn().unwrap(),
            log,
            started: std::time::Instant::now(),
        }
    }

    /// Starts the program on `ranks` ranks under mpirun, or without it where 0.
    pub fn launch(&self, ranks: usize, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut command = if ranks > 0 { mpirun(ranks) } else { Vec::new() };
        command.push(program().into());
        command.extend(arguments.iter().map(ToString::to_string));
        // Tests wait for lines of single steps.
        if arguments.first() == Some(&"run") {
            command.extend(["--set", "output.log_every=0"].map(String::from));
        }
        self.start(&command, variables)
    }

    /// What a restart has to reproduce bit for bit: parameters, chains, energies of the steps, of
    /// the measurement, samples.
    pub fn state(&self) -> State {
        let (checkpoint, results) = (self.present(), self.tree("x.h5"));
        State {
            parameters: checkpoint.reals("parameters").unwrap(),
            chains: checkpoint.spins("chains").unwrap(),
            energies: results.reals("optimize/history/energy").unwrap_or_default(),
            series: results
                .complexes("measure/energy/series")
                .unwrap_or_default(),
            samples: self.path("x.samples.h5").exists().then(|| {
                let mut samples = self.tree("x.samples.h5");
                samples.notes.clear();
                // How they came to the disk, and with which settings, is no part of it.
                samples.datasets.remove("segment_rows");
                samples.datasets.remove("input/resolved");
                samples
            }),
        }
    }
}

/// See [`Case::state`].
#[derive(Debug, PartialEq)]
pub struct State {
    pub parameters: Vec<f64>,
    pub chains: Vec<i8>,
    pub energies: Vec<f64>,
    pub series: Vec<num_complex::Complex64>,
    pub samples: Option<nishina::io::tree::Tree>,
}

/// Whether this user may mount file systems and make network namespaces; says what is skipped where
/// not.
pub fn is_root(skipped: &str) -> bool {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout == b"0\n");
    if !root {
        eprintln!("SKIPPED: {skipped} needs root");
    }
    root
}

/// Whether the long tests are asked for.
pub fn long() -> bool {
    std::env::var("NISHINA_LONG").is_ok_and(|v| v == "1")
}

/// Whether a test of minutes is left out, which is said.
pub fn is_left_out() -> bool {
    if !long() {
        println!("SKIPPED: minutes of physics, run by jobs/test.sh --long");
    }
    !long()
}
