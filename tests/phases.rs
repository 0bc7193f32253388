//! Networks that see phase transitions: gradients and Newton steps of the room, the section
//! `[phases]` from input to files.

#[path = "phases/classical.rs"]
mod classical;
mod common;
#[path = "phases/faults.rs"]
mod faults;
#[path = "common/reference.rs"]
mod reference;
#[path = "phases/room.rs"]
mod room;
#[path = "phases/section.rs"]
mod section;
#[path = "phases/spins.rs"]
mod spins;
