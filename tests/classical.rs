//! Classical Monte Carlo: exact tables, samplers against them, files, restarts, ranks, commands.

#[path = "classical/room.rs"]
mod room;

#[path = "classical/section.rs"]
mod section;

#[path = "classical/physics.rs"]
mod physics;

#[path = "common/mod.rs"]
mod common;
#[path = "common/reference.rs"]
mod reference;
