//! Decides which routines of BLAS, LAPACK and ScaLAPACK serve which number. They have the Fortran
//! interface, which every library has.
//!
//! References: J. Dongarra et al., ACM Trans. Math. Softw. 16, 1 (1990); E. Anderson et al., LAPACK
//! Users' Guide, 3rd ed. (1999).

use super::dense::{self, Work};
use super::factors;
use super::general;
use super::products::{Gemm, Op, RankUpdate};
use crate::error::Result;
use crate::number::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use num_complex::Complex64;
use std::ffi::c_char;
#[cfg(feature = "scalapack")]
use std::ffi::c_int;

const LOWER: *const c_char = c"L".as_ptr();
const VECTORS: *const c_char = c"V".as_ptr();

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
    /// Eigenvalues of a matrix that need not be Hermitian, in no order, and its eigenvectors as
    /// columns of length 1.
    fn eigen_general(a: &Array2<Self>) -> Result<(Vec<Complex64>, Array2<Complex64>)>;
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

/// The methods that real and complex numbers have in common, by the routines of one of them. The
/// pointers to complex numbers are cast to the types that the declarations have for them.
macro_rules! methods {
    ($gemm:path, $rank_update:path) => {
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
            let Gemm { ops, sizes, .. } = &g;
            let (alpha, beta): (*const Self, *const Self) = (&alpha, &beta);
            let (a, b, c) = (g.a.cast(), g.b.cast(), g.c.cast());
            // SAFETY: `Gemm::of` has checked shapes and row distances; the views keep the memory
            // alive and, for C, alone; α and β outlive the call.
            unsafe {
                $gemm(
                    &ops[1],
                    &ops[0],
                    &sizes[1],
                    &sizes[0],
                    &sizes[2],
                    alpha.cast(),
                    b,
                    &g.ldb,
                    a,
                    &g.lda,
                    beta.cast(),
                    c,
                    &g.ldc,
                )
            }
        }
        fn rank_update(
            alpha: f64,
            a: ArrayView2<Self>,
            op: Op,
            beta: f64,
            mut c: ArrayViewMut2<Self>,
        ) {
            let Some(r) = RankUpdate::of(&a, op, &mut c) else {
                return;
            };
            let (a, c) = (r.a.cast(), r.c.cast());
            // SAFETY: as above, by `RankUpdate::of`.
            unsafe {
                $rank_update(
                    LOWER, &r.op, &r.n, &r.k, &alpha, a, &r.lda, &beta, c, &r.ldc,
                )
            }
        }
        fn factorise(a: &mut Array2<Self>) -> Result<()> {
            dense::factorise(a)
        }
        fn solve_factorised(a: &Array2<Self>, b: &mut [Self]) -> Result<()> {
            dense::solve_factorised(a, b)
        }
        fn eigen_general(a: &Array2<Self>) -> Result<(Vec<Complex64>, Array2<Complex64>)> {
            general::eigen(a)
        }
        fn qr(a: &Array2<Self>) -> Result<(Array2<Self>, Array2<Self>)> {
            factors::qr(a)
        }
        fn svd(a: &Array2<Self>) -> Result<(Array2<Self>, Vec<f64>, Array2<Self>)> {
            factors::svd(a)
        }
    };
}

impl Lapack for f64 {
    methods!(blas_sys::dgemm_, blas_sys::dsyrk_);
    fn eigen(a: Array2<Self>) -> Result<(Vec<f64>, Array2<Self>)> {
        dense::eigen(a, |n, a, values, work: Work<Self>| {
            let (numbers, integers) = (work.numbers.as_mut_ptr(), work.integers.as_mut_ptr());
            let [l, _, li] = &work.lengths;
            let mut info = 0;
            // SAFETY: a is square, contiguous and of the order that is passed; work arrays have
            // the lengths that are passed, which are those that the routine has asked for.
            unsafe {
                lapack_sys::dsyevd_(
                    VECTORS, LOWER, &n, a, &n, values, numbers, l, integers, li, &mut info,
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
    methods!(blas_sys::zgemm_, blas_sys::zherk_);
    fn eigen(a: Array2<Self>) -> Result<(Vec<f64>, Array2<Self>)> {
        dense::eigen(a, |n, a, values, work: Work<Self>| {
            let (numbers, reals) = (work.numbers.as_mut_ptr(), work.reals.as_mut_ptr());
            let integers = work.integers.as_mut_ptr();
            let (a, numbers, [l, lr, li]) = (a.cast(), numbers.cast(), &work.lengths);
            let mut info = 0;
            // SAFETY: as for real numbers.
            unsafe {
                lapack_sys::zheevd_(
                    VECTORS, LOWER, &n, a, &n, values, numbers, l, reals, lr, integers, li,
                    &mut info,
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
