//! Decides which routines of BLAS, LAPACK and ScaLAPACK serve which number.
//!
//! References: J. Dongarra et al., ACM Trans. Math. Softw. 16, 1 (1990), and the C interface to the
//! BLAS; E. Anderson et al., LAPACK Users' Guide, 3rd ed. (1999).

use super::dense::{self, Work};
use super::factors;
use super::products::{Gemm, Op, RankUpdate};
use crate::error::Result;
use crate::number::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use num_complex::Complex64;
use std::ffi::{c_char, c_int, c_void};

const ROW_MAJOR: c_int = 101;
const UPPER: c_int = 121;
const LOWER: *const c_char = c"L".as_ptr();
const VECTORS: *const c_char = c"V".as_ptr();

unsafe extern "C" {
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
    fn dsyevd_(
        job: *const c_char,
        uplo: *const c_char,
        n: *const c_int,
        a: *mut f64,
        lda: *const c_int,
        w: *mut f64,
        work: *mut f64,
        lwork: *const c_int,
        iwork: *mut c_int,
        liwork: *const c_int,
        info: *mut c_int,
        l: usize,
        m: usize,
    );
    fn zheevd_(
        job: *const c_char,
        uplo: *const c_char,
        n: *const c_int,
        a: *mut Complex64,
        lda: *const c_int,
        w: *mut f64,
        work: *mut Complex64,
        lwork: *const c_int,
        rwork: *mut f64,
        lrwork: *const c_int,
        iwork: *mut c_int,
        liwork: *const c_int,
        info: *mut c_int,
        l: usize,
        m: usize,
    );
}

/// Numbers that matrices of solvers are made of. It is a trait beside [`Scalar`] because the
/// library has one routine for each type: `dgemm` and `zgemm`, `dsyevd` and `zheevd`.
pub trait Lapack: Scalar {
    /// C ← α op(A) op(B) + β C. Rows of all matrices have to be contiguous, and the shapes have
    /// to fit.
    fn gemm(
        alpha: Self,
        a: ArrayView2<Self>,
        op_a: Op,
        b: ArrayView2<Self>,
        op_b: Op,
        beta: Self,
        c: ArrayViewMut2<Self>,
    );
    /// The upper triangle of C ← α A^H A + β C (`op` is [`Op::Adjoint`]) or C ← α A A^H + β
    /// C ([`Op::Same`]); the rest is left alone.
    fn rank_update(alpha: f64, a: ArrayView2<Self>, op: Op, beta: f64, c: ArrayViewMut2<Self>);
    /// Factorises the upper triangle in place; an error where A is not positive definite. The
    /// strict lower triangle is left alone.
    fn factorise(a: &mut Array2<Self>) -> Result<()>;
    /// Replaces b by A⁻¹ b, given the factor.
    fn solve_factorised(a: &Array2<Self>, b: &mut [Self]) -> Result<()>;
    /// Eigenvalues in increasing order and V^H, eigenvectors as conjugated rows; by divide and
    /// conquer.
    fn eigen(a: Array2<Self>) -> Result<(Vec<f64>, Array2<Self>)>;
    /// Q and R of A = Q R, with as many columns of Q as the smaller side of A has.
    fn qr(a: &Array2<Self>) -> Result<(Array2<Self>, Array2<Self>)>;
    /// U, the singular values in decreasing order and V^H of A = U S V^H, as many as the smaller
    /// side of A has.
    fn svd(a: &Array2<Self>) -> Result<(Array2<Self>, Vec<f64>, Array2<Self>)>;
    /// Solves a system that is shared out over a grid of processes.
    ///
    /// # Safety
    /// Pointers and descriptors have to describe what this process holds of A and b.
    #[cfg(feature = "scalapack")]
    #[doc(hidden)]
    unsafe fn posv(
        n: c_int,
        a: *mut Self,
        desca: *const c_int,
        b: *mut Self,
        descb: *const c_int,
        info: *mut c_int,
    );
}

