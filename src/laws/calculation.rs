//! Decides what every calculation of a run has to obey; public, so that sections of other crates
//! can be held to it.
//!
//! n + m blocks = n blocks, save, load, m blocks; a block that is left has never been begun. Wall
//! times, datasets whose name ends with `seconds`, may differ.

use super::Verdict;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::job::Stop;
use crate::run::{Calculation, Desk, Loaded, Progress};

/// Questions about going on after which blocks are left, from the first on.
const INTERRUPTED_AFTER: [usize; 4] = [0, 1, 7, 40];

/// Holds the calculation that `build` makes to both laws, with `n` and `m` blocks; collective over
/// the ranks of `comm`.
///
/// The error side names the law and the first dataset that differs, on rank 0.
pub fn calculation<'c>(
    build: &dyn Fn() -> Result<Box<dyn Calculation + 'c>>,
    comm: &dyn Comm,
    n: usize,
    m: usize,
) -> Verdict {
    let said = |e: Error| e.to_string();
    let mut whole = build().map_err(said)?;
    advance(&mut *whole, comm, n + m).map_err(said)?;
    let at_end = state(&*whole, comm).map_err(said)?;

    let mut first = build().map_err(said)?;
    advance(&mut *first, comm, n).map_err(said)?;
    let between = state(&*first, comm).map_err(said)?;
    let mut second = build().map_err(said)?;
    let mut everywhere = between.to_bytes();
    comm.broadcast_bytes(&mut everywhere).map_err(said)?;
    let saved = Tree::from_bytes(&everywhere).ok_or("the state cannot be sent")?;
    if second.load(&saved).map_err(said)? != Loaded::Resumed {
        return Err("what it has saved makes it start over".into());
    }
    advance(&mut *second, comm, m).map_err(said)?;
    let resumed = state(&*second, comm).map_err(said)?;
    same(&at_end, &resumed, "n + m blocks are not n, save, load, m")?;

    let mut left = m;
    for asked in INTERRUPTED_AFTER {
        if interrupt(&mut *first, comm, asked).map_err(said)? {
            let back = state(&*first, comm).map_err(said)?;
            same(&between, &back, "an unfinished block has left traces")?;
        } else {
            left = m.saturating_sub(1);
            break;
        }
    }
    advance(&mut *first, comm, left).map_err(said)?;
    let again = state(&*first, comm).map_err(said)?;
    same(&at_end, &again, "blocks after an unfinished one differ")
}

/// Begins a block and leaves it when it has asked so often whether to go on; whether it was left.
fn interrupt(calculation: &mut dyn Calculation, comm: &dyn Comm, asked: usize) -> Result<bool> {
    let stop = Stop::unarmed();
    calculation.mark();
    match calculation.block(&mut Desk::stopping_after(comm, &stop, asked)) {
        Err(Error::Interrupted) => calculation.rewind().map(|()| true),
        other => other.map(|_| false),
    }
}

/// Does `blocks` blocks, or fewer where the calculation ends before.
fn advance(calculation: &mut dyn Calculation, comm: &dyn Comm, blocks: usize) -> Result<()> {
    let stop = Stop::unarmed();
    let mut desk = Desk::new(comm, &stop);
    for _ in 0..blocks {
        calculation.mark();
        match calculation.block(&mut desk)? {
            Progress::GoesOn => {}
            Progress::Done => break,
            Progress::GivesUp(error) => return Err(error),
        }
    }
    Ok(())
}

/// The saved state of all ranks without wall times, on rank 0; empty elsewhere.
fn state(calculation: &dyn Calculation, comm: &dyn Comm) -> Result<Tree> {
    let mut tree = Tree::default();
    calculation.save(&mut tree, comm)?;
    Ok(if comm.is_root() {
        tree
    } else {
        Tree::default()
    })
}

fn same(a: &Tree, b: &Tree, law: &str) -> Verdict {
    let names = a.datasets.keys().chain(b.datasets.keys());
    let mut names = names.filter(|name| !name.ends_with("seconds"));
    match names.find(|name| a.datasets.get(*name) != b.datasets.get(*name)) {
        None => Ok(()),
        Some(name) => Err(format!("{law}: {name}")),
    }
}
