//! Decides how the parameters of a smaller wave function become those of a larger one.
//!
//! On a larger lattice weights that do not know their position stay. Attention keeps J_d of the
//! displacements that the smaller lattice of length l has, |d| ≤ l/2. Where l/2 and −l/2 are the
//! same there, each of both has half of it. All others are zero. Phases that a positive wave
//! function lacks start from √0.1 times their first values, a tenth of the variance; what leads
//! from new channels to old ones is zero, so that the modulus of every term stays. Filters of a
//! restricted Boltzmann machine, factors and tables of pairs grow as [`OwnGrowth`] of their kinds
//! says.

use super::{Block, Meaning};
use num_complex::Complex64;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// √0.1
const OF_PHASES: f64 = 0.316_227_766_016_837_94;

/// Shape and values of each block of a file.
pub(super) type Arrays = BTreeMap<String, (Vec<usize>, Vec<Complex64>)>;

/// What a file says of its wave function, where it does.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Theirs<'a> {
    /// Lengths of its lattice.
    pub size: Option<&'a [usize]>,
    /// Whether it has no phases.
    pub positive: Option<bool>,
    /// The keys of its parts of the kind that grows.
    pub parts: &'a [&'a toml::Table],
}

impl<'a> Theirs<'a> {
    /// The word of a key, `silent` where a part does not give it; none where there is no part.
    ///
    /// Errors: in words, that parts have several.
    pub fn word(&self, key: &str, silent: &'a str) -> Result<Option<&'a str>, String> {
        let words = self.parts.iter().map(|part| part.get(key)?.as_str());
        let mut found: Vec<&str> = words.map(|word| word.unwrap_or(silent)).collect();
        found.dedup();
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => Err(format!("it holds parts with several {key}")),
        }
    }
}

/// How parameters of a kind become those of a larger wave function by a rule of the kind.
pub(super) trait OwnGrowth: Debug + Send + Sync {
    /// The kind, whose keys of the file it is told.
    fn kind(&self) -> &'static str;
    /// Gives the arrays of a file the shapes of `blocks`, which stand beside their first values.
    ///
    /// Errors: what is wrong, in words.
    fn enlarge(
        &self,
        blocks: &[(&Block, &[f64])],
        arrays: &mut Arrays,
        theirs: &Theirs,
    ) -> Result<(), String>;
}

/// The key `load`: a file, or a table with a file.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(
    untagged,
    expecting = "the name of a file, or a table such as { file = \"x.h5\", grow = true }"
)]
pub enum LoadKey {
    /// A file with as many parameters.
    File(String),
    /// A file with perhaps fewer.
    Table(LoadTable),
}

/// A file to start from.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadTable {
    /// Results, or an HDF5 file with the same datasets
    file: String,
    /// Whether the file may be of a smaller lattice, of a positive wave function where ψ is
    /// complex, of an rbm with fewer filters or a larger symmetry, of a jastrow of distances, or of
    /// a pair state with a smaller unit; default false
    #[serde(default)]
    grow: bool,
}

impl LoadKey {
    /// The name of the file.
    pub fn file(&self) -> &str {
        match self {
            LoadKey::File(file) => file,
            LoadKey::Table(table) => &table.file,
        }
    }
    /// Whether the wave function of the file may be a smaller one.
    pub fn grows(&self) -> bool {
        matches!(self, LoadKey::Table(table) if table.grow)
    }
}

/// Blocks of which all, or the second half, belong to phases.
#[derive(Debug, Clone, Default)]
pub enum PhaseBlocks {
    /// None.
    #[default]
    None,
    /// All of them.
    All,
    /// Those of these names.
    Named(Vec<String>),
    /// Phases cannot be added, for this reason.
    Never(&'static str),
}

/// How a wave function differs from a smaller one of its kind.
#[derive(Debug, Clone, Default)]
pub struct ParameterGrowth {
    /// Why it stays on its lattice.
    pub fixed: Option<&'static str>,
    /// Positions in each direction, where blocks J have a column for each displacement.
    pub displacements: Option<[usize; 3]>,
    /// What a positive wave function of the kind lacks.
    pub phases: PhaseBlocks,
    /// A rule of the kind, in place of all other ones.
    pub(super) own: Option<Arc<dyn OwnGrowth>>,
    /// What shapes do not tell.
    pub meaning: Option<Meaning>,
    /// What decides shapes besides the keys of the wave function, a sentence.
    pub shaped_by: Option<&'static str>,
}

impl ParameterGrowth {
    /// Of a wave function that belongs to its lattice for this reason.
    pub fn never(reason: &'static str) -> Self {
        ParameterGrowth {
            fixed: Some(reason),
            ..ParameterGrowth::default()
        }
    }
    /// Of a wave function with a rule of its own.
    pub(super) fn by(own: impl OwnGrowth + 'static) -> Self {
        ParameterGrowth {
            own: Some(Arc::new(own)),
            ..ParameterGrowth::default()
        }
    }
    /// Of a wave function whose weights do not know their position.
    pub fn unchanged(phases: PhaseBlocks) -> Self {
        ParameterGrowth {
            phases,
            ..ParameterGrowth::default()
        }
    }

