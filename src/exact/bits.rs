//! Decides how y = H x is evaluated over all states of a sector: configurations as words of bits,
//! operators as masks.
//!
//! With bit i set where spin i is up, Π_{i∈z} σ_i = (−1)^{popcount(¬w ∧ z)} and the
//! connected state of a flip f is w ⊕ f: y_w = d_w x_w + Σ_f h_f(w) x_{w⊕f}. The diagonal d is
//! evaluated once.

use crate::basis::{Basis, StateIndex, TOTAL_SZ};
use crate::error::{Error, Result};
use crate::number::Scalar;
use crate::operator::{Monomial, Operator, TermTable};
use num_complex::Complex64;

/// Coefficient and sites of one product of spins.
#[derive(Debug, Clone, Copy)]
struct SignProduct<T> {
    coefficient: T,
    mask: u64,
}

impl<T: Scalar> SignProduct<T> {
    fn new(m: &Monomial) -> Self {
        SignProduct {
            coefficient: T::from_complex(m.coefficient),
            mask: mask(&m.sites),
        }
    }
    #[inline]
    fn value(&self, word: u64) -> T {
        if (!word & self.mask).count_ones() & 1 == 1 {
            -self.coefficient
        } else {
            self.coefficient
        }
    }
}

/// Two sites whose element depends on their own spins alone, by (spin of i up) + 2 (spin of j up).
#[derive(Debug, Clone)]
struct Pair<T> {
    flip: u64,
    i: u32,
    j: u32,
    element: [T; 4],
}

#[derive(Debug, Clone)]
struct General<T> {
    flip: u64,
    element: Vec<SignProduct<T>>,
    /// Smaller elements are rounding errors of terms that cancel.
    smallest: f64,
}

/// An operator compiled to masks.
#[derive(Debug, Clone)]
pub struct Masks<T> {
    up: Option<u32>,
    diagonal: Vec<SignProduct<f64>>,
    /// Flips with the same element everywhere, by element.
    constant: Vec<(T, Vec<u64>)>,
    /// Exchange of two opposite spins, by element.
    exchange: Vec<(T, Vec<u64>)>,
    pairs: Vec<Pair<T>>,
    general: Vec<General<T>>,
}

/// Largest number of flips in one group, so that the states they reach fit in a small buffer.
const GROUP: usize = 64;

fn mask(sites: &[u32]) -> u64 {
    sites.iter().fold(0, |m, &s| m | 1 << s)
}

fn insert<T: Scalar>(groups: &mut Vec<(T, Vec<u64>)>, element: T, flip: u64) {
    match groups
        .iter_mut()
        .find(|(e, masks)| *e == element && masks.len() < GROUP)
    {
        Some((_, masks)) => masks.push(flip),
        None => groups.push((element, vec![flip])),
    }
}

/// Number of up spins, where total Sz is fixed.
fn up_spins(basis: &Basis) -> Option<u32> {
    let twice_sz = basis.fixed(TOTAL_SZ)?;
    Some(((basis.sites() as i32 + twice_sz) / 2) as u32)
}

