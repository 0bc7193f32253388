//! Decides how ranks talk when they are threads of one process, for tests: every call is one
//! exchange of all pieces.
//!
//! Sums run over the ranks in rank order, so that every rank obtains the same bytes. A rank that
//! ends, panics or makes another call than the others turns the calls of the others into errors;
//! nobody waits for ever.

use super::Comm;
use crate::error::{Error, Result, complain};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// What one rank brings to an exchange.
#[derive(Debug, Clone)]
enum Piece {
    Nothing,
    Reals(&'static str, Vec<f64>),
    Bytes(&'static str, Vec<u8>),
    Table(Vec<Vec<f64>>),
    Singles(Vec<Vec<f32>>),
}

#[derive(Default)]
struct State {
    pieces: Vec<Option<Piece>>,
    arrived: usize,
    generation: u64,
    result: Arc<Vec<Piece>>,
    gone: Option<String>,
    alerted: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    fn leave(&self, why: String) {
        self.lock().gone.get_or_insert(why);
        self.changed.notify_all();
    }
}

struct Thread<'a> {
    rank: usize,
    size: usize,
    shared: &'a Shared,
    aborted: RefCell<Option<i32>>,
}

fn mismatch() -> Error {
    Error::Communication {
        what: "the ranks make different collective calls, or with different lengths".into(),
    }
}

impl Thread<'_> {
    /// Hands in a piece and returns those of all ranks once all are there.
    fn exchange(&self, piece: Piece) -> Result<Arc<Vec<Piece>>> {
        let mut state = self.shared.lock();
        state.pieces[self.rank] = Some(piece);
        state.arrived += 1;
        if state.arrived == self.size {
            let all = state
                .pieces
                .iter_mut()
                .map(|p| p.take().unwrap_or(Piece::Nothing))
                .collect();
            state.result = Arc::new(all);
            state.arrived = 0;
            state.generation += 1;
            self.shared.changed.notify_all();
            return Ok(state.result.clone());
        }
        let generation = state.generation;
        loop {
            if state.generation != generation {
                return Ok(state.result.clone());
            }
            if let Some(why) = &state.gone {
                return Err(Error::Communication { what: why.clone() });
            }
            state = self
                .shared
                .changed
                .wait(state)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    fn fold(
        &self,
        call: &'static str,
        values: &mut [f64],
        combine: impl Fn(f64, f64) -> f64,
    ) -> Result<()> {
        let all = self.exchange(Piece::Reals(call, values.to_vec()))?;
        for (rank, piece) in all.iter().enumerate() {
            match piece {
                Piece::Reals(other, theirs) if *other == call && theirs.len() == values.len() => {
                    for (v, &t) in values.iter_mut().zip(theirs) {
                        *v = if rank == 0 { t } else { combine(*v, t) };
                    }
                }
                _ => return Err(mismatch()),
            }
        }
        Ok(())
    }

    fn all_bytes(&self, call: &'static str, piece: &[u8]) -> Result<Vec<Vec<u8>>> {
        let all = self.exchange(Piece::Bytes(call, piece.to_vec()))?;
        all.iter()
            .map(|p| match p {
                Piece::Bytes(other, bytes) if *other == call => Ok(bytes.clone()),
                _ => Err(mismatch()),
            })
            .collect()
    }
}

impl Comm for Thread<'_> {
    fn rank(&self) -> usize {
        self.rank
    }
    fn size(&self) -> usize {
        self.size
    }
    fn sum(&self, values: &mut [f64]) -> Result<()> {
        self.fold("sum", values, |a, b| a + b)
    }
    fn sum_on_root(&self, values: &mut [f64]) -> Result<()> {
        self.fold("sum_on_root", values, |a, b| a + b)?;
        if self.rank > 0 {
            // Nobody may rely on what is left here.
            values.fill(f64::NAN);
        }
        Ok(())
    }
    fn max(&self, values: &mut [f64]) -> Result<()> {
        self.fold("max", values, f64::max)
    }
    fn gather(&self, piece: &[f64]) -> Result<Vec<f64>> {
        let all = self.exchange(Piece::Reals("gather", piece.to_vec()))?;
        let mut joined = Vec::new();
        for p in all.iter() {
            match p {
                Piece::Reals("gather", v) if self.rank == 0 => joined.extend_from_slice(v),
                Piece::Reals("gather", _) => {}
                _ => return Err(mismatch()),
            }
        }
        Ok(joined)
    }
    fn gather_bytes(&self, piece: &[u8]) -> Result<Vec<u8>> {
        let all = self.all_bytes("gather_bytes", piece)?;
        Ok(if self.rank == 0 {
            all.concat()
        } else {
            Vec::new()
        })
    }
    fn broadcast(&self, values: &mut [f64]) -> Result<()> {
        self.fold("broadcast", values, |first, _| first)
    }
    fn broadcast_bytes(&self, bytes: &mut Vec<u8>) -> Result<()> {
        *bytes = self.all_bytes("broadcast_bytes", bytes)?.swap_remove(0);
        Ok(())
    }
    fn transpose(&self, pieces: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        let all = self.exchange(Piece::Table(pieces.to_vec()))?;
        all.iter()
            .map(|p| match p {
                Piece::Table(table) if table.len() == self.size => Ok(table[self.rank].clone()),
                _ => Err(mismatch()),
            })
            .collect()
    }
    fn transpose_singles(&self, pieces: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        let all = self.exchange(Piece::Singles(pieces.to_vec()))?;
        let own = |p: &Piece| match p {
            Piece::Singles(table) if table.len() == self.size => Ok(table[self.rank].clone()),
            _ => Err(mismatch()),
        };
        all.iter().map(own).collect()
    }
    fn fortran_handle(&self) -> Option<i32> {
        None
    }
    fn barrier(&self) -> Result<()> {
        let all = self.exchange(Piece::Nothing)?;
        if all.iter().all(|p| matches!(p, Piece::Nothing)) {
            Ok(())
        } else {
            Err(mismatch())
        }
    }
    fn alert(&self) {
        self.shared.lock().alerted = true;
    }
    fn alerted(&self) -> bool {
        self.shared.lock().alerted
    }
    fn meet(&self, _code: i32, _message: Option<&str>, _patience: f64) -> Result<()> {
        self.barrier()
    }
    fn leave(&self, code: i32, message: Option<&str>, _patience: f64) -> i32 {
        message.iter().for_each(|m| complain(m));
        let mut largest = [f64::from(code)];
        self.max(&mut largest).map_or(code, |()| largest[0] as i32)
    }
    /// Ends this thread and, through their next call, the others; [`run`] then unwinds in the
    /// caller.
    fn abort(&self, code: i32) -> ! {
        *self.aborted.borrow_mut() = Some(code);
        resume_unwind(Box::new(format!(
            "rank {} has aborted with code {code}",
            self.rank
        )))
    }
}

/// Runs `f` on `size` ranks, each a thread, and returns what each returned, in rank order.
///
/// A panic (or abort) of a rank makes the pending and later calls of the others fail with
/// `Error::Communication`; when all have ended, the first panic goes on in the caller.
pub fn run<T: Send>(size: usize, f: impl Fn(&dyn Comm) -> T + Sync) -> Vec<T> {
    let state = State {
        pieces: vec![None; size],
        ..State::default()
    };
    let shared = Shared {
        state: Mutex::new(state),
        changed: Condvar::new(),
    };
    let first_panic = Mutex::new(None);
    let one = |rank: usize| {
        let thread = Thread {
            rank,
            size,
            shared: &shared,
            aborted: RefCell::new(None),
        };
        match catch_unwind(AssertUnwindSafe(|| f(&thread))) {
            Ok(value) => {
                shared.leave(format!("rank {rank} has already ended"));
                Some(value)
            }
            Err(panic) => {
                if let Ok(mut first) = first_panic.lock() {
                    first.get_or_insert(panic);
                }
                let code = thread
                    .aborted
                    .into_inner()
                    .map_or("panicked".into(), |c| format!("aborted with code {c}"));
                shared.leave(format!("rank {rank} has {code}"));
                None
            }
        }
    };
    let results: Vec<Option<T>> = std::thread::scope(|scope| {
        let one = &one;
        let handles: Vec<_> = (0..size)
            .map(|rank| scope.spawn(move || one(rank)))
            .collect();
        handles
            .into_iter()
            .map(|h| h.join().ok().flatten())
            .collect()
    });
    if let Some(panic) = first_panic.into_inner().ok().flatten() {
        resume_unwind(panic);
    }
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::agree;
    use super::run;
    use crate::error::{Error, Result};

    #[test]
    fn every_call_on_one_to_four_ranks() {
        for size in 1..=4usize {
            let results: Vec<Result<Vec<u64>>> = run(size, |comm| {
                let r = comm.rank();
                assert_eq!(comm.size(), size);
                let mut v = [0.1 * (r as f64 + 1.0), -(r as f64)];
                comm.sum(&mut v)?;
                let mut expected = 0.1;
                (1..size).for_each(|q| expected += 0.1 * (q as f64 + 1.0));
                assert_eq!(v[0], expected);
                let sum = v[0].to_bits();
                let mut v = [r as f64, -(r as f64)];
                comm.max(&mut v)?;
                assert_eq!(v, [size as f64 - 1.0, 0.0]);

                let mut v = [r as f64, 1.0];
                comm.sum_on_root(&mut v)?;
                assert!(r > 0 || v == [(size * (size - 1) / 2) as f64, size as f64]);

                let all = comm.gather(&vec![r as f64; r])?;
                let whole: Vec<f64> = (0..size).flat_map(|q| vec![q as f64; q]).collect();
                assert_eq!(all, if r == 0 { whole } else { vec![] });
                let all = comm.gather_bytes(&vec![r as u8; 2 * r + 1])?;
                assert_eq!(all.len(), if r == 0 { size * size } else { 0 });

                let mut v = [r as f64 + 7.0];
                comm.broadcast(&mut v)?;
                assert_eq!(v, [7.0]);
                let mut b = vec![r as u8; r + 3];
                comm.broadcast_bytes(&mut b)?;
                assert_eq!(b, vec![0; 3]);

                let pieces: Vec<Vec<f64>> = (0..size)
                    .map(|q| vec![(10 * r + q) as f64; r + q])
                    .collect();
                let got = comm.transpose(&pieces)?;
                for (q, piece) in got.iter().enumerate() {
                    assert_eq!(*piece, vec![(10 * q + r) as f64; r + q]);
                }
                comm.barrier()?;
                Ok(vec![sum])
            });
            assert_eq!(results.len(), size);
            assert!(
                results.iter().all(|r| r.is_ok() && *r == results[0]),
                "same bytes on every rank"
            );
        }
    }

    #[test]
    fn a_panic_ends_the_others() {
        let outcome = std::panic::catch_unwind(|| {
            run(3, |comm| {
                if comm.rank() == 1 {
                    std::panic::resume_unwind(Box::new("broken"));
                }
                assert!(matches!(comm.barrier(), Err(Error::Communication { .. })));
            })
        });
        assert_eq!(outcome.unwrap_err().downcast_ref::<&str>(), Some(&"broken"));
    }

    #[test]
    fn an_early_end_an_abort_and_a_wrong_call_are_errors() {
        let results = run(2, |comm| {
            if comm.rank() == 0 {
                Ok(())
            } else {
                comm.barrier()
            }
        });
        assert!(results[1].is_err());
        let results = run(2, |comm| {
            if comm.rank() == 0 {
                comm.sum(&mut [1.0])
            } else {
                comm.barrier()
            }
        });
        assert!(results.iter().all(Result::is_err));
        let results = run(2, |comm| comm.sum(&mut vec![1.0; comm.rank()]));
        assert!(results.iter().any(Result::is_err));
        assert!(
            std::panic::catch_unwind(|| run(2, |comm| comm.rank() == 1 && comm.abort(3))).is_err()
        );
    }

    #[test]
    fn agreement_is_everywhere_or_nowhere() {
        let results = run(3, |comm| {
            let mine = if comm.rank() == 2 {
                Err(Error::input("k", "bad", "good"))
            } else {
                Ok(comm.rank())
            };
            agree(comm, mine)
        });
        assert_eq!(results[0], Err(Error::Elsewhere));
        assert!(matches!(results[2], Err(Error::Input { .. })));
    }
}
