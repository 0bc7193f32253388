//! Decides how many columns of numbers, one for each configuration, are multiplied by fixed
//! matrices, so that a column's result has the same bits beside any others.
//!
//! y_o += Σ_k A_ko x_k and g_ko += Σ_t x_tk d_to, summed in the given order, column by column. A
//! row holds the numbers of all columns side by side, as vector registers do.

mod outer;
mod products;
#[cfg(test)]
mod tests;

pub use outer::add_outer;
pub use products::{Run, SheetTerms, Weights, add_product};

use crate::number::Real;

/// Columns are a multiple of this many.
pub const LANES: usize = 8;

/// Rows of numbers, one number per column.
#[derive(Debug, Clone, Default)]
pub struct Sheet<R = f64> {
    columns: usize,
    numbers: Vec<R>,
}

impl<R: Real> Sheet<R> {
    /// Zeros, for at least `columns` columns.
    pub fn new(rows: usize, columns: usize) -> Self {
        let mut sheet = Sheet::default();
        sheet.fit(rows, columns);
        sheet
    }
    /// Makes room for as many rows and at least `columns` columns; what it held is lost.
    pub fn fit(&mut self, rows: usize, columns: usize) {
        self.columns = columns.next_multiple_of(LANES);
        self.numbers.resize(rows * self.columns, R::default());
    }
    /// Sets all numbers to zero.
    pub fn clear(&mut self) {
        self.numbers.fill(R::default());
    }
    /// Numbers in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }
    /// One row.
    pub fn row(&self, r: usize) -> &[R] {
        &self.numbers[r * self.columns..][..self.columns]
    }
    /// One row, to be changed.
    pub fn row_mut(&mut self, r: usize) -> &mut [R] {
        &mut self.numbers[r * self.columns..][..self.columns]
    }
    /// `count` rows from `first` on, row by row.
    pub fn rows(&self, first: usize, count: usize) -> &[R] {
        &self.numbers[first * self.columns..][..count * self.columns]
    }
    /// The same, to be changed.
    pub fn rows_mut(&mut self, first: usize, count: usize) -> &mut [R] {
        &mut self.numbers[first * self.columns..][..count * self.columns]
    }
    /// All rows, to be read.
    pub fn view(&self) -> SheetView<'_, R> {
        SheetView {
            columns: self.columns,
            numbers: &self.numbers,
        }
    }
    /// The rows before row `r`, and `count` rows from it on to be changed.
    pub fn around(&mut self, r: usize, count: usize) -> (SheetView<'_, R>, &mut [R]) {
        let (before, own) = self.numbers.split_at_mut(r * self.columns);
        let view = SheetView {
            columns: self.columns,
            numbers: before,
        };
        (view, &mut own[..count * self.columns])
    }
    /// The number in a row and a column.
    pub fn get(&self, r: usize, c: usize) -> R {
        self.numbers[r * self.columns + c]
    }
    /// Replaces it.
    pub fn set(&mut self, r: usize, c: usize, value: R) {
        self.numbers[r * self.columns + c] = value;
    }
    /// Makes column `c` of the rows from `first` on the numbers `from`.
    pub fn put_column(&mut self, first: usize, c: usize, from: &[R]) {
        let own = self.numbers[first * self.columns + c..].iter_mut();
        own.step_by(self.columns)
            .zip(from)
            .for_each(|(x, &y)| *x = y);
    }
    /// Calls `put` with every row, column and number of `count` rows from `first` on, in an order
    /// in which neighbouring rows and columns are near each other.
    pub fn visit(
        &self,
        first: usize,
        count: usize,
        columns: usize,
        mut put: impl FnMut(usize, usize, R),
    ) {
        let rows = self.rows(first, count);
        for (b, rows) in rows.chunks(LANES * self.columns.max(1)).enumerate() {
            for c in 0..columns {
                let own = rows[c..].iter().step_by(self.columns);
                own.enumerate().for_each(|(r, &x)| put(b * LANES + r, c, x));
            }
        }
    }
    /// Copies column `c` of the rows from `first` on to `to`.
    pub fn copy_column(&self, first: usize, c: usize, to: &mut [R]) {
        let own = self.numbers[first * self.columns + c..].iter();
        to.iter_mut()
            .zip(own.step_by(self.columns))
            .for_each(|(y, &x)| *y = x);
    }
}

/// Rows that are read.
#[derive(Debug, Clone, Copy)]
pub struct SheetView<'a, R = f64> {
    columns: usize,
    numbers: &'a [R],
}

impl<'a, R: Real> SheetView<'a, R> {
    /// Numbers in a row.
    pub fn columns(self) -> usize {
        self.columns
    }
    /// One row.
    pub fn row(self, r: usize) -> &'a [R] {
        self.rows(r, 1)
    }
    /// `count` rows from `first` on, row by row.
    pub fn rows(self, first: usize, count: usize) -> &'a [R] {
        &self.numbers[first * self.columns..][..count * self.columns]
    }
}
