//! Decides what one rank without a launcher does: every collective call is the identity.

use super::Comm;
use crate::error::{Result, complain};

/// One rank, alone; MPI is not initialised at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Serial;

impl Comm for Serial {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        1
    }
    fn sum(&self, _values: &mut [f64]) -> Result<()> {
        Ok(())
    }
    fn sum_on_root(&self, _values: &mut [f64]) -> Result<()> {
        Ok(())
    }
    fn max(&self, _values: &mut [f64]) -> Result<()> {
        Ok(())
    }
    fn gather(&self, piece: &[f64]) -> Result<Vec<f64>> {
        Ok(piece.to_vec())
    }
    fn gather_bytes(&self, piece: &[u8]) -> Result<Vec<u8>> {
        Ok(piece.to_vec())
    }
    fn broadcast(&self, _values: &mut [f64]) -> Result<()> {
        Ok(())
    }
    fn broadcast_bytes(&self, _bytes: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
    fn transpose(&self, pieces: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        Ok(pieces.to_vec())
    }
    fn transpose_singles(&self, pieces: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        Ok(pieces.to_vec())
    }
    fn fortran_handle(&self) -> Option<i32> {
        None
    }
    fn barrier(&self) -> Result<()> {
        Ok(())
    }
    fn alert(&self) {}
    fn alerted(&self) -> bool {
        false
    }
    fn meet(&self, _code: i32, _message: Option<&str>, _patience: f64) -> Result<()> {
        Ok(())
    }
    fn leave(&self, code: i32, message: Option<&str>, _patience: f64) -> i32 {
        message.iter().for_each(|m| complain(m));
        code
    }
    fn abort(&self, code: i32) -> ! {
        std::process::exit(code)
    }
}
