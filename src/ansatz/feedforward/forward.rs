//! Decides how a network is evaluated: matrices packed once per change of the parameters, rows of
//! many walkers at once.
//!
//! Everything is a product of real matrices. A complex row x = u + i v stands as (u, v), real parts
//! first, and W = A + i B as ((A, B), (−B, A)): (u, v) times that is (u A − v B, u B + v A).

use super::activation::Order;
use super::{Feedforward, Shape};
use crate::ansatz::field::{Field, reduce};
use crate::basis::Move;
use crate::linalg::panels::Panels;
use num_complex::Complex64;

/// Questions evaluated at once: the activations of a block stay in cache.
pub const BLOCK: usize = 64;

/// What follows from the parameters alone.
#[derive(Debug, Clone)]
pub struct Tables {
    sites: usize,
    /// From spins to a row: θ¹, then Σ_i a_i σ_i for each output.
    first: Panels,
    /// W¹ and a of each site, one padded row per site.
    units_of: Vec<f64>,
    /// Wˡ and bˡ of layers 2, 3, ….
    pub inner: Vec<Panels>,
    /// (Wˡ)^T of layers 2, 3, …: from the derivatives with respect to θˡ to those with respect
    /// to xˡ⁻¹.
    pub back: Vec<Panels>,
    /// c: from the last layer to ln ψ.
    output: Panels,
    /// Numbers of a row that belong to θ¹.
    units: usize,
}

/// What a batch of walkers keeps.
#[derive(Debug)]
pub struct FeedforwardBatch {
    /// Spins.
    pub x: Vec<i8>,
    /// One padded row per walker: θ¹ and what the visible biases give.
    pub rows: Vec<f64>,
    /// ln ψ.
    pub log_psi: Vec<Complex64>,
    /// Accepted moves since the walker was computed afresh.
    pub accepted: Vec<u32>,
}

/// The last ratios, rows of first-layer pre-activations of one block of questions, and activations
/// on their way through the layers.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) ratios: Vec<Complex64>,
    rows: Vec<f64>,
    one: Vec<f64>,
    other: Vec<f64>,
    spins: Vec<f64>,
}

impl Scratch {
    /// Makes room for a block of walkers or questions.
    pub(super) fn fit(&mut self, tables: &Tables) {
        let widest = tables
            .inner
            .iter()
            .map(Panels::stride)
            .chain([tables.first.stride(), tables.output.stride()])
            .max();
        for room in [&mut self.one, &mut self.other] {
            room.resize(BLOCK * widest.unwrap_or(0), 0.0);
        }
        self.rows.resize(BLOCK * tables.first.stride(), 0.0);
        self.spins.clear();
        self.spins.reserve(BLOCK * tables.sites);
    }
    /// The place of the first-layer row of question `row` of a block.
    pub(super) fn row(&mut self, row: usize, tables: &Tables) -> &mut [f64] {
        &mut self.rows[row * tables.first.stride()..][..tables.first.stride()]
    }
}

impl FeedforwardBatch {
    /// Walkers with spins `xs` and all else to be filled in.
    pub fn new(xs: &[i8], walkers: usize, tables: &Tables) -> Self {
        FeedforwardBatch {
            x: xs.to_vec(),
            rows: vec![0.0; walkers * tables.first.stride()],
            log_psi: vec![Complex64::ZERO; walkers],
            accepted: vec![0; walkers],
        }
    }
}

/// Numbers of a row of `units` numbers of type `T`, where real and imaginary parts each fill whole
/// vectors of eight.
pub fn numbers<T: Field>(units: usize) -> usize {
    T::PARTS * half(units)
}

/// Where the imaginary parts of `units` numbers start.
pub fn half(units: usize) -> usize {
    units.next_multiple_of(8)
}

/// Writes the entry W_kj of a matrix; `from` and `to` are where imaginary parts start on either
/// side.
fn put<T: Field>(panels: &mut Panels, (k, from): (usize, usize), (j, to): (usize, usize), w: T) {
    let w = w.complex();
    panels.set(k, j, w.re);
    if T::COMPLEX {
        panels.set(k, to + j, w.im);
        panels.set(from + k, j, -w.im);
        panels.set(from + k, to + j, w.re);
    }
}

/// Writes b_j.
fn put_offset<T: Field>(panels: &mut Panels, (j, to): (usize, usize), b: T) {
    panels.set_offset(j, b.complex().re);
    if T::COMPLEX {
        panels.set_offset(to + j, b.complex().im);
    }
}

