//! Decides what every operator has to obey: its rows are those of a matrix that is known otherwise,
//! each connected configuration comes once, and its facts are true.

use super::Verdict;
use crate::basis::{Asks, Basis};
use crate::operator::{Operator, apply};
use crate::rng::{Purpose, RngExt, stream};
use num_complex::Complex64;

const TOLERANCE: f64 = 1e-12;

/// Holds an operator to its laws on a small basis, where `expected(x, x')` is ⟨x|A|x'⟩ of a
/// Hermitian matrix.
///
/// The error side names the law and the configurations.
pub fn operator(
    operator: &dyn Operator,
    basis: &Basis,
    expected: impl Fn(&[i8], &[i8]) -> Complex64,
) -> Verdict {
    operator.check(basis).map_err(|e| e.to_string())?;
    let numbering = basis.numbering().map_err(|e| e.to_string())?;
    let dimension = numbering.dimension();
    let facts = operator.facts(basis, None);
    let (mut asks, mut elements) = (Asks::default(), Vec::new());
    let mut rows = Vec::with_capacity(dimension);
    for k in 0..dimension {
        let x = numbering.row(k);
        asks.clear();
        elements.clear();
        operator.connect(7, &x, &mut asks, &mut elements);
        let mut row = vec![Complex64::ZERO; dimension];
        row[k] = operator.diagonal(&x);
        let mut reached = vec![false; dimension];
        for ((walker, step), element) in asks.iter().zip(&elements) {
            match numbering.at(k, &x).after(step) {
                Some(to)
                    if walker == 7 && to != k && !std::mem::replace(&mut reached[to], true) =>
                {
                    row[to] = *element;
                }
                Some(to) => return Err(format!("operator: {x:?} asks for number {to} again")),
                None if element.norm() < TOLERANCE => {}
                None => return Err(format!("operator: {step:?} from {x:?} leaves the basis")),
            }
        }
        if asks.len() > facts.connected || asks.len() != elements.len() {
            return Err(format!("operator: {} questions at {x:?}", asks.len()));
        }
        rows.push(row);
    }
    for (k, row) in rows.iter().enumerate() {
        for (l, element) in row.iter().enumerate() {
            let (x, y) = (numbering.row(k), numbering.row(l));
            let wanted = expected(&x, &y);
            if (element - wanted).norm() > TOLERANCE * (1.0 + wanted.norm()) {
                return Err(format!(
                    "operator: {element} instead of {wanted} at {x:?}, {y:?}"
                ));
            }
            if k != l && (facts.real && element.im != 0.0 || facts.stoquastic && element.re > 1e-12)
            {
                return Err(format!(
                    "operator: {element} at {x:?}, {y:?} against {facts:?}"
                ));
            }
        }
    }
    vectors(operator, basis, &rows)
}

/// A random vector: applying is multiplying by the matrix, and its energy is within the bounds.
fn vectors(operator: &dyn Operator, basis: &Basis, rows: &[Vec<Complex64>]) -> Verdict {
    let numbering = basis.numbering().map_err(|e| e.to_string())?;
    let facts = operator.facts(basis, None);
    let mut rng = stream(1, Purpose::Law, 0, 2);
    let mut unit = || rng.random::<f64>() - 0.5;
    let psi: Vec<Complex64> = rows
        .iter()
        .map(|_| Complex64::new(unit(), unit()))
        .collect();
    let images = apply(operator, &numbering, &psi, 0..psi.len());
    let norm: f64 = psi.iter().map(|z| z.norm_sqr()).sum();
    let mut energy = Complex64::ZERO;
    for ((row, image), amplitude) in rows.iter().zip(&images).zip(&psi) {
        let wanted: Complex64 = row.iter().zip(&psi).map(|(a, b)| a * b).sum();
        if (image - wanted).norm() > TOLERANCE * (1.0 + wanted.norm()) {
            return Err(format!("operator: applied {image}, multiplied {wanted}"));
        }
        energy += amplitude.conj() * image / norm;
    }
    if energy.im.abs() > 1e-10 || (energy.re - facts.centre).abs() > facts.spread + 1e-10 {
        return Err(format!(
            "operator: the expectation value {energy} against {facts:?}"
        ));
    }
    Ok(())
}
