//! Decides the bases of bosons: 0 to n_max of them on a site, in any number or a fixed one.

use super::{Basis, Charge, Local, PARTICLES};
use crate::error::{Error, Result};

/// What every site of a lattice holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteKind {
    /// A spin of twice this length.
    Spin(u8),
    /// Up to so many bosons.
    Boson(u8),
}

impl SiteKind {
    /// A spin one half.
    pub const HALF: SiteKind = SiteKind::Spin(1);
}

impl Basis {
    /// Up to `most` bosons on each of `sites` sites, `particles` of them together where given.
    ///
    /// Errors: [`Error::Input`] where they do not fit, or the occupation is not between 1 and 126.
    pub fn bosons(sites: usize, most: u8, particles: Option<u32>) -> Result<Self> {
        if !(1..=126).contains(&most) {
            return Err(Error::input(
                "basis.max_occupation",
                format!("{most} bosons on a site"),
                "give a number from 1 to 126",
            ));
        }
        if let Some(n) = particles.filter(|&n| f64::from(n) > sites as f64 * f64::from(most)) {
            return Err(Error::input(
                "hamiltonian.sector.particles",
                format!("{n} bosons do not fit on {sites} sites with at most {most} each"),
                "take fewer particles, or a larger basis.max_occupation",
            ));
        }
        let local = Local {
            first: 0,
            step: 1,
            count: most + 1,
            fermionic: false,
        };
        let charge = |n: u32| Charge {
            name: PARTICLES,
            weights: vec![1; sites],
            total: n as i32,
            modulo: None,
        };
        let charges = particles.map(charge).into_iter().collect();
        Basis::new(vec![local; sites], charges, Vec::new())
    }

    /// In how many ways the sites outside a set of `removed` can be filled when those inside hold
    /// `taken` particles of a fixed number, up to a common factor; 1 where no number is fixed.
    pub fn completions(&self, removed: usize, taken: i32) -> f64 {
        let (Some(total), Some(local)) = (self.fixed(PARTICLES), self.locals().first()) else {
            return 1.0;
        };
        let left = total - taken;
        if left < 0 || self.locals().iter().any(|l| l != local) {
            return if left < 0 { 0.0 } else { 1.0 };
        }
        let (left, most) = (left as usize, local.count as usize - 1);
        // Ways of filling the sites one by one, scaled so that they stay finite.
        let mut ways = vec![0.0; left + 1];
        ways[0] = 1.0;
        for _ in removed..self.sites() {
            let before = |n: usize| ways[n.saturating_sub(most)..=n].iter().sum::<f64>();
            ways = (0..=left).map(|n| before(n) / local.count as f64).collect();
        }
        ways[left]
    }
}
