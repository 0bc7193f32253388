//! Decides what a configuration is: one value per site, under linear charges that are fixed.
//!
//! x_i takes the values first, first + step, …; a charge Σ_i w_i x_i is fixed to a total, as an
//! integer or modulo one. Values are 2 Sz for spins (±1 for spins one half), particle numbers for
//! bosons, 0 and 1 for the modes of fermions.

mod bosons;
mod counted;
mod fermi;
mod moves;
mod numbering;
mod spins;
mod words;

pub use bosons::SiteKind;
pub use fermi::Image;
pub use moves::{Asks, Move, Step};
pub use numbering::Numbering;
pub use words::StateIndex;

use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};
use counted::Counted;

/// Name of the charge Σ_i 2 Sz_i.
pub const TOTAL_SZ: &str = "total_sz";
/// Name of the charge Σ_i n_i.
pub const PARTICLES: &str = "particles";

/// The values that a site can take: `first`, `first + step`, …, `count` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// The smallest value.
    pub first: i8,
    /// The distance of neighbouring values.
    pub step: i8,
    /// The number of values.
    pub count: u8,
    /// Whether exchanging two such modes costs a sign; the values are then 0 and 1.
    pub fermionic: bool,
}

impl Local {
    /// The value number `k`.
    pub fn value(&self, k: usize) -> i8 {
        self.first + self.step * k as i8
    }

    /// The number of a value, where the site can take it.
    pub fn place(&self, value: i8) -> Option<usize> {
        let above = i32::from(value) - i32::from(self.first);
        let (k, rest) = (
            above.div_euclid(i32::from(self.step)),
            above.rem_euclid(i32::from(self.step)),
        );
        ((0..i32::from(self.count)).contains(&k) && rest == 0).then_some(k as usize)
    }
}

/// A fixed sum Σ_i weight_i x_i = total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its name, such as [`TOTAL_SZ`].
    pub name: &'static str,
    /// One weight per site.
    pub weights: Vec<i8>,
    /// The value of the sum.
    pub total: i32,
    /// Where the sum is fixed modulo a number only, such as 2 for a parity.
    pub modulo: Option<i32>,
}

impl Charge {
    /// The sum in its canonical form: itself, or its remainder.
    fn reduced(&self, sum: i32) -> i32 {
        self.modulo.map_or(sum, |m| sum.rem_euclid(m))
    }
}

/// The configurations.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    locals: Vec<Local>,
    charges: Vec<Charge>,
    excluded: Vec<[(u32, i8); 2]>,
    fast: Fast,
}

/// How states are numbered and drawn.
#[derive(Debug, Clone, PartialEq)]
enum Fast {
    /// Spins one half, with a number of up spins where total Sz is fixed: words of bits.
    Bits(Option<usize>),
    /// Anything else.
    Counted(Counted),
}

impl Basis {
    /// The configurations of sites with the values `locals` and the given charges, without those
    /// that contain both (site, value) pairs of an entry of `excluded`.
    ///
    /// Errors: [`Error::Input`] where there is no such configuration, or where a charge does not
    /// have one weight per site; [`Error::Memory`] where counting them takes too much room.
    pub fn new(
        locals: Vec<Local>,
        charges: Vec<Charge>,
        excluded: Vec<[(u32, i8); 2]>,
    ) -> Result<Self> {
        let spin_half = locals.iter().all(|l| *l == spins::HALF);
        let fast = match &charges[..] {
            [] if spin_half && excluded.is_empty() => Fast::Bits(None),
            [one] if spin_half && excluded.is_empty() && spins::is_total(one) => {
                let up = (locals.len() as i32 + one.total) / 2;
                Fast::Bits(Some(up as usize))
            }
            _ => Fast::Counted(Counted::new(&locals, &charges, &excluded)?),
        };
        Ok(Basis {
            locals,
            charges,
            excluded,
            fast,
        })
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.locals.len()
    }

    /// The values of each site.
    pub fn locals(&self) -> &[Local] {
        &self.locals
    }

    /// What is fixed.
    pub fn charges(&self) -> &[Charge] {
        &self.charges
    }

    /// The total of the charge `name`, where it is fixed as an integer.
    pub fn fixed(&self, name: &str) -> Option<i32> {
        self.charges
            .iter()
            .find(|c| c.name == name && c.modulo.is_none())
            .map(|c| c.total)
    }

    /// Degrees of freedom as V-scores count them: particles where their number is fixed and not
    /// zero, otherwise sites.
    pub fn degrees_of_freedom(&self) -> usize {
        let particles = self.fixed(PARTICLES).filter(|&n| n > 0);
        particles.map_or(self.sites(), |n| n as usize)
    }

