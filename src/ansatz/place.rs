//! Decides which part of the wave function of a file an input means.
//!
//! Results of a product have the parameters of factor k as `factor{k}.name`. A factor of the input
//! takes those of the factor at its own place, inside projections or not, so that a product goes on
//! from results of a product. Results of any other wave function, and files that are not results,
//! are taken whole.

use crate::io::hdf5;
use std::path::Path;
use toml::{Table, Value};

/// A part of the wave function of a file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PartOfFile {
    /// What its names of parameters begin with: nothing, or `factor0.`
    pub(super) prefix: String,
    /// The input that the results are of, its `[ansatz]` that of the part alone; none of other
    /// files.
    pub(super) input: Option<Table>,
}

/// The part that the input means where it names `file` at `key`, such as `ansatz.factors[1].load`.
pub(super) fn part_of(file: &Path, key: &str) -> PartOfFile {
    input_of(file).map_or_else(PartOfFile::default, |input| at(input, key))
}

/// The part of the wave function of this input that stands where `key` does.
fn at(mut input: Table, key: &str) -> PartOfFile {
    let mut place = key.split("factors[").skip(1);
    let mut place = std::iter::from_fn(|| place.next()?.split(']').next()?.parse::<usize>().ok());
    let (mut prefix, mut found) = (String::new(), None);
    let mut table = input.get("ansatz").and_then(Value::as_table);
    while let Some(own) = table {
        table = own.get("of").and_then(Value::as_table);
        let factors = own.get("factors").and_then(Value::as_array);
        if let Some((factors, k)) = factors.and_then(|list| Some((list, place.next()?))) {
            table = factors.get(k).and_then(Value::as_table);
            if let Some(factor) = table {
                prefix += &format!("factor{k}.");
                found = Some(factor.clone());
            }
        }
    }
    if let Some(factor) = found {
        input.insert("ansatz".into(), Value::Table(factor));
    }
    PartOfFile {
        prefix,
        input: Some(input),
    }
}

/// The input of a results file, with what the run decided where it says so.
fn input_of(file: &Path) -> Option<Table> {
    let tree = hdf5::read(file).ok()?;
    let complete = tree.text("input/complete").ok();
    let text = complete.or_else(|| tree.text("input/resolved").ok())?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_means_the_factor_at_its_own_place() {
        let pair = "{ kind = 'symmetrised', of = { kind = 'pair' } }";
        let inner = "{ kind = 'product', factors = [{ kind = 'mps' }, { kind = 'eps' }] }";
        let product =
            format!("seed = 1\nansatz = {{ kind = 'product', factors = [{pair}, {inner}, 3] }}");
        let says = |input: &str, key: &str| {
            let part = at(input.parse().unwrap(), key);
            let input = part.input.unwrap();
            assert_eq!(input["seed"].as_integer(), Some(1));
            (
                part.prefix,
                input["ansatz"]["kind"].as_str().unwrap().to_string(),
            )
        };
        let first = says(&product, "ansatz.factors[0].of.load");
        assert_eq!(first, ("factor0.".into(), "symmetrised".into()));
        let nested = says(&product, "ansatz.of.factors[1].factors[1].load");
        assert_eq!(nested, ("factor1.factor1.".into(), "eps".into()));
        // No place in a product, or none that it has: the whole.
        for key in [
            "ansatz.load",
            "ansatz.factors[2].load",
            "ansatz.factors[7].load",
        ] {
            assert_eq!(says(&product, key), (String::new(), "product".into()));
        }
    }
}
