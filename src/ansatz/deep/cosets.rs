//! Decides how a group of permutations becomes channels of a convolution.
//!
//! Every element is g = t_r p: p brings site 0 into the first cell, and t_r is the translation by
//! cell r. A value for every g is then a row r with a channel for every p. With t_r p h = t_{r+d}
//! p' a sum over h is a convolution: what depends on r is the row that it reads, r + d. A
//! representation has χ(t_r p) = χ(t_r) χ(p) where the momentum is the same in all images by p.

use crate::ansatz::Context;
use crate::ansatz::symmetrised::translations;
use crate::error::Result;
use crate::lattice::Group;
use crate::layers::{PatchGrid, WindowTable};
use num_complex::Complex64;
use std::collections::HashMap;

/// Deviation from a representation that is rounding.
const ROUNDING: f64 = 1e-9;

/// A group in cosets of its translations.
#[derive(Debug)]
pub(super) struct Cosets {
    cells: usize,
    /// Sites of a cell.
    places: usize,
    /// p of every coset, in the order of the group.
    points: Vec<Vec<u32>>,
    numbers: HashMap<Vec<u32>, usize>,
    /// t_r of every cell, and the cell of its inverse.
    translations: Vec<Vec<u32>>,
    inverse: Vec<usize>,
    /// r and p of every element, in the order of the group.
    elements: Vec<(usize, usize)>,
}

impl Cosets {
    /// Of a group that has all translations of the cells of `grid`.
    pub fn new(grid: &PatchGrid, group: &Group) -> Self {
        let (cells, places) = (grid.positions(), grid.inputs());
        let translations = grid.translations().permutations;
        let mut inverse = vec![0; cells];
        for (r, t) in translations.iter().enumerate() {
            let from = t.iter().position(|&site| site == 0).unwrap_or(0);
            inverse[from / places] = r;
        }
        let mut all: Vec<&Vec<u32>> = group.permutations.iter().collect();
        all.sort();
        let first = |g: &&&Vec<u32>| (g[0] as usize) < places;
        let points: Vec<Vec<u32>> = all.iter().filter(first).map(|g| (*g).clone()).collect();
        let numbers = points.iter().cloned().zip(0..).collect();
        let mut cosets = Cosets {
            cells,
            places,
            points,
            numbers,
            translations,
            inverse,
            elements: Vec::new(),
        };
        cosets.elements = all.iter().map(|g| cosets.split(g)).collect();
        cosets
    }

    /// r and p of an element.
    fn split(&self, g: &[u32]) -> (usize, usize) {
        let cell = g[0] as usize / self.places;
        let back = product(&self.translations[self.inverse[cell]], g);
        match self.numbers.get(&back) {
            Some(&point) => (cell, point),
            None => unreachable!("a group has the products of its elements"),
        }
    }
    /// Number of cosets.
    pub fn points(&self) -> usize {
        self.points.len()
    }
    /// The tap that reads each displacement; none outside of the window.
    fn taps(&self, window: &WindowTable) -> Vec<Option<usize>> {
        let mut taps = vec![None; self.cells];
        let rows = window.reads().table.chunks_exact(self.cells);
        rows.enumerate()
            .for_each(|(k, row)| taps[row[0] as usize] = Some(k));
        taps
    }

    /// Number of the site w of the window that p brings to site `s` of the cell of tap k, at `s +
    /// places (k + taps p)`; nothing where a p does not keep the window.
    pub fn of_sites(&self, window: &WindowTable) -> Option<Vec<u32>> {
        let (taps, count) = (self.taps(window), window.taps() * self.places);
        let mut table = vec![0; self.points.len() * count];
        for (p, row) in self.points.iter().zip(table.chunks_exact_mut(count)) {
            for (cell, tap) in taps.iter().enumerate() {
                let Some(tap) = *tap else { continue };
                for s in 0..self.places {
                    let image = p[cell * self.places + s] as usize;
                    let to = taps[image / self.places]?;
                    row[to * self.places + image % self.places] = (tap * self.places + s) as u32;
                }
            }
        }
        Some(table)
    }

    /// Number of the element h among those of the window, in the order of the group, with p h =
    /// t_d p', at `p' + points (k + taps p)` with the tap k of d; nothing where a p does not keep
    /// the window.
    pub fn of_elements(&self, window: &WindowTable) -> Option<Vec<u32>> {
        let (taps, points) = (self.taps(window), self.points.len());
        let count = window.taps() * points;
        let mut table = vec![0; points * count];
        let inside = |(cell, _): &&(usize, usize)| taps[*cell].is_some();
        for (number, &(cell, q)) in self.elements.iter().filter(inside).enumerate() {
            let h = product(&self.translations[cell], &self.points[q]);
            for (p, row) in self.points.iter().zip(table.chunks_exact_mut(count)) {
                let (to, other) = self.split(&product(p, &h));
                row[taps[to]? * points + other] = number as u32;
            }
        }
        Some(table)
    }

