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
    /// The same; and even if it was complete, it goes on with this input.
    GoesOn,
    /// The checkpoint does not fit this run: the calculation starts over from the state that the
    /// section before has handed on.
    StartsOver,
}

/// What a calculation will take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Blocks from the start to the end; an estimate where the calculation decides on the way.
    pub blocks: f64,
    /// Bytes that every rank keeps until the end.
    pub bytes: f64,
    /// Bytes that rank 0 alone keeps besides until the end.
    pub on_root: f64,
    /// Bytes that a block takes besides on rank 0, at the worst moment.
    pub work: f64,
    /// The same on another rank, at most.
    pub work_elsewhere: f64,
    /// Bytes of the state that [`Calculation::save`] writes, on every rank.
    pub state: f64,
}

impl Cost {
    /// Bytes that rank 0 keeps until the end.
    pub fn kept_on_root(&self) -> f64 {
        self.bytes + self.on_root
    }
}

/// Bytes that sections of these costs take on rank 0 at the worst moment of a run, one after the
/// other; `recorded` are those of results that all of them share.
///
/// A save has the state of the present section together with the results, and then with a copy of
/// the states that those before have handed on.
pub fn most_held(sections: &[Cost], recorded: f64) -> f64 {
    let of = |section: &Cost| (section.kept_on_root(), section.work);
    most_of(sections, of, |handed_on| f64::max(recorded, handed_on))
}

/// The same on another rank, which saves the state and writes no files.
pub fn most_held_elsewhere(sections: &[Cost]) -> f64 {
    let of = |section: &Cost| (section.bytes, section.work_elsewhere);
    most_of(sections, of, |_| 0.0)
}

/// The most at any moment; `of` gives what a section keeps and its work, `beside` what a save has
/// beside the state, from the bytes that have been handed on.
fn most_of(
    sections: &[Cost],
    of: impl Fn(&Cost) -> (f64, f64),
    beside: impl Fn(f64) -> f64,
) -> f64 {
    let (mut kept, mut handed_on, mut most) = (0.0, 0.0, 0.0);
    for section in sections {
        let (bytes, work) = of(section);
        kept += bytes;
        let save = section.state + beside(handed_on);
        most = f64::max(most, kept + handed_on + work.max(save));
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
    /// The key, in full, whose larger value makes it go on where that is not the first of
    /// [`super::Declaration::grows`].
    fn growing_key(&self) -> Option<String> {
        None
    }
    /// Where the calculation stands, for the log: "step 12".
    fn place(&self) -> String;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_0_alone_has_records_and_copies() {
        let first = Cost {
            bytes: 1.0,
            on_root: 10.0,
            work: 40.0,
            work_elsewhere: 20.0,
            state: 5.0,
            ..Cost::default()
        };
        let second = Cost {
            state: 7.0,
            ..Cost::default()
        };
        assert_eq!(most_held(&[first], 3.0), 51.0);
        assert_eq!(most_held_elsewhere(&[first]), 21.0);
        let light = Cost {
            work: 0.0,
            work_elsewhere: 0.0,
            ..first
        };
        // What the first hands on is there, the state of the second, and on rank 0 a copy of it.
        assert_eq!(most_held(&[light, second], 3.0), 28.0);
        assert_eq!(most_held_elsewhere(&[light, second]), 13.0);
    }
}
