//! Decides what the program can put in a file: a tree of named arrays and texts, held in memory, blind to the file format.
//!
//! Every stateful type saves itself into a [`Tree`] under a prefix that it is handed and loads itself back;
//! `io/hdf5.rs` alone turns a tree into a file and back.

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

/// A file's content: paths such as `parameters/W` with their values, and for each an optional (unit, meaning).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    /// Datasets by path.
    pub datasets: BTreeMap<String, Value>,
    /// Unit and meaning of a dataset, written as its attributes.
    pub notes: BTreeMap<String, (String, String)>,
}

/// The dynamic-dimensional array of `shape` from a row-major vector; a vector of another length is kept one-dimensional.
pub fn shaped<T>(shape: &[usize], values: Vec<T>) -> ArrayD<T> {
    let length = values.len();
    let shape = if shape.iter().product::<usize>() == length { shape.to_vec() } else { vec![length] };
    ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap_or_else(|_| unreachable!("the shape was made to fit"))
}

impl Tree {
    /// Puts a value.
    pub fn put(&mut self, path: &str, value: Value) {
        self.datasets.insert(path.to_string(), value);
    }
    /// Puts a value with its unit and meaning.
    pub fn describe(&mut self, path: &str, value: Value, unit: &str, meaning: &str) {
        self.put(path, value);
        self.notes.insert(path.to_string(), (unit.to_string(), meaning.to_string()));
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

    fn wrong(path: &str, wanted: &str) -> Error {
        Error::output(path, format!("the file has no dataset of this name that holds {wanted}"))
    }
    /// One real number.
    pub fn real(&self, path: &str) -> Result<f64> {
        self.reals(path)?.first().copied().ok_or_else(|| Self::wrong(path, "a real number"))
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
    /// One text.
    pub fn text(&self, path: &str) -> Result<&str> {
        match self.datasets.get(path) {
            Some(Value::Text(t)) => Ok(t),
            _ => Err(Self::wrong(path, "a text")),
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
