//! Decides how rows of features are normalised: LN(x)_a = γ_a (x_a − m)/S + β_a with the mean m of
//! all a and S = √(variance + 10⁻⁶) (J. L. Ba et al., arXiv:1607.06450).

use super::network::Parameters;
use crate::linalg::sheets::{Sheet, SheetView};
use crate::number::Real;

const FLOOR: f64 = 1e-6;

/// Where γ and β start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    pub(super) gains: usize,
    pub(super) shifts: usize,
    pub(super) width: usize,
}

impl Norm {
    /// Adds the blocks `name.g`, of ones, and `name.b`, of zeros.
    pub(super) fn new<R: Real>(table: &mut Parameters<R>, name: &str, width: usize) -> Self {
        Norm {
            gains: table.constant(&format!("{name}.g"), &[width], 1.0),
            shifts: table.constant(&format!("{name}.b"), &[width], 0.0),
            width,
        }
    }

    /// (x − m)/S in place, in whole rows; 1/S of every column.
    fn centre<R: Real>(&self, x: &mut [R], columns: usize) -> Vec<R> {
        let d = R::from_f64(self.width as f64);
        let (mut mean, mut scale) = (vec![R::default(); columns], vec![R::default(); columns]);
        for row in x.chunks_exact(columns) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += *x);
        }
        mean.iter_mut().for_each(|m| *m = *m / d);
        for row in x.chunks_exact_mut(columns) {
            for ((x, m), s) in row.iter_mut().zip(&mean).zip(&mut scale) {
                *x = *x - *m;
                *s += *x * *x;
            }
        }
        scale
            .iter_mut()
            .for_each(|s| *s = R::from_f64(1.0 / ((*s / d).to_f64() + FLOOR).sqrt()));
        for row in x.chunks_exact_mut(columns) {
            row.iter_mut().zip(&scale).for_each(|(x, s)| *x *= *s);
        }
        scale
    }

    /// LN(x) of the rows of `x` from `row` on, to whole rows.
    pub(super) fn apply<R: Real>(
        &self,
        table: &Parameters<R>,
        x: (SheetView<R>, usize),
        y: &mut [R],
    ) {
        let columns = x.0.columns();
        y.copy_from_slice(x.0.rows(x.1, self.width));
        self.centre(y, columns);
        for (a, row) in y.chunks_exact_mut(columns).enumerate() {
            let (g, b) = (
                table.weights[self.gains + a],
                table.weights[self.shifts + a],
            );
            row.iter_mut().for_each(|y| *y = g * *y + b);
        }
    }

    /// Makes derivatives `by` the output those by the input of the rows of `x` from `row` on; adds
    /// those by γ and β to `out`.
    pub(super) fn reverse<R: Real>(
        &self,
        table: &Parameters<R>,
        x: (SheetView<R>, usize),
        by: &mut [R],
        out: &mut Sheet<R>,
    ) {
        let (columns, d) = (x.0.columns(), R::from_f64(self.width as f64));
        let mut n = x.0.rows(x.1, self.width).to_vec();
        let scale = self.centre(&mut n, columns);
        let (mut first, mut second) = (vec![R::default(); columns], vec![R::default(); columns]);
        let rows = by.chunks_exact_mut(columns).zip(n.chunks_exact(columns));
        for (a, (by, n)) in rows.enumerate() {
            let g = table.weights[self.gains + a];
            let gains = out.row_mut(self.gains + a).iter_mut();
            gains
                .zip(by.iter().zip(n))
                .for_each(|(out, (by, n))| *out += *by * *n);
            let shifts = out.row_mut(self.shifts + a).iter_mut();
            shifts.zip(by.iter()).for_each(|(out, by)| *out += *by);
            let sums = first.iter_mut().zip(&mut second);
            for ((by, n), (first, second)) in by.iter_mut().zip(n).zip(sums) {
                *by *= g;
                *first += *by / d;
                *second += *by * *n / d;
            }
        }
        for (by, n) in by.chunks_exact_mut(columns).zip(n.chunks_exact(columns)) {
            for (c, (by, n)) in by.iter_mut().zip(n).enumerate() {
                *by = (*by - first[c] - *n * second[c]) * scale[c];
            }
        }
    }
}
