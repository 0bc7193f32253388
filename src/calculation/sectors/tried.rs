//! Decides which of the sectors that were tried goes on, and what results hold of them.
//!
//! The lowest E + σ goes on, of equal ones that with the most quantum numbers. A sector that leaves
//! a number open is left out where its energy is that of one that does not.

use crate::ansatz::symmetrised::sectors::Sector;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::record;
use crate::run::{load_rows, save_rows};
use crate::stats::with_error;

/// Their group in results.
pub const GROUP: &str = "sectors";
/// Relative difference of exact energies that are the same.
const SAME: f64 = 1e-9;
/// Standard errors within which two trials are the same.
const ERRORS: f64 = 2.0;

record! {
    /// A sector that was tried.
    pub struct SectorRow {
        energy: "coupling", "energy of the sector: exact, or the mean of its trial's last window";
        error: "coupling", "its standard error; 0 where it is exact";
        steps: "1", "steps of its trial; 0 where it was diagonalised";
        failed: "1", "1 where its trial had no sound window, else 0";
        chosen: "1", "1 where the run goes on with it, else 0";
        images: "1", "elements of its group";
        momentum_1: "1", "momentum index along the first direction; -1 where none is fixed";
        momentum_2: "1", "the same along the second direction";
        momentum_3: "1", "the same along the third direction";
        rotation: "1", "eigenvalue of the smallest rotation; 0 where none is fixed";
        reflection: "1", "eigenvalue of the reflection; 0 where none is fixed";
        spin_flip: "1", "eigenvalue of the flip of all spins; 0 where none is fixed";
    }
}

impl SectorRow {
    /// A sector that is not tried yet.
    pub(super) fn new(sector: &Sector) -> Self {
        let momentum = |a: usize| {
            let of = sector.momentum.as_ref().and_then(|m| m.get(a));
            of.map_or(-1.0, |&m| m as f64)
        };
        let sign = |k: usize| sector.signs[k].map_or(0.0, |s| s as f64);
        SectorRow {
            images: sector.elements.len() as f64,
            momentum_1: momentum(0),
            momentum_2: momentum(1),
            momentum_3: momentum(2),
            rotation: sign(0),
            reflection: sign(1),
            spin_flip: sign(2),
            ..SectorRow::default()
        }
    }

    fn momentum(&self) -> [f64; 3] {
        [self.momentum_1, self.momentum_2, self.momentum_3]
    }

    fn signs(&self) -> [f64; 3] {
        [self.rotation, self.reflection, self.spin_flip]
    }

    /// Whether a state can be in both sectors: where both fix a number, it is the same.
    fn shares_states_with(&self, other: &SectorRow) -> bool {
        let signs = self.signs().into_iter().zip(other.signs());
        let agree = |(a, b): (f64, f64)| a == 0.0 || b == 0.0 || a == b;
        self.momentum() == other.momentum() && signs.into_iter().all(agree)
    }

    /// Its quantum numbers as an input has them.
    pub fn name(&self) -> String {
        let momentum = self.momentum();
        let indices = momentum.iter().filter(|m| **m >= 0.0);
        let indices: Vec<String> = indices.map(|m| format!("{m}")).collect();
        let mut parts = Vec::new();
        if !indices.is_empty() {
            parts.push(format!("momentum = [{}]", indices.join(", ")));
        }
        let names = ["rotation", "reflection", "spin_flip"];
        let signs = names.iter().zip(self.signs()).filter(|(_, s)| *s != 0.0);
        parts.extend(signs.map(|(name, sign)| format!("{name} = {sign}")));
        match parts.is_empty() {
            true => "no quantum number".into(),
            false => parts.join(", "),
        }
    }
}

/// The sectors that were tried.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tried {
    /// One row of each.
    pub rows: Vec<SectorRow>,
}

impl Tried {
    /// The first sector alone, untried.
    pub(super) fn first(list: &[Sector]) -> Self {
        Tried {
            rows: list.iter().take(1).map(SectorRow::new).collect(),
        }
    }

    /// Sectors with exact energies; those without a state have none.
    pub(super) fn exact(list: &[Sector], energies: &[f64]) -> Self {
        let row = |(sector, &energy): (&Sector, &f64)| SectorRow {
            energy: if energy.is_finite() { energy } else { 0.0 },
            failed: f64::from(u8::from(!energy.is_finite())),
            ..SectorRow::new(sector)
        };
        Tried {
            rows: list.iter().zip(energies).map(row).collect(),
        }
    }

