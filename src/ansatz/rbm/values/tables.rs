//! Decides which tables of a machine on sites of any values follow from its parameters, and what
//! they say of a move.
//!
//! E = e^{−2δ} is a row per site, value before and value after, and ψ is multiplied by
//! e^{Σ_k A_k (f_k(x') − f_k(x)) + Σ_j δ_j} besides what a move does to the units.

use super::ValueRbm;
use crate::ansatz::rbm::kernel::{AngleChange, Kernel, Scaled, multiply};
use crate::ansatz::rbm::machine::Machine;
use crate::basis::Move;
use crate::linalg::lanes::{Lanes, Packed, WIDTH};
use crate::linalg::panels::Panels;
use crate::linalg::simd::{Simd, compiled_for_each_set};

/// Changes of more sites than these are answered from θ: products of so many E would leave the
/// range of numbers.
const LONGEST: usize = 8;
/// Real parts of changes of θ above this are steep: eight moves of two sites then exceed e^{400}.
const STEEP: f64 = 12.0;

/// What follows from the parameters alone.
#[derive(Debug, Clone)]
pub(super) struct ValueTables<T> {
    /// From features to θ of all units and the visible sum.
    pub(super) weights: Panels,
    /// Lanes of a number of every unit.
    stride: usize,
    steep: bool,
    /// E of every site, value before and value after.
    growth: Vec<Lanes>,
    /// What multiplies ψ besides, likewise.
    fronts: Vec<Scaled<T>>,
}

compiled_for_each_set! {
    fn grow<T: Kernel>(weights: &mut [f64]) = grow_body
}

#[inline(always)]
fn grow_body<T: Kernel, const SET: u8>(weights: &mut [f64]) {
    T::growth_row::<SET>(weights);
}

impl<T: Kernel> ValueTables<T> {
    /// Tables of a machine without units.
    pub(super) fn empty() -> Self {
        ValueTables {
            weights: Panels::zeros(0, 0),
            stride: 0,
            steep: false,
            growth: Vec::new(),
            fronts: Vec::new(),
        }
    }
}

impl<T: Kernel> ValueRbm<T> {
    /// Brings all tables up to date with the parameters.
    pub(super) fn tabulate(&mut self) {
        let [a, b, _] = self.counts();
        let (n, count) = (self.shape.sites, self.features_per_site());
        let parts = <T::Packed as Packed>::PARTS;
        let padded = self.units.next_multiple_of(WIDTH);
        let mut weights = Panels::zeros(n * count, parts * (padded + 1));
        let split = |z: T| [z.complex().re, z.complex().im];
        // W of every site, feature and unit.
        let mut full = vec![T::new(0.0, 0.0); n * count * self.units];
        self.each_weight(|site, k, unit, place| {
            let w = self.parameters[a + b + place];
            full[(site * count + k) * self.units + unit] = w;
            for (part, &w) in split(w)[..parts].iter().enumerate() {
                weights.set(site * count + k, part * padded + unit, w);
            }
        });
        for unit in 0..if b > 0 { self.units } else { 0 } {
            let bias = self.parameters[a + unit / self.shape.repeats()];
            for (part, &b) in split(bias)[..parts].iter().enumerate() {
                weights.set_offset(part * padded + unit, b);
            }
        }
        for site in 0..n {
            for k in 0..count {
                let bias = split(self.visible(site, k));
                for (part, &a) in bias[..parts].iter().enumerate() {
                    weights.set(site * count + k, parts * padded + part, a);
                }
            }
        }
        self.tables = ValueTables {
            weights,
            stride: padded / WIDTH * parts,
            ..ValueTables::empty()
        };
        self.tabulate_moves(&full);
    }

