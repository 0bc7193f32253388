//! Decides amplitudes and their derivatives from some rows between two boundaries.
//!
//! With the environments L_x of the columns before x and R_x of those from x on, ψ = L_x · R_x at
//! every cut. A move inside the rows replaces the columns between its ends alone; ∂ψ/∂T of a
//! single row is what is left when the tensor is taken out between L_x and R_{x+1}.

use super::boundary::BoundaryState;
use super::network::{BoundaryTensor, SiteTensor, Way, cross, enter, leave, normalise};
use crate::ansatz::field::Field;
use crate::linalg::rotations::add;
use crate::linalg::simd::{Simd, compiled_for_each_set};
use num_complex::Complex64;
use std::ops::Range;

/// An environment, times e^log.
#[derive(Debug, Clone)]
struct Environment<T> {
    numbers: Vec<T>,
    log: f64,
}

impl<T: Field> Environment<T> {
    fn edge() -> Self {
        Environment {
            numbers: vec![T::from_re(1.0)],
            log: 0.0,
        }
    }

    /// The numbers that both environments of a cut give, without the factors in front.
    fn dot(&self, other: &Self) -> T {
        let mut sum = T::default();
        let both = self.numbers.iter().zip(&other.numbers);
        both.for_each(|(&a, &b)| sum += a * b);
        sum
    }
}

compiled_for_each_set! {
    /// The environment behind a column of these sites between the tensors below and above.
    fn column<T: Field>(
        from: &Environment<T>,
        tensors: [&BoundaryTensor<T>; 2],
        sites: &[SiteTensor<T>],
        way: Way,
    ) -> Environment<T> = column_by
}

#[inline(always)]
fn column_by<T: Field, const SET: u8>(
    from: &Environment<T>,
    [below, above]: [&BoundaryTensor<T>; 2],
    sites: &[SiteTensor<T>],
    way: Way,
) -> Environment<T> {
    let mut numbers = enter(&from.numbers, below, way);
    let [a, _, b] = below.shape;
    let mut fronts = if way == Way::Right { b } else { a };
    for site in sites {
        numbers = cross(&numbers, site, fronts);
        fronts *= site.extents()[1];
    }
    numbers = leave(&numbers, above, way);
    let log = from.log + normalise(&mut numbers);
    Environment { numbers, log }
}

/// A number times e^log.
#[derive(Debug, Clone, Copy)]
pub struct ScaledAmplitude<T> {
    /// The number.
    pub number: T,
    /// Logarithm of the factor.
    pub log: f64,
}

impl<T: Field> ScaledAmplitude<T> {
    /// The logarithm of the whole; −∞ of zero.
    pub fn ln(self) -> Complex64 {
        match self.number == T::default() {
            true => Complex64::new(f64::NEG_INFINITY, 0.0),
            false => self.number.complex().ln() + self.log,
        }
    }

    /// This beside another: 0 where this vanishes, +∞ where the other alone does.
    pub fn over(self, other: Self) -> Complex64 {
        let (a, b) = (self.number.complex(), other.number.complex());
        if a == Complex64::ZERO {
            Complex64::ZERO
        } else if b == Complex64::ZERO {
            Complex64::new(f64::INFINITY, 0.0)
        } else {
            let log = self.log - other.log;
            a / b * if log > 700.0 { 700.0f64 } else { log }.exp()
        }
    }
}

/// Rows of sites between two boundaries; environments are worked out where they are first asked
/// for.
#[derive(Debug)]
pub struct Strip<'a, T> {
    below: &'a BoundaryState<T>,
    above: &'a BoundaryState<T>,
    /// The rows from below, each of all columns.
    rows: Vec<Vec<SiteTensor<'a, T>>>,
    left: Vec<Environment<T>>,
    /// From the right edge on.
    right: Vec<Environment<T>>,
}

impl<'a, T: Field> Strip<'a, T> {
    /// The rows between the boundaries.
    pub fn new(
        below: &'a BoundaryState<T>,
        rows: Vec<Vec<SiteTensor<'a, T>>>,
        above: &'a BoundaryState<T>,
    ) -> Self {
        Strip {
            below,
            above,
            rows,
            left: vec![Environment::edge()],
            right: vec![Environment::edge()],
        }
    }

