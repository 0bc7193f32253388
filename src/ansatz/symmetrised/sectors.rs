//! Decides which sectors a projection can have: all one-dimensional characters of the symmetries
//! that the Hamiltonian has.
//!
//! Momenta are those of the lattice, one of each star: k' = g k of a point group element g, and −k
//! where H is real, have the same energies. A rotation or reflection that leaves k as it is has
//! the eigenvalues ±1, so has the flip of all spins (M. Tinkham, Group Theory and Quantum Mechanics
//! (1964), ch. 3). Without one of the two, an eigenvalue is left open: such a sector holds what no
//! one-dimensional character has.

use super::Element;
use super::factory::{Keys, flips_stay_inside, is_held};
use super::group::{check_representation, point_group, product, translations};
use crate::ansatz::registry::is_of_kind;
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::lattice::{Lattice, PointElement};
use crate::operator::Operator;
use serde::Deserialize;

/// Steps of a trial where the input says nothing else.
const STEPS: usize = 40;
/// The quantum numbers that a choice decides, as keys.
pub const NUMBERS: [&str; 4] = ["momentum", "rotation", "reflection", "spin_flip"];

/// The word that stands for a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SectorWord {
    /// The lowest sector is found out.
    Auto,
}

/// How the lowest sector is found out.
#[derive(Debug, Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SectorTrials {
    /// Steps of the trial of each sector; 0: the first sector, untried
    auto: usize,
}

/// The key `sector`.
#[derive(Debug, Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "\"auto\", or a table such as { auto = 40 }")]
pub(super) enum SectorChoice {
    /// With trials of the default length.
    Word(SectorWord),
    /// With trials of this length.
    Trials(SectorTrials),
}

/// A sector that can be tried.
#[derive(Debug, Clone)]
pub struct Sector {
    /// Momentum indices.
    pub momentum: Option<Vec<usize>>,
    /// Eigenvalues of the rotation, the reflection and the flip of all spins, where they are fixed.
    pub signs: [Option<i64>; 3],
    /// The group with its characters.
    pub elements: Vec<Element>,
}

/// What a choice of sectors is made on.
#[derive(Clone, Copy)]
pub struct SectorContext<'a> {
    /// The lattice.
    pub lattice: &'a Lattice,
    /// The configurations.
    pub basis: &'a Basis,
    /// The Hamiltonian, where there is one.
    pub hamiltonian: Option<&'a dyn Operator>,
    /// Whether all momenta and all subgroups are wanted; else momenta of high symmetry, each with
    /// as many eigenvalues as it has.
    pub all: bool,
}

/// Steps of a trial, where a table is that of a projection that leaves its sector open, and
/// whether its keys fix nothing else of the spin.
pub fn asked(table: &toml::Table) -> Result<Option<(usize, bool)>> {
    if !is_of_kind(table, "symmetrised") || !table.contains_key("sector") {
        return Ok(None);
    }
    let mut own = table.clone();
    own.remove("kind");
    let keys: Keys = crate::table::parse(&own, "ansatz")?;
    let is_plain = keys.spin_parity.is_none() && keys.total_spin.is_none();
    Ok(keys.sector.map(|sector| match sector {
        SectorChoice::Word(SectorWord::Auto) => (STEPS, is_plain),
        SectorChoice::Trials(SectorTrials { auto }) => (auto, is_plain),
    }))
}

/// The sectors that agree with the keys of the table, the zone centre first; an error where there
/// is none.
pub fn candidates(table: &toml::Table, context: &SectorContext) -> Result<Vec<Sector>> {
    let mut own = table.clone();
    own.remove("kind");
    let keys: Keys = crate::table::parse(&own, "ansatz")?;
    let points = points(context);
    let momenta = match &keys.momentum {
        Some(given) => vec![Some(given.clone())],
        None => momenta(context, &points)?,
    };
    let has_mirror = points.iter().any(|p| p.mirror);
    let turns = points.iter().any(|p| !p.mirror && p.turns > 0);
    let rotations = options(keys.rotation, turns);
    let reflections = options(keys.reflection, has_mirror);
    let flips = flips(&keys, context);
    let (mut found, mut first) = (Vec::new(), None);
    for momentum in &momenta {
        for &flip in &flips {
            let mut of_momentum = Vec::new();
            for &rotation in &rotations {
                for &reflection in &reflections {
                    let signs = [rotation, reflection, flip];
                    match sector(momentum.as_ref(), signs, context) {
                        Ok(sector) => of_momentum.push(sector),
                        Err(e) => first = first.or(Some(e)),
                    }
                }
            }
            let finest = |s: &&Sector| context.all || !of_momentum.iter().any(|o| o.refines(s));
            found.extend(of_momentum.iter().filter(finest).cloned());
        }
    }
    match (found.is_empty(), first) {
        (true, Some(error)) => Err(error),
        _ => Ok(found),
    }
}

