//! Every observable of the list obeys the public laws on spins one half, longer spins and bosons,
//! with values that are those of matrices, or refuses the basis with a reason; broken ones are
//! caught.

#[path = "common/matrices.rs"]
mod matrices;

use matrices::{expectation, lowering, spin};
use ndarray::Array2;
use nishina::ansatz::Erased;
use nishina::ansatz::table::Table;
use nishina::basis::Basis;
use nishina::error::Result;
use nishina::laws;
use nishina::observable::{Named, OBSERVABLES, Observable, ObservableContext, Quantity, View};
use nishina::observable::{build, monitor};
use nishina::operator::apply;
use nishina::problem::{Problem, problem};
use nishina::registry::Registry;
use nishina::table::Shelf;
use num_complex::Complex64;
use std::path::Path;

const SITES: usize = 4;
const PATH: &str = "measure.observables";

/// The lines of an input that name a basis, and twice the length of its spins.
const BASES: [(&str, &str, usize); 5] = [
    ("halves", "kind = 'heisenberg'", 1),
    (
        "halves in a sector",
        "kind = 'heisenberg'\nsector = { total_sz = 0 }",
        1,
    ),
    ("spin 1", "kind = 'heisenberg'", 2),
    (
        "spin 3/2",
        "kind = 'heisenberg'\nsector = { total_sz = 1 }",
        3,
    ),
    (
        "bosons",
        "kind = 'bose-hubbard'\nu = 4\nsector = { particles = 3 }",
        0,
    ),
];

/// The ring of four sites of one of these.
fn ring((name, hamiltonian, twice): (&str, &str, usize)) -> Problem<'static> {
    let basis = match name {
        "bosons" => "kind = 'boson'\nmax_occupation = 2".to_string(),
        _ => format!("kind = 'spin'\ns = {}", twice as f64 / 2.0),
    };
    let text = format!(
        "[basis]\n{basis}\n[lattice]\nkind = 'chain'\nsize = {SITES}\n[hamiltonian]\n{hamiltonian}"
    );
    let source = nishina::input::from_text(&text, ".".into()).unwrap();
    problem(&source, &Registry::default()).unwrap()
}

/// A state to compare with, for observables that name a file.
fn other(basis: &Basis) -> Vec<Complex64> {
    let amplitude = |k: usize| Complex64::from_polar(1.0 + 0.5 * (k as f64).sin(), 0.3 * k as f64);
    (0..basis.numbering().unwrap().dimension())
        .map(amplitude)
        .collect()
}

fn built(problem: &Problem, table: &str) -> Result<Box<dyn Observable>> {
    let state = |_: &Path, _: &str| -> Result<Erased> {
        let table = Table::<Complex64>::from_amplitudes(&problem.basis, &other(&problem.basis))?;
        Ok(Erased::new(table))
    };
    let context = ObservableContext {
        lattice: &problem.lattice,
        basis: &problem.basis,
        hamiltonian: &problem.hamiltonian,
        units: problem.units,
        seed: 5,
        circuit: None,
        folder: Path::new("."),
        state: &state,
        path: PATH.into(),
    };
    let table = table.parse().unwrap();
    build(&table, &context, Shelf::new(OBSERVABLES)).map(|named| named.observable)
}

/// Keys of every kind that needs some.
fn examples(kind: &str) -> Vec<String> {
    let keys: &[&str] = match kind {
        "dimer-correlations" => &["bonds = [[0, 1], [1, 2]]"],
        "plaquette-correlations" => &["plaquettes = [[0, 1, 2, 3]]"],
        "pauli" => &["terms = [[1.0, 'X0 X1'], [0.5, 'Z2']]"],
        "renyi-2" => &[
            "blocks = [[0, 1], [1]]",
            "blocks = [[0, 1], [1]]\nmethod = 'ratio'",
        ],
        "overlap" => &["file = 'other.h5'"],
        "lanczos" => &["", "steps = 2"],
        _ => &[""],
    };
    keys.iter()
        .map(|keys| format!("kind = '{kind}'\n{keys}"))
        .collect()
}