impl<T: Scalar> Masks<T> {
    /// Compiles `table` on `basis`.
    ///
    /// Errors: [`Error::Input`] where the operator is not Hermitian, or leaves the sector.
    pub fn new(table: &TermTable, basis: &Basis) -> Result<Self> {
        table.check(basis)?;
        let up = up_spins(basis);
        let scale = table
            .flips
            .iter()
            .flat_map(|f| &f.element)
            .map(|m| m.coefficient.norm());
        let scale = table
            .diagonal
            .iter()
            .map(|m| m.coefficient.norm())
            .chain(scale)
            .fold(0.0, f64::max);
        let check = |flip: &[u32], m: &Monomial| {
            // ⟨x'|O|x⟩* = ⟨x|O|x'⟩: the coefficient is real where the product contains an
            // even number of flipped sites.
            let odd = m.sites.iter().filter(|s| flip.contains(s)).count() % 2 == 1;
            let wrong = if odd {
                m.coefficient.re
            } else {
                m.coefficient.im
            };
            if wrong.abs() <= 1e-13 * scale {
                return Ok(());
            }
            Err(Error::input(
                "hamiltonian",
                format!(
                    "it is not Hermitian: the term that flips sites {flip:?} has the coefficient \
                     {}",
                    m.coefficient
                ),
                "give real coefficients to all Pauli strings",
            ))
        };
        table.diagonal.iter().try_for_each(|m| check(&[], m))?;
        let mut masks = Masks {
            up,
            diagonal: table.diagonal.iter().map(SignProduct::new).collect(),
            constant: Vec::new(),
            exchange: Vec::new(),
            pairs: Vec::new(),
            general: Vec::new(),
        };
        for flip in &table.flips {
            flip.element
                .iter()
                .try_for_each(|m| check(&flip.sites, m))?;
            let bits = mask(&flip.sites);
            let element: Vec<SignProduct<T>> = flip.element.iter().map(SignProduct::new).collect();
            let smallest = 1e-13
                * flip
                    .element
                    .iter()
                    .map(|m| m.coefficient.norm())
                    .sum::<f64>();
            match (&flip.sites[..], &element[..]) {
                (&[i, j], list) if list.iter().all(|p| p.mask & !bits == 0) => {
                    let value = |k: usize| {
                        let word = (k as u64 & 1) << i | (k as u64 >> 1) << j;
                        let sum = list.iter().fold(T::zero(), |s, p| s + p.value(word));
                        let outside = up.is_some() && (k == 0 || k == 3);
                        if outside || sum.norm_sqr().sqrt() <= smallest {
                            T::zero()
                        } else {
                            sum
                        }
                    };
                    let e = [value(0), value(1), value(2), value(3)];
                    if e[0] == T::zero() && e[3] == T::zero() && e[1] == e[2] {
                        insert(&mut masks.exchange, e[1], bits);
                    } else if e.iter().all(|&x| x == e[0]) {
                        insert(&mut masks.constant, e[0], bits);
                    } else {
                        masks.pairs.push(Pair {
                            flip: bits,
                            i,
                            j,
                            element: e,
                        });
                    }
                }
                (_, [one]) if one.mask == 0 && up.is_none() => {
                    insert(&mut masks.constant, one.coefficient, bits);
                }
                _ => masks.general.push(General {
                    flip: bits,
                    element,
                    smallest,
                }),
            }
        }
        Ok(masks)
    }

    /// ⟨w|H|w⟩
    pub fn diagonal(&self, word: u64) -> f64 {
        self.diagonal.iter().map(|p| p.value(word)).sum()
    }

    /// Σ_f h_f(w) x(w ⊕ f), over the flips with a non-zero element.
    #[inline]
    pub fn gather(&self, word: u64, x: impl Fn(u64) -> T) -> T {
        let mut sum = T::zero();
        for (element, flips) in &self.constant {
            sum += *element * flips.iter().fold(T::zero(), |s, &f| s + x(word ^ f));
        }
        for (element, flips) in &self.exchange {
            // Collecting first avoids a branch that cannot be predicted.
            let mut reached = [0u64; GROUP];
            let mut count = 0;
            for &f in flips {
                reached[count] = word ^ f;
                let set = word & f;
                count += usize::from(set != 0 && set != f);
            }
            sum += *element * reached[..count].iter().fold(T::zero(), |s, &w| s + x(w));
        }
        for p in &self.pairs {
            let element = p.element[(word >> p.i & 1 | (word >> p.j & 1) << 1) as usize];
            if element != T::zero() {
                sum += element * x(word ^ p.flip);
            }
        }
        for g in &self.general {
            let reached = word ^ g.flip;
            if self.up.is_some_and(|up| reached.count_ones() != up) {
                continue;
            }
            let element = g.element.iter().fold(T::zero(), |s, p| s + p.value(word));
            if element.norm_sqr().sqrt() > g.smallest {
                sum += element * x(reached);
            }
        }
        sum
    }

