//! Decides how ranks talk: one small trait, implemented in series, by threads in one process (tests) and by MPI.

pub mod mpi;
mod serial;
pub mod threads;

pub use serial::Serial;

use crate::error::Result;

/// What the program needs from a communicator. Every call is collective: all ranks make it, in the same order.
pub trait Comm {
    /// Number of this rank, from 0.
    fn rank(&self) -> usize;
    /// Number of ranks.
    fn size(&self) -> usize;
    /// Element-wise sum over all ranks, the result on every rank.
    fn sum(&self, values: &mut [f64]) -> Result<()>;
    /// Element-wise sum over all ranks, the result on rank 0; elsewhere the values are afterwards undefined.
    fn sum_on_root(&self, values: &mut [f64]) -> Result<()>;
    /// Element-wise maximum over all ranks, the result on every rank.
    fn max(&self, values: &mut [f64]) -> Result<()>;
    /// Concatenates the pieces of all ranks in rank order on rank 0; empty elsewhere. Pieces may differ in length.
    fn gather(&self, piece: &[f64]) -> Result<Vec<f64>>;
    /// As [`Comm::gather`], for bytes.
    fn gather_bytes(&self, piece: &[u8]) -> Result<Vec<u8>>;
    /// Rank 0's values on every rank; `values` has the same length everywhere.
    fn broadcast(&self, values: &mut [f64]) -> Result<()>;
    /// Rank 0's bytes on every rank; lengths may differ before the call.
    fn broadcast_bytes(&self, bytes: &mut Vec<u8>) -> Result<()>;
    /// `pieces[r]` goes to rank r; returns what every rank sent here, in rank order.
    fn transpose(&self, pieces: &[Vec<f64>]) -> Result<Vec<Vec<f64>>>;
    /// The communicator as a Fortran integer, for libraries that talk over MPI themselves; `None` where MPI is not running.
    fn fortran_handle(&self) -> Option<i32>;
    /// Waits for all ranks.
    fn barrier(&self) -> Result<()>;
    /// Ends the job on all ranks at once with this exit code.
    fn abort(&self, code: i32) -> !;
    /// Whether this is rank 0, the one that speaks and writes.
    fn is_root(&self) -> bool {
        self.rank() == 0
    }
}

/// The contiguous share of `total` items that `rank` of `size` owns, as even as possible, the larger shares first.
pub fn share(total: usize, rank: usize, size: usize) -> std::ops::Range<usize> {
    let (base, extra) = (total / size, total % size);
    let start = rank * base + rank.min(extra);
    start..start + base + usize::from(rank < extra)
}

/// All ranks learn whether any of them failed, so that they leave together: `Ok` only if it was `Ok` everywhere.
///
/// The rank that failed keeps its own error; the others report that another rank has failed.
pub fn agree<T>(comm: &dyn Comm, result: Result<T>) -> Result<T> {
    let mut failed = [f64::from(u8::from(result.is_err()))];
    comm.max(&mut failed)?;
    match result {
        Ok(_) if failed[0] > 0.0 => {
            Err(crate::error::Error::Communication { what: "another rank has failed; see its message".into() })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_contiguous_and_even() {
        for (total, size) in [(16, 3), (4, 4), (7, 2), (2, 5)] {
            let parts: Vec<_> = (0..size).map(|r| share(total, r, size)).collect();
            assert_eq!(parts[0].start, 0);
            assert_eq!(parts[size - 1].end, total);
            assert!(parts.windows(2).all(|w| w[0].end == w[1].start && w[0].len() >= w[1].len()));
            assert!(parts[0].len() - parts[size - 1].len() <= 1);
        }
    }
}