/// The bases of [`BASES`] that have a meaning for an observable.
fn meant(kind: &str) -> &'static [&'static str] {
    match kind {
        "entanglement" | "renyi-2" | "overlap" | "lanczos" => &[
            "halves",
            "halves in a sector",
            "spin 1",
            "spin 3/2",
            "bosons",
        ],

        "pauli" | "dimer-correlations" | "plaquette-correlations" => {
            &["halves", "halves in a sector"]
        }
        "string-order" => &["halves", "halves in a sector", "spin 1"],
        "transverse-magnetisation" => &["halves", "spin 1"],
        // A circuit makes the state: tests/dbm.
        "imaginary-time-correlations" => &[],
        kind if kind.contains("density") || kind.starts_with("momentum") => &["bosons"],
        _ => &["halves", "halves in a sector", "spin 1", "spin 3/2"],
    }
}

/// Expectation values in a state.
struct Exact<'a> {
    problem: &'a Problem<'a>,
    psi: &'a [Complex64],
    twice: usize,
    /// Keys of the observable.
    table: &'a str,
}

impl Exact<'_> {
    fn of(&self, factors: &[(usize, &Array2<Complex64>)]) -> Complex64 {
        expectation(&self.problem.basis, self.psi, factors)
    }
    fn pairs(&self, axes: std::ops::Range<usize>) -> Vec<f64> {
        let s = spin(self.twice);
        let one = |i: usize, j: usize, a: usize| self.of(&[(i, &s[a]), (j, &s[a])]).re;
        let pair = |p: usize| axes.clone().map(|a| one(p / SITES, p % SITES, a)).sum();
        (0..SITES * SITES).map(pair).collect()
    }
    fn sites(&self, matrix: &Array2<Complex64>) -> Vec<f64> {
        (0..SITES).map(|i| self.of(&[(i, matrix)]).re).collect()
    }
    /// Σ_ij cos(q (i − j)) C_ij/N of the momenta of the ring.
    fn waves(&self, pairs: &[f64]) -> Vec<f64> {
        let angle = |k: usize, p: usize| {
            let distance = (p / SITES) as f64 - (p % SITES) as f64;
            std::f64::consts::TAU * k as f64 * distance / SITES as f64
        };
        let wave = |k: usize| -> f64 {
            pairs
                .iter()
                .enumerate()
                .map(|(p, c)| c * angle(k, p).cos())
                .sum()
        };
        (0..SITES).map(|k| wave(k) / SITES as f64).collect()
    }
    /// ⟨o_i (Π_{i<k<j} P_k) o_j⟩, mean over i, by distance.
    fn strings(&self) -> Vec<f64> {
        let z = spin(self.twice)[2].clone();
        let signs = [-1.0, 1.0, -1.0].map(Complex64::from);
        let inside = match self.twice {
            1 => z.mapv(|v| v * 2.0),
            _ => Array2::from_diag(&ndarray::arr1(&signs)),
        };
        let string = |i: usize, d: usize| {
            let mut factors = vec![(i, &z), ((i + d) % SITES, &z)];
            factors.extend((1..d).map(|k| ((i + k) % SITES, &inside)));
            self.of(&factors).re
        };
        let mean = |d| (0..SITES).map(|i| string(i, d)).sum::<f64>() / SITES as f64;
        (1..SITES).map(mean).collect()
    }
    /// Of one site on either side: −p ln p − q ln q of two values, else not compared.
    fn cuts(&self) -> Vec<f64> {
        if self.twice != 1 {
            return Vec::new();
        }
        // Tr ρ² = p² + q² with p + q = 1.
        let purity = (-self.entropy(&[0])).exp();
        let root = (2.0 * purity - 1.0).max(0.0).sqrt();
        let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
        vec![term((1.0 + root) / 2.0) + term((1.0 - root) / 2.0)]
    }
    /// Σ |ρ_aa'|², ρ_aa' = Σ_b ψ(a, b) ψ*(a', b).
    fn entropy(&self, block: &[usize]) -> f64 {
        let numbering = self.problem.basis.numbering().unwrap();
        let rows: Vec<Vec<i8>> = (0..self.psi.len()).map(|k| numbering.row(k)).collect();
        let part = |x: &[i8], inside: bool| -> Vec<i8> {
            let kept = |s: &usize| block.contains(s) == inside;
            (0..SITES).filter(kept).map(|s| x[s]).collect()
        };
        let mut rho = std::collections::BTreeMap::<_, Complex64>::new();
        for (x, a) in rows.iter().zip(self.psi) {
            for (y, b) in rows.iter().zip(self.psi) {
                if part(x, false) == part(y, false) {
                    *rho.entry((part(x, true), part(y, true))).or_default() += a * b.conj();
                }
            }
        }
        let norm: f64 = self.psi.iter().map(|z| z.norm_sqr()).sum();
        -(rho.values().map(|z| z.norm_sqr()).sum::<f64>() / (norm * norm)).ln()
    }
    /// Re ⟨ψ|Π|ψ⟩ of the cyclic exchange of all sites.
    fn rotation(&self) -> f64 {
        let numbering = self.problem.basis.numbering().unwrap();
        let term = |k: usize| {
            let mut x = numbering.row(k);
            x.rotate_left(1);
            (self.psi[k].conj() * self.psi[numbering.number(&x).unwrap()]).re
        };
        let norm: f64 = self.psi.iter().map(|z| z.norm_sqr()).sum();
        (0..self.psi.len()).map(term).sum::<f64>() / norm
    }
    /// Fidelity, infidelity, the other energy and the difference.
    fn overlap(&self) -> Vec<f64> {
        let (phi, numbering) = (other(&self.problem.basis), self.problem.basis.numbering());
        let numbering = numbering.unwrap();
        let inner = |a: &[Complex64], b: &[Complex64]| -> Complex64 {
            a.iter().zip(b).map(|(a, b)| a.conj() * b).sum()
        };
        let energy = |v: &[Complex64]| {
            let image = apply(&*self.problem.hamiltonian, &numbering, v, 0..v.len());
            (inner(v, &image) / inner(v, v)).re
        };
        let norms = inner(self.psi, self.psi).re * inner(&phi, &phi).re;
        let fidelity = inner(self.psi, &phi).norm_sqr() / norms;
        let (theirs, ours) = (energy(&phi), energy(self.psi));
        vec![fidelity, 1.0 - fidelity, theirs, theirs - ours]
    }
    /// Lowest energy in the space of ψ, Hψ and so on, by orthogonal vectors and powers of b − H.
    fn lanczos(&self) -> Vec<f64> {
        let steps = if self.table.contains("steps = 2") {
            2
        } else {
            1
        };
        let numbering = self.problem.basis.numbering().unwrap();
        let inner = |a: &[Complex64], b: &[Complex64]| -> Complex64 {
            a.iter().zip(b).map(|(a, b)| a.conj() * b).sum()
        };
        let image = |v: &[Complex64]| apply(&*self.problem.hamiltonian, &numbering, v, 0..v.len());
        let mut space: Vec<Vec<Complex64>> = Vec::new();
        let mut next = self.psi.to_vec();
        for _ in 0..=steps {
            for v in &space {
                let share = inner(v, &next);
                next.iter_mut().zip(v).for_each(|(n, v)| *n -= share * v);
            }
            let norm = inner(&next, &next).re.sqrt();
            space.push(next.iter().map(|z| z / norm).collect());
            next = image(&space[space.len() - 1]);
        }
        let element = |(j, k): (usize, usize)| inner(&space[j], &image(&space[k])).re;
        let matrix = Array2::from_shape_fn((steps + 1, steps + 1), element);
        let bound: f64 = matrix.iter().map(|h| h.abs()).sum();
        let mut v = ndarray::Array1::from_elem(steps + 1, 1.0);
        for _ in 0..20_000 {
            v = &v * bound - matrix.dot(&v);
            v /= v.dot(&v).sqrt();
        }
        vec![v.dot(&matrix.dot(&v))]
    }
    /// Σ_ij ⟨S_i·S_j⟩.
    fn total_spin(&self) -> f64 {
        let s = spin(self.twice);
        let own = |i: usize, a: usize| self.of(&[(i, &s[a].dot(&s[a]))]).re;
        let diagonal: f64 = (0..SITES)
            .map(|i| (0..3).map(|a| own(i, a)).sum::<f64>())
            .sum();
        let others = self.pairs(0..3).into_iter().enumerate();
        let others = others.filter(|(p, _)| p / SITES != p % SITES);
        diagonal + others.map(|(_, c)| c).sum::<f64>()
    }
    fn bosons(&self, kind: &str) -> Vec<f64> {
        let b = lowering(2);
        let raise = b.t().to_owned();
        let n = raise.dot(&b);
        let all = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..SITES * SITES)
                .map(|p| f(p / SITES, p % SITES))
                .collect()
        };
        let hop = |i: usize, j: usize| self.of(&[(i, &raise), (j, &b)]);
        let sites = self.sites(&n);
        match kind {
            "density" => {
                let square = self.sites(&n.dot(&n));
                let variance = square.iter().zip(&sites).map(|(s, n)| s - n * n);
                let mean = sites.iter().sum::<f64>() / SITES as f64;
                [vec![mean], sites.clone(), variance.collect()].concat()
            }
            "density-correlations" => all(&|i, j| self.of(&[(i, &n), (j, &n)]).re),
            "one-body-density" => [all(&|i, j| hop(i, j).re), all(&|i, j| hop(i, j).im)].concat(),
            // Σ cos(q (i − j)) Re G − sin(q (i − j)) Im G: what is odd in i − j.
            _ => {
                let (re, im) = (all(&|i, j| hop(i, j).re), all(&|i, j| hop(i, j).im));
                let odd = |k: usize, p: usize| {
                    let distance = (p / SITES) as f64 - (p % SITES) as f64;
                    (std::f64::consts::TAU * k as f64 * distance / SITES as f64).sin()
                };
                let sine = |k: usize| -> f64 { (0..16).map(|p| odd(k, p) * im[p]).sum() };
                let even = self.waves(&re).into_iter().enumerate();
                even.map(|(k, even)| even - sine(k) / SITES as f64)
                    .collect()
            }
        }
    }
    /// The first quantities of an observable of [`examples`].
    fn values(&self, kind: &str) -> Vec<f64> {
        let s = spin(self.twice.max(1));
        match kind {
            "magnetisation" => vec![self.sites(&s[2]).iter().sum::<f64>() / SITES as f64],
            "transverse-magnetisation" => {
                let x = self.sites(&s[0]);
                [vec![x.iter().sum::<f64>() / SITES as f64], x].concat()
            }
            "spin-correlations" => self.pairs(0..3),
            "spin-correlations-zz" => self.pairs(2..3),
            "structure-factor" => self.waves(&self.pairs(0..3)),
            "structure-factor-zz" => self.waves(&self.pairs(2..3)),
            "one-site" => match self.problem.basis.charges().is_empty() {
                true => [2, 0, 1].iter().flat_map(|&a| self.sites(&s[a])).collect(),
                false => self.sites(&s[2]),
            },
            "dimer-correlations" => [1, 6].map(|p| self.pairs(0..3)[p]).to_vec(),
            "plaquette-correlations" => vec![self.rotation()],
            "pauli" => vec![4.0 * self.pairs(0..1)[1] + self.sites(&s[2])[2]],
            "string-order" => self.strings(),
            "renyi-2" => vec![self.entropy(&[0, 1]), self.entropy(&[1])],
            "overlap" => self.overlap(),
            "lanczos" => self.lanczos(),
            "total-spin" => vec![self.total_spin()],
            "entanglement" => self.cuts(),
            bosons => self.bosons(bosons),
        }
    }
}

