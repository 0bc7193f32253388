//! Decides how the flat parameter vector is laid out in named arrays.

use crate::number::unflatten;
use num_complex::Complex64;
use std::sync::Arc;

/// A named block of parameters, in the order of the flat parameter vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Name in files, such as `W`.
    pub name: String,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// Whether each entry is a pair (re, im) of the flat vector.
    pub complex: bool,
    /// Places in the array of the entries that are parameters, in ascending order; the others are
    /// zero. All are where there is none.
    pub inside: Option<Arc<[usize]>>,
}

/// The array of a block, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum BlockArray {
    /// Of a real block.
    Real(Vec<f64>),
    /// Of a complex block.
    Complex(Vec<Complex64>),
}

impl BlockArray {
    /// The entries as complex numbers.
    pub fn complex(self) -> Vec<Complex64> {
        match self {
            BlockArray::Complex(all) => all,
            BlockArray::Real(all) => all.into_iter().map(Complex64::from).collect(),
        }
    }
}

impl Block {
    /// A block all of whose entries are parameters.
    pub fn new(name: impl Into<String>, shape: Vec<usize>, complex: bool) -> Self {
        Block {
            name: name.into(),
            shape,
            complex,
            inside: None,
        }
    }

    /// Entries of the array.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Numbers of the block in the flat vector.
    pub fn numbers(&self) -> usize {
        let entries = self.inside.as_ref().map_or(self.size(), |i| i.len());
        entries * if self.complex { 2 } else { 1 }
    }

    /// The array of the block's own part of a flat vector, zeros where there are no parameters.
    pub fn array(&self, own: &[f64]) -> BlockArray {
        match self.complex {
            true => BlockArray::Complex(self.spread(unflatten(own), Complex64::ZERO)),
            false => BlockArray::Real(self.spread(own.to_vec(), 0.0)),
        }
    }

    /// Entries in their places.
    fn spread<T: Copy>(&self, own: Vec<T>, zero: T) -> Vec<T> {
        let Some(inside) = &self.inside else {
            return own;
        };
        let mut all = vec![zero; self.size()];
        inside.iter().zip(own).for_each(|(&k, x)| all[k] = x);
        all
    }

    /// The entries of an array that are parameters; `None` where another is not `zero`, or where
    /// the array has another size.
    pub fn taken<T: Copy + PartialEq>(&self, all: &[T], zero: T) -> Option<Vec<T>> {
        if all.len() != self.size() {
            return None;
        }
        let Some(inside) = &self.inside else {
            return Some(all.to_vec());
        };
        let own: Vec<T> = inside.iter().map(|&k| all[k]).collect();
        let nonzero = |list: &[T]| list.iter().filter(|&x| *x != zero).count();
        (nonzero(&own) == nonzero(all)).then_some(own)
    }
}

/// Each block with its own part of a flat vector; `None` where the vector has another length.
pub fn split<'a>(layout: &'a [Block], flat: &'a [f64]) -> Option<Vec<(&'a Block, &'a [f64])>> {
    let (mut rest, mut all) = (flat, Vec::new());
    for block in layout {
        let (own, after) = rest.split_at_checked(block.numbers())?;
        rest = after;
        all.push((block, own));
    }
    rest.is_empty().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_hold_parameters_in_their_places_and_zeros_elsewhere() {
        let whole = Block::new("W", vec![2, 3], false);
        assert_eq!((whole.size(), whole.numbers()), (6, 6));
        let part = Block {
            inside: Some([1, 5].into()),
            complex: true,
            ..whole
        };
        assert_eq!(part.numbers(), 4);
        let BlockArray::Complex(all) = part.array(&[1.0, 2.0, 3.0, 4.0]) else {
            panic!("the block is complex")
        };
        assert_eq!(
            (all[1], all[5]),
            (Complex64::new(1.0, 2.0), Complex64::new(3.0, 4.0))
        );
        let taken = part.taken(&all, Complex64::ZERO).unwrap();
        assert_eq!(taken, [all[1], all[5]]);
        let mut wrong = all.clone();
        wrong[2] = Complex64::ONE;
        assert!(part.taken(&wrong, Complex64::ZERO).is_none());
        assert!(part.taken(&all[1..], Complex64::ZERO).is_none());
    }
}
