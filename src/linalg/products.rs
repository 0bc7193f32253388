//! Decides how matrices are multiplied: C ← α op(A) op(B) + β C and C ← α A^H A + β C by
//! the BLAS library, row-major.
//!
//! Reference: J. Dongarra et al., ACM Trans. Math. Softw. 16, 1 (1990); the C interface to the
//! BLAS.

use crate::number::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use num_complex::Complex64;
use std::cell::Cell;
use std::ffi::{c_int, c_void};

const ROW_MAJOR: c_int = 101;
const UPPER: c_int = 121;

unsafe extern "C" {
    #[rustfmt::skip]
    fn cblas_dgemm(
        order: c_int,
        op_a: c_int,
        op_b: c_int,
        m: c_int,
        n: c_int,
        k: c_int,
        alpha: f64,
        a: *const f64,
        lda: c_int,
        b: *const f64,
        ldb: c_int,
        beta: f64,
        c: *mut f64,
        ldc: c_int,
    );
    #[rustfmt::skip]
    fn cblas_zgemm(
        order: c_int,
        op_a: c_int,
        op_b: c_int,
        m: c_int,
        n: c_int,
        k: c_int,
        alpha: *const c_void,
        a: *const c_void,
        lda: c_int,
        b: *const c_void,
        ldb: c_int,
        beta: *const c_void,
        c: *mut c_void,
        ldc: c_int,
    );
    #[rustfmt::skip]
    fn cblas_dsyrk(
        order: c_int,
        uplo: c_int,
        op: c_int,
        n: c_int,
        k: c_int,
        alpha: f64,
        a: *const f64,
        lda: c_int,
        beta: f64,
        c: *mut f64,
        ldc: c_int,
    );
    #[rustfmt::skip]
    fn cblas_zherk(
        order: c_int,
        uplo: c_int,
        op: c_int,
        n: c_int,
        k: c_int,
        alpha: f64,
        a: *const c_void,
        lda: c_int,
        beta: f64,
        c: *mut c_void,
        ldc: c_int,
    );
}

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
    fn code(self) -> c_int {
        match self {
            Op::Same => 111,
            Op::Transpose => 112,
            Op::Adjoint => 113,
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
fn leading(strides: &[isize], columns: usize) -> c_int {
    assert!(
        columns < 2 || strides[1] == 1,
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

fn count_one() {
    COUNT.set(COUNT.get() + 1);
}

/// Numbers that BLAS multiplies.
pub trait Product: Scalar {
    /// C ← α op(A) op(B) + β C. Rows of all matrices have to be contiguous, and the shapes have
    /// to fit.
    #[rustfmt::skip]
    fn gemm(alpha: Self, a: ArrayView2<Self>, op_a: Op, b: ArrayView2<Self>, op_b: Op, beta: Self, c: ArrayViewMut2<Self>);
    /// The upper triangle of C ← α A^H A + β C (`op` is [`Op::Adjoint`]) or C ← α A A^H + β
    /// C ([`Op::Same`]); the rest is left alone.
    fn rank_update(alpha: f64, a: ArrayView2<Self>, op: Op, beta: f64, c: ArrayViewMut2<Self>);
    /// Numbers as real ones, re, im, re, im, … where they are complex.
    fn reals(numbers: &[Self]) -> &[f64];
    /// The same, to be changed.
    fn reals_mut(numbers: &mut [Self]) -> &mut [f64];
}

/// Shapes (m, n, k), checked.
fn shapes<T>(
    a: &ArrayView2<T>,
    op_a: Op,
    b: &ArrayView2<T>,
    op_b: Op,
    c: &ArrayViewMut2<T>,
) -> (c_int, c_int, c_int) {
    let ((m, k), (l, n)) = (op_a.shape(a), op_b.shape(b));
    assert!(
        k == l && c.dim() == (m, n),
        "shapes of a matrix product: {m}x{k}, {l}x{n}, {:?}",
        c.dim()
    );
    (int(m), int(n), int(k))
}

macro_rules! product {
    ($scalar:ty, $gemm:ident, $rank:ident, $number:expr, $pointer:ty) => {
        impl Product for $scalar {
            #[rustfmt::skip]
            fn gemm(alpha: Self, a: ArrayView2<Self>, op_a: Op, b: ArrayView2<Self>, op_b: Op, beta: Self, mut c: ArrayViewMut2<Self>) {
                let (m, n, k) = shapes(&a, op_a, &b, op_b, &c);
                if m == 0 || n == 0 {
                    return;
                }
                count_one();
                let number = $number;
                let lda = leading(a.strides(), a.ncols());
                let ldb = leading(b.strides(), b.ncols());
                let ldc = leading(c.strides(), c.ncols());
                // SAFETY: shapes and row distances were checked above, and the views keep the
                // memory alive and, for C, alone.
                unsafe {
                    $gemm(ROW_MAJOR, op_a.code(), op_b.code(), m, n, k, number(&alpha), a.as_ptr() as *const $pointer, lda,
                        b.as_ptr() as *const $pointer, ldb, number(&beta), c.as_mut_ptr() as *mut $pointer, ldc)
                }
            }
            fn rank_update(alpha: f64, a: ArrayView2<Self>, op: Op, beta: f64, mut c: ArrayViewMut2<Self>) {
                let (n, k) = if op == Op::Same { a.dim() } else { (a.ncols(), a.nrows()) };
                assert!(c.dim() == (n, n), "shape of a rank update: {n}, {:?}", c.dim());
                if n == 0 {
                    return;
                }
                count_one();
                let op = if op == Op::Same { op } else { Op::Adjoint };
                let (lda, ldc) = (leading(a.strides(), a.ncols()), leading(c.strides(), n));
                let (a, c) = (a.as_ptr() as *const $pointer, c.as_mut_ptr() as *mut $pointer);
                // SAFETY: as above.
                unsafe { $rank(ROW_MAJOR, UPPER, op.code(), int(n), int(k), alpha, a, lda, beta, c, ldc) }
            }
            fn reals(numbers: &[Self]) -> &[f64] {
                // SAFETY: Complex64 is #[repr(C)] { re: f64, im: f64 }: the memory holds PARTS
                // times as many f64.
                unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len() * <Self as Scalar>::PARTS) }
            }
            fn reals_mut(numbers: &mut [Self]) -> &mut [f64] {
                let length = numbers.len() * <Self as Scalar>::PARTS;
                // SAFETY: as above, and the borrow of `numbers` lasts as long.
                unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), length) }
            }
        }
    };
}
product!(f64, cblas_dgemm, cblas_dsyrk, |x: &f64| *x, f64);
product!(
    Complex64,
    cblas_zgemm,
    cblas_zherk,
    |x: &Complex64| (x as *const Complex64).cast::<c_void>(),
    c_void
);

/// op(A) op(B).
pub fn multiply<T: Product>(a: ArrayView2<T>, op_a: Op, b: ArrayView2<T>, op_b: Op) -> Array2<T> {
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
    let values = slice
        .chunks_exact(2)
        .map(|z| Complex64::new(z[0], z[1]))
        .collect();
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
