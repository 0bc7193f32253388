//! Decides the lowest level of one sector: of a one-dimensional character of permutations of the
//! sites and of the flip of all spins.
//!
//! The block is that of a momentum with another group: P = |G|⁻¹ Σ_g χ*(g) T_g on words (A. W.
//! Sandvik, AIP Conf. Proc. 1297, 135 (2010), section 4.3). Characters of wave functions, ψ(g x) =
//! χ_g ψ(x), are the conjugates of those of the block.

use super::momentum::{MomentumBlock, block_bytes};
use super::{ExactOptions, checked_limit, krylov, lanczos_options, table_bytes};
use crate::ansatz::symmetrised::Element;
use crate::basis::Basis;
use crate::error::Result;
use crate::linalg::lanczos;
use crate::operator::TermTable;

/// The lowest energy of `table` in the sector of these characters; none where the sector is empty.
///
/// Errors: as for [`super::solve`].
pub fn lowest(
    table: &TermTable,
    basis: &Basis,
    elements: &[Element],
    options: &ExactOptions,
) -> Result<Option<f64>> {
    let limit = checked_limit(basis, options)?;
    let block = MomentumBlock::of_group(table, basis, elements, limit)?;
    let dimension = block.dimension();
    if dimension == 0 {
        return Ok(None);
    }
    let flips = table.flips.len();
    let fixed = block_bytes(dimension as f64, flips) + table_bytes(basis.sites());
    let one = ExactOptions {
        states: 1,
        ..options.clone()
    };
    let room = krylov(dimension as f64, 1, 16.0, 0.0, limit - fixed)?;
    let pairs = lanczos::lowest(
        dimension,
        |x, y| block.apply(x, y),
        &lanczos_options(&one, room, 1),
    )?;
    let (result, _) = super::collect(pairs, dimension);
    Ok(result.energies.first().copied())
}