    /// The same, of files whose parameters mean this.
    pub fn meaning(self, meaning: Meaning) -> Self {
        ParameterGrowth {
            meaning: Some(meaning),
            ..self
        }
    }

    /// Gives blocks of a smaller wave function the shapes of `blocks`, which stand beside their
    /// first values.
    ///
    /// Errors: what is wrong, in words. A block that does not fit in any way stays.
    pub(super) fn enlarge(
        &self,
        blocks: &[(&Block, &[f64])],
        arrays: &mut Arrays,
        theirs: &Theirs,
    ) -> Result<(), String> {
        if let Some(own) = &self.own {
            return own.enlarge(blocks, arrays, theirs);
        }
        for (block, first) in blocks {
            let has_phases = match &self.phases {
                PhaseBlocks::None | PhaseBlocks::Never(_) => false,
                _ if theirs.positive == Some(false) => false,
                PhaseBlocks::All => true,
                PhaseBlocks::Named(names) => names.contains(&block.name),
            };
            let grown = match (arrays.get(&block.name), self.displacements) {
                (Some((shape, values)), Some(to)) if block.name.ends_with(".J") => {
                    Some(spread(shape, values, block, to, theirs.size)?)
                }
                (Some((shape, _)), _) if *shape == block.shape => None,
                (Some((shape, values)), _) if has_phases => {
                    with_phases(&block.shape, first, shape, values)
                }
                (None, _) if has_phases && !matches!(self.phases, PhaseBlocks::All) => {
                    Some(first.iter().map(|x| (OF_PHASES * x).into()).collect())
                }
                _ => None,
            };
            if let Some(grown) = grown {
                arrays.insert(block.name.clone(), (block.shape.clone(), grown));
            }
        }
        Ok(())
    }
}

/// The entries of an array of which each axis is as long as that of the smaller one, or twice.
fn with_phases(
    own: &[usize],
    first: &[f64],
    shape: &[usize],
    values: &[Complex64],
) -> Option<Vec<Complex64>> {
    let lengths = || own.iter().zip(shape);
    if own.len() != shape.len() || !lengths().all(|(&o, &t)| o == t || o == 2 * t) {
        return None;
    }
    let last = lengths().rposition(|(o, t)| o != t)?;
    let of = |(at, &x): (usize, &f64)| {
        let (mut rest, mut place, mut step) = (at, 0, 1);
        let (mut old, mut is_new_output) = (true, false);
        for axis in (0..own.len()).rev() {
            let index = rest % own[axis];
            rest /= own[axis];
            let beyond = index >= shape[axis];
            old &= !beyond;
            is_new_output |= beyond && axis == last;
            place += index * step;
            step *= shape[axis];
        }
        match (old, is_new_output) {
            (true, _) => values[place],
            (false, true) => (OF_PHASES * x).into(),
            (false, false) => Complex64::ZERO,
        }
    };
    Some(first.iter().enumerate().map(of).collect())
}

/// Positions in each direction of a smaller lattice with so many of them: patches of its size, or
/// the larger one divided by a number.
fn extent_of(count: usize, size: Option<&[usize]>, to: [usize; 3]) -> Option<[usize; 3]> {
    let of = |size: [usize; 3], dimensions: usize, by: usize| {
        let inside = |a: usize| if a < dimensions { by } else { 1 };
        let fits = (0..3).all(|a| size[a].is_multiple_of(inside(a)));
        let extent: [usize; 3] = std::array::from_fn(|a| size[a] / inside(a));
        (fits && extent.iter().product::<usize>() == count).then_some(extent)
    };
    let (whole, dimensions) = match size {
        Some(size) => {
            let length = |a: usize| size.get(a).copied().unwrap_or(1);
            (std::array::from_fn(length), size.len())
        }
        None => (to, to.iter().rposition(|&l| l > 1).map_or(1, |a| a + 1)),
    };
    let longest = whole.iter().max().copied().unwrap_or(1);
    (1..=longest).find_map(|by| of(whole, dimensions, by))
}

/// Where displacement `d` of a period `from` stands in one of `to`, with its share.
pub(super) fn places(d: usize, from: usize, to: usize) -> Vec<(usize, f64)> {
    match (2 * d).cmp(&from) {
        std::cmp::Ordering::Less => vec![(d, 1.0)],
        std::cmp::Ordering::Equal => vec![(d, 0.5), (to - d, 0.5)],
        std::cmp::Ordering::Greater => vec![(to + d - from, 1.0)],
    }
}

/// J (heads, displacements) on a larger lattice.
fn spread(
    shape: &[usize],
    values: &[Complex64],
    block: &Block,
    to: [usize; 3],
    size: Option<&[usize]>,
) -> Result<Vec<Complex64>, String> {
    let (&[heads, count], &[own, taps]) = (shape, &block.shape[..]) else {
        return Err(format!("{} has the shape {shape:?}", block.name));
    };
    let unknown = || {
        let name = &block.name;
        format!(
            "{name} of {heads} heads and {count} displacements does not fit into {own} and {taps}"
        )
    };
    let from = extent_of(count, size, to).filter(|_| heads == own);
    let from = from.filter(|from| (0..3).all(|a| from[a] <= to[a]));
    let from = from.ok_or_else(unknown)?;
    let mut grown = vec![Complex64::ZERO; own * taps];
    for (at, &value) in values.iter().enumerate() {
        let (head, d) = (at / count, at % count);
        let d = [d % from[0], d / from[0] % from[1], d / (from[0] * from[1])];
        let of = |a: usize| places(d[a], from[a], to[a]);
        for (z, of_z) in of(2) {
            for (y, of_y) in of(1) {
                for (x, of_x) in of(0) {
                    let tap = x % to[0] + to[0] * (y % to[1] + to[1] * (z % to[2]));
                    grown[head * taps + tap] += value * (of_x * of_y * of_z);
                }
            }
        }
    }
    Ok(grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Vec<Complex64> {
        values.iter().map(|&x| x.into()).collect()
    }

    #[test]
    fn displacements_stay_and_half_a_period_is_shared() {
        let block = Block::new("0.J", vec![1, 6], false);
        let j = numbers(&[1.0, 2.0, 3.0, 4.0]);
        let size = [8];
        let grown = spread(&[1, 4], &j, &block, [6, 1, 1], Some(&size)).unwrap();
        assert_eq!(grown, numbers(&[1.0, 2.0, 1.5, 0.0, 1.5, 4.0]));
        // An odd period has no such displacement, and one that stays loses nothing.
        let j = numbers(&[1.0, 2.0, 3.0]);
        let grown = spread(&[1, 3], &j, &block, [6, 1, 1], None).unwrap();
        assert_eq!(grown, numbers(&[1.0, 2.0, 0.0, 0.0, 0.0, 3.0]));
        let block = Block::new("0.J", vec![1, 8], false);
        let j = numbers(&[1.0, 2.0, 3.0, 4.0]);
        let grown = spread(&[1, 4], &j, &block, [4, 2, 1], Some(&[4, 1])).unwrap();
        assert_eq!(grown, numbers(&[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]));
        // Another number of heads, or a longer direction.
        assert!(spread(&[2, 4], &j, &block, [4, 2, 1], None).is_err());
        assert!(spread(&[1, 4], &j, &block, [2, 4, 1], Some(&[4, 1])).is_err());
    }

    #[test]
    fn new_channels_do_not_reach_old_ones() {
        let first = [10.0; 16];
        let grown = with_phases(&[4, 4], &first, &[2, 2], &numbers(&[1.0, 2.0, 3.0, 4.0]));
        let p = 10.0 * OF_PHASES;
        let rows = [[1.0, 2.0, p, p], [3.0, 4.0, p, p], [0.0, 0.0, p, p]];
        let expected = [rows[0], rows[1], rows[2], rows[2]].concat();
        assert_eq!(grown.unwrap(), numbers(&expected));
        assert!(with_phases(&[3], &first[..3], &[2], &numbers(&[1.0, 2.0])).is_none());
        assert!((OF_PHASES * OF_PHASES - 0.1).abs() < 1e-16);
    }
}
