//! Decides how one column of a strip of the network is contracted: a boundary below, some rows of
//! site tensors, a boundary above.
//!
//! An environment has the legs of the cut from below to above, E[a, l_1, …, l_k, c]. A column
//! takes them to those of the next cut: first a to (b, d) by the lower tensor B[a, d, b], then each
//! row (d, l) to (r, u) by T[l, r, d, u], at last (u, c) to e by the upper tensor U[c, u, e].

use crate::ansatz::field::Field;
use crate::linalg::rotations::add;

/// A tensor of a boundary with the legs left, vertical, right, and the same from right to left.
#[derive(Debug, Clone)]
pub struct BoundaryTensor<T> {
    /// Extents of left, vertical and right.
    pub shape: [usize; 3],
    /// [left, vertical, right], then [right, vertical, left].
    numbers: [Vec<T>; 2],
}

impl<T: Field> BoundaryTensor<T> {
    /// From numbers [left, vertical, right].
    pub fn new(shape: [usize; 3], numbers: Vec<T>) -> Self {
        let [a, v, b] = shape;
        let mut turned = Vec::with_capacity(numbers.len());
        for right in 0..b {
            turned.extend((0..v * a).map(|k| numbers[(k % a * v + k / a) * b + right]));
        }
        BoundaryTensor {
            shape,
            numbers: [numbers, turned],
        }
    }

    /// The numbers times a factor.
    pub fn turned_by(&self, factor: T) -> Vec<T> {
        self.numbers[0].iter().map(|&x| x * factor).collect()
    }

    /// Z[front, v, b] = Σ_a A[a, v, b] X[front, a], with `fronts` of them.
    #[inline(always)]
    pub fn open(&self, x: &[T], fronts: usize) -> Vec<T> {
        let [a, v, b] = self.shape;
        let mut out = vec![T::default(); fronts * v * b];
        for (x, out) in x.chunks_exact(a).zip(out.chunks_exact_mut(v * b)) {
            for (&x, row) in x.iter().zip(self.numbers[0].chunks_exact(v * b)) {
                add(out, x, row);
            }
        }
        out
    }

    /// Extents and numbers as they are met on the way.
    fn facing(&self, way: Way) -> ([usize; 3], &[T]) {
        let [a, v, b] = self.shape;
        match way {
            Way::Right => ([a, v, b], &self.numbers[0]),
            Way::Left => ([b, v, a], &self.numbers[1]),
        }
    }
}

/// In which direction columns are contracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the left edge on.
    Right,
    /// From the right edge on.
    Left,
}

/// The tensor of a site for one value of its spin, seen from some side.
#[derive(Debug, Clone, Copy)]
pub struct SiteTensor<'a, T> {
    numbers: &'a [T],
    /// Extents and strides of the legs left, right, down, up.
    legs: [(usize, usize); 4],
}

impl<'a, T: Field> SiteTensor<'a, T> {
    /// From numbers [left, right, down, up].
    pub fn new(extents: [usize; 4], numbers: &'a [T]) -> Self {
        let mut stride = 1;
        let mut legs = [(1, 1); 4];
        for (leg, extent) in legs.iter_mut().zip(extents).rev() {
            *leg = (extent, stride);
            stride *= extent;
        }
        SiteTensor { numbers, legs }
    }

    /// The site with left and right exchanged where the way is to the left.
    pub fn facing(self, way: Way) -> Self {
        let [l, r, d, u] = self.legs;
        match way {
            Way::Right => self,
            Way::Left => SiteTensor {
                legs: [r, l, d, u],
                ..self
            },
        }
    }

    /// The site with down and up exchanged.
    pub fn upside_down(self) -> Self {
        let [l, r, d, u] = self.legs;
        SiteTensor {
            legs: [l, r, u, d],
            ..self
        }
    }

    /// The numbers [left, right, down, up] as they stand.
    pub fn numbers(&self) -> &'a [T] {
        self.numbers
    }

    /// Extents of left, right, down, up.
    pub fn extents(&self) -> [usize; 4] {
        self.legs.map(|leg| leg.0)
    }
}

/// X[b, d, rest] = Σ_a B[a, d, b] E[a, rest]
#[inline(always)]
pub fn enter<T: Field>(e: &[T], tensor: &BoundaryTensor<T>, way: Way) -> Vec<T> {
    let ([a, v, b], numbers) = tensor.facing(way);
    let rest = e.len() / a;
    let mut out = vec![T::default(); b * v * rest];
    for (e, numbers) in e.chunks_exact(rest).zip(numbers.chunks_exact(v * b)) {
        for d in 0..v {
            for to in 0..b {
                let at = (to * v + d) * rest;
                add(&mut out[at..at + rest], numbers[d * b + to], e);
            }
        }
    }
    out
}

/// Y[front, r, u, rest] = Σ_{d,l} T[l, r, d, u] X[front, d, l, rest]
#[inline(always)]
pub fn cross<T: Field>(x: &[T], site: &SiteTensor<T>, fronts: usize) -> Vec<T> {
    let [(l, by_l), (r, by_r), (d, by_d), (u, by_u)] = site.legs;
    let rest = x.len() / (fronts * d * l);
    let mut out = vec![T::default(); fronts * r * u * rest];
    let fronts = x
        .chunks_exact(d * l * rest)
        .zip(out.chunks_exact_mut(r * u * rest));
    for (x, out) in fronts {
        for (k, x) in x.chunks_exact(rest).enumerate() {
            let from = k / l * by_d + k % l * by_l;
            for (k, out) in out.chunks_exact_mut(rest).enumerate() {
                add(out, site.numbers[from + k / u * by_r + k % u * by_u], x);
            }
        }
    }
    out
}

/// Y[front, e] = Σ_{u,c} U[c, u, e] X[front, u, c]
#[inline(always)]
pub fn leave<T: Field>(x: &[T], tensor: &BoundaryTensor<T>, way: Way) -> Vec<T> {
    let ([c, v, e], numbers) = tensor.facing(way);
    let fronts = x.len() / (v * c);
    let mut out = vec![T::default(); fronts * e];
    for (x, out) in x.chunks_exact(v * c).zip(out.chunks_exact_mut(e)) {
        for (k, &x) in x.iter().enumerate() {
            let at = (k % c * v + k / c) * e;
            add(out, x, &numbers[at..at + e]);
        }
    }
    out
}

/// Divides by the largest absolute real or imaginary part and gives its logarithm; numbers that
/// are all zero stay as they are.
pub fn normalise<T: Field>(numbers: &mut [T]) -> f64 {
    let largest = T::reals(numbers).iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return 0.0;
    }
    numbers.iter_mut().for_each(|x| *x = *x * (1.0 / largest));
    largest.ln()
}