/// The eigenvalues that are tried: the one that is given, or both, and none.
fn options(given: Option<i64>, exists: bool) -> Vec<Option<i64>> {
    match (given, exists) {
        (Some(_), _) => vec![given],
        (None, true) => vec![Some(1), Some(-1), None],
        (None, false) => vec![None],
    }
}

fn flips(keys: &Keys, context: &SectorContext) -> Vec<Option<i64>> {
    let identity: Vec<u32> = (0..context.lattice.sites as u32).collect();
    let decided = keys.spin_parity.is_some() || keys.total_spin.is_some();
    let inside = flips_stay_inside(context.basis, "").is_ok();
    match keys.spin_flip {
        Some(_) => vec![keys.spin_flip],
        None if !decided && inside && is_held(context.hamiltonian, &[&identity], true) => {
            vec![Some(1), Some(-1)]
        }
        None => vec![None],
    }
}

/// The isometries about site 0 that the Hamiltonian has.
fn points(context: &SectorContext) -> Vec<PointElement> {
    let group = context.lattice.point_group().unwrap_or_default();
    let held = |p: &PointElement| is_held(context.hamiltonian, &[&p.permutation], false);
    group.into_iter().filter(held).collect()
}

/// One momentum of each star; none where the Hamiltonian or the lattice has no translations.
fn momenta(context: &SectorContext, points: &[PointElement]) -> Result<Vec<Option<Vec<usize>>>> {
    let lattice = context.lattice;
    let Ok(group) = lattice.translations() else {
        return Ok(vec![None]);
    };
    let permutations: Vec<&[u32]> = group.permutations.iter().map(Vec::as_slice).collect();
    if permutations.len() < 2 || !is_held(context.hamiltonian, &permutations, false) {
        return Ok(vec![None]);
    }
    let (size, periodic, d) = (lattice.extent(), lattice.periodic(), lattice.dimensions());
    let lengths: Vec<usize> = (0..d)
        .map(|a| if periodic[a] { size[a] } else { 1 })
        .collect();
    let stars = Stars::new(lattice, &permutations, points, &lengths);
    let facts = context.hamiltonian.map(|h| h.facts(context.basis, None));
    let real = facts.is_none_or(|f| f.real);
    let mut found = Vec::new();
    for number in 0..lengths.iter().product() {
        let mut rest = number;
        let mut momentum = vec![0; d];
        for a in (0..d).rev() {
            momentum[a] = rest % lengths[a];
            rest /= lengths[a];
        }
        let (star, is_high) = stars.of(&momentum, real);
        if star.iter().all(|other| *other >= momentum) && (context.all || is_high) {
            found.push(Some(momentum));
        }
    }
    Ok(found)
}

/// Where the point group takes momenta.
struct Stars {
    lengths: Vec<usize>,
    /// For each element: whether it is a rotation, and for each direction a the translation g⁻¹ T_a
    /// g, in cells.
    moved: Vec<(bool, Vec<Vec<usize>>)>,
}

impl Stars {
    fn new(
        lattice: &Lattice,
        translations: &[&[u32]],
        points: &[PointElement],
        lengths: &[usize],
    ) -> Self {
        let d = lengths.len();
        // Spins move by R = cell(j) − cell(g(j)).
        let shift = |g: &[u32]| -> Vec<usize> {
            let from = lattice.cells[g[0] as usize];
            (0..d)
                .map(|a| (lengths[a] - from[a] % lengths[a]) % lengths[a])
                .collect()
        };
        let unit = |a: usize| {
            let wanted: Vec<usize> = (0..d).map(|b| usize::from(a == b) % lengths[b]).collect();
            translations.iter().copied().find(|g| shift(g) == wanted)
        };
        let moved = points.iter().map(|p| {
            let g = &p.permutation;
            let mut inverse = vec![0u32; g.len()];
            g.iter()
                .zip(0..)
                .for_each(|(&to, from)| inverse[to as usize] = from);
            let conjugate = |a: usize| {
                let identity = || (0..g.len() as u32).collect::<Vec<u32>>();
                let t = unit(a).map_or_else(identity, <[u32]>::to_vec);
                let path = |&s: &u32| g[t[s as usize] as usize];
                shift(&inverse.iter().map(path).collect::<Vec<u32>>())
            };
            (!p.mirror && p.turns > 0, (0..d).map(conjugate).collect())
        });
        Stars {
            moved: moved.collect(),
            lengths: lengths.to_vec(),
        }
    }

