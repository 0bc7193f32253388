//! Decides which command does what a command line asks for, and its exit code.

use super::arguments::{Arguments, Command, arguments};
use super::{alone, answer, arrived};
use crate::calculation::Registry;
use crate::comm::mpi;
use crate::error::complain;
use crate::io::roles::results_among;
use clap::CommandFactory;
use log::LevelFilter;
use std::path::PathBuf;

/// Longest trial of `check`, in seconds.
const LONGEST_TRIAL: f64 = 86_400.0;

/// Reads the command line, does what it asks for, and returns the exit code; inputs can name the
/// kinds of `registry`.
pub fn main(registry: &Registry) -> i32 {
    crate::job::survive_file_limits();
    // A panic on any rank ends the whole job with its message.
    mpi::install_panic_hook();
    match arguments() {
        Ok(arguments) => {
            let level = arguments.level();
            arguments.command.execute(level, registry)
        }
        Err(e) if e.use_stderr() => {
            complain(e.render().to_string().trim_end());
            64
        }
        Err(e) => alone(None, || arrived(e.print())),
    }
}

impl Command {
    fn execute(self, level: Option<LevelFilter>, registry: &Registry) -> i32 {
        match self {
            Command::Run {
                input,
                settings,
                fresh,
            } => super::run::run(&input, &settings, (fresh, level), registry),
            Command::Exact {
                input,
                settings,
                states,
                momentum,
                output,
                json,
            } => alone(level, || {
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
                let seconds = match !quick && within.is_finite() {
                    true => within.clamp(0.0, LONGEST_TRIAL),
                    false => 0.0,
                };
                let asked = super::check::Question {
                    path: &input,
                    settings: &settings,
                    ranks,
                    seconds,
                };
                alone(level, || {
                    answer(&super::check::check(&asked, registry)?.print(json))
                })
            }
            Command::Lattice {
                input,
                settings,
                shell,
                draw,
                json,
            } => alone(level, || {
                super::sites::lattice(&input, &settings, shell, draw, json)
            }),
            Command::Gather { files, average } => alone(level, || {
                gathered(&results_among(&files), average, registry)
            }),
            of_files => alone(level, || answer(&of_files.read(registry)?)),
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
                log,
            } => {
                let files = results_among(&files);
                let wanted = super::tools::WantedPictures {
                    output: output.unwrap_or_else(|| plot_folder(&files)),
                    format,
                    width,
                    exact,
                    only,
                    title,
                    log,
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

/// Prints the table of some results; the error of files that cannot be read comes behind it.
fn gathered(files: &[PathBuf], average: bool, registry: &Registry) -> crate::error::Result<()> {
    let (table, failed) = super::gather::table(files, average, registry)?;
    answer(&table).and(failed.map_or(Ok(()), Err))
}

/// The first file's name with -plots.
fn plot_folder(files: &[PathBuf]) -> PathBuf {
    let stem = files.first().and_then(|file| file.file_stem());
    format!("{}-plots", stem.unwrap_or_default().to_string_lossy()).into()
}
