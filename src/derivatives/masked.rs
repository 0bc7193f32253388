//! Decides what the columns of a masked layer are: position i multiplies the inputs of positions
//! before it, perhaps with its own, by its signals.
//!
//! Column (i, k, o) is a_sk b_s,io for the inputs k that position i sees. Both factors are kept
//! whole, so that Σ_i (A_i A_i'^T) ∘ (B_i B_i'^T) takes N (inputs + outputs + 1) multiplications a
//! pair of samples: A_i A_i'^T grows by one position after the other.

use super::columns::{Matrix, Numbers, Span};
use crate::linalg::products::{Op, multiply};
use crate::linalg::simd::{compiled_for_each_set, multiply_add};
use ndarray::{Array2, ArrayViewMut2, s};
use num_complex::Complex64;
use std::ops::Range;

/// The shape of a masked layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mask {
    /// Inputs of a position.
    pub inputs: usize,
    /// Outputs of a position.
    pub outputs: usize,
    /// Whether a position sees itself.
    pub own: bool,
}

impl Mask {
    /// Inputs that position `i` sees.
    fn seen(self, i: usize) -> usize {
        self.inputs * (i + usize::from(self.own))
    }
    /// The first column of position `i`.
    fn start(self, i: usize) -> usize {
        let pairs = i * (i + 1) / 2 - if self.own { 0 } else { i };
        pairs * self.inputs * self.outputs
    }
}

/// Both factors of a masked layer; the inputs are real.
#[derive(Clone, Copy)]
pub struct Masked<'a> {
    pub(super) inputs: &'a Matrix,
    pub(super) signals: &'a Matrix,
    pub(super) mask: Mask,
}

/// The numbers of a real matrix.
fn real(m: &Matrix) -> &Array2<f64> {
    match m {
        Matrix::Real(m) => m,
        _ => unreachable!("the inputs of a masked layer are real, of double precision"),
    }
}

