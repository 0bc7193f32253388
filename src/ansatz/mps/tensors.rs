//! Decides how the matrices of a matrix product state lie in memory, and how rows are multiplied by
//! them.

use crate::ansatz::Block;
use crate::ansatz::field::{Field, flatten};
use crate::basis::Local;
use crate::linalg::simd::{Simd, compiled_for_each_set};
use crate::number::Scalar;

/// The form of a matrix product state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductShape {
    /// What every site holds.
    pub local: Local,
    /// The site of every position.
    pub order: Vec<usize>,
    /// Bond dimensions: left of position 0, between positions, right of the last one. The first
    /// and the last are equal; they are 1 where the state is open.
    pub bonds: Vec<usize>,
    /// Whether all positions have one tensor.
    pub uniform: bool,
}

impl ProductShape {
    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.order.len()
    }

    /// Dimension of the bond that closes the ring; 1 where the state is open.
    pub fn outer(&self) -> usize {
        self.bonds[0]
    }

    /// The matrix of a value: 0 for spin up, or for no particle.
    pub fn place(&self, value: i8) -> usize {
        let k = self.local.place(value).unwrap_or_default();
        match self.local.first < 0 {
            true => usize::from(self.local.count) - 1 - k,
            false => k,
        }
    }

    /// The value of a matrix.
    pub fn value(&self, place: usize) -> i8 {
        self.local.value(match self.local.first < 0 {
            true => usize::from(self.local.count) - 1 - place,
            false => place,
        })
    }

    /// Tensors that have parameters of their own.
    pub fn tensors(&self) -> usize {
        if self.uniform { 1 } else { self.sites() }
    }

    /// Values of a site, and the bonds left and right of position `i`.
    pub fn tensor(&self, i: usize) -> [usize; 3] {
        [
            usize::from(self.local.count),
            self.bonds[i],
            self.bonds[i + 1],
        ]
    }

    /// Numbers in the tensors.
    pub fn numbers(&self) -> usize {
        let size = |i| self.tensor(i).iter().product::<usize>();
        (0..self.tensors()).map(size).sum()
    }

    /// The tensors as blocks of parameters: `A_i`, or `A`.
    pub fn layout(&self, complex: bool) -> Vec<Block> {
        let name = |i| match self.uniform {
            true => "A".into(),
            false => format!("A_{i}"),
        };
        let block = |i| Block::new(name(i), self.tensor(i).to_vec(), complex);
        (0..self.tensors()).map(block).collect()
    }
}

/// The tensors A[s, a, b], and each matrix transposed as well.
#[derive(Debug, Clone)]
pub struct Tensors<T> {
    pub(super) shape: ProductShape,
    numbers: Vec<T>,
    transposed: Vec<T>,
    starts: Vec<usize>,
}

impl<T: Field> Tensors<T> {
    /// From the numbers in the order of the layout, as many as [`ProductShape::numbers`].
    pub fn new(shape: ProductShape, numbers: Vec<T>) -> Self {
        let mut start = 0;
        let mut starts: Vec<usize> = Vec::with_capacity(shape.sites());
        for i in 0..shape.sites() {
            starts.push(start);
            if !shape.uniform {
                start += shape.tensor(i).iter().product::<usize>();
            }
        }
        let mut new = Tensors {
            transposed: vec![T::zero(); numbers.len()],
            shape,
            numbers,
            starts,
        };
        new.transpose();
        new
    }

    /// Replaces the numbers.
    pub fn set(&mut self, numbers: Vec<T>) {
        self.numbers = numbers;
        self.transpose();
    }

    fn transpose(&mut self) {
        for i in 0..self.shape.tensors() {
            let [count, rows, columns] = self.shape.tensor(i);
            for s in 0..count {
                let start = self.start(i, s);
                for a in 0..rows {
                    for b in 0..columns {
                        self.transposed[start + b * rows + a] =
                            self.numbers[start + a * columns + b];
                    }
                }
            }
        }
    }

    /// Where the matrix of a value begins.
    pub fn start(&self, i: usize, s: usize) -> usize {
        self.starts[i] + s * self.shape.bonds[i] * self.shape.bonds[i + 1]
    }

    /// A_i^s, row by row.
    pub fn matrix(&self, i: usize, s: usize) -> &[T] {
        let start = self.start(i, s);
        &self.numbers[start..start + self.shape.bonds[i] * self.shape.bonds[i + 1]]
    }