    fn columns(&self) -> usize {
        self.below.tensors.len()
    }

    /// The environment behind column `x`, whose sites from below are `sites`.
    fn step(
        &self,
        from: &Environment<T>,
        x: usize,
        sites: impl Iterator<Item = SiteTensor<'a, T>>,
        way: Way,
    ) -> Environment<T> {
        let sites: Vec<SiteTensor<T>> = sites.map(|site| site.facing(way)).collect();
        let tensors = [&self.below.tensors[x], &self.above.tensors[x]];
        column(Simd::chosen(), from, tensors, &sites, way)
    }

    fn own(&self, x: usize) -> impl Iterator<Item = SiteTensor<'a, T>> + '_ {
        self.rows.iter().map(move |row| row[x])
    }

    /// Makes the environments of the cuts before column `x`, to its left and to its right.
    fn reach(&mut self, left: usize, right: usize) {
        while self.left.len() <= left {
            let x = self.left.len() - 1;
            let next = self.step(&self.left[x], x, self.own(x), Way::Right);
            self.left.push(next);
        }
        while self.right.len() <= self.columns() - right {
            let k = self.right.len() - 1;
            let x = self.columns() - 1 - k;
            let next = self.step(&self.right[k], x, self.own(x), Way::Left);
            self.right.push(next);
        }
    }

    fn right_of(&self, cut: usize) -> &Environment<T> {
        &self.right[self.columns() - cut]
    }

    fn whole(&self, left: &Environment<T>, cut: usize) -> ScaledAmplitude<T> {
        let right = self.right_of(cut);
        ScaledAmplitude {
            number: left.dot(right),
            log: left.log + right.log + self.below.log + self.above.log,
        }
    }

    /// ψ, from the cut before column `cut`.
    pub fn amplitude(&mut self, cut: usize) -> ScaledAmplitude<T> {
        self.reach(cut, cut);
        self.whole(&self.left[cut], cut)
    }

    /// ψ with other sites in some columns; `site` gives the site of a row and a column.
    pub fn replaced(
        &mut self,
        columns: Range<usize>,
        site: impl Fn(usize, usize) -> SiteTensor<'a, T>,
    ) -> ScaledAmplitude<T> {
        self.reach(columns.start, columns.end);
        let mut left = self.left[columns.start].clone();
        for x in columns.clone() {
            let sites = (0..self.rows.len()).map(|row| site(row, x));
            left = self.step(&left, x, sites, Way::Right);
        }
        self.whole(&left, columns.end)
    }

    /// ∂ln ψ/∂T [left, right, down, up] of the site in column `x` of a single row; zeros where
    /// ψ vanishes.
    pub fn slopes(&mut self, x: usize) -> Vec<T> {
        self.reach(x, x + 1);
        let (left, right) = (&self.left[x], self.right_of(x + 1));
        let [l, r, d, u] = self.rows[0][x].extents();
        let entered = enter(&left.numbers, &self.below.tensors[x], Way::Right);
        // Z[b, d, l, u, e]: the upper tensor is met with the legs (d, l) in front of it.
        let (upper, b) = (&self.above.tensors[x], self.below.tensors[x].shape[2]);
        let opened = upper.open(&entered, b * d * l);
        let e = upper.shape[2];
        let mut slopes = vec![T::default(); l * r * d * u];
        for (front, opened) in opened.chunks_exact(d * l * u * e).enumerate() {
            for (k, opened) in opened.chunks_exact(e).enumerate() {
                let (down, left, up) = (k / (l * u), k / u % l, k % u);
                for to in 0..r {
                    let at = (front * r + to) * e;
                    let mut sum = T::default();
                    let both = opened.iter().zip(&right.numbers[at..at + e]);
                    both.for_each(|(&a, &b)| sum += a * b);
                    slopes[((left * r + to) * d + down) * u + up] += sum;
                }
            }
        }
        let own = self.rows[0][x].numbers();
        let psi = slopes
            .iter()
            .zip(own)
            .fold(T::default(), |sum, (&s, &t)| sum + s * t);
        if psi == T::default() {
            return vec![T::default(); slopes.len()];
        }
        let mut scaled = vec![T::default(); slopes.len()];
        add(&mut scaled, psi.inverse(), &slopes);
        scaled
    }
}
