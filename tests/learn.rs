//! Wave functions that learn: likelihoods and gradients against reference numbers and finite
//! differences, trained machines, the section `[learn]` from input to files.

mod common;
#[path = "learn/golden.rs"]
mod golden;
#[path = "learn/moving.rs"]
mod moving;
#[path = "common/reference.rs"]
mod reference;
#[path = "learn/section.rs"]
mod section;
#[path = "learn/training.rs"]
mod training;
