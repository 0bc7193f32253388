//! Perceptrons that learn from tables: the room, laws found in data, the section `[regression]`
//! from input to files.

mod common;
#[path = "regression/faults.rs"]
mod faults;
#[path = "regression/physics.rs"]
mod physics;
#[path = "common/reference.rs"]
mod reference;
#[path = "regression/room.rs"]
mod room;
#[path = "regression/section.rs"]
mod section;
#[path = "regression/worked.rs"]
mod worked;
