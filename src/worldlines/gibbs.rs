//! Decides block Gibbs sampling of circuits of pairs, fields and flips: the check of the clusters.
//!
//! Each pair e^{x s s'} is a hidden unit h = ±1 with the couplings w to s and sgn(x) w to s', cosh
//! 2w = e^{2|x|}. Given the spins all h are independent, and given h all spins. Strong couplings in
//! imaginary time make it slow for short times of the gates.

use super::circuit::Circuit;
use super::hidden::{HiddenEnds, HiddenStart};
use super::packing::{pack, unpack};
use super::spacetime::SpaceTime;
use super::{WorldLines, drawn};
use crate::clusters::Words;
use crate::error::{Error, Result};
use crate::linalg::hyperbolic::pair_coupling;
use std::sync::Arc;

/// A hidden unit: the spins that it couples, w, and w with the sign of x.
#[derive(Debug, Clone, Copy)]
struct Unit {
    ends: [u32; 2],
    w: [f64; 2],
}

/// Spins of an Ising circuit that block Gibbs sampling moves. The visible slice is there once.
#[derive(Debug, Clone)]
pub(super) struct IsingGibbs {
    spacetime: Arc<SpaceTime>,
    units: Arc<[Unit]>,
    z: Arc<[f64]>,
    spins: Vec<i8>,
    /// What each spin feels of the hidden units.
    felt: Vec<f64>,
    hidden: Option<HiddenEnds>,
}

impl IsingGibbs {
    /// All spins up; an error where flips leave out a site.
    pub fn new(circuit: &Circuit, start: Option<&HiddenStart>) -> Result<Self> {
        let spacetime = SpaceTime::new(circuit)?;
        let n = spacetime.sites;
        let hidden = start.map(|start| HiddenEnds::new(start, n)).transpose()?;
        let spins = vec![1; n * (spacetime.slices() - 1)];
        let (mut units, mut z) = (Vec::new(), vec![0.0; spins.len()]);
        let mut unit = |a: usize, b: usize, x: f64| {
            let w = pair_coupling(x);
            units.push(Unit {
                ends: [a as u32, b as u32],
                w: [w, w.copysign(x)],
            });
        };
        for t in 0..spacetime.slices() {
            let first = n * (t - usize::from(t >= spacetime.depth));
            let plane = &spacetime.planes[spacetime.plane(t)];
            for ([i, j], x) in plane.pairs.iter().zip(&plane.x) {
                unit(first + *i as usize, first + *j as usize, *x);
            }
            let own = z[first..].iter_mut();
            own.zip(&plane.z).for_each(|(sum, z)| *sum += z);
            let wall = (t + 1 < spacetime.slices()).then(|| spacetime.wall(t));
            if let Some(wall) = wall.flatten() {
                let couplings = spacetime.walls[wall].iter().enumerate();
                couplings.for_each(|(i, k)| unit(first + i, first + n + i, *k));
            }
        }
        let is_finite = units.iter().all(|unit| unit.w[0].is_finite());
        if !is_finite || hidden.is_some() && spacetime.depth == 1 {
            return Err(Error::numerical(
                "block Gibbs sampling needs slices with finite couplings between them",
                "flip every site in one layer or more, and in each one, or sample clusters",
            ));
        }
        Ok(IsingGibbs {
            felt: vec![0.0; spins.len()],
            spacetime: Arc::new(spacetime),
            units: units.into(),
            z: z.into(),
            spins,
            hidden,
        })
    }

    fn slice(&self, t: usize) -> &[i8] {
        let n = self.spacetime.sites;
        &self.spins[n * t..n * (t + 1)]
    }
}

impl WorldLines for IsingGibbs {
    fn sweep(&mut self, rng: &mut Words) {
        self.felt.copy_from_slice(&self.z);
        let n = self.spacetime.sites;
        for (end, first) in [0, self.spins.len() - n].into_iter().enumerate() {
            let Some(hidden) = &mut self.hidden else {
                break;
            };
            hidden.draw(end, &self.spins[first..first + n], rng);
            let felt = self.felt[first..].iter_mut().zip(&hidden.fields[end]);
            felt.for_each(|(felt, field)| *felt += field);
        }
        for Unit { ends, w } in self.units.iter() {
            let ends = ends.map(|end| end as usize);
            let theta =
                w[0] * f64::from(self.spins[ends[0]]) + w[1] * f64::from(self.spins[ends[1]]);
            let h = f64::from(drawn(theta, rng));
            self.felt[ends[0]] += h * w[0];
            self.felt[ends[1]] += h * w[1];
        }
        for (spin, felt) in self.spins.iter_mut().zip(&self.felt) {
            *spin = drawn(*felt, rng);
        }
    }

    fn visible(&self) -> &[i8] {
        self.slice(self.spacetime.depth - 1)
    }

    fn each_slice(&self, visit: &mut dyn FnMut(&[i8])) {
        for t in 0..self.spacetime.slices() {
            visit(self.slice(t - usize::from(t >= self.spacetime.depth)));
        }
    }

    /// Numbers with a variance of order 1/(flip time).
    fn flips(&mut self, out: &mut [f64]) -> Result<()> {
        let depth = self.spacetime.depth;
        let beyond = [depth.checked_sub(2), (depth > 1).then_some(depth)];
        let beyond = beyond.map(|t| t.map(|t| self.slice(t)));
        self.spacetime.traced_flips(self.visible(), beyond, out);
        Ok(())
    }

    fn another(&self) -> Box<dyn WorldLines> {
        Box::new(self.clone())
    }

    fn export(&self) -> Vec<u8> {
        pack(&self.spins)
    }

    fn import(&mut self, bytes: &[u8]) -> Result<()> {
        unpack(bytes, &mut self.spins)
    }
}
