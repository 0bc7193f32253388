//! Networks that see phase transitions: gradients and Newton steps of the room, the section
//! `[phases]` from input to files.

mod common;
#[path = "common/reference.rs"]
mod reference;
#[path = "phases/room.rs"]
mod room;
#[path = "phases/section.rs"]
mod section;
#[path = "phases/spins.rs"]
mod spins;
