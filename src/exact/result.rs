//! Decides what an exact diagonalisation reports, and how it is stored.

use crate::io::tree::Tree;
use crate::linalg::lanczos::Eigenpair;
use crate::number::Scalar;
use num_complex::Complex64;

/// The lowest levels.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactResult {
    /// Energies in increasing order, degenerate levels as often as they occur; fewer than asked for
    /// in a smaller space.
    pub energies: Vec<f64>,
    /// ‖H v − E v‖ of each level, the square root of its energy variance.
    pub residuals: Vec<f64>,
    /// Number of states in the space or block that was diagonalised.
    pub dimension: usize,
    /// Normalised eigenvectors over the states of the basis in the order of
    /// [`crate::basis::StateIndex`]; `None` where they do not fit.
    pub vectors: Option<Vec<Vec<Complex64>>>,
}

/// Energies and residuals of `pairs`, and their vectors.
pub(super) fn collect<T: Scalar>(
    pairs: Vec<Eigenpair<T>>,
    dimension: usize,
) -> (ExactResult, Vec<Vec<T>>) {
    let energies = pairs.iter().map(|p| p.energy).collect();
    let residuals = pairs.iter().map(|p| p.residual).collect();
    let vectors = pairs.into_iter().map(|p| p.vector).collect();
    (
        ExactResult {
            energies,
            residuals,
            dimension,
            vectors: None,
        },
        vectors,
    )
}

impl ExactResult {
    /// `energies`, `residuals`, `dimension` and, where the vectors are there,
    /// `states/<n>/amplitudes`.
    pub fn to_tree(&self) -> Tree {
        let mut tree = Tree::default();
        tree.put_reals("energies", &self.energies);
        tree.notes.insert(
            "energies".into(),
            ("coupling".into(), "lowest energies, in order".into()),
        );
        tree.put_reals("residuals", &self.residuals);
        tree.notes.insert(
            "residuals".into(),
            ("coupling".into(), "norm of H v - E v".into()),
        );
        tree.put_integer("dimension", self.dimension as i64);
        for (n, v) in self.vectors.iter().flatten().enumerate() {
            let path = format!("states/{n}/amplitudes");
            tree.put_complex(&path, &[v.len()], v);
            tree.notes.insert(
                path,
                (
                    "1".into(),
                    "amplitudes in the order of the words of up spins".into(),
                ),
            );
        }
        tree
    }
}
