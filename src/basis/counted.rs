//! Decides how configurations under any charges are counted, numbered and drawn: an automaton that
//! reads sites one after the other.
//!
//! Its state is what is left of the charges, with the values that an exclusion still has to
//! remember. c(s), the number of ways to complete the row from state s, follows from the last site
//! backwards; the number of a row is Σ over its sites of the c of all smaller values there.

use super::{Charge, Local};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Where a value leads, and how many rows come before it from the same state.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Arc {
    next: u32,
    below: f64,
}

/// No row goes on with this value.
const NOWHERE: u32 = u32::MAX;
/// Most states of the automaton.
const MOST_STATES: usize = 1 << 24;

/// One position of the order in which sites are read.
#[derive(Debug, Clone, PartialEq)]
struct Level {
    site: u32,
    values: usize,
    /// State × value.
    arcs: Vec<Arc>,
}

/// The automaton.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    levels: Vec<Level>,
    dimension: f64,
}

/// What is left of the charges, then the remembered values.
type Key = Vec<i32>;

/// The order in which sites are read: partners of an exclusion follow each other.
fn order(sites: usize, excluded: &[[(u32, i8); 2]]) -> Vec<u32> {
    let mut done = vec![false; sites];
    let mut order = Vec::with_capacity(sites);
    let mut partners = vec![Vec::new(); sites];
    for &[(a, _), (b, _)] in excluded {
        partners[a as usize].push(b);
        partners[b as usize].push(a);
    }
    for first in 0..sites as u32 {
        let mut waiting = vec![first];
        while let Some(site) = waiting.pop() {
            if !std::mem::replace(&mut done[site as usize], true) {
                order.push(site);
                waiting.extend(partners[site as usize].iter().rev());
            }
        }
    }
    order
}

/// What building the automaton looks at.
struct AutomatonInput<'a> {
    locals: &'a [Local],
    charges: &'a [Charge],
    excluded: &'a [[(u32, i8); 2]],
    order: Vec<u32>,
    /// Position of each site in the order.
    position: Vec<usize>,
}

impl AutomatonInput<'_> {
    /// The sites whose values are remembered before position `p`.
    fn remembered(&self, p: usize) -> Vec<u32> {
        let open = |site: u32| {
            self.excluded.iter().any(|[a, b]| {
                let partner = match site {
                    s if s == a.0 => b.0,
                    s if s == b.0 => a.0,
                    _ => return false,
                };
                self.position[partner as usize] >= p
            })
        };
        let earlier = self.order[..p].iter().copied();
        earlier.filter(|&site| open(site)).collect()
    }

    /// The state after reading `value` at position `p` in state `key`.
    fn next(
        &self,
        p: usize,
        key: &[i32],
        remembered: &[u32],
        kept: &[u32],
        value: i8,
    ) -> Option<Key> {
        let site = self.order[p];
        let known = |s: u32| {
            let place = remembered.iter().position(|&r| r == s);
            place.map(|k| key[self.charges.len() + k])
        };
        let clash = |here: (u32, i8), other: (u32, i8)| {
            here == (site, value) && known(other.0) == Some(i32::from(other.1))
        };
        if (self.excluded.iter()).any(|&[a, b]| clash(a, b) || clash(b, a)) {
            return None;
        }
        let mut next: Key = (self.charges.iter().zip(key))
            .map(|(c, left)| {
                c.reduced(left - i32::from(c.weights[site as usize]) * i32::from(value))
            })
            .collect();
        for &s in kept {
            next.push(if s == site {
                i32::from(value)
            } else {
                known(s)?
            });
        }
        Some(next)
    }
}

fn checked(locals: &[Local], charges: &[Charge], excluded: &[[(u32, i8); 2]]) -> Result<()> {
    let sites = locals.len();
    let problem = if locals.iter().any(|l| l.count == 0 || l.step <= 0) {
        "a site has no values"
    } else if charges.iter().any(|c| c.weights.len() != sites) {
        "a charge needs one weight per site"
    } else if charges.iter().any(|c| c.modulo.is_some_and(|m| m < 1)) {
        "a charge is fixed modulo a positive number"
    } else if excluded.iter().flatten().any(|e| e.0 as usize >= sites) {
        "an exclusion names a site that does not exist"
    } else {
        return Ok(());
    };
    Err(Error::input("basis", problem, "correct the basis"))
}

impl Counted {
    /// Builds the automaton.
    pub(super) fn new(
        locals: &[Local],
        charges: &[Charge],
        excluded: &[[(u32, i8); 2]],
    ) -> Result<Self> {
        checked(locals, charges, excluded)?;
        let order = order(locals.len(), excluded);
        let mut position = vec![0; locals.len()];
        (order.iter().enumerate()).for_each(|(p, &s)| position[s as usize] = p);
        let source = AutomatonInput {
            locals,
            charges,
            excluded,
            order,
            position,
        };
        let (mut levels, last) = reachable(&source)?;
        let dimension = count(&mut levels, last, charges.len());
        if dimension < 1.0 {
            return Err(Error::input(
                "hamiltonian.sector",
                "no configuration has these totals",
                "choose totals that the sites can add up to",
            ));
        }
        Ok(Counted { levels, dimension })
    }

