//! Decides what several observables share of a part of an ensemble: its configurations, ratios of
//! amplitudes, and local values of S±_i, S_i·S_j and b†_i b_j.
//!
//! With t = 2 S and v = 2 m: ⟨m+1|S⁺|m⟩² = S(S+1) − m(m+1) = (t − v)(t + v + 2)/4, and
//! 4 S_i·S_j = v_i v_j + 2 (S⁺_i S⁻_j + S⁻_i S⁺_j).

use crate::basis::{Asks, Move};
use crate::ensemble::{Amplitudes, Ensemble};
use crate::error::{Error, Result};
use crate::operator::sites::raising;
use crate::operator::{self, Operator};
use num_complex::Complex64;
use std::cell::OnceCell;
use std::ops::Range;

/// Largest number of values of pairs that are kept for several observables.
const MOST_KEPT: usize = 1 << 25;
/// Largest number of pairs whose ratios are asked for at once, but for one row.
const MOST_ASKED: usize = 1 << 23;

/// Part of an ensemble's configurations, with what several observables share.
pub struct View<'a> {
    /// The configurations and their wave function.
    pub ensemble: &'a dyn Ensemble,
    /// Numbers of the configurations that are asked about.
    pub rows: Range<usize>,
    /// For estimators of two copies: a second, independent configuration for each row, row by row.
    /// Not in full sums.
    pub partners: &'a [i8],
    /// Chain and number of the first row within it, which name the random streams of estimators
    /// that draw numbers.
    pub place: (u64, u64),
    pairs: OnceCell<Vec<f64>>,
}

impl<'a> View<'a> {
    /// The configurations `rows` of `ensemble`.
    pub fn new(ensemble: &'a dyn Ensemble, rows: Range<usize>, partners: &'a [i8]) -> Self {
        View {
            ensemble,
            rows,
            partners,
            place: (0, 0),
            pairs: OnceCell::new(),
        }
    }

    /// The same, of samples of one chain from number `sample` on.
    pub fn at(self, chain: usize, sample: usize) -> Self {
        View {
            place: (chain as u64, sample as u64),
            ..self
        }
    }