    /// Calls `visit(w ⊕ f, h_f(w))` for every flip with a non-zero element.
    pub fn connected(&self, word: u64, mut visit: impl FnMut(u64, T)) {
        for (element, flips) in &self.constant {
            flips.iter().for_each(|f| visit(word ^ f, *element));
        }
        for (element, flips) in &self.exchange {
            flips
                .iter()
                .filter(|&f| word & f != 0 && word & f != *f)
                .for_each(|f| visit(word ^ f, *element));
        }
        for p in &self.pairs {
            let element = p.element[(word >> p.i & 1 | (word >> p.j & 1) << 1) as usize];
            if element != T::zero() {
                visit(word ^ p.flip, element);
            }
        }
        for g in &self.general {
            let element = g.element.iter().fold(T::zero(), |s, p| s + p.value(word));
            let inside = self.up.is_none_or(|up| (word ^ g.flip).count_ones() == up);
            if inside && element.norm_sqr().sqrt() > g.smallest {
                visit(word ^ g.flip, element);
            }
        }
    }

    /// The largest number of connected states of one state.
    pub fn flips(&self) -> usize {
        let groups = |g: &[(T, Vec<u64>)]| g.iter().map(|(_, f)| f.len()).sum::<usize>();
        groups(&self.constant) + groups(&self.exchange) + self.pairs.len() + self.general.len()
    }
}

/// Calls `visit(k, word)` for the states number `first` to `first + count`, in order.
pub fn walk(index: &StateIndex, first: usize, count: usize, mut visit: impl FnMut(usize, u64)) {
    if count == 0 {
        return;
    }
    let fixed = index.up().is_some();
    let mut word = index.state(first);
    for k in first..first + count {
        visit(k, word);
        word = if !fixed {
            word + 1
        } else if word == 0 {
            0
        } else {
            // The next larger word with as many bits set.
            let low = word & word.wrapping_neg();
            let carried = word + low;
            carried | (word ^ carried) >> (2 + low.trailing_zeros())
        };
    }
}

/// H on all states of a basis: masks, the numbering of the states, and the diagonal.
#[derive(Debug, Clone)]
pub struct BitOperator<T> {
    masks: Masks<T>,
    index: StateIndex,
    fixed: bool,
    diagonal: Vec<f64>,
    threads: usize,
}

impl<T: Scalar> BitOperator<T> {
    /// Compiles `table` on `basis`, using up to `threads` threads.
    ///
    /// Errors: those of [`Masks::new`] and of [`StateIndex::new`].
    pub fn new(table: &TermTable, basis: &Basis, threads: usize) -> Result<Self> {
        let masks = Masks::new(table, basis)?;
        let index = StateIndex::new(basis)?;
        let fixed = index.up().is_some();
        let mut diagonal = vec![0.0; index.dimension()];
        walk(&index, 0, index.dimension(), |k, word| {
            diagonal[k] = masks.diagonal(word)
        });
        Ok(BitOperator {
            masks,
            index,
            fixed,
            diagonal,
            threads: threads.max(1),
        })
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.index.dimension()
    }

    /// y = H x; both have one entry per state.
    pub fn apply(&self, x: &[T], y: &mut [T]) {
        let threads = if y.len() < 1 << 13 { 1 } else { self.threads };
        let share = y.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            for (t, part) in y.chunks_mut(share).enumerate() {
                let mut work = move || {
                    walk(&self.index, t * share, part.len(), |k, word| {
                        let far = if self.fixed {
                            self.masks.gather(word, |w| x[self.index.index(w)])
                        } else {
                            self.masks.gather(word, |w| x[w as usize])
                        };
                        part[k - t * share] = x[k] * self.diagonal[k] + far;
                    });
                };
                if threads == 1 {
                    work();
                } else {
                    scope.spawn(work);
                }
            }
        });
    }
}

