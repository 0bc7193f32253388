//! Decides what the command line looks like: commands, options, what help says.

use crate::run::versions;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::PathBuf;

/// What stands below the list of commands.
const BELOW: &str = "\
First steps:
  nishina new                        worked inputs, by name
  nishina new quickstart first.toml  writes one of them
  nishina check first.toml           what it takes: memory, time, files
  mpirun -n 4 nishina run first.toml
  nishina info first.h5              energy, error bar, warnings
  nishina plot first.h5              pictures, in the folder first-plots

Exit codes:
  0   finished
  64  bad input, or a run that cannot fit in memory
  70  numerical failure
  74  an output cannot be written, or no checkpoint can be read
  75  stopped with the state saved: run the same command again

Messages stand on standard error; -q leaves out the lines of progress, -v adds some.";

/// Variational Monte Carlo with neural-network quantum states
#[derive(Parser)]
#[command(name = "nishina", version, after_help = BELOW)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    /// Warnings and errors alone: no lines of progress and no bar
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// A line with its time for every step instead of a bar, and what happens besides
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl Arguments {
    /// The least level of messages that is asked for.
    pub(super) fn level(&self) -> Option<log::LevelFilter> {
        match (self.quiet, self.verbose) {
            (true, _) => Some(log::LevelFilter::Warn),
            (_, true) => Some(log::LevelFilter::Debug),
            _ => None,
        }
    }
}

/// What the program is asked to do.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Run an input, or continue from the checkpoint beside its output
    Run {
        /// Input file (TOML)
        input: PathBuf,
        /// Replace a key: section.key=value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Start over and keep the old files aside
        #[arg(long)]
        fresh: bool,
    },
    /// Validate an input, try a piece of it, and print memory, time, sizes of files and a SLURM
    /// header
    Check {
        /// Input file (TOML)
        input: PathBuf,
        /// Replace a key: section.key=value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Ranks that the figures are for, at least 1
        #[arg(long, default_value_t = 1, value_parser = at_least_one)]
        ranks: usize,
        /// No trial: sizes and the cost model only
        #[arg(long)]
        quick: bool,
        /// Seconds that the trial may take
        #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
        within: f64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print what a result or checkpoint file holds
    Info {
        /// HDF5 file
        file: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Print the row of the variational benchmark tables: energy, sigma, variance, degrees of
        /// freedom, Einf
        #[arg(long, conflicts_with = "json")]
        varbench: bool,
    },
    /// Gather the results of a scan in one CSV table on standard output
    Gather {
        /// Result files (X.h5)
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A row for all realisations of [disorder]: means with their standard errors, and the part
        /// of these that comes from sampling
        #[arg(long)]
        average: bool,
    },
    /// Live view of a running job from its results file; q leaves
    Watch {
        /// Results file X.h5
        file: PathBuf,
        /// Print one frame as plain text and leave
        #[arg(long)]
        once: bool,
    },
    /// The history of a run for other programs, on standard output
    Export {
        /// Results file X.h5
        file: PathBuf,
        /// A CSV table
        #[arg(long, required_unless_present = "netket", conflicts_with = "netket")]
        csv: bool,
        /// The JSON log of NetKet
        #[arg(long)]
        netket: bool,
    },
    /// Pictures of results files, several files in one picture (PNG and SVG)
    Plot {
        /// Results files X.h5; checkpoints and samples beside them are skipped
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Folder of the pictures (the first file's name with -plots)
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// Formats
        #[arg(long, value_enum, value_delimiter = ',', default_values = ["png", "svg"])]
        format: Vec<Format>,
        /// Width of PNG images in pixels
        #[arg(long, default_value_t = 1500)]
        width: u32,
        /// Exact energy of the whole system, or a file of `nishina exact --output`; one for all
        /// files, or one per file
        #[arg(long, value_name = "E|FILE", allow_hyphen_values = true)]
        exact: Vec<String>,
        /// Draw these pictures alone, by their names: energy,bonds
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        only: Vec<String>,
        /// A line above every picture
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
        /// Axes of diagrams that are logarithmic: x, y, or x,y
        #[arg(long, value_enum, value_delimiter = ',', value_name = "AXES")]
        log: Vec<LogAxis>,
    },
    /// Lowest energies by Lanczos, where they fit
    Exact {
        /// Input file (TOML); only [lattice] and [hamiltonian] count
        input: PathBuf,
        /// Replace a key: section.key=value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Number of states, lowest first
        #[arg(long, default_value_t = 1)]
        states: usize,
        /// Only this translation block: momentum indices, one per direction (2 pi m / L)
        #[arg(long, value_delimiter = ',')]
        momentum: Option<Vec<usize>>,
        /// Write energies and amplitudes to this HDF5 file
        #[arg(long)]
        output: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Energy at zero variance from several results of one Hamiltonian, that of short steps of
    /// several constructions, or the critical temperature of classical spins from several sizes
    Extrapolate {
        /// HDF5 files of results
        #[arg(required = true, num_args = 2..)]
        files: Vec<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print every key of an input with its default, unit and meaning
    Reference,
    /// List the worked inputs that the program carries, or write one of them
    New {
        /// Name of a worked input; without one, all are listed
        name: Option<String>,
        /// The new file; without one, the input is printed
        file: Option<PathBuf>,
    },
    /// List and draw the sites and bonds of an input
    Lattice {
        /// Input file (TOML); only [lattice] counts
        input: PathBuf,
        /// Replace a key: section.key=value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Bonds of these neighbours: 1 for the first, 2 for the second
        #[arg(long, default_value_t = 1)]
        shell: usize,
        /// Draw it to this file, PNG or SVG
        #[arg(long, value_name = "FILE")]
        draw: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the completions of the commands for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a man page for each command to a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// Print the JSON Schema of the input
    Schema {
        /// Write a page in Markdown for each kind to this folder instead
        #[arg(long, value_name = "DIR")]
        pages: Option<PathBuf>,
    },
}

/// Axes of diagrams.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogAxis {
    X,
    Y,
}

/// Formats of pictures.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub(super) enum Format {
    Png,
    Svg,
}

/// A number of ranks.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("give at least 1".into()),
        Ok(ranks) => Ok(ranks),
        Err(_) => Err("give a whole number of ranks".into()),
    }
}

/// The command line, with the versions of all libraries for `--version`.
pub(super) fn arguments() -> Result<Arguments, clap::Error> {
    let lines = versions()
        .into_iter()
        .map(|(name, value)| format!("\n{name:<9} {value}"));
    let long = format!("{}{}", env!("CARGO_PKG_VERSION"), lines.collect::<String>());
    let matches = Arguments::command().long_version(long).try_get_matches()?;
    Arguments::from_arg_matches(&matches)
}
