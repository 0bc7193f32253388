//! Decides what the program can put in a file: a tree of named arrays and texts, held in memory,
//! blind to the file format.
//!
//! Every stateful type saves itself into a [`Tree`] under a prefix that it is handed and loads
//! itself back; `io/hdf5` alone turns a tree into a file and back.

use crate::error::{Error, Result};
use ndarray::{ArrayD, IxDyn};
use num_complex::Complex64;
use std::collections::BTreeMap;

/// One dataset.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Real numbers.
    Real(ArrayD<f64>),
    /// Complex numbers, stored as compounds (r, i).
    Complex(ArrayD<Complex64>),
    /// Counts and indices.
    Integer(ArrayD<i64>),
    /// Configurations.
    Spin(ArrayD<i8>),
    /// One UTF-8 text.
    Text(String),
    /// A list of UTF-8 texts.
    Texts(Vec<String>),
}

impl Value {
    /// Whether all numbers are finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Value::Real(a) => a.iter().all(|v| v.is_finite()),
            Value::Complex(a) => a.iter().all(|v| v.re.is_finite() && v.im.is_finite()),
            _ => true,
        }
    }
}

/// A file's content: paths such as `parameters/W` with their values, and for each an optional
/// (unit, meaning).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    /// Datasets by path.
    pub datasets: BTreeMap<String, Value>,
    /// Unit and meaning of a dataset, written as its attributes.
    pub notes: BTreeMap<String, (String, String)>,
}

/// The dynamic-dimensional array of `shape` from a row-major vector; a vector of another length is
/// kept one-dimensional.
pub fn shaped<T>(shape: &[usize], values: Vec<T>) -> ArrayD<T> {
    let length = values.len();
    let shape = if shape.iter().product::<usize>() == length {
        shape.to_vec()
    } else {
        vec![length]
    };
    ArrayD::from_shape_vec(IxDyn(&shape), values)
        .unwrap_or_else(|_| unreachable!("the shape was made to fit"))
}

impl Tree {
    /// Puts a value.
    pub fn put(&mut self, path: &str, value: Value) {
        self.datasets.insert(path.to_string(), value);
    }
    /// Puts a value with its unit and meaning.
    pub fn describe(&mut self, path: &str, value: Value, unit: &str, meaning: &str) {
        self.put(path, value);
        self.notes
            .insert(path.to_string(), (unit.to_string(), meaning.to_string()));
    }
    /// Puts one real number.
    pub fn put_real(&mut self, path: &str, value: f64) {
        self.put(path, Value::Real(shaped(&[], vec![value])));
    }
    /// Puts real numbers in one dimension.
    pub fn put_reals(&mut self, path: &str, values: &[f64]) {
        self.put(path, Value::Real(shaped(&[values.len()], values.to_vec())));
    }
    /// Puts one integer.
    pub fn put_integer(&mut self, path: &str, value: i64) {
        self.put(path, Value::Integer(shaped(&[], vec![value])));
    }
    /// Puts integers in one dimension.
    pub fn put_integers(&mut self, path: &str, values: &[i64]) {
        self.put(
            path,
            Value::Integer(shaped(&[values.len()], values.to_vec())),
        );
    }
    /// Puts one text.
    pub fn put_text(&mut self, path: &str, value: impl Into<String>) {
        self.put(path, Value::Text(value.into()));
    }
    /// Puts spins of the given shape.
    pub fn put_spins(&mut self, path: &str, shape: &[usize], values: &[i8]) {
        self.put(path, Value::Spin(shaped(shape, values.to_vec())));
    }
    /// Puts complex numbers of the given shape.
    pub fn put_complex(&mut self, path: &str, shape: &[usize], values: &[Complex64]) {
        self.put(path, Value::Complex(shaped(shape, values.to_vec())));
    }

    /// The datasets below `prefix`, with paths from there on.
    pub fn group(&self, prefix: &str) -> Tree {
        let inside = |path: &str| {
            let rest = path.strip_prefix(prefix)?.strip_prefix('/')?;
            Some(rest.to_string())
        };
        let datasets = self.datasets.iter();
        let notes = self.notes.iter();
        Tree {
            datasets: datasets
                .filter_map(|(path, value)| Some((inside(path)?, value.clone())))
                .collect(),
            notes: notes
                .filter_map(|(path, note)| Some((inside(path)?, note.clone())))
                .collect(),
        }
    }
    /// Puts all datasets of `group` below `prefix`.
    pub fn put_group(&mut self, prefix: &str, group: Tree) {
        let under = |path: String| format!("{prefix}/{path}");
        let datasets = group.datasets.into_iter();
        self.datasets
            .extend(datasets.map(|(path, value)| (under(path), value)));
        let notes = group.notes.into_iter();
        self.notes
            .extend(notes.map(|(path, note)| (under(path), note)));
    }
    /// Puts all datasets of another tree.
    pub fn append(&mut self, other: Tree) {
        self.datasets.extend(other.datasets);
        self.notes.extend(other.notes);
    }
    /// Removes all datasets below `prefix`.
    pub fn remove_group(&mut self, prefix: &str) {
        let inside = |path: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        self.datasets.retain(|path, _| !inside(path));
        self.notes.retain(|path, _| !inside(path));
    }

