//! Decides how an input says what the sites hold, and which sector of it.

use super::SectorInput;
use crate::basis::{Basis, SiteKind};
use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// `basis.kind`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BasisName {
    /// Spins of one length.
    Spin,
    /// Bosons.
    Boson,
}

/// `basis.s`
const HALF: f64 = 0.5;

/// `[basis]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasisInput {
    /// "spin" or "boson"
    pub kind: BasisName,
    /// spin: the length S, a multiple of 1/2 (0.5)
    #[schemars(extend("default" = HALF))]
    pub s: Option<f64>,
    /// boson: most particles on a site (those of the sector)
    pub max_occupation: Option<u32>,
}

fn misplaced(key: &str, kind: &str) -> Error {
    Error::input(
        key,
        format!("this key does not belong to a basis of {kind}"),
        "remove it",
    )
}

/// What the sites hold: spins one half without `[basis]`.
pub fn site_kind(basis: Option<&BasisInput>, sector: Option<&SectorInput>) -> Result<SiteKind> {
    let Some(basis) = basis else {
        return Ok(SiteKind::HALF);
    };
    match basis.kind {
        BasisName::Spin => {
            if basis.max_occupation.is_some() {
                return Err(misplaced("basis.max_occupation", "spins"));
            }
            let twice = 2.0 * basis.s.unwrap_or(HALF);
            if twice.fract() != 0.0 || !(1.0..=126.0).contains(&twice) {
                return Err(Error::input(
                    "basis.s",
                    format!("a spin of {}", twice / 2.0),
                    "give a multiple of 1/2 between 1/2 and 63",
                ));
            }
            Ok(SiteKind::Spin(twice as u8))
        }
        BasisName::Boson => {
            if basis.s.is_some() {
                return Err(misplaced("basis.s", "bosons"));
            }
            let particles = sector.and_then(|s| s.particles);
            let most = basis.max_occupation.or(particles).ok_or_else(|| {
                Error::input(
                    "basis.max_occupation",
                    "this key is missing, and no number of particles is fixed",
                    "give a largest occupation, or hamiltonian.sector = { particles = n }",
                )
            })?;
            u8::try_from(most)
                .ok()
                .filter(|n| (1..=126).contains(n))
                .map(SiteKind::Boson)
                .ok_or_else(|| {
                    Error::input(
                        "basis.max_occupation",
                        format!("{most} bosons on a site"),
                        "give a number from 1 to 126",
                    )
                })
        }
    }
}

/// The configurations of `sites` such sites in a sector.
pub fn configurations(site: SiteKind, sites: usize, sector: Option<&SectorInput>) -> Result<Basis> {
    let (total_sz, particles) = sector.map_or((None, None), |s| (s.total_sz, s.particles));
    match site {
        SiteKind::Spin(_) if particles.is_some() => {
            Err(misplaced("hamiltonian.sector.particles", "spins"))
        }
        SiteKind::Boson(_) if total_sz.is_some() => {
            Err(misplaced("hamiltonian.sector.total_sz", "bosons"))
        }
        SiteKind::Boson(most) => Basis::bosons(sites, most, particles),
        SiteKind::Spin(twice_s) => {
            let twice_sz = total_sz.map(twice_total).transpose()?;
            Basis::spins(sites, twice_s, twice_sz)
        }
    }
}

fn twice_total(total_sz: f64) -> Result<i64> {
    let twice = 2.0 * total_sz;
    if !twice.is_finite() || twice.fract() != 0.0 || twice.abs() > 1e9 {
        return Err(Error::input(
            "hamiltonian.sector.total_sz",
            format!("{total_sz} is not a multiple of 1/2"),
            "give an integer for an even number of spins, a half-integer for an odd one",
        ));
    }
    Ok(twice as i64)
}