    /// All momenta of the star of `momentum`, and whether it is one of high symmetry: its own
    /// negative, or the same after a rotation.
    fn of(&self, momentum: &[usize], real: bool) -> (Vec<Vec<usize>>, bool) {
        let lengths = &self.lengths;
        let negative: Vec<usize> = momentum
            .iter()
            .zip(lengths)
            .map(|(m, l)| (l - m) % l)
            .collect();
        let mut high = negative == momentum;
        let mut star = vec![momentum.to_vec()];
        for (rotates, shifts) in &self.moved {
            // e^{ik'·a} = e^{ik·g⁻¹a}
            let image = |a: usize| {
                let parts = shifts[a].iter().zip(momentum).zip(lengths);
                let turns: f64 = parts
                    .map(|((r, m), l)| (r * m % l) as f64 / *l as f64)
                    .sum();
                (turns * lengths[a] as f64).round() as usize % lengths[a]
            };
            let image: Vec<usize> = (0..lengths.len()).map(image).collect();
            high |= *rotates && image == momentum;
            star.push(image);
        }
        if real {
            let negatives: Vec<Vec<usize>> = star
                .iter()
                .map(|k| k.iter().zip(lengths).map(|(m, l)| (l - m) % l).collect())
                .collect();
            star.extend(negatives);
        }
        (star, high)
    }
}

/// The sector of these quantum numbers, if they belong together.
fn sector(
    momentum: Option<&Vec<usize>>,
    signs: [Option<i64>; 3],
    context: &SectorContext,
) -> Result<Sector> {
    let [rotation, reflection, flip] = signs;
    let identity: Vec<u32> = (0..context.lattice.sites as u32).collect();
    let one = |flip: bool, sign: i64| Element {
        permutation: identity.clone(),
        flip,
        character: (sign as f64).into(),
    };
    let mut elements = vec![one(false, 1)];
    if let Some(momentum) = momentum {
        elements = translations(context.lattice, momentum, "ansatz.momentum")?;
    }
    if rotation.is_some() || reflection.is_some() {
        let sign = |s: Option<i64>| s.map(|s| s as f64);
        let points = point_group(context.lattice, sign(reflection), sign(rotation), "ansatz")?;
        let all: Vec<&[u32]> = points.iter().map(|p| p.permutation.as_slice()).collect();
        if !is_held(context.hamiltonian, &all, false) {
            return Err(Error::input(
                "ansatz.sector",
                "the Hamiltonian does not have this symmetry",
                "remove rotation and reflection",
            ));
        }
        elements = product(&points, &elements);
    }
    if let Some(flip) = flip {
        elements = product(&elements, &[one(false, 1), one(true, flip)]);
    }
    check_representation(&elements, "ansatz.sector")?;
    Ok(Sector {
        momentum: momentum.cloned(),
        signs,
        elements,
    })
}

impl Sector {
    /// Whether this sector has all quantum numbers of the other one, and more.
    pub fn refines(&self, other: &Sector) -> bool {
        let same =
            |(mine, theirs): (&Option<i64>, &Option<i64>)| theirs.is_none() || mine == theirs;
        self.momentum == other.momentum
            && self.signs != other.signs
            && self.signs.iter().zip(&other.signs).all(same)
    }

    /// Its quantum numbers as keys of the projection.
    pub fn keys(&self) -> toml::Table {
        let mut keys = toml::Table::new();
        if let Some(momentum) = &self.momentum {
            let indices = momentum.iter().map(|&m| toml::Value::Integer(m as i64));
            keys.insert(NUMBERS[0].into(), toml::Value::Array(indices.collect()));
        }
        for (name, sign) in NUMBERS[1..].iter().zip(self.signs) {
            sign.map(|sign| keys.insert((*name).into(), sign.into()));
        }
        keys
    }
}

/// The table of a projection with these quantum numbers in the place of a choice.
pub fn settled(table: &toml::Table, numbers: &toml::Table) -> toml::Table {
    let mut settled = table.clone();
    settled.remove("sector");
    for (key, value) in numbers {
        settled.entry(key.clone()).or_insert(value.clone());
    }
    settled
}
