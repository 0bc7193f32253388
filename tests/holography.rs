//! Spaces learned from their boundary: losses, gradients and strings against independent numbers,
//! and the section `[holography]` from input to files.

mod common;
#[path = "holography/room.rs"]
mod room;
