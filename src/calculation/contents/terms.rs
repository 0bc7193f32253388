//! Decides how results list a Hamiltonian, H = Σ_k c_k Π O_i: coefficients, and products of
//! one-site operators as texts.
//!
//! Of spins one half the operators are Pauli matrices, `X0 X1`: the list of the model `pauli`.
//! Elsewhere they have names such as `Sx` and `b+`, and their matrices stand beside the list.

use crate::basis::SiteKind;
use crate::io::tree::{Tree, Value, shaped};
use crate::operator::models::{Model, Sum};
use crate::operator::sites::{SiteMatrix, boson, spin};
use crate::operator::{Term, name};
use num_complex::Complex64;
use std::sync::Arc;

/// Most terms that are listed.
pub const LARGEST: usize = 1 << 16;

/// Writes the list below `hamiltonian`; of more than [`LARGEST`] terms their number alone.
pub fn record(model: &Model, site: SiteKind, out: &mut Tree) {
    let mut matrices = Matrices::of(site);
    let (count, terms) = match &model.sum {
        Sum::Pauli(sum) => {
            let all = sum.iter().filter(|(_, c)| *c != Complex64::ZERO);
            let all = all.map(|(string, c)| (c, name(string)));
            let count = sum.iter().filter(|(_, c)| *c != Complex64::ZERO).count();
            (count, all.take(LARGEST).collect::<Vec<_>>())
        }
        Sum::Local(terms) => {
            let listed = terms.iter().take(LARGEST);
            let listed = listed.map(|term| (term.coefficient, matrices.product(term)));
            (terms.len(), listed.collect())
        }
    };
    let number = Value::Integer(shaped(&[], vec![count as i64]));
    let meaning = "number of terms; where there are more than 65536, they are not listed";
    out.describe("hamiltonian/count", number, "1", meaning);
    if count > LARGEST {
        return;
    }
    let (coefficients, products): (Vec<_>, Vec<_>) = terms.into_iter().unzip();
    let real: Vec<f64> = coefficients.iter().map(|c: &Complex64| c.re).collect();
    let value = match coefficients.iter().all(|c| c.im == 0.0) {
        true => Value::Real(shaped(&[count], real)),
        false => Value::Complex(shaped(&[count], coefficients)),
    };
    let meaning = "number before each term";
    out.describe("hamiltonian/coefficient", value, "coupling", meaning);
    let meaning = "product of each term, an operator and its site each; the empty one is 1";
    out.describe("hamiltonian/operators", Value::Texts(products), "", meaning);
    for (name, matrix) in matrices.used() {
        let shape = [matrix.nrows(), matrix.ncols()];
        let value = Value::Complex(shaped(&shape, matrix.iter().copied().collect()));
        let meaning = "matrix over the values of a site, the smallest first";
        let path = format!("hamiltonian/matrices/{name}");
        out.describe(&path, value, "1", meaning);
    }
}

/// What a reader has to know of a list that is not there.
pub fn warning(out: &Tree) -> Option<String> {
    let count = out.count("hamiltonian/count").ok()?;
    (count > LARGEST).then(|| {
        format!(
            "the Hamiltonian has {count} terms, and this file lists none of more than {LARGEST}: \
             input/complete and input/files say how they are made"
        )
    })
}

/// One-site matrices with their names.
struct Matrices {
    known: Vec<(String, SiteMatrix)>,
    /// How many of them every site of this kind has; the others came with terms.
    standard: usize,
    used: Vec<bool>,
}

impl Matrices {
    fn of(site: SiteKind) -> Self {
        let (names, matrices) = match site {
            SiteKind::Spin(twice_s) => (["Sx", "Sy", "Sz"], spin(twice_s)),
            SiteKind::Boson(most) => (["b", "b+", "n"], boson(most)),
        };
        let known: Vec<_> = names.map(String::from).into_iter().zip(matrices).collect();
        Matrices {
            standard: known.len(),
            used: vec![false; known.len()],
            known,
        }
    }

    /// A product as a text.
    fn product(&mut self, term: &Term) -> String {
        let factors = term.factors.iter();
        let words = factors.map(|(site, matrix)| {
            let k = self.find(matrix);
            let name = &self.known[k].0;
            // A digit at the end of a name is none of the site.
            match name.ends_with(|c: char| c.is_ascii_digit()) {
                true => format!("{name}_{site}"),
                false => format!("{name}{site}"),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn find(&mut self, matrix: &SiteMatrix) -> usize {
        let same = |m: &SiteMatrix| Arc::ptr_eq(m, matrix) || m == matrix;
        let found = self.known.iter().position(|(_, m)| same(m));
        let k = found.unwrap_or_else(|| {
            let number = self.known.len() - self.standard + 1;
            self.known.push((format!("A{number}"), matrix.clone()));
            self.used.push(false);
            self.known.len() - 1
        });
        self.used[k] = true;
        k
    }

    fn used(&self) -> impl Iterator<Item = &(String, SiteMatrix)> {
        let all = self.known.iter().zip(&self.used);
        all.filter(|(_, used)| **used).map(|(one, _)| one)
    }
}
