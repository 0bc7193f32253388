//! Decides the trial of a sector: the first steps of `[optimize]` with its quantum numbers, of
//! which nothing is kept but the mean energy of the last window.

use super::{SectorRow, Tried};
use crate::ansatz::symmetrised::sectors::{self, Sector};
use crate::calculation::optimize;
use crate::calculation::start::{self, Options, memory_of_a_rank};
use crate::calculation::vmc::problem::Problem;
use crate::comm::{Comm, agree};
use crate::error::{Error, Result};
use crate::input::{self, KeptSamples, Source};
use crate::io::tree::Tree;
use crate::run::{Desk, Progress};

/// Keys of `[optimize]` that end it or belong to its end.
const LEFT_OUT: [&str; 3] = ["average", "target_error", "target_v_score"];

/// A trial of each sector, one after the other.
pub(super) fn run(
    list: &[Sector],
    (source, steps): (&Source, usize),
    problem: &Problem,
    comm: &dyn Comm,
    options: &Options,
) -> Result<Tried> {
    let mut tried = Tried::default();
    for (k, sector) in list.iter().enumerate() {
        let short = agree(comm, shortened(source, sector, steps))?;
        let name = SectorRow::new(sector).name();
        log::info!("trial {} of {} sectors: {name}", k + 1, list.len());
        let found = one(&short, problem.facts.lower_bound(), comm, options);
        if matches!(found, Err(Error::Interrupted)) {
            log::info!("stopped in the trials of sectors, of which nothing is kept");
        }
        tried.add(sector, steps, found?);
    }
    Ok(tried)
}

/// The input of a trial.
fn shortened(source: &Source, sector: &Sector, steps: usize) -> Result<Source> {
    let ansatz = input::section(&source.input.ansatz, "ansatz")?;
    let trial = source.with_section("ansatz", sectors::settled(ansatz, &sector.keys()))?;
    let trial = trial.with_settings(&optimize::shortened(source, steps)?)?;
    let mut table = trial
        .table
        .get("optimize")
        .and_then(toml::Value::as_table)
        .cloned();
    if let Some(table) = &mut table {
        table.retain(|key, _| !LEFT_OUT.contains(&key));
    }
    let mut trial = trial.only_section("optimize", table.unwrap_or_default());
    trial.input.output.samples = KeptSamples::None;
    Ok(trial)
}

/// Energy and error of the last window of a trial; none where it was given up or has no sound
/// window.
fn one(
    source: &Source,
    lower_bound: f64,
    comm: &dyn Comm,
    options: &Options,
) -> Result<Option<(f64, f64)>> {
    let place = (comm.rank(), comm.size());
    let memory = memory_of_a_rank(comm)?;
    let begun = start::start(source, &options.registry, place, memory);
    let begun = match agree(comm, begun) {
        // The sector may have no state: no configuration has an amplitude.
        Err(Error::Numerical { .. } | Error::Elsewhere) => return Ok(None),
        begun => begun?,
    };
    let Some(stage) = begun.stages.into_iter().next() else {
        return Ok(None);
    };
    let mut calculation = stage.into_calculation();
    let mut desk = Desk::new(comm, options.stop).with_log_every(1e9);
    loop {
        calculation.mark();
        match calculation.block(&mut desk) {
            Ok(Progress::GoesOn) => {}
            Ok(Progress::Done) => break,
            Ok(Progress::GivesUp(_)) | Err(Error::Numerical { .. } | Error::Elsewhere) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        if options.stop.should_stop(comm)?.is_some() {
            return Err(Error::Interrupted);
        }
    }
    let mut record = Tree::default();
    calculation.record(&mut record)?;
    optimize::last_window(&record, lower_bound)
}
