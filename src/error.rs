//! Decides which situations end a command, what each one says, and with which exit code.

use std::path::PathBuf;

/// Every way in which a command can fail. Each variant is one situation and names the remedy.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// The input asks for something that does not exist or makes no sense.
    Input {
        /// The key as the user writes it, for example `lattice.size`.
        key: String,
        /// What is wrong, with the offending value.
        problem: String,
        /// What is allowed instead.
        remedy: String,
    },
    /// Several keys of the input that cannot work, each with its own error.
    Inputs(Vec<Error>),
    /// A matrix or a vector would not fit in memory.
    Memory {
        /// What would not fit.
        what: String,
        /// Bytes that it needs on one rank.
        needed: f64,
        /// Bytes that are there.
        available: f64,
    },
    /// A calculation lost its meaning (NaN, no convergence) and no fallback was left.
    Numerical {
        /// What happened.
        what: String,
        /// What to change.
        remedy: String,
    },
    /// A file could not be written, or no readable checkpoint generation was left.
    Output {
        /// The file.
        path: PathBuf,
        /// What happened.
        what: String,
    },
    /// Told to stop within a block of work, which is dropped; the run goes on from the boundary
    /// before it.
    Interrupted,
    /// Another rank has failed, and says how.
    Elsewhere,
    /// Ranks cannot talk to each other as they should.
    Communication {
        /// What happened.
        what: String,
    },
}

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Exit code of a finished command.
pub const EXIT_FINISHED: i32 = 0;
/// Exit code of a run that was told to stop and saved its state.
pub const EXIT_STOPPED: i32 = 75;

impl Error {
    /// An input error for `key`.
    pub fn input(
        key: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Error::Input {
            key: key.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// The same error with another key, problem and remedy, where it is one of an input.
    pub fn of_input(self, change: impl FnOnce(String, String, String) -> [String; 3]) -> Self {
        match self {
            Error::Input {
                key,
                problem,
                remedy,
            } => {
                let [key, problem, remedy] = change(key, problem, remedy);
                Error::input(key, problem, remedy)
            }
            other => other,
        }
    }

    /// A numerical failure.
    pub fn numerical(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error::Numerical {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// A file that cannot be written or read back.
    pub fn output(path: impl Into<PathBuf>, what: impl ToString) -> Self {
        Error::Output {
            path: path.into(),
            what: what.to_string(),
        }
    }

    /// The exit code of the process: 64 input, 70 numerical and communication, 74 files, 75
    /// interrupted; 0 where another rank has failed, whose code counts.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Input { .. } | Error::Inputs(_) | Error::Memory { .. } => 64,
            Error::Numerical { .. } | Error::Communication { .. } => 70,
            Error::Output { .. } => 74,
            Error::Interrupted => EXIT_STOPPED,
            Error::Elsewhere => EXIT_FINISHED,
        }
    }
}

/// Bytes in gigabytes, for messages.
pub fn gigabytes(bytes: f64) -> String {
    match bytes < 1e15 {
        true => format!("{:.1} GB", bytes / 1e9),
        false => format!("{:.0e} GB", bytes / 1e9),
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Input {
                key,
                problem,
                remedy,
            } => write!(f, "{key}: {problem}; {remedy}"),
            Error::Inputs(list) => {
                let lines: Vec<_> = list.iter().map(Error::to_string).collect();
                write!(f, "{}", lines.join("\nerror: "))
            }
            Error::Memory {
                what,
                needed,
                available,
            } => write!(
                f,
                "{what} needs {} on one rank, {} are available; choose a smaller problem or more \
                 memory",
                gigabytes(*needed),
                gigabytes(*available)
            ),
            Error::Numerical { what, remedy } => write!(f, "{what}; {remedy}"),
            Error::Output { path, what } => write!(f, "{}: {what}", path.display()),
            Error::Interrupted => write!(f, "told to stop; run the same command again to go on"),
            Error::Elsewhere => write!(f, "another rank has failed; see its message"),
            Error::Communication { what } => write!(f, "communication: {what}"),
        }
    }
}

impl std::error::Error for Error {}

/// A text for a terminal: control characters, which may come from a file that somebody else has
/// made, stand as `\u001b`; only lines and tabulators stay.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\n' && c != '\t' {
            true => out += &format!("\\u{:04x}", u32::from(c)),
            false => out.push(c),
        }
    }
    out
}

/// Says something on standard error. Where that is full or closed, nobody can be told.
pub fn complain(message: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", printable(message));
}
