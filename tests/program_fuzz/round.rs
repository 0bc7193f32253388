//! One case: a folder, the commands that run in it, and the invariants that each of them keeps:
//!
//! * it ends by itself within its time, and within ten seconds of SIGTERM in any case;
//! * its exit code is one of those of the README, unless a signal killed it;
//! * it never panics, aborts or overflows;
//! * no process of it is left;
//! * what it leaves behind opens and holds numbers that are finite, and no temporary file.

use super::common::mutation::below;
use super::common::{Case, is_program, mpirun, program, signal};
use nishina::io::hdf5;
use nishina::rng::{Generator, RngExt};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Counts of a family.
#[derive(Clone, Default)]
pub struct Tally {
    /// Cases begun.
    pub cases: usize,
    codes: BTreeMap<i32, usize>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commands: usize = self.codes.values().sum();
        write!(f, "{:>6} {commands:>8} ", self.cases)?;
        self.codes
            .iter()
            .try_for_each(|(code, count)| write!(f, " {code}: {count}"))
    }
}

/// A signal, its instant in seconds after the start, and whether it goes to one rank instead of
/// the process that was started.
pub struct Signal {
    pub at: f64,
    pub name: &'static str,
    pub rank: bool,
}

/// A command, with the limits and signals that it meets.
#[derive(Default)]
pub struct Attempt {
    pub arguments: Vec<String>,
    /// Ranks below mpirun; 0 without it.
    pub ranks: usize,
    /// What a shell does before: limits, redirections.
    pub before: String,
    pub signals: Vec<Signal>,
    /// Seconds after which it is stopped; how many it may take without a fault.
    pub patience: Option<f64>,
}

impl Attempt {
    /// A command of the program.
    pub fn of(arguments: &[&str]) -> Self {
        Attempt {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    fn command(&self) -> Vec<String> {
        let mut command = match self.before.is_empty() {
            true => Vec::new(),
            false => {
                let shell = format!("{}\nexec \"$@\"", self.before);
                ["bash", "-c", &shell, "-"].map(String::from).to_vec()
            }
        };
        if self.ranks > 0 {
            command.extend(mpirun(self.ranks));
        }
        command.push(program().into());
        command.extend(self.arguments.iter().cloned());
        command
    }

    /// Whether its exit code may be that of a signal, or of a launcher that one has hit.
    fn is_killed(&self) -> bool {
        let ends = |s: &&Signal| !["STOP", "WINCH"].contains(&s.name);
        let ending: Vec<&Signal> = self.signals.iter().filter(ends).collect();
        let launcher = |s: &&Signal| self.ranks > 0 && !s.rank;
        ending.len() > 1 || ending.iter().any(|s| s.name == "KILL" || launcher(s))
    }
}

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub said: String,
}

/// The folder of a case.
pub struct Round<'a> {
    pub case: Case,
    pub rng: Generator,
    /// Files that the case itself has damaged.
    pub damaged: BTreeSet<PathBuf>,
    tally: &'a mut Tally,
}

/// Words that no command may say.
const CRASHES: &[&str] = &[
    "panicked at",
    "RUST_BACKTRACE",
    "overflowed its stack",
    "memory allocation of",
    "Segmentation fault",
    "internal error",
    "double free",
];

impl<'a> Round<'a> {
    pub fn new(rng: Generator, tally: &'a mut Tally) -> Self {
        tally.cases += 1;
        Round {
            case: Case::new(""),
            rng,
            damaged: BTreeSet::new(),
            tally,
        }
    }