    /// The datasets as bytes, to be sent to another rank; without units and meanings.
    pub fn to_bytes(&self) -> Vec<u8> {
        fn put<T>(out: &mut Vec<u8>, kind: u8, a: &ArrayD<T>, write: impl Fn(&T, &mut Vec<u8>)) {
            out.push(kind);
            out.extend((a.ndim() as u64).to_le_bytes());
            a.shape()
                .iter()
                .for_each(|&n| out.extend((n as u64).to_le_bytes()));
            a.iter().for_each(|v| write(v, out));
        }
        fn text(t: &str, out: &mut Vec<u8>) {
            out.extend((t.len() as u64).to_le_bytes());
            out.extend(t.as_bytes());
        }
        let mut out = Vec::new();
        for (name, value) in &self.datasets {
            text(name, &mut out);
            match value {
                Value::Real(a) => put(&mut out, 0, a, |v, out| out.extend(v.to_le_bytes())),
                Value::Complex(a) => {
                    put(&mut out, 1, a, |v, out| {
                        [v.re, v.im]
                            .iter()
                            .for_each(|x| out.extend(x.to_le_bytes()))
                    });
                }
                Value::Integer(a) => put(&mut out, 2, a, |v, out| out.extend(v.to_le_bytes())),
                Value::Spin(a) => put(&mut out, 3, a, |v, out| out.push(*v as u8)),
                Value::Text(t) => put(&mut out, 4, &shaped(&[], vec![t]), |t, out| text(t, out)),
                Value::Texts(list) => put(
                    &mut out,
                    5,
                    &shaped(&[list.len()], list.iter().collect()),
                    |t, out| text(t, out),
                ),
            }
        }
        out
    }

