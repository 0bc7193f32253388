//! Decides which laws each kind of part has to obey; public, so that parts of other crates can be
//! held to them.

mod ansatz;
mod basis;
mod calculation;
mod derivatives;
mod ensemble;
mod moves;
mod observable;
mod operator;
mod optimizer;

pub use ansatz::{laws, shape};
pub use basis::basis;
pub use calculation::calculation;
pub use derivatives::operator_is_matrix;
pub use ensemble::{KnownState, ensemble};
pub use moves::moves;
pub use observable::{observable, refusal};
pub use operator::operator;
pub use optimizer::optimizer;

use num_complex::Complex64;

/// What a broken law says.
pub type Verdict = std::result::Result<(), String>;

/// Whether the numbers agree; never if one is not a number.
fn is_close(a: Complex64, b: Complex64, tolerance: f64) -> bool {
    a == b || (a - b).norm() <= tolerance * (1.0 + b.norm())
}