    /// The basis in words, for messages.
    pub fn describe(&self) -> String {
        let fixed = self.charges.iter().map(|c| {
            let name = c.name.replace('_', " ");
            match (c.name, c.modulo) {
                (TOTAL_SZ, None) => format!("{name} = {}", f64::from(c.total) / 2.0),
                (_, None) => format!("{name} = {}", c.total),
                (_, Some(m)) => format!("{name} = {} modulo {m}", c.total),
            }
        });
        let list: Vec<String> = fixed.collect();
        match &list[..] {
            [] => format!("{} sites and nothing fixed", self.sites()),
            _ => format!("{} sites and {}", self.sites(), list.join(", ")),
        }
    }

    /// Whether every site is a spin one half.
    pub fn is_spin_half(&self) -> bool {
        self.locals.iter().all(|l| *l == spins::HALF)
    }

    /// 2 S, where all sites hold spins of one length S.
    pub fn twice_spin(&self) -> Option<u8> {
        let first = *self.locals.first()?;
        let same = self.locals.iter().all(|l| *l == first);
        let spin = first.step == 2 && i32::from(first.first) == 1 - i32::from(first.count);
        (same && spin).then(|| first.count - 1)
    }

    /// Whether every site has two values, so that a value that changes is the other one.
    pub fn is_binary(&self) -> bool {
        self.locals.iter().all(|l| l.count == 2)
    }

    /// Number of configurations, as a real number because it overflows every integer on large
    /// lattices.
    pub fn dimension(&self) -> f64 {
        match &self.fast {
            Fast::Bits(up) => words::dimension(self.sites(), *up),
            Fast::Counted(counted) => counted.dimension(),
        }
    }

    /// Whether the row is one of the configurations.
    pub fn contains(&self, x: &[i8]) -> bool {
        let sum = |c: &Charge| -> i32 {
            let terms = c.weights.iter().zip(x);
            terms.map(|(&w, &v)| i32::from(w) * i32::from(v)).sum()
        };
        let has = |&(site, value): &(u32, i8)| x[site as usize] == value;
        x.len() == self.sites()
            && self
                .locals
                .iter()
                .zip(x)
                .all(|(l, &v)| l.place(v).is_some())
            && (self.charges.iter()).all(|c| c.reduced(sum(c)) == c.reduced(c.total))
            && !self.excluded.iter().any(|pair| pair.iter().all(has))
    }

    /// Whether the move leads from the configuration `x` to another one of the basis.
    pub fn keeps(&self, x: &[i8], step: Move) -> bool {
        let changed = |c: &Charge| -> i32 {
            let change = |(&s, &v): (&u32, &i8)| {
                let (w, old) = (c.weights[s as usize], x[s as usize]);
                i32::from(w) * (i32::from(v) - i32::from(old))
            };
            step.sites.iter().zip(step.values).map(change).sum()
        };
        let valid = |(&s, &v): (&u32, &i8)| self.locals[s as usize].place(v).is_some();
        let has = |&(site, value): &(u32, i8)| step.value(x, site) == value;
        self.charges.iter().all(|c| c.reduced(changed(c)) == 0)
            && step.sites.iter().zip(step.values).all(valid)
            && !self.excluded.iter().any(|pair| pair.iter().all(has))
    }

    /// A configuration drawn uniformly.
    pub fn random(&self, rng: &mut Generator) -> Vec<i8> {
        match &self.fast {
            Fast::Bits(up) => words::random(self.sites(), *up, rng),
            Fast::Counted(counted) => counted.random(&self.locals, || rng.random()),
        }
    }

    /// Numbers the configurations 0, 1, 2, …
    ///
    /// Errors: [`Error::Memory`] where there are too many.
    pub fn numbering(&self) -> Result<Numbering> {
        match &self.fast {
            Fast::Bits(_) => Ok(Numbering::words(StateIndex::new(self)?)),
            Fast::Counted(counted) => Numbering::counted(counted.clone(), &self.locals),
        }
    }

    /// Number of up spins where the configurations are words of bits: `None` for other bases,
    /// `Some(None)` where total Sz is free.
    fn bits(&self) -> Option<Option<usize>> {
        match &self.fast {
            Fast::Bits(up) => Some(*up),
            Fast::Counted(_) => None,
        }
    }
}

/// The error of a calculation that is written for spins one half, met with another basis.
pub fn only_spin_half(key: &str, what: &str) -> Error {
    Error::input(
        key,
        format!("{what} is made for spins one half"),
        "use [basis] kind = \"spin\" with s = 0.5, or leave it out",
    )
}