#[test]
fn every_observable_obeys_its_laws_or_refuses_the_basis_with_a_reason() {
    for (name, hamiltonian, twice) in BASES {
        let problem = ring((name, hamiltonian, twice));
        for entry in OBSERVABLES {
            for table in examples(entry.kind) {
                let what = format!("{table} on {name}");
                if let Err(error) = built(&problem, &table) {
                    assert!(!meant(entry.kind).contains(&name), "{what}: {error}");
                    laws::refusal(&error, PATH).unwrap();
                    continue;
                }
                assert!(meant(entry.kind).contains(&name), "{what} is not refused");
                let expected = |psi: &[Complex64]| {
                    let exact = Exact {
                        problem: &problem,
                        psi,
                        twice,
                        table: &table,
                    };
                    exact.values(entry.kind)
                };
                let build = || built(&problem, &table);
                let verdict = laws::observable(&build, &problem.basis, &expected, 2);
                assert_eq!(verdict, Ok(()), "{what}");
            }
        }
    }
}

#[test]
fn states_of_several_spins_are_told_where_the_total_spin_is_conserved() {
    let warning = |basis: usize, square: f64, error: f64| {
        let problem = ring(BASES[basis]);
        let observable = built(&problem, "kind = 'total-spin'").unwrap();
        observable.warning(&[square], &[error])
    };
    let sector = 1;
    assert!(warning(sector, 0.72, 0.08).unwrap().contains("0.720"));
    // Eigenstates of spin 0, 1 and 2, noise, and a small admixture.
    for (square, error) in [(0.0, 1e-9), (2.01, 1e-3), (6.0, 1e-3), (0.5, 0.2)] {
        assert_eq!(warning(sector, square, error), None, "{square} +- {error}");
    }
    // With total Sz = 1 there is no spin 0.
    assert!(warning(3, 0.0, 1e-3).is_some());
    let text = "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'xxz'\ndelta = 0.5";
    let source = nishina::input::from_text(text, ".".into()).unwrap();
    let problem = problem(&source, &Registry::default()).unwrap();
    let observable = built(&problem, "kind = 'total-spin'").unwrap();
    assert_eq!(observable.warning(&[0.72], &[0.01]), None);
}

