//! Decides what `[construct]` writes in results: the history of its steps, and the parameters of
//! the network as far as they fit.

use super::Construct;
use crate::ansatz::dbm::{DeepNetwork, Row};
use crate::error::Result;
use crate::io::tree::{Tree, Value, shaped};
use crate::record;
use crate::run::{Curves, save_rows};
use num_complex::Complex64;

record! {
    /// The state after a whole step.
    pub struct ConstructRow {
        time: "1/coupling", "imaginary time after each whole step";
        energy: "coupling", "energy of the circuit that ends there; full sums only";
        variance: "coupling^2", "<H^2> - <H>^2; full sums only";
        infidelity: "1", "1 - fidelity with e^{-H time} of the start; full sums only";
    }
}

/// The record of the steps in results.
pub const CURVES: Curves = Curves {
    across: Some("time"),
    shown: &["energy", "infidelity"],
    seconds: SECONDS,
    ..Curves::of::<ConstructRow>("construct/history", "step")
};

/// Wall times of the steps in results.
const SECONDS: &str = "timing/construct_seconds";

/// Numbers of a matrix above which its couplings are written as lists.
const LARGEST_MATRIX: usize = 1 << 22;

fn put(out: &mut Tree, name: &str, shape: &[usize], values: Vec<Complex64>, meaning: &str) {
    let value = match values.iter().all(|z| z.im == 0.0) {
        true => Value::Real(shaped(shape, values.iter().map(|z| z.re).collect())),
        false => Value::Complex(shaped(shape, values)),
    };
    out.describe(name, value, "1", meaning);
}

fn counts(out: &mut Tree, name: &str, shape: &[usize], values: Vec<i64>, meaning: &str) {
    out.describe(name, Value::Integer(shaped(shape, values)), "1", meaning);
}

/// Rows of couplings, or columns where `transposed`, as a matrix or as lists of its numbers and of
/// their places [coupling, 2].
fn couplings(
    out: &mut Tree,
    name: &str,
    rows: &[Row],
    (columns, transposed): (usize, bool),
    meaning: &str,
) {
    if rows.len() * columns <= LARGEST_MATRIX {
        let mut matrix = vec![Complex64::ZERO; rows.len() * columns];
        for (i, row) in rows.iter().enumerate() {
            for (j, w) in row {
                let j = *j as usize;
                let place = if transposed {
                    j * rows.len() + i
                } else {
                    i * columns + j
                };
                matrix[place] = *w;
            }
        }
        let shape = match transposed {
            true => [columns, rows.len()],
            false => [rows.len(), columns],
        };
        return put(out, name, &shape, matrix, meaning);
    }
    let each = || {
        (0i64..)
            .zip(rows)
            .flat_map(|(i, row)| row.iter().map(move |e| (i, e)))
    };
    let place = |i: i64, j: i64| if transposed { [j, i] } else { [i, j] };
    let places: Vec<i64> = each()
        .flat_map(|(i, (j, _))| place(i, i64::from(*j)))
        .collect();
    let shape = [places.len() / 2, 2];
    let about = format!("places [coupling, 2] of the {meaning} that are not 0");
    counts(out, &format!("{name}_places"), &shape, places, &about);
    let values: Vec<Complex64> = each().map(|(_, (_, w))| *w).collect();
    let about = format!("{meaning} that are not 0, in the order of their places");
    put(
        out,
        &format!("{name}_values"),
        &[values.len()],
        values,
        &about,
    );
}

/// All parameters of a network, below no prefix.
pub(super) fn parameters(network: &DeepNetwork) -> Tree {
    let mut out = Tree::default();
    let (hidden, deep) = (network.b.len(), network.deep.len());
    let a = network.a.clone();
    put(&mut out, "a", &[a.len()], a, "visible biases");
    put(&mut out, "b", &[hidden], network.b.clone(), "hidden biases");
    put(
        &mut out,
        "b_deep",
        &[deep],
        network.b_deep.clone(),
        "deep biases",
    );
    let constant = vec![network.log_constant];
    put(
        &mut out,
        "log_constant",
        &[],
        constant,
        "ln C, with h, d = +1 and -1",
    );
    let meaning = "visible-hidden couplings";
    couplings(&mut out, "W", &network.visible, (hidden, false), meaning);
    couplings(
        &mut out,
        "W_deep",
        &network.deep,
        (hidden, true),
        "hidden-deep couplings",
    );
    out
}

/// All of it.
pub(super) fn results(construct: &Construct, out: &mut Tree) -> Result<()> {
    construct.vmc.borrow().record(out)?;
    let rows = &construct.rows;
    let mut history = Tree::default();
    save_rows(&mut history, "history", rows);
    if construct.is_sampled() {
        for name in ["energy", "variance", "infidelity"] {
            history.datasets.remove(&format!("history/{name}"));
            history.notes.remove(&format!("history/{name}"));
        }
    }
    out.put_group("construct", history);
    for (k, name) in ["hidden", "deep"].iter().enumerate() {
        let of = |step: usize| construct.units(step)[k] as i64;
        let values: Vec<i64> = (0..rows.len()).map(of).collect();
        let meaning = format!("{name} units of the circuit that ends there");
        let path = format!("construct/history/{name}");
        counts(out, &path, &[values.len()], values, &meaning);
    }
    let gates = construct.trotter.count(rows.len().saturating_sub(1), |_| 1);
    counts(
        out,
        "construct/gates",
        &[],
        vec![gates as i64],
        "gates of the circuit",
    );
    if let Some(deviation) = construct.deviation {
        let meaning = "largest difference of network and state vector over the largest amplitude";
        let value = Value::Real(shaped(&[], vec![deviation]));
        out.describe("construct/deviation", value, "1", meaning);
    }
    let seconds = shaped(&[construct.seconds.len()], construct.seconds.clone());
    out.describe(SECONDS, Value::Real(seconds), "s", "wall time of each step");
    Ok(())
}
