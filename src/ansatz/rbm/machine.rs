//! Decides what the walkers of a machine have to know of it: θ from the values of the sites, and
//! what a move does to the units and besides.

use super::kernel::{AngleChange, Kernel, Scaled};
use crate::ansatz::field::Field;
use crate::ansatz::{AnsatzFacts, DOUBLE};
use crate::basis::Move;
use crate::linalg::lanes::Lanes;
use crate::linalg::panels::Panels;
use crate::linalg::simd::Simd;
use crate::number::Scalar;

/// What a machine knows of its parameters, and what they say of a move.
pub trait Machine: Sync {
    /// Parameters are of this type.
    type Number: Kernel;
    /// Number of sites, the length of a row.
    fn length(&self) -> usize;
    /// Instructions that it runs with.
    fn simd(&self) -> Simd;
    /// Hidden units, without padding.
    fn hidden(&self) -> usize;
    /// From the inputs of a row to θ of all units (real parts, then imaginary parts) and the
    /// visible sum.
    fn weights(&self) -> &Panels;
    /// Number of inputs of a row.
    fn inputs(&self) -> usize;
    /// Writes the inputs of the row `x`.
    fn write_inputs(&self, x: &[i8], inputs: &mut [f64]);
    /// Lanes of a number of every unit.
    fn stride(&self) -> usize;
    /// Whether a few moves can carry p or r out of the range of numbers.
    fn steep(&self) -> bool;
    /// What the move from `x` does to the units; `room` holds two rows. None where θ has to answer.
    fn compose<'a, const SET: u8>(
        &'a self,
        x: &[i8],
        step: Move,
        room: &'a mut [Vec<Lanes>; 2],
    ) -> Option<AngleChange<'a>>;
    /// `product` times what multiplies ψ besides the units when the move is made from `x`.
    fn front(&self, x: &[i8], step: Move, product: Scaled<Self::Number>) -> Scaled<Self::Number>;
}

/// What callers have to know of a machine with walkers of so many bytes.
pub(super) fn facts<M: Machine>(machine: &M, bytes_per_walker: usize) -> AnsatzFacts {
    // Of each unit two numbers are read, multiplied and added, and their product taken.
    let per_unit = if M::Number::COMPLEX { 14.0 } else { 3.0 };
    AnsatzFacts {
        kind: M::Number::kind(),
        precision: DOUBLE,
        positive: !M::Number::COMPLEX,
        bytes_per_walker,
        derivative_bytes: 0,
        derivative_scratch: 0,
        operations: per_unit * machine.hidden() as f64,
    }
}
