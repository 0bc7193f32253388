//! Decides what the engine asks of a calculation: blocks between boundaries, a mark to go back to,
//! a state to save.

use super::desk::Desk;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;

/// How a block ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// More blocks follow.
    GoesOn,
    /// The calculation is complete.
    Done,
    /// The state at this boundary is worth keeping, but the run cannot go on: the engine saves and
    /// ends the run with this error, the same on every rank.
    GivesUp(Error),
}

/// What a checkpoint gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The calculation stands where the checkpoint was made.
    Resumed,
    /// The checkpoint does not fit this run: the calculation starts over from the state that the
    /// section before has handed on.
    StartsOver,
}

/// What a calculation will take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Blocks from the start to the end; an estimate where the calculation decides on the way.
    pub blocks: f64,
    /// Bytes that rank 0 keeps until the end.
    pub bytes: f64,
    /// Bytes that a block takes besides, at the worst moment.
    pub work: f64,
    /// Bytes of the state that [`Calculation::save`] writes.
    pub state: f64,
}

/// Bytes that sections of these costs take on rank 0 at the worst moment of a run, one after the
/// other; `recorded` are those of results that all of them share.
///
/// A save has the state of the present section together with the results, and then with a copy of
/// the states that those before have handed on.
pub fn most_held(sections: &[Cost], recorded: f64) -> f64 {
    let (mut kept, mut handed_on, mut most) = (0.0, 0.0, 0.0);
    for section in sections {
        kept += section.bytes;
        let save = section.state + f64::max(recorded, handed_on);
        most = f64::max(most, kept + handed_on + section.work.max(save));
        handed_on += section.state;
    }
    most
}

/// What one section of an input does. It knows its physics and nothing of files, signals, clocks.
///
/// Every method that takes a communicator is collective. A block fails on all ranks or on none:
/// what one rank alone can find wrong goes through [`crate::comm::agree`].
pub trait Calculation {
    /// Blocks and memory, for forecasts.
    fn cost(&self) -> Cost;
    /// From this boundary to the next. `Error::Interrupted` leaves the calculation anywhere within
    /// the block; [`Calculation::rewind`] follows it and every other error.
    fn block(&mut self, desk: &mut Desk) -> Result<Progress>;
    /// Remembers where the calculation stands. Cheap: lengths of records, not their content.
    fn mark(&mut self);
    /// Goes back to the last mark, as if the block since then had never begun.
    fn rewind(&mut self) -> Result<()>;
    /// Writes the state at a boundary, from all ranks, into a group of its own on rank 0: what a
    /// restart needs, and what the calculation hands on to those behind it.
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()>;
    /// Takes back what [`Calculation::save`] has written, on any number of ranks; every rank has
    /// the whole group.
    fn load(&mut self, from: &Tree) -> Result<Loaded>;
    /// Results with units and meanings, on rank 0: datasets under the name of the section, and
    /// the wall times `timing/<name>_seconds`.
    fn record(&self, out: &mut Tree) -> Result<()>;
    /// What a reader of the results has to know, with remedies; on rank 0. Nothing by default.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
    /// Where the calculation stands, for the log: "step 12".
    fn place(&self) -> String;
}
