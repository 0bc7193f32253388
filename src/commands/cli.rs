//! Decides what the command line looks like: commands, options, exit codes.

use super::{alone, answer, arrived};
use crate::calculation::Registry;
use crate::comm::mpi;
use crate::error::complain;
use crate::io::roles::results_among;
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

Messages stand on standard error; with RUST_LOG=warn the lines of progress are left out.";

/// Variational Monte Carlo with neural-network quantum states
#[derive(Parser)]
#[command(name = "nishina", version, after_help = BELOW)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
        /// Ranks that the figures are for
        #[arg(long, default_value_t = 1)]
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

/// Formats of pictures.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub(super) enum Format {
    Png,
    Svg,
}

/// Longest trial of `check`, in seconds.
const LONGEST_TRIAL: f64 = 86_400.0;

/// Reads the command line, does what it asks for, and returns the exit code; inputs can name the
/// kinds of `registry`.
pub fn main(registry: &Registry) -> i32 {
    crate::job::survive_file_limits();
    // A panic on any rank ends the whole job with its message.
    mpi::install_panic_hook();
    match arguments() {
        Ok(arguments) => arguments.command.execute(registry),
        Err(e) if e.use_stderr() => {
            complain(e.render().to_string().trim_end());
            64
        }
        Err(e) => alone(|| arrived(e.print())),
    }
}

/// The command line, with the versions of all libraries for `--version`.
fn arguments() -> Result<Arguments, clap::Error> {
    let lines = versions()
        .into_iter()
        .map(|(name, value)| format!("\n{name:<9} {value}"));
    let long = format!("{}{}", env!("CARGO_PKG_VERSION"), lines.collect::<String>());
    let matches = Arguments::command().long_version(long).try_get_matches()?;
    Arguments::from_arg_matches(&matches)
}

impl Command {
    fn execute(self, registry: &Registry) -> i32 {
        match self {
            Command::Run {
                input,
                settings,
                fresh,
            } => super::run::run(&input, &settings, fresh, registry),
            Command::Exact {
                input,
                settings,
                states,
                momentum,
                output,
                json,
            } => alone(|| {
                let options = super::exact::ExactRequest {
                    states,
                    momentum,
                    output,
                    json,
                };
                super::exact::exact(&input, &settings, registry, options)
            }),
            Command::Check {
                input,
                settings,
                ranks,
                quick,
                within,
                json,
            } => {
                let trial = !quick && within.is_finite();
                let seconds = if trial {
                    within.clamp(0.0, LONGEST_TRIAL)
                } else {
                    0.0
                };
                let asked = super::check::Question {
                    path: &input,
                    settings: &settings,
                    ranks: ranks.max(1),
                    seconds,
                };
                alone(|| answer(&super::check::check(&asked, registry)?.print(json)))
            }
            Command::Lattice {
                input,
                settings,
                shell,
                draw,
                json,
            } => alone(|| super::sites::lattice(&input, &settings, shell, draw, json)),
            Command::Gather { files, average } => alone(|| {
                let files = results_among(&files);
                let (table, failed) = super::gather::table(&files, average, registry)?;
                answer(&table).and(failed.map_or(Ok(()), Err))
            }),
            of_files => alone(|| answer(&of_files.read(registry)?)),
        }
    }

    /// What the commands say that read files.
    fn read(self, registry: &Registry) -> crate::error::Result<String> {
        Ok(match self {
            Command::Info {
                file,
                varbench: true,
                ..
            } => super::varbench(&file, registry)?,
            Command::Info { file, json, .. } => {
                let info = super::info(&file, registry)?;
                match json {
                    true => info.to_string(),
                    false => super::info_text(&info),
                }
            }
            Command::Watch { file, once: true } => super::tools::watch_once(&file, registry)?,
            Command::Watch { file, .. } => {
                super::tools::watch_live(&file, registry)?;
                String::new()
            }
            Command::Export {
                file, netket: true, ..
            } => super::export::netket(&file)?,
            Command::Export { file, .. } => super::export::csv(&file, registry)?,
            Command::Plot {
                files,
                output,
                format,
                width,
                exact,
                only,
                title,
            } => {
                let files = results_among(&files);
                let wanted = super::tools::WantedPictures {
                    output: output.unwrap_or_else(|| plot_folder(&files)),
                    format,
                    width,
                    exact,
                    only,
                    title,
                };
                super::tools::plot(&files, wanted, registry)?
            }
            Command::Extrapolate { files, json } => {
                let result = super::extrapolate(&results_among(&files))?;
                match json {
                    true => result.to_string(),
                    false => super::extrapolate_text(&result),
                }
            }
            of_program => of_program.teach(registry)?,
        })
    }

    /// What the commands say that need nothing but the program itself.
    fn teach(self, registry: &Registry) -> crate::error::Result<String> {
        Ok(match self {
            Command::Completions { shell } => {
                super::shell::completions(Arguments::command(), shell)
            }
            Command::Man { folder } => super::shell::man_pages(Arguments::command(), &folder)?,
            Command::Reference => super::teach::reference()?,
            Command::New {
                name: Some(name),
                file: Some(file),
            } => super::teach::write(&name, &file)?,
            Command::New {
                name: Some(name), ..
            } => super::teach::worked(&name)?,
            Command::New { .. } => super::teach::list(),
            Command::Schema {
                pages: Some(folder),
            } => super::pages::write(registry, &folder)?,
            _ => format!("{:#}", super::schema(registry)),
        })
    }
}

/// The first file's name with -plots.
fn plot_folder(files: &[PathBuf]) -> PathBuf {
    let stem = files.first().and_then(|file| file.file_stem());
    format!("{}-plots", stem.unwrap_or_default().to_string_lossy()).into()
}