impl Masked<'_> {
    fn positions(&self) -> usize {
        self.signals.dim().1 / self.mask.outputs.max(1)
    }
    pub(super) fn width(&self) -> usize {
        self.mask.start(self.positions())
    }
    /// The columns of position `i`.
    fn columns(&self, i: usize) -> Range<usize> {
        self.mask.start(i)..self.mask.start(i + 1)
    }
    /// out_s += Σ_k O_sk v_k
    pub(super) fn add_product(&self, v: &[Complex64], out: &mut [Complex64]) {
        let (a, outputs) = (real(self.inputs), self.mask.outputs);
        for i in 0..self.positions() {
            let seen = self.mask.seen(i);
            if seen == 0 {
                continue;
            }
            let parts = |f: fn(&Complex64) -> f64| v[self.columns(i)].iter().map(f);
            // Real and imaginary parts of v side by side.
            let mut both = Array2::zeros((seen, 2 * outputs));
            for (part, f) in [(0, (|z| z.re) as fn(&Complex64) -> f64), (1, |z| z.im)] {
                for (at, x) in parts(f).enumerate() {
                    both[(at / outputs, part * outputs + at % outputs)] = x;
                }
            }
            let product = multiply(a.slice(s![.., ..seen]), Op::Same, both.view(), Op::Same);
            for (s, (out, row)) in out.iter_mut().zip(product.rows()).enumerate() {
                for o in 0..outputs {
                    let y = Complex64::new(row[o], row[outputs + o]);
                    *out += y * self.signals.get(s, i * outputs + o);
                }
            }
        }
    }
    /// Σ_s O_sk* w_s
    pub(super) fn adjoint(&self, w: &[Complex64]) -> Vec<Complex64> {
        let signal = |s: usize, j: usize| w[s] * self.signals.get(s, j).conj();
        self.summed(w.len(), signal, real(self.inputs))
    }
    /// Σ_s w_s |O_sk|²
    pub(super) fn squares(&self, w: &[f64]) -> Vec<f64> {
        let signal = |s: usize, j: usize| (w[s] * self.signals.get(s, j).norm_sqr()).into();
        let squared = real(self.inputs).mapv(|x| x * x);
        self.summed(w.len(), signal, &squared)
            .iter()
            .map(|z| z.re)
            .collect()
    }
    /// Σ_s a_sk b_sj for every column.
    fn summed(
        &self,
        samples: usize,
        b: impl Fn(usize, usize) -> Complex64,
        a: &Array2<f64>,
    ) -> Vec<Complex64> {
        let outputs = self.mask.outputs;
        let mut all = Vec::with_capacity(self.width());
        for i in 0..self.positions() {
            if self.mask.seen(i) == 0 {
                continue;
            }
            let parts = Array2::from_shape_fn((samples, 2 * outputs), |(s, j)| {
                let z = b(s, i * outputs + j / 2);
                if j % 2 == 0 { z.re } else { z.im }
            });
            let seen = a.slice(s![.., ..self.mask.seen(i)]);
            let sums = multiply(seen, Op::Transpose, parts.view(), Op::Same);
            let numbers = sums.into_raw_vec_and_offset().0;
            all.extend(numbers.chunks_exact(2).map(|z| Complex64::new(z[0], z[1])));
        }
        all
    }
    /// Calls `put` with the entries of sample `s` in the columns `range`, in runs.
    pub(super) fn visit(&self, s: usize, range: Range<usize>, put: &mut dyn FnMut(Span)) {
        let (a, outputs) = (real(self.inputs), self.mask.outputs);
        let numbers = |j: Range<usize>| match self.signals {
            Matrix::Real(m) => Numbers::Real(&row(m, s)[j]),
            Matrix::Complex(m) => Numbers::Complex(&row(m, s)[j]),
            Matrix::Rounded(m) => m.run(s, j),
        };
        for i in 0..self.positions() {
            let own = self.columns(i);
            let mut k = own.start.max(range.start);
            while k < own.end.min(range.end) {
                let (input, first) = ((k - own.start) / outputs, (k - own.start) % outputs);
                let last = outputs.min(first + range.end - k);
                put(Span {
                    start: k - range.start,
                    step: 1,
                    factor: a[(s, input)].into(),
                    numbers: numbers(i * outputs + first..i * outputs + last),
                });
                k += last - first;
            }
        }
    }
    /// Adds O O'^H of some rows of both to `out`, with rows of real and of imaginary parts where
    /// `stacked`.
    pub(super) fn add_gram(
        &self,
        rows: &Range<usize>,
        other: &Self,
        columns: &Range<usize>,
        stacked: bool,
        mut out: ArrayViewMut2<f64>,
    ) {
        let parts = if stacked { 2 } else { 1 };
        let part = |m: &Matrix, rows: &Range<usize>, part: usize| match (m, part) {
            (Matrix::Real(m), 0) => Some(m.slice(s![rows.clone(), ..]).to_owned()),
            (Matrix::Real(_), _) => None,
            (Matrix::Complex(m), 0) => Some(m.slice(s![rows.clone(), ..]).mapv(|z| z.re)),
            (Matrix::Complex(m), _) => Some(m.slice(s![rows.clone(), ..]).mapv(|z| z.im)),
            (Matrix::Rounded(_), _) => unreachable!("factors have double precision"),
        };
        let inputs = real(self.inputs).slice(s![rows.clone(), ..]).to_owned();
        let others = packed(&real(other.inputs).slice(s![columns.clone(), ..]).to_owned());
        for (p, q) in (0..parts).flat_map(|p| (0..parts).map(move |q| (p, q))) {
            let (Some(d), Some(e)) = (part(self.signals, rows, p), part(other.signals, columns, q))
            else {
                continue;
            };
            let task = Task {
                mask: self.mask,
                inputs: inputs.as_slice().unwrap_or_default(),
                signals: d.as_slice().unwrap_or_default(),
                other_inputs: &others,
                other_signals: &packed(&e),
                width: padded(columns.len()),
            };
            let own = out.slice_mut(s![p..;parts, q..;parts]);
            let mut sums = vec![0.0; rows.len() * task.width];
            masked_gram(
                crate::linalg::simd::Simd::chosen(),
                &task,
                rows.len(),
                &mut sums,
            );
            add(own, &sums, task.width);
        }
    }
}