    /// Adds the trial of a sector of so many steps: its energy and error, none where it failed.
    pub(super) fn add(&mut self, sector: &Sector, steps: usize, found: Option<(f64, f64)>) {
        let (energy, error) = found.unwrap_or_default();
        self.rows.push(SectorRow {
            energy,
            error,
            steps: steps as f64,
            failed: f64::from(u8::from(found.is_none())),
            ..SectorRow::new(sector)
        });
    }

    /// The sector that goes on, of the `list` of those that were tried, and what is told of them.
    pub(super) fn choose(mut self, list: &[Sector]) -> Result<(Sector, Tried)> {
        let end = |row: &SectorRow| row.energy + row.error;
        let mut best: Option<usize> = None;
        for (k, row) in self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, r)| r.failed == 0.0)
        {
            let ahead = best.is_none_or(|b| {
                let best = &self.rows[b];
                let same = (end(row) - end(best)).abs() <= SAME * end(best).abs().max(1.0);
                match same {
                    true => row.images > best.images,
                    false => end(row) < end(best),
                }
            });
            if ahead {
                best = Some(k);
            }
        }
        let found = best.and_then(|b| list.get(b).map(|sector| (b, sector)));
        let Some((best, sector)) = found else {
            return Err(Error::numerical(
                "the trials of all sectors have failed",
                "lower optimize.learning_rate or ansatz.of.init, or give the quantum numbers",
            ));
        };
        self.rows[best].chosen = 1.0;
        self.leave_out();
        Ok((sector.clone(), self))
    }

    /// Leaves out sectors without a state, and those that say no more than finer ones.
    fn leave_out(&mut self) {
        let exact: Vec<SectorRow> = self.rows.clone();
        let told = |row: &SectorRow| {
            let is_exact = row.steps == 0.0;
            let same = |o: &SectorRow| {
                (o.energy - row.energy).abs() <= SAME * row.energy.abs().max(1.0)
                    && o.failed == 0.0
                    && o.images > row.images
                    && o.shares_states_with(row)
            };
            row.chosen == 1.0 || !is_exact || (row.failed == 0.0 && !exact.iter().any(same))
        };
        self.rows.retain(told);
    }

    fn chosen(&self) -> Option<&SectorRow> {
        self.rows.iter().find(|row| row.chosen == 1.0)
    }

    /// Lines for the log.
    pub(super) fn words(&self) -> Vec<String> {
        let line = |row: &SectorRow| {
            let energy = match row.failed == 0.0 {
                true => format!("E = {}", with_error(row.energy, row.error)),
                false => "its trial has failed".into(),
            };
            format!("sector {}: {energy}", row.name())
        };
        let mut lines: Vec<String> = self.rows.iter().map(line).collect();
        lines.extend(
            self.chosen()
                .map(|row| format!("the run goes on with {}", row.name())),
        );
        lines
    }

    /// Why the choice may be wrong, if another sector is as low within the errors.
    pub fn warning(&self) -> Option<String> {
        let chosen = self.chosen()?;
        let rival = self.rows.iter().find(|row| {
            let noise = ERRORS * row.error.hypot(chosen.error);
            let apart = noise.max(SAME * chosen.energy.abs().max(1.0));
            row.failed == 0.0
                && !row.shares_states_with(chosen)
                && (row.energy - chosen.energy).abs() <= apart
        })?;
        let (name, other) = (chosen.name(), rival.name());
        Some(match chosen.steps == 0.0 {
            true => format!(
                "two sectors have the lowest energy: {name}, with which the run went on, and \
                 {other}; for the other one give its quantum numbers in place of ansatz.sector"
            ),
            false => format!(
                "two sectors have the lowest energy within their errors: {name}, with which the \
                 run went on, and {other}; give longer trials, ansatz.sector = {{ auto = {} }}, \
                 or the quantum numbers",
                2.0 * chosen.steps
            ),
        })
    }

    /// What results hold.
    pub fn record(&self, out: &mut Tree) {
        if !self.rows.is_empty() {
            save_rows(out, GROUP, &self.rows);
        }
    }

    /// What was recorded.
    pub fn load(tree: &Tree) -> Result<Self> {
        let here = tree.datasets.contains_key(&format!("{GROUP}/energy"));
        Ok(Tried {
            rows: match here {
                true => load_rows(tree, GROUP)?,
                false => Vec::new(),
            },
        })
    }
}