/// The values of the sites with a fault.
struct Faulty {
    inner: Named,
    law: &'static str,
}

impl Observable for Faulty {
    fn columns(&self) -> usize {
        self.inner.observable.columns()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let mut values = self.inner.observable.local_values(view)?;
        let sampled = !view.ensemble.noise().is_none();
        match self.law {
            "cut" => values[0] += view.rows.len() as f64,
            "shape" => values.truncate(1),
            "samples" if sampled => values.iter_mut().for_each(|v| *v += 1.0),
            "ranks" if sampled => {
                let rows = view.ensemble.weights().len() as f64;
                values.iter_mut().for_each(|v| *v += 1e-3 * rows);
            }
            _ => {}
        }
        Ok(values)
    }
    fn full_sum(&self, _: &dyn nishina::ensemble::Ensemble) -> Result<Option<Vec<f64>>> {
        Ok((self.law == "full sum").then(|| vec![7.0; self.columns()]))
    }
    fn quantities(&self) -> Vec<Quantity> {
        self.inner.observable.quantities()
    }
}

#[test]
fn every_broken_law_of_an_observable_is_named() {
    let basis = Basis::spin_half(SITES, None).unwrap();
    for law in [
        "shape", "cut", "full sum", "samples", "ranks", "expected", "",
    ] {
        let faulty = || -> Result<Box<dyn Observable>> {
            let inner = monitor(SITES);
            Ok(Box::new(Faulty { inner, law }))
        };
        let expected = |_: &[Complex64]| match law {
            "expected" => vec![3.0],
            _ => Vec::new(),
        };
        match laws::observable(&faulty, &basis, &expected, 2) {
            Ok(()) => assert!(law.is_empty(), "{law} is not noticed"),
            Err(verdict) => assert!(verdict.starts_with(law) && !law.is_empty(), "{verdict}"),
        }
    }
    let nameless = nishina::error::Error::input("hamiltonian", "wrong", "");
    assert!(laws::refusal(&nameless, PATH).is_err());
}
