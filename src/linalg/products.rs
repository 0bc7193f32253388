//! Decides how matrices are multiplied: C ← α op(A) op(B) + β C and C ← α A^H A + β C by
//! the BLAS library.
//!
//! Matrices are row-major; the library reads columns. So it is shown C^T = op(B)^T op(A)^T,
//! without a copy: the factors change places, and the upper triangle of C is the lower one of C^T.

use super::dense::Lapack;
use crate::number::{Scalar, unflatten};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use num_complex::Complex64;
use std::cell::Cell;
use std::ffi::{c_char, c_int};

/// What is done to a factor before it is multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A
    Same,
    /// A^T
    Transpose,
    /// A^H
    Adjoint,
}

impl Op {
    /// The letter that BLAS knows it by.
    fn code(self) -> c_char {
        match self {
            Op::Same => b'N' as c_char,
            Op::Transpose => b'T' as c_char,
            Op::Adjoint => b'C' as c_char,
        }
    }
    /// Rows and columns of op(A).
    fn shape<T>(self, a: &ArrayView2<T>) -> (usize, usize) {
        if self == Op::Same {
            a.dim()
        } else {
            (a.ncols(), a.nrows())
        }
    }
}

/// The distance between rows as BLAS wants it; the rows themselves have to be contiguous.
fn leading(strides: &[isize], (rows, columns): (usize, usize)) -> c_int {
    assert!(
        rows == 0 || columns < 2 || strides[1] == 1,
        "the rows of a matrix product have to be contiguous"
    );
    int((strides[0].max(0) as usize).max(columns).max(1))
}

fn int(n: usize) -> c_int {
    c_int::try_from(n)
        .unwrap_or_else(|_| unreachable!("matrices have fewer than 2^31 rows and columns"))
}

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Matrix products and rank updates that this thread has made so far.
pub fn count() -> u64 {
    COUNT.get()
}

/// The checked arguments of C ← α op(A) op(B) + β C.
pub(super) struct Gemm<T> {
    /// What is done to A and to B.
    pub(super) ops: [c_char; 2],
    /// Rows of C, columns of C, and the number of terms of each entry.
    pub(super) sizes: [c_int; 3],
    pub(super) a: *const T,
    pub(super) lda: c_int,
    pub(super) b: *const T,
    pub(super) ldb: c_int,
    pub(super) c: *mut T,
    pub(super) ldc: c_int,
}

impl<T> Gemm<T> {
    /// Nothing where C is empty.
    pub(super) fn of(
        a: &ArrayView2<T>,
        op_a: Op,
        b: &ArrayView2<T>,
        op_b: Op,
        c: &mut ArrayViewMut2<T>,
    ) -> Option<Self> {
        let ((m, k), (l, n)) = (op_a.shape(a), op_b.shape(b));
        assert!(
            k == l && c.dim() == (m, n),
            "shapes of a matrix product: {m}x{k}, {l}x{n}, {:?}",
            c.dim()
        );
        if m == 0 || n == 0 {
            return None;
        }
        COUNT.set(COUNT.get() + 1);
        Some(Gemm {
            ops: [op_a.code(), op_b.code()],
            sizes: [int(m), int(n), int(k)],
            a: a.as_ptr(),
            lda: leading(a.strides(), a.dim()),
            b: b.as_ptr(),
            ldb: leading(b.strides(), b.dim()),
            c: c.as_mut_ptr(),
            ldc: leading(c.strides(), c.dim()),
        })
    }
}

/// The checked arguments of C ← α A^H A + β C or C ← α A A^H + β C.
pub(super) struct RankUpdate<T> {
    /// What is done to the first factor of C^T.
    pub(super) op: c_char,
    /// Rows and columns of C.
    pub(super) n: c_int,
    /// Number of terms of each entry.
    pub(super) k: c_int,
    pub(super) a: *const T,
    pub(super) lda: c_int,
    pub(super) c: *mut T,
    pub(super) ldc: c_int,
}

