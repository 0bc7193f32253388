//! The public laws of operators and moves hold for what the program brings, and catch what is
//! broken.

use nishina::basis::{Asks, Basis};
use nishina::error::Result;
use nishina::laws;
use nishina::operator::{Facts, Operator, Pauli, PauliSum, TermTable};
use nishina::rng::{Purpose, RngExt, stream};
use nishina::sampler::{Mixture, RULES, RuleContext, named};
use nishina::table::Shelf;
use num_complex::Complex64;

/// ⟨s|P|s'⟩ of one site.
fn pauli(p: Pauli, s: i8, t: i8) -> Complex64 {
    match (p, s == t) {
        (Pauli::Z, true) => f64::from(s).into(),
        (Pauli::X, false) => Complex64::ONE,
        (Pauli::Y, false) => Complex64::new(0.0, -f64::from(s)),
        _ => Complex64::ZERO,
    }
}

/// ⟨x|Σ c P|x'⟩ as a product over the sites.
fn element(sum: &PauliSum, x: &[i8], y: &[i8]) -> Complex64 {
    let term = |(string, c): (&[(u32, Pauli)], Complex64)| {
        let one = |(site, (&s, &t)): (usize, (&i8, &i8))| match string
            .iter()
            .find(|f| f.0 as usize == site)
        {
            Some(&(_, p)) => pauli(p, s, t),
            None if s == t => Complex64::ONE,
            None => Complex64::ZERO,
        };
        let factors = x.iter().zip(y).enumerate().map(one);
        c * factors.product::<Complex64>()
    };
    sum.iter().map(term).sum()
}

/// Exchange with phases and three-site terms; fields where total Sz may change.
fn sum(sites: u32, conserve: bool) -> PauliSum {
    use Pauli::{X, Y, Z};
    let mut rng = stream(7, Purpose::Law, 0, 0);
    let mut h = PauliSum::default();
    h.add(0.7, &[]);
    for i in 0..sites {
        let (j, k) = ((i + 1) % sites, (i + 2) % sites);
        let (c, d): (f64, f64) = (rng.random::<f64>() - 0.5, rng.random::<f64>() - 0.5);
        for (coefficient, a, b) in [(c, X, X), (c, Y, Y), (d, X, Y), (-d, Y, X), (0.3, Z, Z)] {
            h.add(coefficient, &[(i, a), (j, b)]);
        }
        h.add(d, &[(i, X), (j, X), (k, Z)]);
        h.add(d, &[(i, Y), (j, Y), (k, Z)]);
        if !conserve {
            h.add(c, &[(i, X)]);
            h.add(d, &[(i, Y), (j, Z)]);
        }
    }
    h
}

#[test]
fn term_tables_are_their_matrices() {
    for (twice_sz, conserve) in [
        (None, false),
        (None, true),
        (Some(0), true),
        (Some(-4), true),
    ] {
        let basis = Basis::spin_half(6, twice_sz).unwrap();
        let sum = sum(6, conserve);
        let table = TermTable::compile(6, &sum).unwrap();
        laws::operator(&table, &basis, |x, y| element(&sum, x, y)).unwrap();
    }
    let table = TermTable::compile(4, &sum(4, false)).unwrap();
    assert!(table.check(&Basis::spin_half(4, Some(0)).unwrap()).is_err());
    assert!(table.check(&Basis::spins(4, 2, None).unwrap()).is_err());
}

/// A term table with a fault.
#[derive(Debug)]
struct Broken(TermTable, u8);

impl Operator for Broken {
    fn diagonal(&self, x: &[i8]) -> Complex64 {
        self.0.diagonal(x) + if self.1 == 0 { 1e-9 } else { 0.0 }
    }
    fn connect(&self, walker: usize, x: &[i8], asks: &mut Asks, elements: &mut Vec<Complex64>) {
        self.0.connect(walker, x, asks, elements);
        if self.1 == 1 {
            asks.flip(walker, x, asks.clone().get(0).1.sites);
            elements.push(Complex64::ZERO);
        }
        if let Some(last) = elements.last_mut().filter(|_| self.1 == 2) {
            *last = last.conj();
        }
    }
    fn check(&self, basis: &Basis) -> Result<()> {
        self.0.check(basis)
    }
    fn facts(&self, basis: &Basis, sign_rule: Option<&[bool]>) -> Facts {
        let facts = self.0.facts(basis, sign_rule);
        Facts {
            stoquastic: facts.stoquastic || self.1 == 3,
            real: facts.real || self.1 == 4,
            spread: if self.1 == 5 { 0.0 } else { facts.spread },
            connected: if self.1 == 6 { 1 } else { facts.connected },
            ..facts
        }
    }
    fn is_invariant(&self, permutations: &[&[u32]], mirrored: bool) -> bool {
        self.0.is_invariant(permutations, mirrored)
    }
}

#[test]
fn faults_of_operators_are_caught() {
    let basis = Basis::spin_half(5, None).unwrap();
    let sum = sum(5, false);
    for fault in 0..8 {
        let broken = Broken(TermTable::compile(5, &sum).unwrap(), fault);
        let verdict = laws::operator(&broken, &basis, |x, y| element(&sum, x, y));
        assert_eq!(verdict.is_ok(), fault == 7, "fault {fault}: {verdict:?}");
    }
}

#[test]
fn the_moves_of_the_program_obey_their_laws() {
    let pairs: Vec<(u32, u32)> = (0..5).map(|i| (i, (i + 1) % 5)).collect();
    for (kinds, twice_sz) in [
        (vec!["flip"], None),
        (vec!["exchange"], Some(1)),
        (vec!["flip", "global-flip", "exchange"], None),
    ] {
        let basis = Basis::spin_half(5, twice_sz).unwrap();
        let parts: Vec<_> = kinds.iter().map(|kind| named(kind)).collect();
        let context = RuleContext {
            basis: &basis,
            pairs: &pairs,
            neighbours: &[],
        };
        let mixture = Mixture::new(&parts, &context, Shelf::new(RULES)).unwrap();
        laws::moves(
            |x, rng, step| mixture.propose(x, rng, step),
            &basis,
            true,
            3,
        )
        .unwrap();
    }
}
