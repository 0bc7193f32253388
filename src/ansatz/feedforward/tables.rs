//! Decides what follows from the parameters alone: matrices that are packed once per change of the
//! parameters, and how a walker's sums move with its spins.
//!
//! Everything is a product of real matrices. A complex row x = u + i v stands as (u, v), real parts
//! first, and W = A + i B as ((A, B), (−B, A)): (u, v) times that is (u A − v B, u B + v A).

use super::forward::FeedforwardBatch;
use super::{Feedforward, Shape};
use crate::ansatz::field::Field;
use crate::basis::Move;
use crate::linalg::functions::Elementary;
use crate::linalg::panels::Panels;
use crate::number::Real;

/// What follows from the parameters alone.
#[derive(Debug, Clone)]
pub struct FeedforwardTables<R> {
    /// Number of spins.
    pub sites: usize,
    /// W¹ and b¹: from spins to θ¹.
    pub first: Panels<R>,
    /// W¹ of each site, one padded row per site.
    pub units_of: Vec<R>,
    /// a of each site, for Re ln ψ and Im ln ψ.
    pub visible: Vec<[f64; 2]>,
    /// Wˡ and bˡ of layers 2, 3, ….
    pub inner: Vec<Panels<R>>,
    /// (Wˡ)^T of layers 2, 3, …: from the derivatives with respect to θˡ to those with respect
    /// to xˡ⁻¹.
    pub back: Vec<Panels<R>>,
    /// c: from the last layer to ln ψ.
    pub output: Panels<f64>,
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
fn put<T: Field, R: Real>(
    panels: &mut Panels<R>,
    (k, from): (usize, usize),
    (j, to): (usize, usize),
    w: T,
) {
    let w = w.complex();
    panels.set(k, j, R::from_f64(w.re));
    if T::COMPLEX {
        panels.set(k, to + j, R::from_f64(w.im));
        panels.set(from + k, j, R::from_f64(-w.im));
        panels.set(from + k, to + j, R::from_f64(w.re));
    }
}

/// Writes b_j.
fn put_offset<T: Field, R: Real>(panels: &mut Panels<R>, (j, to): (usize, usize), b: T) {
    let b = b.complex();
    panels.set_offset(j, R::from_f64(b.re));
    if T::COMPLEX {
        panels.set_offset(to + j, R::from_f64(b.im));
    }
}

impl<R: Real> FeedforwardTables<R> {
    /// Tables of zeros for networks of this shape.
    pub fn new<T: Field>(shape: &Shape) -> Self {
        let first = Panels::zeros(shape.sites, numbers::<T>(shape.layers[0].0));
        let steps = || {
            shape
                .layers
                .windows(2)
                .map(|pair| (numbers::<T>(pair[0].0), numbers::<T>(pair[1].0)))
        };
        FeedforwardTables {
            sites: shape.sites,
            units_of: vec![R::default(); shape.sites * first.stride()],
            visible: vec![[0.0; 2]; shape.sites],
            first,
            inner: steps().map(|(from, to)| Panels::zeros(from, to)).collect(),
            back: steps().map(|(from, to)| Panels::zeros(to, from)).collect(),
            output: Panels::zeros(numbers::<T>(shape.last()), T::PARTS * shape.outputs::<T>()),
        }
    }

    /// Writes θ¹ of walker `k` after a move into `out`; Σ_i a_i σ_i then.
    pub fn moved(
        &self,
        batch: &FeedforwardBatch<R>,
        k: usize,
        step: Move,
        out: &mut [R],
    ) -> [f64; 2] {
        let stride = self.first.stride();
        let row = &batch.rows[k * stride..(k + 1) * stride];
        let mut changes = step.sites.iter().zip(step.values).map(|(&site, &value)| {
            let factor = R::from_f64(self.change(batch, k, site, value));
            (factor, &self.units_of[site as usize * stride..][..stride])
        });
        match changes.next() {
            None => out.copy_from_slice(row),
            Some((factor, w)) => {
                out.iter_mut()
                    .zip(row.iter().zip(w))
                    .for_each(|(o, (&r, &w))| *o = r + factor * w);
                for (factor, w) in changes {
                    out.iter_mut().zip(w).for_each(|(o, &w)| *o += factor * w);
                }
            }
        }
        self.visible_moved(batch, k, step)
    }

    /// By how much a move changes the value of a site of walker `k`.
    fn change(&self, batch: &FeedforwardBatch<R>, k: usize, site: u32, value: i8) -> f64 {
        f64::from(value) - f64::from(batch.x[k * self.sites + site as usize])
    }

    /// Σ_i a_i σ_i of walker `k` after a move.
    fn visible_moved(&self, batch: &FeedforwardBatch<R>, k: usize, step: Move) -> [f64; 2] {
        let changes = step.sites.iter().zip(step.values);
        changes.fold(batch.visible[k], |sum, (&site, &value)| {
            let factor = self.change(batch, k, site, value);
            let a = self.visible[site as usize];
            [sum[0] + factor * a[0], sum[1] + factor * a[1]]
        })
    }

    /// Σ_i a_i σ_i
    pub fn visible_sum(&self, x: &[i8]) -> [f64; 2] {
        x.iter().zip(&self.visible).fold([0.0; 2], |sum, (&s, a)| {
            [sum[0] + f64::from(s) * a[0], sum[1] + f64::from(s) * a[1]]
        })
    }

    /// Moves walker `k`, its spins and its sums.
    pub fn move_on(&self, batch: &mut FeedforwardBatch<R>, k: usize, step: Move) {
        let stride = self.first.stride();
        batch.visible[k] = self.visible_moved(batch, k, step);
        for (&site, &value) in step.sites.iter().zip(step.values) {
            let factor = R::from_f64(self.change(batch, k, site, value));
            let w = &self.units_of[site as usize * stride..][..stride];
            batch.rows[k * stride..(k + 1) * stride]
                .iter_mut()
                .zip(w)
                .for_each(|(r, &w)| *r += factor * w);
        }
        step.apply(&mut batch.x[k * self.sites..(k + 1) * self.sites]);
    }
}

impl<T: Field, R: Elementary> Feedforward<T, R> {
    /// Brings all tables up to date with the parameters.
    pub(super) fn tabulate(&mut self) {
        let (shape, places, values, tables) =
            (&self.shape, &self.places, &self.values, &mut self.tables);
        let (outputs, stride) = (shape.outputs::<T>(), tables.first.stride());
        let mut site_entry = |first: &mut Panels<R>, site: usize, column: usize, value: f64| {
            let value = R::from_f64(value);
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
                tables.visible[site][output] = a.re;
                if T::COMPLEX {
                    tables.visible[site][1] = a.im;
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
}
