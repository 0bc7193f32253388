//! Decides what sections share that fit numbers to data, once for each seed: where a fit stands,
//! how ranks share fits out, how losses are written, what may stand beside them.

mod alone;
mod course;
mod load;
mod record;

pub(super) use alone::stands_alone;
pub(super) use course::{Course, advance};
pub(super) use load::{add_digest, content, load};
pub(super) use record::{Writer, curves, history};
