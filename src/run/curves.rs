//! Decides how records of numbers are named: columns with units and meanings, rows as structures,
//! one dataset per column.

use crate::error::Result;
use crate::io::tree::{Tree, Value, shaped};

/// A column of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name of the dataset.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What the numbers are.
    pub meaning: &'static str,
}

/// Columns that grow with a calculation and can be shown as curves.
#[derive(Debug, Clone, Copy)]
pub struct Curves {
    /// The group in results, such as `optimize/history`.
    pub group: &'static str,
    /// The columns.
    pub columns: &'static [Column],
    /// The column along the axis; the number of the row, from 1, where there is none.
    pub across: Option<&'static str>,
    /// What a row is: "step", "time".
    pub row: &'static str,
    /// Wall times of the rows.
    pub seconds: &'static str,
    /// Columns that `plot` draws one by one, `info` quotes at their end and `watch` lists.
    pub shown: &'static [&'static str],
    /// The number that stands for one that is not known, where there is such a number.
    pub unknown: Option<f64>,
}

impl Curves {
    /// The columns of a record against the number of the row, which is a `row`; none of them shown.
    pub const fn of<R: Record>(group: &'static str, row: &'static str) -> Self {
        Curves {
            group,
            columns: R::COLUMNS,
            across: None,
            row,
            seconds: "",
            shown: &[],
            unknown: None,
        }
    }

    /// Whether a number of these columns is known.
    pub fn knows(&self, value: f64) -> bool {
        self.unknown != Some(value)
    }
}

/// A row of numbers with a name for each.
pub trait Record: Sized + Clone {
    /// Names, units and meanings, in the order of the numbers.
    const COLUMNS: &'static [Column];
    /// The numbers in the order of the columns.
    fn numbers(&self) -> Vec<f64>;
    /// The row of such numbers; those that are missing are 0.
    fn from_numbers(numbers: &[f64]) -> Self;
}

/// Declares a structure of real numbers whose fields are the columns of a record: name, unit,
/// meaning.
#[macro_export]
macro_rules! record {
    ($(#[$about:meta])* pub struct $name:ident {
        $($field:ident: $unit:literal, $meaning:expr;)+
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq)]
        pub struct $name {
            $(#[doc = concat!("Column `", stringify!($field), "`.")] pub $field: f64,)+
        }
        impl $crate::run::Record for $name {
            const COLUMNS: &'static [$crate::run::Column] = &[$($crate::run::Column {
                name: stringify!($field), unit: $unit, meaning: $meaning,
            },)+];
            fn numbers(&self) -> Vec<f64> {
                vec![$(self.$field,)+]
            }
            fn from_numbers(numbers: &[f64]) -> Self {
                let mut numbers = numbers.iter().copied();
                $name { $($field: numbers.next().unwrap_or(0.0),)+ }
            }
        }
    };
}

/// Writes one dataset per column under `group`.
pub fn save_rows<R: Record>(tree: &mut Tree, group: &str, rows: &[R]) {
    let rows: Vec<Vec<f64>> = rows.iter().map(Record::numbers).collect();
    for (k, column) in R::COLUMNS.iter().enumerate() {
        let values: Vec<f64> = rows.iter().map(|row| row[k]).collect();
        tree.describe(
            &format!("{group}/{}", column.name),
            Value::Real(shaped(&[values.len()], values)),
            column.unit,
            column.meaning,
        );
    }
}

/// Reads back what [`save_rows`] has written. A column behind the first that the program of the
/// file did not know yet is 0.
pub fn load_rows<R: Record>(tree: &Tree, group: &str) -> Result<Vec<R>> {
    let path = |column: &Column| format!("{group}/{}", column.name);
    let first = R::COLUMNS.first().map(|column| tree.reals(&path(column)));
    let rows = first.transpose()?.unwrap_or_default().len();
    let read = |column: &Column| match tree.datasets.contains_key(&path(column)) {
        true => tree.reals(&path(column)),
        false => Ok(vec![0.0; rows]),
    };
    let all: Vec<Vec<f64>> = R::COLUMNS.iter().map(read).collect::<Result<_>>()?;
    let length = all.iter().map(Vec::len).min().unwrap_or(0);
    let row = |i: usize| R::from_numbers(&all.iter().map(|c| c[i]).collect::<Vec<_>>());
    Ok((0..length).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    record! {
        /// Two numbers.
        pub struct Pair {
            first: "1", "the first";
            second: "s", "the second";
        }
    }

    #[test]
    fn rows_come_back_and_columns_are_named() {
        let rows: Vec<Pair> = (0..3)
            .map(|k| Pair {
                first: f64::from(k),
                second: -1.5 * f64::from(k),
            })
            .collect();
        let mut tree = Tree::default();
        save_rows(&mut tree, "x", &rows);
        assert_eq!(load_rows::<Pair>(&tree, "x").unwrap(), rows);
        let mut older = tree.clone();
        older.datasets.remove("x/second");
        let read = load_rows::<Pair>(&older, "x").unwrap();
        assert!(read.len() == 3 && read[2].first == 2.0 && read[2].second == 0.0);
        older.datasets.remove("x/first");
        assert!(load_rows::<Pair>(&older, "x").is_err());
        assert_eq!(tree.reals("x/second").unwrap(), [0.0, -1.5, -3.0]);
        assert_eq!(
            tree.notes["x/second"],
            ("s".to_string(), "the second".to_string())
        );
    }
}
