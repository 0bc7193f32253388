//! Decides which tables of a restricted Boltzmann machine follow from its parameters alone, and
//! what they say of a move.
//!
//! θ_j = b_j + Σ_l σ_l W_lj and Σ_l a_l σ_l come from one matrix, E_l = e^{4W_l} is a row per
//! site, and flipping the spin σ at l multiplies ψ by e^{−2σa_l − 2 Σ_j W_lj} besides what
//! it does to the units.

use super::kernel::{AngleChange, Kernel, Scaled, multiply};
use super::machine::Machine;
use super::{Rbm, Tie};
use crate::basis::Move;
use crate::linalg::lanes::{Lanes, Packed, WIDTH};
use crate::linalg::panels::Panels;
use crate::linalg::simd::{Simd, compiled_for_each_set};

/// Flips of more spins than these are answered from θ: products of so many E would leave the range
/// of numbers.
const LONGEST: usize = 8;

/// Real parts of weights above this are steep: eight moves of two spins then exceed e^{400}.
const STEEP: f64 = 6.0;

/// What follows from the parameters alone.
#[derive(Debug, Clone)]
pub struct RbmTables<T> {
    /// From spins to θ of all units (real parts, then imaginary parts) and Σ_l a_l σ_l.
    pub weights: Panels,
    /// Units, padded to whole eights with units of θ = 0.
    pub units: usize,
    /// Whether a few moves can carry p or r out of the range of numbers: a unit changes by e^{±8
    /// |Re w|} at most.
    pub steep: bool,
    /// E, one row of eights per site.
    growth: Vec<Lanes>,
    /// e^{−2σa_l − 2 Σ_j W_lj} for σ = 1 and for σ = −1.
    fronts: Vec<[Scaled<T>; 2]>,
}

compiled_for_each_set! {
    fn grow<T: Kernel>(weights: &mut [f64]) = grow_body
}

#[inline(always)]
fn grow_body<T: Kernel, const SET: u8>(weights: &mut [f64]) {
    T::growth_row::<SET>(weights);
}

impl<T: Kernel> RbmTables<T> {
    /// Numbers per unit.
    const PARTS: usize = T::Packed::PARTS;

    /// Tables of the wave function without any parameters.
    pub fn new(sites: usize, hidden: usize) -> Self {
        let units = hidden.next_multiple_of(WIDTH);
        RbmTables {
            weights: Panels::zeros(sites, Self::PARTS * (units + 1)),
            units,
            steep: false,
            growth: vec![Lanes::splat(0.0); sites * units / WIDTH * Self::PARTS],
            fronts: vec![[Scaled::one(); 2]; sites],
        }
    }

    /// Lanes in a row of E.
    pub fn stride(&self) -> usize {
        self.units / WIDTH * Self::PARTS
    }

    /// E of a site.
    #[inline(always)]
    fn row(&self, site: u32) -> &[Lanes] {
        &self.growth[site as usize * self.stride()..][..self.stride()]
    }

    /// What multiplies ψ besides the units when the spins on `sites` of `x` flip.
    #[inline(always)]
    pub fn front(&self, x: &[i8], sites: &[u32], product: Scaled<T>) -> Scaled<T> {
        sites.iter().fold(product, |product, &l| {
            product.times(self.fronts[l as usize][usize::from(x[l as usize] < 0)])
        })
    }

    /// The move that flips the spins on `sites` of `x`; `room` holds two rows. None where θ has to
    /// answer.
    #[inline(always)]
    pub fn compose<'a, const SET: u8>(
        &'a self,
        x: &[i8],
        sites: &[u32],
        room: &'a mut [Vec<Lanes>; 2],
    ) -> Option<AngleChange<'a>> {
        let up = |site: u32| x[site as usize] > 0;
        Some(match *sites {
            [l] if up(l) => AngleChange::Up(self.row(l)),
            [l] => AngleChange::Down(self.row(l)),
            [l, m] => match (up(l), up(m)) {
                (true, true) => AngleChange::TwoUp(self.row(l), self.row(m)),
                (false, false) => AngleChange::TwoDown(self.row(l), self.row(m)),
                (true, false) => AngleChange::Both(self.row(l), self.row(m)),
                (false, true) => AngleChange::Both(self.row(m), self.row(l)),
            },
            _ if sites.len() > LONGEST => return None,
            _ => {
                for (room, wanted) in room.iter_mut().zip([true, false]) {
                    room.resize(self.stride(), Lanes::splat(0.0));
                    for eight in room.chunks_exact_mut(Self::PARTS) {
                        T::Packed::one().store(eight);
                    }
                    for &site in sites.iter().filter(|&&site| up(site) == wanted) {
                        multiply::<T, SET>(room, self.row(site));
                    }
                }
                AngleChange::Both(&room[0], &room[1])
            }
        })
    }
}

