//! Decides how a space is learned from what happens at its boundary, and what strings in it weigh:
//! the layers of a network are slices of the space, their weights its metric.
//!
//! K. Hashimoto, S. Sugishita, A. Tanaka, A. Tomiya, Phys. Rev. D 98, 046019 and 106014 (2018).
//! [`bulk`] says what the space is, [`layers`] carries points of the boundary to the horizon and
//! gradients back, [`data`] draws points, [`training`] fits the metric, [`potential`] hangs strings
//! into it.

pub mod bulk;
pub mod data;
mod entrance;
pub mod layers;
pub mod potential;
mod quadrature;
pub mod spline;
pub mod training;