    /// The transposed A_i^s, row by row.
    pub fn transposed(&self, i: usize, s: usize) -> &[T] {
        let start = self.start(i, s);
        &self.transposed[start..start + self.shape.bonds[i] * self.shape.bonds[i + 1]]
    }

    /// All tensors of position `i`.
    pub fn tensor(&self, i: usize) -> &[T] {
        let start = self.starts[i];
        &self.numbers[start..start + self.shape.tensor(i).iter().product::<usize>()]
    }

    /// The flat parameter vector.
    pub fn flat(&self) -> Vec<f64> {
        flatten(self.numbers.iter().copied())
    }
}

/// out[o, b] = Σ_a rows[o, a] m[a, b]
pub fn multiply_rows<T: Scalar>(rows: &[T], m: &[T], inner: usize, out: &mut [T]) {
    multiply_rows_by(Simd::chosen(), rows, m, inner, out);
}

compiled_for_each_set! {
    fn multiply_rows_by<T: Scalar>(rows: &[T], m: &[T], inner: usize, out: &mut [T])
        = multiply_rows_body
}

/// Rows of m that are added at once: out is read and written once for them.
const ROWS: usize = 4;

#[inline(always)]
fn multiply_rows_body<T: Scalar, const SET: u8>(rows: &[T], m: &[T], inner: usize, out: &mut [T]) {
    let columns = m.len() / inner;
    for (row, out) in rows.chunks_exact(inner).zip(out.chunks_exact_mut(columns)) {
        out.fill(T::zero());
        let whole = inner - inner % ROWS;
        let blocks = m[..whole * columns].chunks_exact(ROWS * columns);
        for (x, block) in row[..whole].chunks_exact(ROWS).zip(blocks) {
            let (first, last) = block.split_at(2 * columns);
            let ((m0, m1), (m2, m3)) = (first.split_at(columns), last.split_at(columns));
            let rows = (m0.iter().zip(m1)).zip(m2.iter().zip(m3));
            for (out, ((&m0, &m1), (&m2, &m3))) in out.iter_mut().zip(rows) {
                *out += (x[0] * m0 + x[1] * m1) + (x[2] * m2 + x[3] * m3);
            }
        }
        let rest = m[whole * columns..].chunks_exact(columns);
        for (&x, m) in row[whole..].iter().zip(rest) {
            out.iter_mut().zip(m).for_each(|(out, &m)| *out += x * m);
        }
    }
}

/// Sums that are made at once, so that none waits for another.
const AT_ONCE: usize = 8;

/// Σ_k a_k b_k
pub fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::zero(); AT_ONCE];
    let (a_parts, b_parts) = (a.chunks_exact(AT_ONCE), b.chunks_exact(AT_ONCE));
    let (a_rest, b_rest) = (a_parts.remainder(), b_parts.remainder());
    for (a, b) in a_parts.zip(b_parts) {
        (sums.iter_mut().zip(a.iter().zip(b))).for_each(|(sum, (&a, &b))| *sum += a * b);
    }
    let product = |sum: T, (&a, &b): (&T, &T)| sum + a * b;
    let rest = a_rest.iter().zip(b_rest).fold(T::zero(), product);
    sums.into_iter().fold(rest, |sum, part| sum + part)
}

/// The largest |x|; NaN counts as nothing.
fn largest(numbers: &[f64]) -> f64 {
    let mut all = [0.0f64; AT_ONCE];
    let larger = |m: &mut f64, x: &f64| {
        if x.abs() > *m {
            *m = x.abs();
        }
    };
    let parts = numbers.chunks_exact(AT_ONCE);
    parts
        .remainder()
        .iter()
        .zip(&mut all)
        .for_each(|(x, m)| larger(m, x));
    parts.for_each(|part| all.iter_mut().zip(part).for_each(|(m, x)| larger(m, x)));
    all.into_iter().fold(0.0, f64::max)
}

/// Divides by a power of two so that the largest part lies in [1/2, 1); its exponent. Zeros stay.
pub fn rescale<T: Scalar>(numbers: &mut [T]) -> i32 {
    let parts = T::reals_mut(numbers);
    let largest = largest(parts);
    if !(f64::MIN_POSITIVE..f64::INFINITY).contains(&largest) {
        return 0;
    }
    let exponent = (largest.to_bits() >> 52) as i32 - 1022;
    let factor = power_of_two(-exponent);
    parts.iter_mut().for_each(|x| *x *= factor);
    exponent
}

/// 2^k, within the range of numbers.
pub fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((k.clamp(-1022, 1023) + 1023) as u64) << 52)
}