    /// The configurations.
    pub fn configurations(&self) -> std::slice::ChunksExact<'a, i8> {
        let n = self.ensemble.sites();
        self.ensemble.configurations()[self.rows.start * n..self.rows.end * n].chunks_exact(n)
    }

    /// The wave function of the configurations.
    pub fn psi(&self) -> Result<&'a dyn Amplitudes> {
        self.ensemble.psi().ok_or_else(|| {
            Error::input(
                "measure.observables",
                "an observable asks for amplitudes, which this sampler cannot evaluate",
                "measure diagonal observables",
            )
        })
    }

    /// ψ(x')/ψ(x) for questions about the configurations.
    pub fn ratios(&self, asks: &Asks) -> Result<Vec<Complex64>> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.psi()?.ratios(asks))
    }

    /// Local values of S⁺_i and S⁻_i of spins of length `twice_s`/2, rows × sites.
    pub fn ladders(&self, twice_s: u8) -> Result<Vec<[Complex64; 2]>> {
        let (mut asks, mut asked) = (Asks::default(), Vec::new());
        let mut values = Vec::new();
        for (row, x) in self.rows.clone().zip(self.configurations()) {
            for (site, &v) in (0..).zip(x) {
                // ⟨x|S⁺|x'⟩ comes from x' with a smaller value, ⟨x|S⁻|x'⟩ from a larger one.
                let from = [i16::from(v) - 2, i16::from(v) + 2];
                for (k, to) in from.into_iter().enumerate() {
                    if to.abs() <= i16::from(twice_s) {
                        let to = to as i8;
                        asks.push(
                            row,
                            Move {
                                sites: &[site],
                                values: &[to],
                            },
                        );
                        asked.push((values.len(), k, raising(twice_s, v.min(to))));
                    }
                }
                values.push([Complex64::ZERO; 2]);
            }
        }
        for ((place, k, element), ratio) in asked.into_iter().zip(self.ratios(&asks)?) {
            values[place][k] = element * ratio;
        }
        Ok(values)
    }

    /// Local values of 4 S_i·S_j of spins of length `twice_s`/2, rows × pairs i < j in lexical
    /// order; σ_i·σ_j for spins one half.
    pub fn pairs(&self, twice_s: u8) -> Result<&[f64]> {
        if let Some(values) = self.pairs.get() {
            return Ok(values);
        }
        let mut values = Vec::new();
        let at_once = (MOST_ASKED / self.number_of_pairs().max(1)).max(1);
        for start in self.rows.clone().step_by(at_once) {
            let rows = start..(start + at_once).min(self.rows.end);
            values.extend(self.pairs_of(twice_s, rows)?);
        }
        Ok(self.pairs.get_or_init(|| values))
    }

    /// Hands the values of [`View::pairs`] to `each`, of all rows at once, or row by row where
    /// they are too many to keep.
    pub fn with_pairs(
        &self,
        twice_s: u8,
        mut each: impl FnMut(&[f64]) -> Result<()>,
    ) -> Result<()> {
        if self.rows.len() * self.number_of_pairs() <= MOST_KEPT {
            return each(self.pairs(twice_s)?);
        }
        let mut rows = self.rows.clone();
        rows.try_for_each(|row| each(&self.pairs_of(twice_s, row..row + 1)?))
    }

    fn number_of_pairs(&self) -> usize {
        let n = self.ensemble.sites();
        n * n.saturating_sub(1) / 2
    }

    fn pairs_of(&self, twice_s: u8, rows: Range<usize>) -> Result<Vec<f64>> {
        let mut asks = Asks::default();
        let mut values = Vec::new();
        let mut asked = Vec::new();
        let top = twice_s as i8;
        let before = rows.start - self.rows.start;
        let configurations = self.configurations().skip(before);
        for (row, x) in rows.zip(configurations) {
            for i in 0..x.len() {
                for j in i + 1..x.len() {
                    for (up, down) in [(i, j), (j, i)] {
                        if x[up] < top && x[down] > -top {
                            let (raised, lowered) = (x[up] + 2, x[down] - 2);
                            let step = Move {
                                sites: &[up as u32, down as u32],
                                values: &[raised, lowered],
                            };
                            asks.push(row, step);
                            let element = raising(twice_s, x[up]) * raising(twice_s, lowered);
                            asked.push((values.len(), element));
                        }
                    }
                    values.push(f64::from(x[i]) * f64::from(x[j]));
                }
            }
        }
        for ((k, element), ratio) in asked.into_iter().zip(self.ratios(&asks)?) {
            values[k] += 2.0 * element * ratio.re;
        }
        Ok(values)
    }

    /// Local values of b†_i b_j of at most `most` bosons on a site, rows × sites × sites.
    ///
    /// ⟨x|b†_i b_j|x'⟩ = √(n_i (n_j + 1)) with one boson more on j and one less on i in x'.
    pub fn hops(&self, most: i8) -> Result<Vec<Complex64>> {
        let (mut asks, mut asked) = (Asks::default(), Vec::new());
        let mut values = Vec::new();
        for (row, x) in self.rows.clone().zip(self.configurations()) {
            for (i, &n) in x.iter().enumerate() {
                for (j, &m) in x.iter().enumerate() {
                    if i != j && n > 0 && m < most {
                        let step = Move {
                            sites: &[i as u32, j as u32],
                            values: &[n - 1, m + 1],
                        };
                        asks.push(row, step);
                        asked.push((values.len(), (f64::from(n) * f64::from(m + 1)).sqrt()));
                    }
                    let diagonal = if i == j { f64::from(n) } else { 0.0 };
                    values.push(diagonal.into());
                }
            }
        }
        for ((place, element), ratio) in asked.into_iter().zip(self.ratios(&asks)?) {
            values[place] = element * ratio;
        }
        Ok(values)
    }

    /// Local values of any operator, one per row. Configurations outside the sector have amplitude
    /// 0.
    pub fn local_values(&self, operator: &dyn Operator) -> Result<Vec<Complex64>> {
        let (n, psi) = (self.ensemble.sites(), self.psi()?);
        let xs = &self.ensemble.configurations()[self.rows.start * n..self.rows.end * n];
        let ratios = |asks: &Asks, out: &mut Vec<Complex64>| out.extend(psi.ratios(asks));
        Ok(operator::local_values(
            operator,
            xs,
            n,
            self.rows.start,
            ratios,
        ))
    }
}