    /// A number in 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        below(&mut self.rng, n)
    }

    /// One of some.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A number in 0..1.
    pub fn chance(&mut self) -> f64 {
        self.rng.random()
    }

    /// Leaves the folder on the disk and says where.
    pub fn keep(self) -> String {
        self.case.folder.keep().display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.case.path(name), text).unwrap();
    }

    /// The HDF5 files of the folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = self.case.folder.path().read_dir().unwrap().flatten();
        let mut files: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        files.retain(|p| p.extension().is_some_and(|e| e == "h5"));
        files.sort();
        files
    }

    /// Runs a command; an error where an invariant does not hold.
    pub fn run(&mut self, attempt: &Attempt) -> Result<Ended, String> {
        let about = format!(
            "{:?} on {} ranks after {:?}",
            attempt.arguments, attempt.ranks, attempt.before
        );
        let mut running = self.case.start(&attempt.command(), &[]);
        let ranks = send(&mut running, &attempt.signals, &mut self.rng);
        let patience = attempt.patience.unwrap_or(120.0);
        let code = running.code_within(patience);
        let stopped = code.is_none();
        let code = match code {
            Some(code) => code,
            None => {
                running.signal("TERM");
                running
                    .code_within(10.0)
                    .ok_or(format!("it does not end on SIGTERM: {about}"))?
            }
        };
        let said = running.said();
        *self.tally.codes.entry(code).or_default() += 1;
        let fault = |what: &str| Err(format!("{what} ({code}): {about}\n{said}"));
        // A launcher that is hit while it ends may crash itself, and says so in brackets.
        let launcher = said.contains("] mpirun(");
        let own = said.lines().filter(|l| !(launcher && l.starts_with('[')));
        let crash = |line: &str| CRASHES.iter().any(|word| line.contains(word));
        if let Some(line) = own.into_iter().find(|line| crash(line)) {
            return fault(&format!("it said `{line}`"));
        }
        let loader = code == 127 && said.contains("error while loading shared libraries");
        let documented = [0, 64, 70, 74, 75].contains(&code) || loader;
        // Before its first line a process has no handlers yet, or is not even the program.
        let begun = said.contains("BLAS kernel");
        let signalled = code > 128 || (attempt.ranks > 0 && code == 1);
        let early = signalled && !begun && !attempt.signals.is_empty();
        if !documented && !early && !attempt.is_killed() {
            return fault("an exit code that no page names");
        }
        if code != 0 && documented && said.trim().is_empty() && attempt.before.is_empty() {
            return fault("it failed without a word");
        }
        if stopped && attempt.patience.is_none() {
            return fault("it did not end");
        }
        if !gone(self.case.folder.path(), &ranks) {
            return fault("a process is left");
        }
        let whole = [0, 75].contains(&code) && !stopped && attempt.signals.len() < 2;
        if let (true, Err(what)) = (whole, self.clean()) {
            return fault(&what);
        }
        Ok(Ended { code, said })
    }

    /// Whether no temporary file is left.
    fn clean(&self) -> Result<(), String> {
        let entries = self.case.folder.path().read_dir().unwrap().flatten();
        let mut names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        names
            .find(|n| n.contains(".tmp"))
            .map_or(Ok(()), |name| Err(format!("{name} is left")))
    }

    /// Whether every file that was not damaged on purpose opens, and its numbers are finite.
    pub fn files_are_whole(&self) -> Result<(), String> {
        for path in self.files() {
            if self.damaged.contains(&path) {
                continue;
            }
            let tree = hdf5::read(&path).map_err(|e| e.to_string())?;
            let samples = path.to_string_lossy().contains(".samples");
            if !samples || self.damaged.is_empty() {
                tree.check_finite()
                    .map_err(|e| format!("{}: {e}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// Sends the signals of an attempt at their instants; the ranks that were seen.
fn send(running: &mut super::common::Running, signals: &[Signal], rng: &mut Generator) -> Vec<u32> {
    let mut ranks = running.ranks();
    for next in signals {
        while running.age() < next.at && running.child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        ranks.extend(running.ranks());
        let target = match running.ranks()[..] {
            [] => running.child.id(),
            ref ranks if next.rank => ranks[below(rng, ranks.len())],
            _ => running.child.id(),
        };
        if running.child.try_wait().unwrap().is_none() {
            signal(target, next.name);
            if next.name == "STOP" {
                std::thread::sleep(Duration::from_millis(100));
                signal(target, "CONT");
            }
        }
    }
    ranks
}

/// Whether all processes that worked in a folder have ended, within ten seconds.
fn gone(folder: &Path, ranks: &[u32]) -> bool {
    let start = Instant::now();
    let here = |process: &Path| std::fs::read_link(process.join("cwd")).is_ok_and(|c| c == folder);
    loop {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut left = processes.filter(|p| {
            let number = p.file_name().to_string_lossy().parse::<u32>();
            number.is_ok_and(|n| is_program(n) && (ranks.contains(&n) || here(&p.path())))
        });
        if left.next().is_none() {
            return true;
        }
        if start.elapsed().as_secs() > 10 {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
