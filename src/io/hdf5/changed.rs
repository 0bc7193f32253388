//! Decides which files are read although another program has written to them: whole HDF5 files in
//! another length than they were sealed with, whose numbers are still those that were sealed.
//!
//! An attribute that was added, or h5repack, moves what stands in a file. The end that the HDF5
//! superblock states tells such a file from one that was cut; a file of the old length in which
//! bits differ is damaged. A checkpoint is never read once it was changed.

use super::{Raw, open, text};
use crate::error::{Error, Result};
use crate::io::seal::{self, verify};
use crate::io::tree::{Tree, Value};
use ::hdf5::types::VarLenUnicode;
use std::path::Path;

/// Whether another program has written to a file that can be read; an error where it is damaged.
pub(super) fn admit(path: &Path, thorough: bool) -> Result<bool> {
    let Err(e) = verify(path, thorough) else {
        return Ok(false);
    };
    let is_sealed = || matches!(seal::numbers(path), Ok(Some(_))) || is_own(path) == Ok(true);
    match seal::is_rewritten(path).unwrap_or(false) && is_sealed() {
        true => Ok(true),
        false => Err(e),
    }
}

/// An error where the content of such a file is not what this program once wrote.
pub(super) fn check(path: &Path, tree: &Tree) -> Result<()> {
    let refuse = |what: &str| Err(Error::output(path, what));
    if tree.datasets.contains_key("run/stage") {
        return refuse(
            "is damaged, or was changed by another program: a checkpoint has to be whole",
        );
    }
    let failed = |e| Error::output(path, format!("cannot be opened: {e}"));
    let Some(numbers) = seal::numbers(path).map_err(failed)? else {
        log::warn!(
            "{}: another program has written this file anew, without its checksums",
            path.display()
        );
        return Ok(());
    };
    for (name, checksum) in numbers.checksums {
        let now = tree.datasets.get(&name);
        // Files of before count the places of texts among the numbers.
        let same = now.is_some_and(|now| bytes(now).is_none_or(|b| numbers.sum.of(&b) == checksum));
        if !same {
            let what = format!(
                "was changed by another program: {name} is not what this program has written"
            );
            return refuse(&what);
        }
    }
    log::warn!(
        "{}: another program has written to this file; its numbers are as they were",
        path.display()
    );
    Ok(())
}

/// Whether the root says that this program has made the file.
fn is_own(path: &Path) -> Raw<bool> {
    let attribute = open(path)?.attr("program").map_err(text)?;
    let program = attribute.read_scalar::<VarLenUnicode>().map_err(text)?;
    Ok(program.starts_with("nishina "))
}

/// Numbers as they stand in a file; `None` for texts.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::Real(a) => a.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::Integer(a) => a.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::Spin(a) => a.iter().map(|&v| v as u8).collect(),
        Value::Complex(a) => {
            let both = a.iter().flat_map(|z| [z.re, z.im]);
            both.flat_map(f64::to_le_bytes).collect()
        }
        Value::Text(_) | Value::Texts(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{read, write_atomic};
    use super::*;
    use crate::io::tree::shaped;
    use ::hdf5::File;
    use num_complex::Complex64;
    use std::str::FromStr;

    fn written(path: &Path, stage: Option<&str>) -> Tree {
        let mut tree = Tree::default();
        tree.put_reals("numbers/a", &[1.0, -2.5, 3.25]);
        tree.put_complex(
            "numbers/z",
            &[1, 2],
            &[Complex64::new(1.0, 2.0), Complex64::I],
        );
        tree.put("numbers/n", Value::Integer(shaped(&[2], vec![7, -1])));
        tree.put_spins("numbers/s", &[2, 2], &[1, -1, -1, 1]);
        tree.put_text("input/title", "a ring");
        stage
            .into_iter()
            .for_each(|s| tree.put_text("run/stage", s));
        write_atomic(path, &tree).unwrap();
        tree
    }

    fn name(path: &Path, number: Option<f64>) {
        let file = File::append(path).unwrap();
        let doi = VarLenUnicode::from_str("10.5281/zenodo.0000000").unwrap();
        let attribute = file.new_attr::<VarLenUnicode>().create("doi").unwrap();
        attribute.write_scalar(&doi).unwrap();
        if let Some(number) = number {
            let dataset = file.dataset("numbers/a").unwrap();
            dataset.write(&[1.0, -2.5, number]).unwrap();
        }
    }

    #[test]
    fn an_attribute_changes_no_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let said = || read(&path).unwrap_err().to_string();
        let tree = written(&path, None);
        name(&path, None);
        assert!(verify(&path, true).is_err(), "the seal is broken");
        assert_eq!(read(&path).unwrap().datasets, tree.datasets);
        let good = std::fs::read(&path).unwrap();
        for damaged in [
            good[..good.len() - 100].to_vec(),
            [&good[..], &[0; 64]].concat(),
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert!(said().contains("bytes instead of"), "{}", said());
        }
        written(&path, None);
        name(&path, Some(4.0));
        assert!(said().contains("numbers/a is not what"), "{}", said());
        written(&path, Some("measure"));
        name(&path, None);
        assert!(
            said().contains("a checkpoint has to be whole"),
            "{}",
            said()
        );
    }
}