    /// The tree of [`Tree::to_bytes`]; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        fn take<'b>(bytes: &mut &'b [u8], n: usize) -> Option<&'b [u8]> {
            let (mine, rest) = bytes.split_at_checked(n)?;
            *bytes = rest;
            Some(mine)
        }
        fn word(bytes: &mut &[u8]) -> Option<[u8; 8]> {
            take(bytes, 8)?.try_into().ok()
        }
        fn length(bytes: &mut &[u8]) -> Option<usize> {
            word(bytes)
                .map(|w| u64::from_le_bytes(w) as usize)
                .filter(|&n| n < 1 << 48)
        }
        fn text(bytes: &mut &[u8]) -> Option<String> {
            let n = length(bytes)?;
            String::from_utf8(take(bytes, n)?.to_vec()).ok()
        }
        fn real(bytes: &mut &[u8]) -> Option<f64> {
            word(bytes).map(f64::from_le_bytes)
        }
        let (mut tree, mut rest) = (Tree::default(), bytes);
        while !rest.is_empty() {
            let name = text(&mut rest)?;
            let kind = take(&mut rest, 1)?[0];
            let dimensions = length(&mut rest)?;
            let shape = (0..dimensions)
                .map(|_| length(&mut rest))
                .collect::<Option<Vec<usize>>>()?;
            let n: usize = shape.iter().product();
            let rest = &mut rest;
            let value = match kind {
                0 => Value::Real(shaped(
                    &shape,
                    (0..n).map(|_| real(rest)).collect::<Option<_>>()?,
                )),
                1 => {
                    let one = |_| Some(Complex64::new(real(rest)?, real(rest)?));
                    Value::Complex(shaped(&shape, (0..n).map(one).collect::<Option<_>>()?))
                }
                2 => {
                    let one = |_| word(rest).map(i64::from_le_bytes);
                    Value::Integer(shaped(&shape, (0..n).map(one).collect::<Option<_>>()?))
                }
                3 => Value::Spin(shaped(
                    &shape,
                    take(rest, n)?.iter().map(|&b| b as i8).collect(),
                )),
                4 => Value::Text(text(rest)?),
                5 => Value::Texts((0..n).map(|_| text(rest)).collect::<Option<_>>()?),
                _ => return None,
            };
            tree.put(&name, value);
        }
        Some(tree)
    }

    /// Removes the datasets with a number that is not finite and returns their paths.
    pub fn leave_out_unfinite(&mut self) -> Vec<String> {
        self.leave_out_unfinite_below("")
    }

    /// The same, of the datasets whose path contains `part`.
    pub fn leave_out_unfinite_below(&mut self, part: &str) -> Vec<String> {
        let unfinite =
            |(path, value): &(&String, &Value)| path.contains(part) && !value.is_finite();
        let found = self.datasets.iter().filter(unfinite);
        let paths: Vec<String> = found.map(|(path, _)| path.clone()).collect();
        for path in &paths {
            self.datasets.remove(path);
            self.notes.remove(path);
        }
        paths
    }

    /// An error that names the first dataset with a number that is not finite; nothing of the kind
    /// is ever written.
    pub fn check_finite(&self) -> Result<()> {
        match self.datasets.iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((path, _)) => Err(Error::numerical(
                format!("{path} holds a number that is not finite, and is not written"),
                "lower optimize.learning_rate, or take more samples",
            )),
        }
    }

    fn wrong(path: &str, wanted: &str) -> Error {
        Error::output(
            path,
            format!("the file has no dataset of this name that holds {wanted}"),
        )
    }
    /// One real number.
    pub fn real(&self, path: &str) -> Result<f64> {
        self.reals(path)?
            .first()
            .copied()
            .ok_or_else(|| Self::wrong(path, "a real number"))
    }
    /// Real numbers, flattened in row-major order.
    pub fn reals(&self, path: &str) -> Result<Vec<f64>> {
        match self.datasets.get(path) {
            Some(Value::Real(a)) => Ok(a.iter().copied().collect()),
            _ => Err(Self::wrong(path, "real numbers")),
        }
    }
    /// One integer.
    pub fn integer(&self, path: &str) -> Result<i64> {
        match self.datasets.get(path) {
            Some(Value::Integer(a)) if !a.is_empty() => Ok(a.iter().copied().next().unwrap_or(0)),
            _ => Err(Self::wrong(path, "an integer")),
        }
    }
    /// Integers, flattened.
    pub fn integers(&self, path: &str) -> Result<Vec<i64>> {
        match self.datasets.get(path) {
            Some(Value::Integer(a)) => Ok(a.iter().copied().collect()),
            _ => Err(Self::wrong(path, "integers")),
        }
    }
    /// One count or index; an error where it is missing or negative.
    pub fn count(&self, path: &str) -> Result<usize> {
        usize::try_from(self.integer(path)?).map_err(|_| Self::wrong(path, "a count"))
    }
    /// One text.
    pub fn text(&self, path: &str) -> Result<&str> {
        match self.datasets.get(path) {
            Some(Value::Text(t)) => Ok(t),
            _ => Err(Self::wrong(path, "a text")),
        }
    }
    /// A list of texts.
    pub fn texts(&self, path: &str) -> Result<&[String]> {
        match self.datasets.get(path) {
            Some(Value::Texts(list)) => Ok(list),
            _ => Err(Self::wrong(path, "texts")),
        }
    }
    /// Spins, flattened.
    pub fn spins(&self, path: &str) -> Result<Vec<i8>> {
        match self.datasets.get(path) {
            Some(Value::Spin(a)) => Ok(a.iter().copied().collect()),
            _ => Err(Self::wrong(path, "spins")),
        }
    }
    /// Complex numbers, flattened.
    pub fn complexes(&self, path: &str) -> Result<Vec<Complex64>> {
        match self.datasets.get(path) {
            Some(Value::Complex(a)) => Ok(a.iter().copied().collect()),
            _ => Err(Self::wrong(path, "complex numbers")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_goes_to_another_rank_and_comes_back() {
        let mut tree = Tree::default();
        tree.put(
            "a/b",
            Value::Real(shaped(
                &[2, 2],
                vec![1.0, -0.0, f64::MIN_POSITIVE, f64::INFINITY],
            )),
        );
        tree.put_reals("empty", &[]);
        tree.put("none", Value::Spin(shaped(&[0, 5], vec![])));
        tree.put_complex("z", &[1, 2], &[Complex64::new(1.0, 2.0), Complex64::ZERO]);
        tree.put_integer("n", -7);
        tree.put_spins("s", &[2, 2], &[1, -1, -1, 1]);
        tree.put_text("t", "α");
        tree.put("ts", Value::Texts(vec![String::new(), "x y".into()]));
        let bytes = tree.to_bytes();
        assert_eq!(Tree::from_bytes(&bytes), Some(tree));
        assert!((1..bytes.len()).any(|n| Tree::from_bytes(&bytes[..n]).is_none()));
    }
}