    /// E and fronts of every site and pair of values, from W of every site, feature and unit.
    fn tabulate_moves(&mut self, full: &[T]) {
        let (n, count, d) = (self.shape.sites, self.features_per_site(), self.values());
        let (parts, units, stride) = (T::Packed::PARTS, self.units, self.tables.stride);
        let mut growth = vec![Lanes::splat(0.0); n * d * d * stride];
        for eight in growth.chunks_exact_mut(parts) {
            T::Packed::one().store(eight);
        }
        let mut fronts = Vec::with_capacity(n * d * d);
        let (mut flat, mut steep) = (vec![0.0; parts * units], false);
        for (at, row) in growth.chunks_exact_mut(stride).enumerate() {
            let (site, from, to) = (at / (d * d), at / d % d, at % d);
            let changes: Vec<f64> = (0..count)
                .map(|k| self.features[(to, k)] - self.features[(from, k)])
                .collect();
            let mut front = T::new(0.0, 0.0);
            for (k, &change) in changes.iter().enumerate() {
                front += self.visible(site, k) * change;
            }
            for unit in 0..units {
                let mut delta = T::new(0.0, 0.0);
                for (k, &change) in changes.iter().enumerate().filter(|(_, c)| **c != 0.0) {
                    delta += full[(site * count + k) * units + unit] * change;
                }
                front += delta;
                let delta = delta.complex();
                steep |= delta.re.abs() > STEEP;
                // The kernel makes e^{4w} of w.
                flat[unit] = -0.5 * delta.re;
                if T::COMPLEX {
                    flat[units + unit] = -0.5 * delta.im;
                }
            }
            grow::<T>(self.simd, &mut flat);
            for unit in 0..units {
                for part in 0..parts {
                    row[unit / WIDTH * parts + part].0[unit % WIDTH] = flat[part * units + unit];
                }
            }
            fronts.push(Scaled::exp(front));
        }
        (self.tables.growth, self.tables.fronts) = (growth, fronts);
        self.tables.steep = steep;
    }

    /// The place of a change in the tables of moves.
    #[inline(always)]
    fn change(&self, x: &[i8], site: u32, value: i8) -> usize {
        let d = self.values();
        (site as usize * d + self.place(x[site as usize])) * d + self.place(value)
    }

    /// E of a change.
    #[inline(always)]
    fn row(&self, x: &[i8], site: u32, value: i8) -> &[Lanes] {
        let stride = self.tables.stride;
        &self.tables.growth[self.change(x, site, value) * stride..][..stride]
    }
}

impl<T: Kernel> Machine for ValueRbm<T> {
    type Number = T;
    fn length(&self) -> usize {
        self.shape.sites
    }
    fn simd(&self) -> Simd {
        self.simd
    }
    fn hidden(&self) -> usize {
        self.units
    }
    fn weights(&self) -> &Panels {
        &self.tables.weights
    }
    fn inputs(&self) -> usize {
        self.shape.sites * self.features_per_site()
    }
    fn write_inputs(&self, x: &[i8], inputs: &mut [f64]) {
        let rows = inputs.chunks_exact_mut(self.features_per_site());
        for (inputs, &x) in rows.zip(x) {
            let features = self.features.row(self.place(x));
            inputs.iter_mut().zip(features).for_each(|(i, &f)| *i = f);
        }
    }
    #[inline(always)]
    fn stride(&self) -> usize {
        self.tables.stride
    }
    fn steep(&self) -> bool {
        self.tables.steep
    }
    #[inline(always)]
    fn compose<'a, const SET: u8>(
        &'a self,
        x: &[i8],
        step: Move,
        room: &'a mut [Vec<Lanes>; 2],
    ) -> Option<AngleChange<'a>> {
        Some(match (step.sites, step.values) {
            (&[l], &[v]) => AngleChange::Up(self.row(x, l, v)),
            (&[l, m], &[v, w]) => AngleChange::TwoUp(self.row(x, l, v), self.row(x, m, w)),
            (sites, _) if sites.len() > LONGEST => return None,
            (sites, values) => {
                let room = &mut room[0];
                room.resize(self.tables.stride, Lanes::splat(0.0));
                for eight in room.chunks_exact_mut(T::Packed::PARTS) {
                    T::Packed::one().store(eight);
                }
                for (&site, &value) in sites.iter().zip(values) {
                    multiply::<T, SET>(room, self.row(x, site, value));
                }
                AngleChange::Up(room)
            }
        })
    }
    #[inline(always)]
    fn front(&self, x: &[i8], step: Move, product: Scaled<T>) -> Scaled<T> {
        let changes = step.sites.iter().zip(step.values);
        changes.fold(product, |product, (&site, &value)| {
            product.times(self.tables.fronts[self.change(x, site, value)])
        })
    }
}