impl Tables {
    /// Tables of zeros for networks of this shape.
    pub fn new<T: Field>(shape: &Shape) -> Self {
        let columns = T::PARTS * shape.outputs::<T>();
        let units = numbers::<T>(shape.layers[0].0);
        let first = Panels::zeros(
            shape.sites,
            units + if shape.visible_bias { columns } else { 0 },
        );
        let steps = || {
            shape
                .layers
                .windows(2)
                .map(|pair| (numbers::<T>(pair[0].0), numbers::<T>(pair[1].0)))
        };
        Tables {
            sites: shape.sites,
            units_of: vec![0.0; shape.sites * first.stride()],
            first,
            inner: steps().map(|(from, to)| Panels::zeros(from, to)).collect(),
            back: steps().map(|(from, to)| Panels::zeros(to, from)).collect(),
            output: Panels::zeros(numbers::<T>(shape.last()), columns),
            units,
        }
    }

    /// Writes the row of walker `k` after the move into `out`.
    pub fn moved(&self, batch: &FeedforwardBatch, k: usize, step: Move, out: &mut [f64]) {
        let stride = self.first.stride();
        let row = &batch.rows[k * stride..(k + 1) * stride];
        let mut changes = step.sites.iter().zip(step.values).map(|(&site, &value)| {
            let old = batch.x[k * self.sites + site as usize];
            let factor = f64::from(value) - f64::from(old);
            (factor, &self.units_of[site as usize * stride..][..stride])
        });
        match changes.next() {
            None => out.copy_from_slice(row),
            Some((factor, w)) => {
                out.iter_mut()
                    .zip(row.iter().zip(w))
                    .for_each(|(o, (r, w))| *o = r + factor * w);
                for (factor, w) in changes {
                    out.iter_mut().zip(w).for_each(|(o, w)| *o += factor * w);
                }
            }
        }
    }

    /// Moves walker `k`, its spins and its row.
    pub fn move_on(&self, batch: &mut FeedforwardBatch, k: usize, step: Move) {
        let stride = self.first.stride();
        for (&site, &value) in step.sites.iter().zip(step.values) {
            let old = batch.x[k * self.sites + site as usize];
            let factor = f64::from(value) - f64::from(old);
            let w = &self.units_of[site as usize * stride..][..stride];
            batch.rows[k * stride..(k + 1) * stride]
                .iter_mut()
                .zip(w)
                .for_each(|(r, w)| *r += factor * w);
        }
        step.apply(&mut batch.x[k * self.sites..(k + 1) * self.sites]);
    }
}

impl<T: Field> Feedforward<T> {
    /// Bytes of a walker in a batch.
    pub(super) fn bytes_per_walker(&self) -> usize {
        self.shape.sites
            + self.tables.first.stride() * size_of::<f64>()
            + size_of::<Complex64>()
            + size_of::<u32>()
    }

    /// Brings all tables up to date with the parameters.
    pub(super) fn tabulate(&mut self) {
        let (shape, places, values, tables) =
            (&self.shape, &self.places, &self.values, &mut self.tables);
        let (outputs, stride) = (shape.outputs::<T>(), tables.first.stride());
        let mut site_entry = |first: &mut Panels, site: usize, column: usize, value: f64| {
            first.set(site, column, value);
            tables.units_of[site * stride + column] = value;
        };
        for (l, &(units, _)) in shape.layers.iter().enumerate() {
            let (b, w) = places.layers[l];
            let (from, to) = (shape.fan_in(l), half(units));
            for j in 0..units {
                if shape.hidden_bias {
                    let panels = if l == 0 {
                        &mut tables.first
                    } else {
                        &mut tables.inner[l - 1]
                    };
                    put_offset(panels, (j, to), values[b + j]);
                }
                for k in 0..from {
                    let w = values[w + k * units + j];
                    if l > 0 {
                        put(&mut tables.inner[l - 1], (k, half(from)), (j, to), w);
                        put(&mut tables.back[l - 1], (j, to), (k, half(from)), w);
                        continue;
                    }
                    site_entry(&mut tables.first, k, j, w.complex().re);
                    if T::COMPLEX {
                        site_entry(&mut tables.first, k, to + j, w.complex().im);
                    }
                }
            }
        }
        let one = T::new(1.0, 0.0);
        for output in 0..outputs {
            for site in 0..if shape.visible_bias { shape.sites } else { 0 } {
                let a = values[places.a + output * shape.sites + site].complex();
                site_entry(&mut tables.first, site, tables.units + output, a.re);
                if T::COMPLEX {
                    site_entry(&mut tables.first, site, tables.units + 1, a.im);
                }
            }
            for k in 0..shape.last() {
                let at = places.c + output * shape.last() + k;
                let c = if shape.output_weights {
                    values[at]
                } else {
                    one
                };
                put(&mut tables.output, (k, half(shape.last())), (output, 1), c);
            }
        }
    }