/// Whether every element of the operator is real, so that real vectors suffice.
pub fn is_real(table: &TermTable) -> bool {
    let scale = table
        .flips
        .iter()
        .flat_map(|f| &f.element)
        .map(|m| m.coefficient.norm())
        .fold(0.0, f64::max);
    let small = |z: Complex64| z.im.abs() <= 1e-14 * scale;
    table
        .flips
        .iter()
        .flat_map(|f| &f.element)
        .all(|m| small(m.coefficient))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::{Pauli, PauliSum};
    use crate::rng::{self, Purpose, RngExt};

    fn spins(sites: usize, up: Option<i64>) -> Basis {
        Basis::spin_half(sites, up.map(|up| 2 * up - sites as i64)).unwrap()
    }

    /// A sum with every kind of flip; conserves Sz where asked.
    fn sum(sites: u32, conserve: bool) -> PauliSum {
        use Pauli::{X, Y, Z};
        let mut rng = rng::stream(7, Purpose::Law, 0, 0);
        let mut h = PauliSum::default();
        for i in 0..sites {
            let j = (i + 1) % sites;
            let (c, d): (f64, f64) = (rng.random::<f64>() - 0.5, rng.random::<f64>() - 0.5);
            h.add(c, &[(i, X), (j, X)]);
            h.add(c, &[(i, Y), (j, Y)]);
            h.add(d, &[(i, X), (j, Y)]);
            h.add(-d, &[(i, Y), (j, X)]);
            h.add(0.3, &[(i, Z), (j, Z)]);
            h.add(0.25, &[(i, X), ((i + 2) % sites, X)]);
            h.add(0.25, &[(i, Y), ((i + 2) % sites, Y)]);
            h.add(d, &[(i, X), ((i + 2) % sites, X), ((i + 3) % sites, Z)]);
            h.add(d, &[(i, Y), ((i + 2) % sites, Y), ((i + 3) % sites, Z)]);
            if !conserve {
                h.add(0.7, &[(i, X)]);
                h.add(c * d, &[(i, Y), (j, Z)]);
                h.add(0.2, &[(i, X), (j, X), ((i + 2) % sites, X)]);
            }
        }
        h
    }

    #[test]
    fn application_agrees_with_the_term_table() {
        for (up, conserve) in [
            (None, false),
            (None, true),
            (Some(3), true),
            (Some(0), true),
            (Some(6), true),
        ] {
            let table = TermTable::compile(6, &sum(6, conserve)).unwrap();
            let basis = spins(6, up);
            let index = StateIndex::new(&basis).unwrap();
            let operator = BitOperator::<Complex64>::new(&table, &basis, 2).unwrap();
            let mut rng = rng::stream(8, Purpose::Law, 0, 0);
            let x: Vec<Complex64> = (0..index.dimension())
                .map(|_| Scalar::normal(&mut rng))
                .collect();
            let mut y = vec![Complex64::ZERO; x.len()];
            operator.apply(&x, &mut y);
            for (k, y) in y.iter().enumerate() {
                let word = index.state(k);
                let spins = index.spins(word);
                let mut expected = table.diagonal(&spins) * x[k];
                table.connected(&spins, |flip, element| {
                    if element.norm() > 1e-12 {
                        expected += element * x[index.index(word ^ mask(flip))];
                    }
                });
                assert!((y - expected).norm() < 1e-13, "{up:?} {k}");
            }
        }
    }

    #[test]
    fn operators_outside_the_sector_or_not_hermitian_are_refused() {
        let table = TermTable::compile(6, &sum(6, false)).unwrap();
        assert!(Masks::<Complex64>::new(&table, &spins(6, Some(3))).is_err());
        let mut h = PauliSum::default();
        h.add(Complex64::i(), &[(0, Pauli::X)]);
        let table = TermTable::compile(2, &h).unwrap();
        assert!(Masks::<Complex64>::new(&table, &spins(2, None)).is_err());
    }
}