impl<T: Kernel> Machine for Rbm<T> {
    type Number = T;
    fn length(&self) -> usize {
        self.sites
    }
    fn simd(&self) -> Simd {
        self.simd
    }
    fn hidden(&self) -> usize {
        self.hidden
    }
    fn weights(&self) -> &Panels {
        &self.tables.weights
    }
    fn inputs(&self) -> usize {
        self.sites
    }
    fn write_inputs(&self, x: &[i8], inputs: &mut [f64]) {
        let spins = inputs.iter_mut().zip(x);
        spins.for_each(|(input, &x)| *input = f64::from(x));
    }
    #[inline(always)]
    fn stride(&self) -> usize {
        self.tables.stride()
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
        self.tables.compose::<SET>(x, step.sites, room)
    }
    #[inline(always)]
    fn front(&self, x: &[i8], step: Move, product: Scaled<T>) -> Scaled<T> {
        self.tables.front(x, step.sites, product)
    }
}

impl<T: Kernel> Rbm<T> {
    /// Calls `visit` with every weight's number, site and unit.
    pub(super) fn each_weight(&self, mut visit: impl FnMut(usize, usize, usize)) {
        match &self.tie {
            None => (0..self.w.len()).for_each(|k| visit(k, k / self.hidden, k % self.hidden)),
            Some(Tie { filters, group }) => {
                for f in 0..*filters {
                    for (g, permutation) in group.permutations.iter().enumerate() {
                        for (j, &site) in permutation.iter().enumerate() {
                            visit(
                                f * self.sites + j,
                                site as usize,
                                f * group.permutations.len() + g,
                            );
                        }
                    }
                }
            }
        }
    }

    /// b of a unit.
    pub(super) fn bias(&self, unit: usize) -> T {
        let each = self
            .tie
            .as_ref()
            .map_or(1, |tie| tie.group.permutations.len());
        self.b.get(unit / each).copied().unwrap_or(T::new(0.0, 0.0))
    }

    /// Brings all tables up to date with the parameters.
    pub(super) fn tabulate(&mut self) {
        let mut tables = std::mem::replace(&mut self.tables, RbmTables::new(0, 0));
        let (units, parts, count) = (tables.units, RbmTables::<T>::PARTS, self.w.len());
        let part = |z: T, part: usize| {
            if part == 0 {
                z.complex().re
            } else {
                z.complex().im
            }
        };
        let mut growth: Vec<f64> = (0..parts)
            .flat_map(|p| self.w.iter().map(move |&w| part(w, p)))
            .collect();
        grow::<T>(self.simd, &mut growth);
        for eight in tables.growth.chunks_exact_mut(parts) {
            T::Packed::one().store(eight);
        }
        tables.steep = self.w.iter().any(|w| w.complex().re.abs() > STEEP);
        let stride = tables.stride();
        let mut sums = vec![T::new(0.0, 0.0); self.sites];
        self.each_weight(|k, site, unit| {
            sums[site] += self.w[k];
            for p in 0..parts {
                tables
                    .weights
                    .set(site, p * units + unit, part(self.w[k], p));
                let row = &mut tables.growth[site * stride..];
                row[unit / WIDTH * parts + p].0[unit % WIDTH] = growth[p * count + k];
            }
        });
        for unit in 0..self.hidden {
            (0..parts).for_each(|p| {
                tables
                    .weights
                    .set_offset(p * units + unit, part(self.bias(unit), p))
            });
        }
        for (site, sum) in sums.into_iter().enumerate() {
            let a = self
                .orbit
                .get(site)
                .map_or(T::new(0.0, 0.0), |&o| self.a[o]);
            (0..parts).for_each(|p| tables.weights.set(site, parts * units + p, part(a, p)));
            tables.fronts[site] = [Scaled::exp((sum + a) * -2.0), Scaled::exp((sum - a) * -2.0)];
        }
        self.tables = tables;
    }

    /// The same wave function evaluated with other instructions, one of [`Simd::available`].
    pub fn with_simd(mut self, simd: Simd) -> Self {
        self.simd = simd;
        self.tabulate();
        self
    }
}
