//! Decides how an operator acts on words of bits: signs and flips as masks.
//!
//! With bit i set where spin i is up, Π_{i∈z} σ_i = (−1)^{popcount(¬w ∧ z)} and the
//! connected state of a flip f is w ⊕ f: y_w = d_w x_w + Σ_f h_f(w) x_{w⊕f}.

use crate::basis::{Basis, TOTAL_SZ};
use crate::error::{Error, Result};
use crate::number::Scalar;
use crate::operator::{Flip, Monomial, Operator, TermTable};

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

/// The word with the bits of `sites` set.
pub(super) fn mask(sites: &[u32]) -> u64 {
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

/// Checks ⟨x'|O|x⟩* = ⟨x|O|x'⟩.
///
/// Errors: [`Error::Input`] where a coefficient has another phase.
fn check_hermitian(table: &TermTable) -> Result<()> {
    let flips = table.flips.iter();
    let of_flips = flips.flat_map(|f| f.element.iter().map(move |m| (&f.sites[..], m)));
    let of_diagonal = table.diagonal.iter().map(|m| (&[][..], m));
    let all = of_diagonal.chain(of_flips);
    let sizes = all.clone().map(|(_, m)| m.coefficient.norm());
    let scale = sizes.fold(0.0, f64::max);
    for (flip, m) in all {
        // The coefficient is real where the product contains an even number of flipped sites.
        let odd = m.sites.iter().filter(|s| flip.contains(s)).count() % 2 == 1;
        let wrong = if odd {
            m.coefficient.re
        } else {
            m.coefficient.im
        };
        if wrong.abs() > 1e-13 * scale {
            let coefficient = m.coefficient;
            return Err(Error::input(
                "hamiltonian",
                format!(
                    "it is not Hermitian: the term that flips sites {flip:?} has the coefficient \
                     {coefficient}"
                ),
                "give real coefficients to all Pauli strings",
            ));
        }
    }
    Ok(())
}

impl<T: Scalar> Masks<T> {
    /// Compiles `table` on `basis`.
    ///
    /// Errors: [`Error::Input`] where the operator is not Hermitian, or leaves the sector.
    pub fn new(table: &TermTable, basis: &Basis) -> Result<Self> {
        table.check(basis)?;
        check_hermitian(table)?;
        let mut masks = Masks {
            up: up_spins(basis),
            diagonal: table.diagonal.iter().map(SignProduct::new).collect(),
            constant: Vec::new(),
            exchange: Vec::new(),
            pairs: Vec::new(),
            general: Vec::new(),
        };
        table.flips.iter().for_each(|flip| masks.add(flip));
        Ok(masks)
    }

    /// Adds a flip to those of its kind.
    fn add(&mut self, flip: &Flip) {
        let bits = mask(&flip.sites);
        let element: Vec<SignProduct<T>> = flip.element.iter().map(SignProduct::new).collect();
        let sizes = flip.element.iter().map(|m| m.coefficient.norm());
        let smallest = 1e-13 * sizes.sum::<f64>();
        match (&flip.sites[..], &element[..]) {
            (&[i, j], list) if list.iter().all(|p| p.mask & !bits == 0) => {
                self.add_pair(i, j, list, smallest);
            }
            (_, [one]) if one.mask == 0 && self.up.is_none() => {
                insert(&mut self.constant, one.coefficient, bits);
            }
            _ => self.general.push(General {
                flip: bits,
                element,
                smallest,
            }),
        }
    }

    /// Adds a flip of sites i and j whose element depends on their spins alone.
    fn add_pair(&mut self, i: u32, j: u32, products: &[SignProduct<T>], smallest: f64) {
        let flip = mask(&[i, j]);
        let value = |k: usize| {
            let word = (k as u64 & 1) << i | (k as u64 >> 1) << j;
            let sum = products.iter().fold(T::zero(), |s, p| s + p.value(word));
            let outside = self.up.is_some() && (k == 0 || k == 3);
            if outside || sum.norm_sqr().sqrt() <= smallest {
                T::zero()
            } else {
                sum
            }
        };
        let element = [value(0), value(1), value(2), value(3)];
        let [of_down, of_i, of_j, of_up] = element;
        if of_down == T::zero() && of_up == T::zero() && of_i == of_j {
            insert(&mut self.exchange, of_i, flip);
        } else if element.iter().all(|&x| x == of_down) {
            insert(&mut self.constant, of_down, flip);
        } else {
            self.pairs.push(Pair {
                flip,
                i,
                j,
                element,
            });
        }
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