    /// Row and ln ψ of every walker from its spins.
    pub(super) fn rebuild(&self, batch: &mut FeedforwardBatch) {
        let (n, stride) = (self.shape.sites, self.tables.first.stride());
        let scratch = &mut Scratch::default();
        scratch.fit(&self.tables);
        let blocks = batch
            .x
            .chunks(BLOCK * n)
            .zip(batch.rows.chunks_mut(BLOCK * stride));
        for ((x, rows), logs) in blocks.zip(batch.log_psi.chunks_mut(BLOCK)) {
            scratch.spins.clear();
            scratch.spins.extend(x.iter().map(|&s| f64::from(s)));
            self.tables
                .first
                .multiply(self.simd, &scratch.spins, n, rows);
            scratch.rows[..rows.len()].copy_from_slice(rows);
            self.log_amplitudes(scratch, logs);
        }
    }

    /// Row and ln ψ of walker `k` from its spins.
    pub(super) fn refresh(&self, batch: &mut FeedforwardBatch, k: usize, scratch: &mut Scratch) {
        let (n, stride) = (self.shape.sites, self.tables.first.stride());
        scratch.spins.clear();
        scratch
            .spins
            .extend(batch.x[k * n..(k + 1) * n].iter().map(|&s| f64::from(s)));
        let row = &mut batch.rows[k * stride..(k + 1) * stride];
        self.tables
            .first
            .multiply(self.simd, &scratch.spins, n, row);
        scratch.rows[..stride].copy_from_slice(row);
        self.log_amplitudes(scratch, &mut batch.log_psi[k..=k]);
    }

    /// ln ψ of the first `out.len()` rows of `scratch`.
    pub(super) fn log_amplitudes(&self, scratch: &mut Scratch, out: &mut [Complex64]) {
        let (tables, count) = (&self.tables, out.len());
        let Scratch {
            rows, one, other, ..
        } = scratch;
        let first = tables.first.stride();
        let mut stride = first;
        self.activate(
            0,
            Order::Value,
            rows,
            first,
            &mut one[..count * first],
            first,
        );
        for (l, panels) in tables.inner.iter().enumerate() {
            let next = panels.stride();
            panels.multiply(self.simd, one, stride, &mut other[..count * next]);
            self.activate(
                l + 1,
                Order::Value,
                other,
                next,
                &mut one[..count * next],
                next,
            );
            stride = next;
        }
        let last = tables.output.stride();
        tables
            .output
            .multiply(self.simd, one, stride, &mut other[..count * last]);
        let columns = tables.output.width();
        for ((out, sum), row) in out
            .iter_mut()
            .zip(other.chunks_exact(last))
            .zip(rows.chunks_exact(tables.first.stride()))
        {
            let visible = &row[tables.units..tables.first.width()];
            let entry = |j: usize| sum[j] + visible.get(j).unwrap_or(&0.0);
            *out = reduce(Complex64::new(
                entry(0),
                if columns == 2 { entry(1) } else { 0.0 },
            ));
        }
    }

    /// g or g' of layer `l` for as many rows as fit `out`; rows of θ have the length `from`, those
    /// of `out` the length `to`.
    pub(super) fn activate(
        &self,
        l: usize,
        order: Order,
        theta: &[f64],
        from: usize,
        out: &mut [f64],
        to: usize,
    ) {
        let (units, g) = self.shape.layers[l];
        let count = numbers::<T>(units);
        for (theta, out) in theta.chunks_exact(from).zip(out.chunks_exact_mut(to)) {
            g.apply::<T>(order, self.simd, &theta[..count], &mut out[..count]);
        }
    }

    /// The rows θ¹ of walkers from `first` on, and their stride.
    pub(super) fn pre_activations<'a>(
        &self,
        batch: &'a FeedforwardBatch,
        first: usize,
        count: usize,
    ) -> (&'a [f64], usize) {
        let stride = self.tables.first.stride();
        (
            &batch.rows[first * stride..(first + count) * stride],
            stride,
        )
    }
}
