//! Decides what the program says about runs and files: one module per command.
//!
//! `run` does a calculation, `check` speaks of a run before it starts, `exact` diagonalises;
//! `info`, `gather`, `export`, `watch` and `extrapolate` speak of files that are there; `schema`,
//! `reference`, `new` and `lattice` teach what an input can be.

mod amplitudes;
mod arguments;
mod averages;
pub mod check;
mod cli;
mod crossing;
pub mod exact;
pub mod export;
mod extrapolate;
pub mod gather;
mod info;
mod info_text;
mod learned;
pub mod pages;
mod problem;
pub mod run;
mod schema;
mod shell;
mod sites;
mod spins;
mod teach;
mod tools;
mod transition;
mod trotter;
mod varbench;
#[cfg(feature = "tools")]
pub mod watch;

pub use cli::main;
pub use extrapolate::{extrapolate, extrapolate_text};
pub use info::info;
pub use info_text::info_text;
pub use schema::schema;
pub use varbench::varbench;

use crate::error::{EXIT_FINISHED, Error, Result, complain, printable};
use crate::input::Source;
use crate::job;
use log::LevelFilter;
use std::io::Write;

/// Log to standard error; only rank 0 speaks. `level` is that of the command line, which comes
/// before the environment. Every line has its time within a batch job, and where all is told.
fn start_log(speaks: bool, level: Option<LevelFilter>) {
    let environment = env_logger::Env::default().default_filter_or("info");
    let mut builder = env_logger::Builder::from_env(environment);
    if let Some(level) = if speaks {
        level
    } else {
        Some(LevelFilter::Off)
    } {
        builder.filter(None, level);
    }
    let stamped = job::batch_job().is_some() || level == Some(LevelFilter::Debug);
    let _ = builder
        .format(move |out, record| {
            let text = printable(&record.args().to_string());
            if stamped {
                write!(out, "{}  ", out.timestamp_seconds())?;
            }
            match record.level() {
                log::Level::Info => writeln!(out, "{text}"),
                level => writeln!(out, "{}: {text}", level.as_str().to_lowercase()),
            }
        })
        .try_init();
}

/// A line that names the realisation that stands for all, where an input means all.
fn say_realisation(source: &Source) {
    if let Some(disorder) = source
        .input
        .disorder
        .as_ref()
        .filter(|d| d.realisation.is_none())
    {
        log::info!(
            "this is realisation 1 of {}; --set disorder.realisation=k is another",
            disorder.realisations
        );
    }
}

/// A command without ranks.
fn alone(level: Option<LevelFilter>, command: impl FnOnce() -> Result<()>) -> i32 {
    start_log(true, level);
    match command() {
        Ok(()) => EXIT_FINISHED,
        Err(e) => {
            complain(&format!("error: {e}"));
            e.exit_code()
        }
    }
}

/// Prints what a command has to say. Fails with `Error::Output` where it does not arrive.
fn answer(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    match text.is_empty() {
        true => Ok(()),
        false => arrived(writeln!(stdout, "{}", printable(text)).and_then(|()| stdout.flush())),
    }
}

fn arrived(printed: std::io::Result<()>) -> Result<()> {
    let failed = |what: String| Err(Error::output("standard output", what));
    match printed {
        // A reader that closed the pipe has seen enough.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            failed(format!("cannot be written: {e}"))
        }
        Ok(()) if job::stdout_was_closed() => failed("is closed".into()),
        _ => Ok(()),
    }
}