impl Lapack for f64 {
    fn gemm(
        alpha: Self,
        a: ArrayView2<Self>,
        op_a: Op,
        b: ArrayView2<Self>,
        op_b: Op,
        beta: Self,
        mut c: ArrayViewMut2<Self>,
    ) {
        let Some(g) = Gemm::of(&a, op_a, &b, op_b, &mut c) else {
            return;
        };
        let Gemm { ops, sizes, .. } = g;
        // SAFETY: `Gemm::of` has checked shapes and row distances; the views keep the memory alive
        // and, for C, alone.
        unsafe {
            cblas_dgemm(
                ROW_MAJOR, ops[0], ops[1], sizes[0], sizes[1], sizes[2], alpha, g.a, g.lda, g.b,
                g.ldb, beta, g.c, g.ldc,
            )
        }
    }
    fn rank_update(alpha: f64, a: ArrayView2<Self>, op: Op, beta: f64, mut c: ArrayViewMut2<Self>) {
        let Some(r) = RankUpdate::of(&a, op, &mut c) else {
            return;
        };
        // SAFETY: as above, by `RankUpdate::of`.
        unsafe {
            cblas_dsyrk(
                ROW_MAJOR, UPPER, r.op, r.n, r.k, alpha, r.a, r.lda, beta, r.c, r.ldc,
            )
        }
    }
    fn factorise(a: &mut Array2<Self>) -> Result<()> {
        dense::factorise(a)
    }
    fn solve_factorised(a: &Array2<Self>, b: &mut [Self]) -> Result<()> {
        dense::solve_factorised(a, b)
    }
    fn qr(a: &Array2<Self>) -> Result<(Array2<Self>, Array2<Self>)> {
        factors::qr(a)
    }
    fn svd(a: &Array2<Self>) -> Result<(Array2<Self>, Vec<f64>, Array2<Self>)> {
        factors::svd(a)
    }
    fn eigen(a: Array2<Self>) -> Result<(Vec<f64>, Array2<Self>)> {
        dense::eigen(a, |n, a, values, work: Work<Self>| {
            let (numbers, integers) = (work.numbers.as_mut_ptr(), work.integers.as_mut_ptr());
            let [numbers_length, _, integers_length] = &work.lengths;
            let mut info = 0;
            // SAFETY: a is square, contiguous and of the order that is passed; work arrays have
            // the lengths that are passed, which are those that the routine has asked for.
            unsafe {
                dsyevd_(
                    VECTORS,
                    LOWER,
                    &n,
                    a,
                    &n,
                    values,
                    numbers,
                    numbers_length,
                    integers,
                    integers_length,
                    &mut info,
                    1,
                    1,
                );
            }
            info
        })
    }
    #[cfg(feature = "scalapack")]
    unsafe fn posv(
        n: c_int,
        a: *mut Self,
        desca: *const c_int,
        b: *mut Self,
        descb: *const c_int,
        info: *mut c_int,
    ) {
        // SAFETY: as the caller promises.
        unsafe { super::scalapack::pdposv(n, a, desca, b, descb, info) }
    }
}

impl Lapack for Complex64 {
    fn gemm(
        alpha: Self,
        a: ArrayView2<Self>,
        op_a: Op,
        b: ArrayView2<Self>,
        op_b: Op,
        beta: Self,
        mut c: ArrayViewMut2<Self>,
    ) {
        let Some(g) = Gemm::of(&a, op_a, &b, op_b, &mut c) else {
            return;
        };
        let Gemm { ops, sizes, .. } = g;
        let (alpha, beta): (*const Self, *const Self) = (&alpha, &beta);
        // SAFETY: as for real numbers; α and β outlive the call.
        unsafe {
            cblas_zgemm(
                ROW_MAJOR,
                ops[0],
                ops[1],
                sizes[0],
                sizes[1],
                sizes[2],
                alpha.cast(),
                g.a.cast(),
                g.lda,
                g.b.cast(),
                g.ldb,
                beta.cast(),
                g.c.cast(),
                g.ldc,
            )
        }
    }
    fn rank_update(alpha: f64, a: ArrayView2<Self>, op: Op, beta: f64, mut c: ArrayViewMut2<Self>) {
        let Some(r) = RankUpdate::of(&a, op, &mut c) else {
            return;
        };
        let (a, c) = (r.a.cast(), r.c.cast());
        // SAFETY: as for real numbers.
        unsafe {
            cblas_zherk(
                ROW_MAJOR, UPPER, r.op, r.n, r.k, alpha, a, r.lda, beta, c, r.ldc,
            )
        }
    }
    fn factorise(a: &mut Array2<Self>) -> Result<()> {
        dense::factorise(a)
    }
    fn solve_factorised(a: &Array2<Self>, b: &mut [Self]) -> Result<()> {
        dense::solve_factorised(a, b)
    }
    fn qr(a: &Array2<Self>) -> Result<(Array2<Self>, Array2<Self>)> {
        factors::qr(a)
    }
    fn svd(a: &Array2<Self>) -> Result<(Array2<Self>, Vec<f64>, Array2<Self>)> {
        factors::svd(a)
    }
    fn eigen(a: Array2<Self>) -> Result<(Vec<f64>, Array2<Self>)> {
        dense::eigen(a, |n, a, values, work: Work<Self>| {
            let (numbers, reals) = (work.numbers.as_mut_ptr(), work.reals.as_mut_ptr());
            let integers = work.integers.as_mut_ptr();
            let [numbers_length, reals_length, integers_length] = &work.lengths;
            let mut info = 0;
            // SAFETY: as for real numbers.
            unsafe {
                zheevd_(
                    VECTORS,
                    LOWER,
                    &n,
                    a,
                    &n,
                    values,
                    numbers,
                    numbers_length,
                    reals,
                    reals_length,
                    integers,
                    integers_length,
                    &mut info,
                    1,
                    1,
                );
            }
            info
        })
    }
    #[cfg(feature = "scalapack")]
    unsafe fn posv(
        n: c_int,
        a: *mut Self,
        desca: *const c_int,
        b: *mut Self,
        descb: *const c_int,
        info: *mut c_int,
    ) {
        // SAFETY: as the caller promises.
        unsafe { super::scalapack::pzposv(n, a, desca, b, descb, info) }
    }
}
