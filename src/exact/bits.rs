//! Decides how y = H x is evaluated over all states of a sector: configurations as words of bits,
//! operators as masks ([`Masks`]). The diagonal is evaluated once.

use super::masks::Masks;
use crate::basis::{Basis, StateIndex};
use crate::error::Result;
use crate::number::Scalar;
use crate::operator::TermTable;
use num_complex::Complex64;

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
    use super::super::masks::mask;
    use super::*;
    use crate::operator::{Operator, Pauli, PauliSum};
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