    /// Class of conjugate elements of every p, up to translations, numbered in the order of p.
    fn classes(&self) -> Vec<usize> {
        let points = self.points.len();
        let times = |p: usize, q: usize| self.split(&product(&self.points[p], &self.points[q])).1;
        let table: Vec<usize> = (0..points * points)
            .map(|at| times(at / points, at % points))
            .collect();
        let (mut classes, mut count) = (vec![usize::MAX; points], 0);
        for p in 0..points {
            if classes[p] != usize::MAX {
                continue;
            }
            for q in 0..points {
                // The element x with x q = q p.
                let target = table[q * points + p];
                let x = (0..points).find(|x| table[x * points + q] == target);
                x.into_iter().for_each(|x| classes[x] = count);
            }
            count += 1;
        }
        classes
    }

    /// χ of every element t_r p, at `p + points r`, from the momentum and one number for each
    /// class of the p, all 1 without.
    ///
    /// Errors: [`crate::error::Error::Input`] where these are no character of an irreducible
    /// representation.
    pub fn characters(
        &self,
        momentum: &[usize],
        numbers: Option<&[f64]>,
        context: &Context,
    ) -> Result<Vec<Complex64>> {
        let classes = self.classes();
        let count = classes.iter().max().map_or(0, |last| last + 1);
        let numbers = match numbers {
            Some(numbers) if numbers.len() != count => {
                let sizes: Vec<usize> = (0..count)
                    .map(|class| classes.iter().filter(|&&c| c == class).count())
                    .collect();
                let problem = format!(
                    "{} numbers for {count} classes, of {sizes:?} elements",
                    numbers.len()
                );
                let remedy = format!("give {count} numbers, or \"A1\"");
                return Err(context.wrong("character", problem, remedy));
            }
            Some(numbers) => numbers.to_vec(),
            None => vec![1.0; count],
        };
        let mut phases = vec![Complex64::ONE; self.cells];
        for element in translations(context.lattice, momentum, &context.key("momentum"))? {
            phases[element.permutation[0] as usize / self.places] = element.character;
        }
        let moved = |p: &Vec<u32>| {
            let image = |r: usize| p[self.translations[r][0] as usize] as usize / self.places;
            (0..self.cells).any(|r| (phases[image(r)] - phases[r]).norm() > ROUNDING)
        };
        if self.points.iter().any(moved) {
            let problem = "rotations or reflections change this momentum";
            let remedy = "choose a momentum that they keep, or group = \"translations\"";
            return Err(context.wrong("momentum", problem, remedy));
        }
        let of = |(r, p): (usize, usize)| phases[r] * numbers[classes[p]];
        self.check_irreducible(of, numbers.first().copied().unwrap_or(1.0), context)?;
        let all = (0..self.cells).flat_map(|r| (0..self.points.len()).map(move |p| (r, p)));
        Ok(all.map(of).collect())
    }

    /// An error unless Σ_q χ(q) χ(q⁻¹ p) = χ(p)/d times the number of p, for d = χ(1).
    fn check_irreducible(
        &self,
        of: impl Fn((usize, usize)) -> Complex64,
        dimension: f64,
        context: &Context,
    ) -> Result<()> {
        let order = self.points.len();
        let mut sums = vec![Complex64::ZERO; order];
        for (q, first) in self.points.iter().enumerate() {
            let mut back = vec![0; first.len()];
            (first.iter().enumerate()).for_each(|(j, &to)| back[to as usize] = j as u32);
            for (sum, p) in sums.iter_mut().zip(&self.points) {
                *sum += of((0, q)) * of(self.split(&product(&back, p)));
            }
        }
        let fits = |(p, sum): (usize, &Complex64)| {
            let expected = of((0, p)) * (order as f64 / dimension);
            (sum - expected).norm() < ROUNDING * order as f64
        };
        let natural = dimension >= 1.0 && (dimension - dimension.round()).abs() < ROUNDING;
        if natural && sums.iter().enumerate().all(fits) {
            return Ok(());
        }
        let problem = "these numbers are no character of an irreducible representation";
        let remedy = "give the character of each class, the identity first, or \"A1\" with \
                      momentum zero";
        Err(context.wrong("character", problem, remedy))
    }
}

/// (g h)(j) = g(h(j))
fn product(g: &[u32], h: &[u32]) -> Vec<u32> {
    h.iter().map(|&j| g[j as usize]).collect()
}