impl<T> RankUpdate<T> {
    /// Nothing where C is empty.
    pub(super) fn of(a: &ArrayView2<T>, op: Op, c: &mut ArrayViewMut2<T>) -> Option<Self> {
        let (op, turned) = match op {
            Op::Same => (op, Op::Adjoint),
            _ => (Op::Adjoint, Op::Same),
        };
        let (n, k) = op.shape(a);
        assert!(
            c.dim() == (n, n),
            "shape of a rank update: {n}, {:?}",
            c.dim()
        );
        if n == 0 {
            return None;
        }
        COUNT.set(COUNT.get() + 1);
        Some(RankUpdate {
            op: turned.code(),
            n: int(n),
            k: int(k),
            a: a.as_ptr(),
            lda: leading(a.strides(), a.dim()),
            c: c.as_mut_ptr(),
            ldc: leading(c.strides(), c.dim()),
        })
    }
}

/// op(A) op(B).
pub fn multiply<T: Lapack>(a: ArrayView2<T>, op_a: Op, b: ArrayView2<T>, op_b: Op) -> Array2<T> {
    let mut c = Array2::from_elem((op_a.shape(&a).0, op_b.shape(&b).1), T::zero());
    T::gemm(T::one(), a, op_a, b, op_b, T::zero(), c.view_mut());
    c
}

/// Complex numbers as real ones: each row as re, im, re, im, …
pub fn as_reals(m: &Array2<Complex64>) -> ArrayView2<'_, f64> {
    let slice = m
        .as_slice()
        .unwrap_or_else(|| unreachable!("matrices made here are row-major and contiguous"));
    let shape = (m.nrows(), 2 * m.ncols());
    ArrayView2::from_shape(shape, Complex64::reals(slice))
        .unwrap_or_else(|_| unreachable!("the length was doubled"))
}

/// The inverse of [`as_reals`], for a contiguous matrix.
pub fn from_reals(m: &Array2<f64>) -> Array2<Complex64> {
    let slice = m
        .as_slice()
        .unwrap_or_else(|| unreachable!("matrices made here are row-major and contiguous"));
    let values = unflatten(slice);
    Array2::from_shape_vec((m.nrows(), m.ncols() / 2), values)
        .unwrap_or_else(|_| unreachable!("the length was halved"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    fn matrix(rows: usize, columns: usize) -> Array2<Complex64> {
        Array2::from_shape_fn((rows, columns), |(r, c)| {
            Complex64::new(
                (r * 7 + c * 3) as f64 % 5.0 - 1.5,
                (r + 2 * c) as f64 % 3.0 - 1.0,
            )
        })
    }

    #[test]
    fn products_match_the_definition() {
        let (a, b) = (matrix(9, 4), matrix(9, 5));
        let (view, part) = (a.slice(s![1..8, 1..4]), b.slice(s![1..8, ..]));
        let expected = view.t().mapv(|z| z.conj()).dot(&part);
        let found = multiply(view, Op::Adjoint, part, Op::Same);
        assert!((&expected - &found).iter().all(|z| z.norm() < 1e-13));
        let (x, y) = (a.mapv(|z| z.re), b.mapv(|z| z.im));
        assert!(
            (x.t().dot(&y) - multiply(x.view(), Op::Transpose, y.view(), Op::Same))
                .iter()
                .all(|z| z.abs() < 1e-13)
        );
        let mut c = Array2::zeros((5, 5));
        Complex64::rank_update(2.0, b.view(), Op::Adjoint, 0.0, c.view_mut());
        let full = b.t().mapv(|z| z.conj()).dot(&b) * Complex64::from(2.0);
        for ((i, j), z) in c.indexed_iter() {
            assert!(if i <= j {
                (z - full[(i, j)]).norm() < 1e-13
            } else {
                *z == Complex64::ZERO
            });
        }
        let mut c = Array2::zeros((9, 9));
        Complex64::rank_update(1.0, b.view(), Op::Same, 0.0, c.view_mut());
        let full = b.dot(&b.t().mapv(|z| z.conj()));
        assert!(
            c.indexed_iter()
                .all(|((i, j), z)| i > j || (z - full[(i, j)]).norm() < 1e-13)
        );
        assert_eq!(from_reals(&as_reals(&a).to_owned()), a);
    }
}
