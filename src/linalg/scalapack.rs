//! Decides how a Hermitian system that is shared out over all ranks is solved: Cholesky on a
//! block-cyclic grid by ScaLAPACK.
//!
//! Entry (i, j) belongs to the process in row ⌊i/b⌋ mod R and column ⌊j/b⌋ mod C of an R ×
//! C grid; each process holds its entries column by column. The grid is left when it is dropped;
//! MPI itself is not touched.
//!
//! Reference: L. S. Blackford et al., ScaLAPACK Users' Guide (1997).

use super::dense::Lapack;
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::ffi::{c_char, c_int};

unsafe extern "C" {
    fn sys2blacs_handle_(communicator: *const c_int) -> c_int;
    fn free_blacs_system_handle_(handle: *const c_int);
    fn blacs_gridinit_(
        context: *mut c_int,
        order: *const c_char,
        rows: *const c_int,
        columns: *const c_int,
        l: usize,
    );
    fn blacs_gridexit_(context: *const c_int);
    fn descinit_(
        descriptor: *mut c_int,
        m: *const c_int,
        n: *const c_int,
        mb: *const c_int,
        nb: *const c_int,
        row: *const c_int,
        column: *const c_int,
        context: *const c_int,
        leading: *const c_int,
        info: *mut c_int,
    );
    fn pdposv_(
        uplo: *const c_char,
        n: *const c_int,
        nrhs: *const c_int,
        a: *mut f64,
        ia: *const c_int,
        ja: *const c_int,
        desca: *const c_int,
        b: *mut f64,
        ib: *const c_int,
        jb: *const c_int,
        descb: *const c_int,
        info: *mut c_int,
        l: usize,
    );
    fn pzposv_(
        uplo: *const c_char,
        n: *const c_int,
        nrhs: *const c_int,
        a: *mut Complex64,
        ia: *const c_int,
        ja: *const c_int,
        desca: *const c_int,
        b: *mut Complex64,
        ib: *const c_int,
        jb: *const c_int,
        descb: *const c_int,
        info: *mut c_int,
        l: usize,
    );
}

/// Solves for real numbers.
///
/// # Safety
/// As for [`Lapack::posv`].
pub(super) unsafe fn pdposv(
    n: c_int,
    a: *mut f64,
    desca: *const c_int,
    b: *mut f64,
    descb: *const c_int,
    info: *mut c_int,
) {
    // SAFETY: as the caller promises.
    unsafe { pdposv_(UPPER, &n, &1, a, &1, &1, desca, b, &1, &1, descb, info, 1) }
}

/// Solves for complex numbers.
///
/// # Safety
/// As for [`Lapack::posv`].
pub(super) unsafe fn pzposv(
    n: c_int,
    a: *mut Complex64,
    desca: *const c_int,
    b: *mut Complex64,
    descb: *const c_int,
    info: *mut c_int,
) {
    // SAFETY: as the caller promises.
    unsafe { pzposv_(UPPER, &n, &1, a, &1, &1, desca, b, &1, &1, descb, info, 1) }
}

const UPPER: *const c_char = c"U".as_ptr();

/// Rows and columns of a block.
pub const GRID_BLOCK: usize = 64;

/// Who owns which entries: R × C processes in the order of the ranks, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// R
    pub rows: usize,
    /// C
    pub columns: usize,
}

