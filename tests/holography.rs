//! Spaces learned from their boundary: losses, gradients and strings against independent numbers,
//! and the section `[holography]` from input to files.

mod common;
#[path = "holography/physics.rs"]
mod physics;
#[path = "common/reference.rs"]
mod reference;
#[path = "holography/room.rs"]
mod room;
#[path = "holography/section.rs"]
mod section;