    pub(super) fn dimension(&self) -> f64 {
        self.dimension
    }

    /// The number of a row; `None` outside the basis.
    pub(super) fn number(&self, locals: &[Local], x: &[i8]) -> Option<usize> {
        let (mut state, mut number) = (0, 0.0);
        for level in &self.levels {
            let site = level.site as usize;
            let arc = level.arcs[state * level.values + locals[site].place(x[site])?];
            if arc.next == NOWHERE {
                return None;
            }
            number += arc.below;
            state = arc.next as usize;
        }
        Some(number as usize)
    }

    /// Follows, at every site, the last value before which at most `left` rows come.
    fn descend(&self, locals: &[Local], mut left: impl FnMut(&[Arc], usize) -> usize) -> Vec<i8> {
        let mut x = vec![0; locals.len()];
        let mut state = 0;
        for (p, level) in self.levels.iter().enumerate() {
            let arcs = &level.arcs[state * level.values..][..level.values];
            let value = left(arcs, p);
            x[level.site as usize] = locals[level.site as usize].value(value);
            state = arcs[value].next as usize;
        }
        x
    }

    /// The row with a number below the dimension.
    pub(super) fn row(&self, locals: &[Local], number: usize) -> Vec<i8> {
        let mut left = number as f64;
        self.descend(locals, |arcs, _| {
            let value = last_below(arcs, left);
            left -= arcs[value].below;
            value
        })
    }

    /// A row drawn uniformly with numbers of the unit interval.
    pub(super) fn random(&self, locals: &[Local], mut unit: impl FnMut() -> f64) -> Vec<i8> {
        let mut ways = self.dimension;
        self.descend(locals, |arcs, _| {
            let value = last_below(arcs, unit() * ways);
            let above = arcs[value + 1..].iter().find(|a| a.next != NOWHERE);
            ways = above.map_or(ways, |a| a.below) - arcs[value].below;
            value
        })
    }
}

/// The last value that rows go on with and before which at most `left` rows come.
fn last_below(arcs: &[Arc], left: f64) -> usize {
    let open = |a: &Arc| a.next != NOWHERE;
    (arcs.iter())
        .rposition(|a| open(a) && a.below <= left)
        .or_else(|| arcs.iter().position(open))
        .unwrap_or(0)
}

/// The states that can be reached, level by level, and the keys of the last ones.
fn reachable(source: &AutomatonInput) -> Result<(Vec<Level>, Vec<Key>)> {
    let mut states: Vec<Key> = vec![source.charges.iter().map(|c| c.reduced(c.total)).collect()];
    let mut levels = Vec::new();
    let mut total = 0;
    for p in 0..source.order.len() {
        let local = source.locals[source.order[p] as usize];
        let (remembered, kept) = (source.remembered(p), source.remembered(p + 1));
        let mut numbers: BTreeMap<Key, u32> = BTreeMap::new();
        let mut after = Vec::new();
        let mut arcs = Vec::with_capacity(states.len() * local.count as usize);
        for key in &states {
            for v in 0..local.count as usize {
                let next = source.next(p, key, &remembered, &kept, local.value(v));
                let next = next.map_or(NOWHERE, |key| {
                    *numbers.entry(key).or_insert_with_key(|key| {
                        after.push(key.clone());
                        after.len() as u32 - 1
                    })
                });
                arcs.push(Arc { next, below: 0.0 });
            }
        }
        total += after.len();
        if total > MOST_STATES {
            return Err(Error::Memory {
                what: "counting the configurations of the basis".into(),
                needed: 16.0 * total as f64 * f64::from(local.count),
                available: 16.0 * MOST_STATES as f64 * f64::from(local.count),
            });
        }
        levels.push(Level {
            site: source.order[p],
            values: local.count as usize,
            arcs,
        });
        states = after;
    }
    Ok((levels, states))
}

/// Counts completions from the last level backwards; the number of rows.
fn count(levels: &mut [Level], last: Vec<Key>, charges: usize) -> f64 {
    let done = |key: &Key| f64::from(u8::from(key[..charges].iter().all(|&left| left == 0)));
    let mut ways: Vec<f64> = last.iter().map(done).collect();
    for level in levels.iter_mut().rev() {
        let mut before = Vec::with_capacity(level.arcs.len() / level.values);
        for arcs in level.arcs.chunks_exact_mut(level.values) {
            let mut sum = 0.0;
            for arc in arcs {
                arc.below = sum;
                match arc.next {
                    NOWHERE => {}
                    next if ways[next as usize] == 0.0 => arc.next = NOWHERE,
                    next => sum += ways[next as usize],
                }
            }
            before.push(sum);
        }
        ways = before;
    }
    ways.first().copied().unwrap_or(1.0)
}
