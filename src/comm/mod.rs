//! Decides how ranks talk: one small trait, implemented in series, by threads in one process
//! (tests) and by MPI.

pub mod counting;
mod family;
mod heartbeat;
pub mod mpi;
mod rounds;
mod self_test;
mod serial;
pub mod threads;

pub use family::is_mpich;
pub use self_test::self_test;
pub use serial::Serial;

use crate::error::{Error, Result};

/// What the program needs from a communicator. Every call is collective: all ranks make it, in the
/// same order.
pub trait Comm {
    /// Number of this rank, from 0.
    fn rank(&self) -> usize;
    /// Number of ranks.
    fn size(&self) -> usize;
    /// Element-wise sum over all ranks, the result on every rank.
    fn sum(&self, values: &mut [f64]) -> Result<()>;
    /// Element-wise sum over all ranks, the result on rank 0; elsewhere the values are afterwards
    /// undefined.
    fn sum_on_root(&self, values: &mut [f64]) -> Result<()>;
    /// Element-wise maximum over all ranks, the result on every rank.
    fn max(&self, values: &mut [f64]) -> Result<()>;
    /// Concatenates the pieces of all ranks in rank order on rank 0; empty elsewhere. Pieces may
    /// differ in length.
    fn gather(&self, piece: &[f64]) -> Result<Vec<f64>>;
    /// As [`Comm::gather`], for bytes.
    fn gather_bytes(&self, piece: &[u8]) -> Result<Vec<u8>>;
    /// Rank 0's values on every rank; `values` has the same length everywhere.
    fn broadcast(&self, values: &mut [f64]) -> Result<()>;
    /// Rank 0's bytes on every rank; lengths may differ before the call.
    fn broadcast_bytes(&self, bytes: &mut Vec<u8>) -> Result<()>;
    /// `pieces[r]` goes to rank r; returns what every rank sent here, in rank order.
    fn transpose(&self, pieces: &[Vec<f64>]) -> Result<Vec<Vec<f64>>>;
    /// As [`Comm::transpose`], for numbers of single precision.
    fn transpose_singles(&self, pieces: &[Vec<f32>]) -> Result<Vec<Vec<f32>>>;
    /// The communicator as a Fortran integer, for libraries that talk over MPI themselves; `None`
    /// where MPI is not running.
    fn fortran_handle(&self) -> Option<i32>;
    /// Waits for all ranks.
    fn barrier(&self) -> Result<()>;
    /// Asks all ranks to leave what they are doing, without waiting for them; only the first call
    /// does anything.
    fn alert(&self);
    /// Whether some rank has asked for it; waits for nobody.
    fn alerted(&self) -> bool;
    /// Waits for all ranks after an error. A rank that is still alone after `patience` seconds
    /// speaks and ends the job on all ranks with `code`.
    fn meet(&self, code: i32, message: Option<&str>, patience: f64) -> Result<()>;
    /// The end of the job: waits for all ranks, lets the first that brings a message speak, and
    /// returns the largest exit code of all. A rank with an error that is still alone after
    /// `patience` seconds speaks and ends the job on all ranks.
    fn leave(&self, code: i32, message: Option<&str>, patience: f64) -> i32;
    /// Ends the job on all ranks at once with this exit code.
    fn abort(&self, code: i32) -> !;
    /// Whether this is rank 0, the one that speaks and writes.
    fn is_root(&self) -> bool {
        self.rank() == 0
    }
}

/// The contiguous share of `total` items that `rank` of `size` owns, as even as possible, the
/// larger shares first.
pub fn share(total: usize, rank: usize, size: usize) -> std::ops::Range<usize> {
    let (base, extra) = (total / size, total % size);
    let start = rank * base + rank.min(extra);
    start..start + base + usize::from(rank < extra)
}

