//! Decides how messages are counted: a communicator that passes every call on and keeps a tally of
//! it.

use super::Comm;
use crate::error::Result;
use std::cell::Cell;
use std::ops::{Add, Sub};

/// Calls of one kind, and the bytes that this rank has brought to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Collective calls.
    pub messages: u64,
    /// Payload of this rank, before the library multiplies it: a vector counts once, whatever the
    /// number of ranks.
    pub bytes: u64,
}

impl Load {
    /// So many calls with `numbers` real numbers in all.
    pub const fn new(messages: usize, numbers: usize) -> Self {
        Load {
            messages: messages as u64,
            bytes: 8 * numbers as u64,
        }
    }
}

impl Add for Load {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Load {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Sub for Load {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Load {
            messages: self.messages - other.messages,
            bytes: self.bytes - other.bytes,
        }
    }
}

/// Calls by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sums and maxima whose result every rank gets.
    pub sum: Load,
    /// Sums whose result rank 0 gets.
    pub sum_on_root: Load,
    /// Pieces that rank 0 collects.
    pub gather: Load,
    /// What rank 0 tells.
    pub broadcast: Load,
    /// Pieces from every rank to every other; what stays on a rank is not counted.
    pub transpose: Load,
}

impl Traffic {
    /// Over all kinds.
    pub fn total(&self) -> Load {
        self.sum + self.sum_on_root + self.gather + self.broadcast + self.transpose
    }
    /// Kind by kind.
    pub fn combine(self, other: Self, f: impl Fn(Load, Load) -> Load) -> Self {
        Traffic {
            sum: f(self.sum, other.sum),
            sum_on_root: f(self.sum_on_root, other.sum_on_root),
            gather: f(self.gather, other.gather),
            broadcast: f(self.broadcast, other.broadcast),
            transpose: f(self.transpose, other.transpose),
        }
    }
}

/// A communicator with a tally.
pub struct Counting<'a> {
    inner: &'a dyn Comm,
    traffic: Cell<Traffic>,
}

impl<'a> Counting<'a> {
    /// Counts the calls that are passed on to `inner`.
    pub fn new(inner: &'a dyn Comm) -> Self {
        Counting {
            inner,
            traffic: Cell::default(),
        }
    }
    /// What was counted so far; starts again from nothing.
    pub fn take(&self) -> Traffic {
        self.traffic.take()
    }
    fn count(&self, kind: impl Fn(&mut Traffic) -> &mut Load, bytes: usize) {
        let mut traffic = self.traffic.get();
        let load = kind(&mut traffic);
        *load = *load
            + Load {
                messages: 1,
                bytes: bytes as u64,
            };
        self.traffic.set(traffic);
    }
    fn count_pieces<T>(&self, pieces: &[Vec<T>]) {
        let others = pieces.iter().enumerate().filter(|(r, _)| *r != self.rank());
        let bytes = others.map(|(_, p)| size_of_val(&p[..])).sum();
        self.count(|t| &mut t.transpose, bytes);
    }
}

impl Comm for Counting<'_> {
    fn rank(&self) -> usize {
        self.inner.rank()
    }
    fn size(&self) -> usize {
        self.inner.size()
    }
    fn sum(&self, values: &mut [f64]) -> Result<()> {
        self.count(|t| &mut t.sum, size_of_val(values));
        self.inner.sum(values)
    }
    fn sum_on_root(&self, values: &mut [f64]) -> Result<()> {
        self.count(|t| &mut t.sum_on_root, size_of_val(values));
        self.inner.sum_on_root(values)
    }
    fn max(&self, values: &mut [f64]) -> Result<()> {
        self.count(|t| &mut t.sum, size_of_val(values));
        self.inner.max(values)
    }
    fn gather(&self, piece: &[f64]) -> Result<Vec<f64>> {
        self.count(|t| &mut t.gather, size_of_val(piece));
        self.inner.gather(piece)
    }
    fn gather_bytes(&self, piece: &[u8]) -> Result<Vec<u8>> {
        self.count(|t| &mut t.gather, piece.len());
        self.inner.gather_bytes(piece)
    }
    fn broadcast(&self, values: &mut [f64]) -> Result<()> {
        self.count(|t| &mut t.broadcast, size_of_val(values));
        self.inner.broadcast(values)
    }
    fn broadcast_bytes(&self, bytes: &mut Vec<u8>) -> Result<()> {
        self.inner.broadcast_bytes(bytes)?;
        self.count(|t| &mut t.broadcast, bytes.len());
        Ok(())
    }
    fn transpose(&self, pieces: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        self.count_pieces(pieces);
        self.inner.transpose(pieces)
    }
    fn transpose_singles(&self, pieces: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        self.count_pieces(pieces);
        self.inner.transpose_singles(pieces)
    }
    fn fortran_handle(&self) -> Option<i32> {
        self.inner.fortran_handle()
    }
    fn barrier(&self) -> Result<()> {
        self.count(|t| &mut t.sum, 0);
        self.inner.barrier()
    }
    fn alert(&self) {
        self.inner.alert();
    }
    fn alerted(&self) -> bool {
        self.inner.alerted()
    }
    fn meet(&self, code: i32, message: Option<&str>, patience: f64) -> Result<()> {
        self.inner.meet(code, message, patience)
    }
    fn leave(&self, code: i32, message: Option<&str>, patience: f64) -> i32 {
        self.inner.leave(code, message, patience)
    }
    fn abort(&self, code: i32) -> ! {
        self.inner.abort(code)
    }
}
