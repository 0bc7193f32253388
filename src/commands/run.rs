//! Decides how `run` starts on all ranks and how it ends: log, ranks, the same program and input
//! everywhere, exit code.

use super::start_log;
use crate::calculation::{self, Options, Outcome, Registry};
use crate::comm::{Comm, agree, mpi, same_everywhere};
use crate::error::{EXIT_FINISHED, EXIT_STOPPED, Error, Result, complain};
use crate::input::Source;
use crate::job::{self, Stop};
use crate::linalg;
use crate::linalg::simd::Simd;
use log::LevelFilter;
use std::path::Path;

/// Seconds that a rank with an error waits for the others to come to the same one, before it ends
/// the job alone.
const PATIENCE: f64 = 2.0;

/// Runs an input, or continues from the checkpoint beside its output; returns the exit code.
/// `level` is the least level of messages where the command line has one.
pub fn run(
    path: &Path,
    settings: &[String],
    (fresh, level): (bool, Option<LevelFilter>),
    registry: &Registry,
) -> i32 {
    job::free_file_locks();
    let kernel = job::ensure_blas_kernel();
    // A signal from here on asks for a stop.
    let stop = Stop::install();
    stop.iter().for_each(Stop::leave_at_once);
    let started = || {
        let own = job::own_instructions()?;
        if let Some(text) = job::foreign_launcher(&mpi::library()) {
            complain(&text);
        }
        let comm = mpi::start(job::launcher_present(), job::heartbeat_patience()?)?;
        Ok((own, comm))
    };
    let (own, comm) = match started() {
        Ok(started) => started,
        Err::<_, Error>(e) => {
            complain(&format!("error: {e}"));
            return e.exit_code();
        }
    };
    start_log(comm.is_root(), level);
    let version = env!("CARGO_PKG_VERSION");
    log::info!("nishina {version}, BLAS kernel {kernel}");
    let on = |mut stop: Stop| run_on(&*comm, &mut stop, (path, settings), (fresh, own), registry);
    match stop.and_then(on) {
        Ok(Outcome::Finished) => comm.leave(EXIT_FINISHED, None, PATIENCE),
        Ok(Outcome::Stopped) => comm.leave(EXIT_STOPPED, None, PATIENCE),
        Err(e) => {
            let message = format!("error: {e}");
            let speaks = (e != Error::Elsewhere).then_some(message.as_str());
            comm.leave(e.exit_code(), speaks, PATIENCE)
        }
    }
}

fn run_on(
    comm: &dyn Comm,
    stop: &mut Stop,
    (path, settings): (&Path, &[String]),
    (fresh, own): (bool, Simd),
    registry: &Registry,
) -> Result<Outcome> {
    job::world_mismatch(comm.size())?;
    if comm.size() > 1 {
        same_everywhere(
            comm,
            job::program_digest(),
            "the ranks run different programs; start one file on all hosts, from a folder that \
             they share",
        )?;
    }
    let source = agree(comm, calculation::read(path, settings, registry))?;
    same_everywhere(
        comm,
        source.digest ^ u64::from(fresh),
        "the ranks read different inputs or have different options; start them with the same \
         command, on one file that all hosts see",
    )?;
    let simd = job::choose_instructions(comm, own, source.input.deterministic)?;
    log::info!("vector instructions {simd}");
    linalg::blas::set_threads(source.input.threads);
    agree(comm, linalg::blas::take_buffers())?;
    job::placement::report(comm, source.input.threads)?;
    stop.deadline(source.input.output.max_time);
    if comm.is_root() {
        stop.job_end(job::time_left());
    }
    let options = Options {
        stop,
        fresh,
        registry: *registry,
    };
    every_realisation(&source.runs()?, comm, &options)
}

/// One run after the other; those whose numbers fail leave the others.
fn every_realisation<'a>(
    runs: &'a [Source],
    comm: &dyn Comm,
    options: &Options<'a>,
) -> Result<Outcome> {
    let mut failed = Vec::new();
    for one in runs {
        let name = one.input.output.name.as_deref().unwrap_or_default();
        if runs.len() > 1 {
            log::info!("realisation {name} of {}", runs.len());
        }
        match calculation::run(one, comm, options).map_err(|e| one.located(e)) {
            Ok(Outcome::Finished) => {}
            Ok(Outcome::Stopped) => return Ok(Outcome::Stopped),
            Err(e) if runs.len() > 1 && concerns_one(comm, &e)? => {
                if e != Error::Elsewhere {
                    complain(&format!("error: {name}: {e}"));
                }
                failed.push(name);
            }
            Err(e) => return Err(e),
        }
    }
    match failed.is_empty() {
        true => Ok(Outcome::Finished),
        false => agree(comm, verdict(comm, &failed, runs.len())),
    }
}

/// Whether what failed on some rank is the calculation itself, so that other realisations can go
/// on. Every rank has an error.
fn concerns_one(comm: &dyn Comm, error: &Error) -> Result<bool> {
    let own = !matches!(error, Error::Numerical { .. } | Error::Elsewhere);
    let mut worst = [f64::from(u8::from(own))];
    comm.max(&mut worst)?;
    Ok(worst[0] == 0.0)
}

/// What rank 0 says of realisations that have failed.
fn verdict(comm: &dyn Comm, failed: &[&str], all: usize) -> Result<Outcome> {
    if !comm.is_root() {
        return Ok(Outcome::Finished);
    }
    let problem = format!(
        "{} of {all} realisations have failed ({}), the others are finished",
        failed.len(),
        failed.join(", ")
    );
    let remedy = "run them again with disorder.realisation=k and what their messages name";
    Err(Error::numerical(problem, remedy))
}