/// The numbers of all ranks on every rank, in the order of the ranks.
pub fn everywhere(numbers: &[f64], comm: &dyn Comm) -> Result<Vec<f64>> {
    let mut gathered = comm.gather(numbers)?;
    let mut length = [gathered.len() as f64];
    comm.broadcast(&mut length)?;
    gathered.resize(length[0] as usize, 0.0);
    comm.broadcast(&mut gathered)?;
    Ok(gathered)
}

/// All ranks learn whether any of them failed, so that they leave together: `Ok` only if it was
/// `Ok` everywhere.
///
/// The rank that failed keeps its own error; the others get `Error::Elsewhere`. Where nothing worse
/// happened, one interrupted rank makes it `Error::Interrupted` everywhere.
pub fn agree<T>(comm: &dyn Comm, result: Result<T>) -> Result<T> {
    let mut worst = [match &result {
        Ok(_) => 0.0,
        Err(Error::Interrupted) => 1.0,
        Err(_) => 2.0,
    }];
    comm.max(&mut worst)?;
    match result {
        Ok(_) if worst[0] == 1.0 => Err(Error::Interrupted),
        Ok(_) | Err(Error::Interrupted) if worst[0] > 1.0 => Err(Error::Elsewhere),
        other => other,
    }
}

/// Makes sure that `value` is the same on every rank. Fails on all of them with
/// `Error::Communication`, of which rank 0's says `otherwise`.
pub fn same_everywhere(comm: &dyn Comm, value: u64, otherwise: &str) -> Result<()> {
    let halves = [(value >> 32) as f64, (value & 0xffff_ffff) as f64];
    let mut both = [halves[0], halves[1], -halves[0], -halves[1]];
    comm.max(&mut both)?;
    match (0..2).all(|k| both[k] == -both[k + 2]) {
        true => Ok(()),
        false if comm.is_root() => Err(Error::Communication {
            what: otherwise.into(),
        }),
        false => Err(Error::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_all_ranks_decides() {
        let outcome = |errors: [Option<Error>; 3]| {
            threads::run(3, |comm| {
                agree(comm, errors[comm.rank()].clone().map_or(Ok(()), Err))
            })
        };
        let failed = Error::output("x", "full");
        assert!(outcome([None, None, None]).iter().all(Result::is_ok));
        let interrupted = outcome([None, Some(Error::Interrupted), None]);
        assert!(interrupted.iter().all(|r| *r == Err(Error::Interrupted)));
        let mixed = outcome([Some(Error::Interrupted), Some(failed.clone()), None]);
        assert_eq!(
            mixed,
            [Err(Error::Elsewhere), Err(failed), Err(Error::Elsewhere)]
        );
    }

    #[test]
    fn a_rank_that_differs_is_found() {
        let compare = |values: [u64; 3]| {
            threads::run(3, |comm| {
                same_everywhere(comm, values[comm.rank()], "differ")
            })
        };
        assert!(
            compare([u64::MAX, u64::MAX, u64::MAX])
                .iter()
                .all(Result::is_ok)
        );
        for values in [[1, 1, 2], [2, 1, 1], [1 << 40, 1 << 40, 1 << 41]] {
            let found = compare(values);
            assert_eq!(
                found[0],
                Err(Error::Communication {
                    what: "differ".into()
                })
            );
            assert_eq!(found[1..], [Err(Error::Elsewhere), Err(Error::Elsewhere)]);
        }
    }

    #[test]
    fn shares_are_contiguous_and_even() {
        for (total, size) in [(16, 3), (4, 4), (7, 2), (2, 5)] {
            let parts: Vec<_> = (0..size).map(|r| share(total, r, size)).collect();
            assert_eq!(parts[0].start, 0);
            assert_eq!(parts[size - 1].end, total);
            assert!(
                parts
                    .windows(2)
                    .all(|w| w[0].end == w[1].start && w[0].len() >= w[1].len())
            );
            assert!(parts[0].len() - parts[size - 1].len() <= 1);
        }
    }
}
