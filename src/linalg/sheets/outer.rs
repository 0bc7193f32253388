//! Decides how products of two vectors are summed in every column: g_ko += Σ_t x_tk d_to in the
//! order of t, in tiles whose sums stay in registers.

use super::{LANES, SheetView};
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};
use crate::number::Real;

/// g_ko += Σ_t x_tk d_to for k below `shape.0` and o below `shape.1`; `terms` are the first rows of
/// x and d of each t, and `g` holds whole rows, o running faster.
pub fn add_outer<R: Real>(
    simd: Simd,
    shape: (usize, usize),
    terms: &[(usize, usize)],
    x: SheetView<R>,
    d: SheetView<R>,
    g: &mut [R],
) {
    outer(simd, shape, terms, x, d, g);
}

compiled_for_each_set! {
    fn outer<R: Real>(
        shape: (usize, usize),
        terms: &[(usize, usize)],
        x: SheetView<R>,
        d: SheetView<R>,
        g: &mut [R],
    ) = outer_body
}

#[inline(always)]
fn outer_body<R: Real, const SET: u8>(
    shape: (usize, usize),
    terms: &[(usize, usize)],
    x: SheetView<R>,
    d: SheetView<R>,
    g: &mut [R],
) {
    let (depth, width) = shape;
    for c in (0..x.columns).step_by(LANES) {
        let mut k = 0;
        while k < depth {
            let high = depth - k >= 4;
            let mut o = 0;
            while o < width {
                let at = (c, k, o);
                match (high, width - o >= 4) {
                    (true, true) => outer_tile::<R, SET, 4, 4>(at, width, terms, x, d, g),
                    (true, false) => outer_tile::<R, SET, 4, 1>(at, width, terms, x, d, g),
                    (false, true) => outer_tile::<R, SET, 1, 4>(at, width, terms, x, d, g),
                    (false, false) => outer_tile::<R, SET, 1, 1>(at, width, terms, x, d, g),
                }
                o += if width - o >= 4 { 4 } else { 1 };
            }
            k += if high { 4 } else { 1 };
        }
    }
}

/// Sums of K times O rows of g in eight columns, which stay in registers.
#[inline(always)]
fn outer_tile<R: Real, const SET: u8, const K: usize, const O: usize>(
    (c, k, o): (usize, usize, usize),
    width: usize,
    terms: &[(usize, usize)],
    x: SheetView<R>,
    d: SheetView<R>,
    g: &mut [R],
) {
    let columns = x.columns;
    let mut sums = [[[R::default(); LANES]; O]; K];
    for &(row_x, row_d) in terms {
        let x = &x.numbers[(row_x + k) * columns + c..];
        let d = &d.numbers[(row_d + o) * columns + c..];
        let d: [&[R]; O] = std::array::from_fn(|j| &d[j * columns..][..LANES]);
        for (i, sums) in sums.iter_mut().enumerate() {
            let x = &x[i * columns..][..LANES];
            for (sums, d) in sums.iter_mut().zip(d) {
                for ((sum, x), d) in sums.iter_mut().zip(x).zip(d) {
                    *sum = multiply_add::<_, SET>(*x, *d, *sum);
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (j, sums) in sums.iter().enumerate() {
            let own = &mut g[((k + i) * width + o + j) * columns + c..][..LANES];
            own.iter_mut().zip(sums).for_each(|(g, s)| *g += *s);
        }
    }
}
