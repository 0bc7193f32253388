//! Decides what log-derivatives in factors have to obey: every answer is that of the matrix written
//! out.
//!
//! O v, O^H w, Σ_s w_s |O_sk|², O O'^H and O diag(d) O'^H, portions of O, and the way to another
//! rank and back.

use super::{Verdict, is_close};
use crate::derivatives::{Derivatives, Entry, Kind};
use ndarray::Array2;
use num_complex::Complex64;

/// O v, O^H w, Gram matrices, column squares, portions and the way to another rank are those of the
/// matrix written out.
pub fn operator_is_matrix(derivatives: &Derivatives) -> Verdict {
    match derivatives.kind {
        Kind::Holomorphic => operator_agrees::<Complex64>(derivatives),
        _ => operator_agrees::<f64>(derivatives),
    }
}

fn operator_agrees<T: Entry>(derivatives: &Derivatives) -> Verdict {
    let (samples, columns, stack) = (
        derivatives.samples(),
        derivatives.columns(),
        derivatives.kind.stack(),
    );
    let written = derivatives.written_out();
    // The solver's matrix, row by row, from single entries.
    let entry = |r: usize, k: usize| match (derivatives.kind, written.get(r / stack, k)) {
        (Kind::Stacked, z) => Complex64::from(if r.is_multiple_of(2) { z.re } else { z.im }),
        (_, z) => z,
    };
    let compare = |what: &str, pairs: &mut dyn Iterator<Item = (Complex64, Complex64)>| match pairs
        .enumerate()
        .find(|(_, (found, expected))| !is_close(*found, *expected, 1e-11))
    {
        Some((k, (found, expected))) => Err(format!(
            "operator: {what}, number {k}: {found}, written out {expected}"
        )),
        None => Ok(()),
    };
    let numbers = |flat: Vec<f64>| -> Vec<Complex64> {
        let complex = |z: &[f64]| Complex64::new(z[0], if z.len() > 1 { z[1] } else { 0.0 });
        flat.chunks(if derivatives.kind == Kind::Holomorphic {
            2
        } else {
            1
        })
        .map(complex)
        .collect()
    };
    let waves = |count: usize| {
        (0..count)
            .map(|k| (1.0 + 0.7 * k as f64).sin())
            .collect::<Vec<f64>>()
    };
    let rows = samples * stack;
    let reals = if derivatives.kind == Kind::Holomorphic {
        2
    } else {
        1
    };
    let v = waves(columns * reals);
    let (found, v) = (numbers(derivatives.times(&v)), numbers(v));
    let sum = |r: usize| (0..columns).map(|k| entry(r, k) * v[k]).sum();
    compare("O v", &mut (0..rows).map(|r| (found[r], sum(r))))?;
    let w = waves(rows * reals);
    let (found, w) = (numbers(derivatives.adjoint_times(&w)), numbers(w));
    let sum = |k: usize| (0..rows).map(|r| entry(r, k).conj() * w[r]).sum();
    compare("O^H w", &mut (0..columns).map(|k| (found[k], sum(k))))?;
    let weights: Vec<f64> = (0..samples).map(|s| 1.0 + s as f64).collect();
    let found = derivatives.squares(&weights);
    let sum = |k: usize| {
        (0..samples)
            .map(|s| weights[s] * written.get(s, k).norm_sqr())
            .sum::<f64>()
    };
    compare(
        "squares",
        &mut (0..columns).map(|k| (found[k].into(), sum(k).into())),
    )?;
    let part: Array2<T> = derivatives.matrix(1..samples, columns / 3..columns);
    let cells = |m: &Array2<T>| {
        m.indexed_iter()
            .map(|(at, &z)| (at, z.complex()))
            .collect::<Vec<_>>()
    };
    let mut pairs = cells(&part)
        .into_iter()
        .map(|((r, k), z)| (z, entry(r + stack, k + columns / 3)));
    compare("a portion", &mut pairs)?;
    let other = derivatives
        .unpack(samples, &derivatives.pack())
        .select(&(0..samples).rev().collect::<Vec<_>>());
    let singles = (0..samples).map(|s| derivatives.select(&[s]));
    if Derivatives::collect(samples, singles) != *derivatives {
        return Err("operator: collected from single samples it is another one".into());
    }
    let last = |r: usize| (samples - 1 - r / stack) * stack + r % stack;
    let d: Vec<f64> = (0..columns).map(|k| 1.0 + 0.1 * k as f64).collect();
    let mut gram = Array2::from_elem((rows - stack, rows), T::zero());
    derivatives.gram(1..samples, &other, 0..samples, gram.view_mut());
    let sum = |a: usize, b: usize, d: &dyn Fn(usize) -> f64| {
        (0..columns)
            .map(|k| entry(a, k) * d(k) * entry(last(b), k).conj())
            .sum::<Complex64>()
    };
    let mut pairs = cells(&gram)
        .into_iter()
        .map(|((a, b), z)| (z, sum(a + stack, b, &|_| 1.0)));
    compare("Gram", &mut pairs)?;
    let mut gram = Array2::from_elem((rows, rows), T::zero());
    derivatives.weighted_gram(&other, &d, gram.view_mut());
    compare(
        "weighted Gram",
        &mut cells(&gram)
            .into_iter()
            .map(|((a, b), z)| (z, sum(a, b, &|k| d[k]))),
    )
}