impl Layout {
    /// The grid of `size` processes that is closest to a square.
    pub fn of(size: usize) -> Self {
        let rows = (1..=size)
            .take_while(|r| r * r <= size)
            .filter(|r| size.is_multiple_of(*r))
            .last()
            .unwrap_or(1);
        Layout {
            rows,
            columns: size / rows,
        }
    }
    /// Row and column of a rank in the grid.
    pub fn place(&self, rank: usize) -> (usize, usize) {
        (rank / self.columns, rank % self.columns)
    }
    /// The grid row that owns matrix row i.
    pub fn row_of(&self, i: usize) -> usize {
        i / GRID_BLOCK % self.rows
    }
    /// The grid column that owns matrix column j.
    pub fn column_of(&self, j: usize) -> usize {
        j / GRID_BLOCK % self.columns
    }
    /// How many of n rows (or columns) belong to place `at` of `places`.
    pub fn count(n: usize, at: usize, places: usize) -> usize {
        let (blocks, rest) = (n / GRID_BLOCK, n % GRID_BLOCK);
        let own = blocks / places + usize::from(at < blocks % places);
        own * GRID_BLOCK + if blocks % places == at { rest } else { 0 }
    }
    /// Where row (or column) i is among those of its owner.
    pub fn local(i: usize, places: usize) -> usize {
        i / GRID_BLOCK / places * GRID_BLOCK + i % GRID_BLOCK
    }
}

/// This process's place in a grid of all ranks.
pub struct Grid {
    handle: c_int,
    context: c_int,
    /// Who owns what.
    pub layout: Layout,
    /// Row and column of this process.
    pub place: (usize, usize),
}

impl Grid {
    /// Sets up the grid; collective. `communicator` is its Fortran integer.
    pub fn new(communicator: i32, rank: usize, size: usize) -> Self {
        let layout = Layout::of(size);
        // SAFETY: the communicator is that of a running MPI; the grid has as many places as the
        // communicator has ranks.
        let (handle, context) = unsafe {
            let handle = sys2blacs_handle_(&communicator);
            let mut context = handle;
            let (rows, columns) = (layout.rows as c_int, layout.columns as c_int);
            blacs_gridinit_(&mut context, c"R".as_ptr(), &rows, &columns, 1);
            (handle, context)
        };
        Grid {
            handle,
            context,
            layout,
            place: layout.place(rank),
        }
    }

    /// Solves A x = b, collectively: `a` holds this process's entries of the upper triangle of the
    /// n × n matrix, `b` those of the right-hand side, which belong to grid column 0. Both are
    /// overwritten, b by x.
    pub fn solve<T: Lapack>(&self, n: usize, a: &mut [T], b: &mut [T]) -> Result<()> {
        let rows = Layout::count(n, self.place.0, self.layout.rows);
        let columns = Layout::count(n, self.place.1, self.layout.columns);
        assert!(
            a.len() == rows * columns && b.len() == rows,
            "shares of a distributed system"
        );
        let order = c_int::try_from(n).map_err(|_| too_large())?;
        let (block, leading) = (GRID_BLOCK as c_int, rows.max(1) as c_int);
        let (mut desca, mut descb, mut info) = ([0; 9], [0; 9], [0; 3]);
        // SAFETY: the descriptors describe the shares whose lengths were checked above.
        unsafe {
            let (a, b) = (a.as_mut_ptr(), b.as_mut_ptr());
            let describe = |out: &mut [c_int; 9], columns: &c_int, info: &mut c_int| {
                let (out, context) = (out.as_mut_ptr(), &self.context);
                descinit_(
                    out, &order, columns, &block, &block, &0, &0, context, &leading, info,
                );
            };
            describe(&mut desca, &order, &mut info[0]);
            describe(&mut descb, &1, &mut info[1]);
            if info == [0; 3] {
                T::posv(order, a, desca.as_ptr(), b, descb.as_ptr(), &mut info[2]);
            }
        }
        match info {
            [0, 0, 0] => Ok(()),
            _ => Err(Error::numerical(
                format!("the distributed Cholesky factorisation failed (ScaLAPACK says {info:?})"),
                "raise optimize.shift",
            )),
        }
    }
}

fn too_large() -> Error {
    Error::numerical(
        "a distributed matrix has more than 2^31 rows",
        "use optimize.method = \"cg\"",
    )
}

impl Drop for Grid {
    fn drop(&mut self) {
        // SAFETY: both were set up in `new` and are given back once, before MPI ends.
        unsafe {
            blacs_gridexit_(&self.context);
            free_blacs_system_handle_(&self.handle);
        }
    }
}