fn row<T>(m: &Array2<T>, s: usize) -> &[T] {
    let width = m.ncols();
    m.as_slice()
        .map_or(&[], |all| &all[s * width..(s + 1) * width])
}

fn add(mut out: ArrayViewMut2<f64>, sums: &[f64], width: usize) {
    for (mut out, sums) in out.rows_mut().into_iter().zip(sums.chunks_exact(width)) {
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
    }
}

/// Samples that are worked on side by side.
const LANES: usize = 8;
/// Samples of this side at once.
const ROWS: usize = 8;

fn padded(samples: usize) -> usize {
    samples.next_multiple_of(LANES)
}

/// Columns as rows, padded with zeros.
fn packed(m: &Array2<f64>) -> Vec<f64> {
    let width = padded(m.nrows());
    let mut out = vec![0.0; m.ncols() * width];
    for (s, row) in m.rows().into_iter().enumerate() {
        row.iter()
            .enumerate()
            .for_each(|(k, &x)| out[k * width + s] = x);
    }
    out
}

/// A tile of a Gram matrix: rows of one side, packed columns of the other.
struct Task<'a> {
    mask: Mask,
    inputs: &'a [f64],
    signals: &'a [f64],
    other_inputs: &'a [f64],
    other_signals: &'a [f64],
    width: usize,
}

compiled_for_each_set! {
    fn masked_gram(task: &Task, rows: usize, out: &mut [f64]) = masked_gram_body
}

#[inline(always)]
fn masked_gram_body<const SET: u8>(task: &Task, rows: usize, out: &mut [f64]) {
    for c in (0..task.width).step_by(LANES) {
        let mut r = 0;
        while r + ROWS <= rows {
            block::<SET, ROWS>(task, rows, r, c, out);
            r += ROWS;
        }
        while r < rows {
            block::<SET, 1>(task, rows, r, c, out);
            r += 1;
        }
    }
}

/// R rows and some columns, whose sums stay in registers.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn block<const SET: u8, const R: usize>(
    task: &Task,
    rows: usize,
    r: usize,
    c: usize,
    out: &mut [f64],
) {
    let (f, g, width) = (task.mask.inputs, task.mask.outputs, task.width);
    let (depth, signals) = (task.inputs.len() / rows, task.signals.len() / rows);
    let a: [&[f64]; R] = std::array::from_fn(|k| &task.inputs[(r + k) * depth..][..depth]);
    let d: [&[f64]; R] = std::array::from_fn(|k| &task.signals[(r + k) * signals..][..signals]);
    let (mut grown, mut sums) = ([[0.0; LANES]; R], [[0.0; LANES]; R]);
    for i in 0..signals / g.max(1) {
        if task.mask.own {
            grown = grow::<SET, R>(
                &a,
                i * f..(i + 1) * f,
                &task.other_inputs[c..],
                width,
                grown,
            );
        }
        let zero = [[0.0; LANES]; R];
        let own = i * g..(i + 1) * g;
        let products = grow::<SET, R>(&d, own, &task.other_signals[c..], width, zero);
        for k in 0..R {
            for l in 0..LANES {
                sums[k][l] = multiply_add::<_, SET>(grown[k][l], products[k][l], sums[k][l]);
            }
        }
        if !task.mask.own {
            grown = grow::<SET, R>(
                &a,
                i * f..(i + 1) * f,
                &task.other_inputs[c..],
                width,
                grown,
            );
        }
    }
    for (k, sums) in sums.iter().enumerate() {
        out[(r + k) * width + c..][..LANES].copy_from_slice(sums);
    }
}

/// y_r + Σ_k x_rk z_k over some k.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn grow<const SET: u8, const R: usize>(
    x: &[&[f64]; R],
    range: Range<usize>,
    z: &[f64],
    width: usize,
    mut y: [[f64; LANES]; R],
) -> [[f64; LANES]; R] {
    for k in range {
        let Some(z) = z[k * width..].first_chunk::<LANES>() else {
            return y;
        };
        for r in 0..R {
            let x = x[r][k];
            for l in 0..LANES {
                y[r][l] = multiply_add::<_, SET>(x, z[l], y[r][l]);
            }
        }
    }
    y
}
