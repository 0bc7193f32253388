//! Decides how a calculation runs whose whole state is a record: one row per block, each from those
//! before.
//!
//! r_n = f(r_1, …, r_{n−1}): marks, saves, restarts and results follow from the rows alone.

use super::calculation::{Calculation, Cost, Loaded, Progress};
use super::curves::{Curves, Record, load_rows, save_rows};
use super::desk::Desk;
use crate::comm::Comm;
use crate::error::Result;
use crate::io::tree::Tree;

/// What makes the rows.
pub trait Recurrence {
    /// A row of the record.
    type Row: Record;
    /// Rows at the end.
    fn length(&self) -> usize;
    /// The row behind `rows`, the same on every rank; collective. Errors as in
    /// [`Calculation::block`].
    fn next(&mut self, rows: &[Self::Row], desk: &mut Desk) -> Result<Self::Row>;
}

/// A [`Recurrence`] as a calculation.
pub struct Recurring<R: Recurrence> {
    curves: &'static Curves,
    recurrence: R,
    rows: Vec<R::Row>,
    mark: usize,
}

impl<R: Recurrence> Recurring<R> {
    /// At its start; `curves` names the record in results.
    pub fn new(curves: &'static Curves, recurrence: R) -> Self {
        Recurring {
            curves,
            recurrence,
            rows: Vec::new(),
            mark: 0,
        }
    }

    /// The shown columns of a row, for the log.
    fn line(&self, row: &R::Row) -> String {
        let numbers = row.numbers();
        let column = |name: &&str| {
            let place = R::Row::COLUMNS.iter().position(|c| c.name == *name)?;
            Some(format!("{name} = {:.6e}", numbers[place]))
        };
        let shown: Vec<String> = self.curves.shown.iter().filter_map(column).collect();
        shown.join(", ")
    }
}

impl<R: Recurrence> Calculation for Recurring<R> {
    fn cost(&self) -> Cost {
        let rows = self.recurrence.length() as f64;
        Cost {
            blocks: rows,
            bytes: rows * (size_of::<f64>() * R::Row::COLUMNS.len()) as f64,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        let (done, length) = (self.rows.len(), self.recurrence.length());
        if done < length {
            let row = self.recurrence.next(&self.rows, desk)?;
            desk.line(done, length, &self.line(&row));
            self.rows.push(row);
        }
        Ok(match self.rows.len() < length {
            true => Progress::GoesOn,
            false => Progress::Done,
        })
    }
    fn mark(&mut self) {
        self.mark = self.rows.len();
    }
    fn rewind(&mut self) -> Result<()> {
        self.rows.truncate(self.mark);
        Ok(())
    }
    fn save(&self, out: &mut Tree, _comm: &dyn Comm) -> Result<()> {
        save_rows(out, "rows", &self.rows);
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        self.rows = load_rows(from, "rows")?;
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        save_rows(out, self.curves.group, &self.rows);
        Ok(())
    }
    fn place(&self) -> String {
        format!("{} {}", self.curves.row, self.rows.len())
    }
}
