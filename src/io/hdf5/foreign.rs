//! Decides which datasets of a file that any program may have written are read: those that hold
//! numbers of their own, no more than are asked for. All is looked at before it is read.

use super::values::complex_parts;
use super::{Raw, open, shapes_in, text};
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value};
use ::hdf5::Dataset;
use ::hdf5::dataset::Layout;
use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use num_complex::Complex;
use std::path::Path;

/// Some datasets of a file that any program may have written, without a checksum; those that are
/// missing are left out. Numbers of 32 bits, alone or as compounds (r, i), become those of 64;
/// whole numbers of 8 bits stay.
///
/// Fails with `Error::Output` where the file is no HDF5 file, or a dataset of these names holds
/// something else than such numbers, more than `most` of them, or numbers of other files.
pub fn read_foreign(path: &Path, names: &[&str], most: usize) -> Result<Tree> {
    let load = || {
        crate::files::open(path).map_err(|e| e.to_string())?;
        let file = open(path)?;
        let mut tree = Tree::default();
        for name in names.iter().filter(|name| file.link_exists(name)) {
            let value = file
                .dataset(name)
                .map_err(text)
                .and_then(|dataset| numbers(&dataset, most));
            tree.put(name, value.map_err(|e| format!("dataset {name}: {e}"))?);
        }
        Ok(tree)
    };
    load().map_err(|e: String| Error::output(path, format!("cannot be read: {e}")))
}

/// The shapes of some datasets of a file that any program may have written, without reading them;
/// `None` where there is no such dataset.
///
/// Fails with `Error::Output` where the file cannot be read.
pub fn foreign_shapes(path: &Path, names: &[&str]) -> Result<Vec<Option<Vec<usize>>>> {
    let look = || {
        crate::files::open(path).map_err(|e| e.to_string())?;
        let file = open(path)?;
        shapes_in(&file, names)
    };
    look().map_err(|e: String| Error::output(path, format!("cannot be read: {e}")))
}

/// The numbers of a dataset, at most `most`.
fn numbers(dataset: &Dataset, most: usize) -> Raw<Value> {
    let shape = dataset.get_shape().map_err(text)?;
    let count = shape.iter().try_fold(1usize, |n, &l| n.checked_mul(l));
    if count.is_none_or(|n| n > most) {
        return Err(format!(
            "its shape {shape:?} has more numbers than any block of the input, at most {most}"
        ));
    }
    let plan = dataset.dcpl().map_err(text)?;
    if dataset.layout() == Layout::Virtual || !plan.external().is_empty() {
        return Err("its numbers stand in other files".into());
    }
    // Chunks are unpacked whole.
    let chunk = dataset.chunk().unwrap_or_default();
    let unpacked = chunk.iter().try_fold(1usize, |n, &l| n.checked_mul(l));
    if unpacked.is_none_or(|n| n > most.max(LARGEST_CHUNK)) {
        return Err(format!("its chunks of {chunk:?} numbers are too large"));
    }
    let descriptor = dataset.dtype().and_then(|t| t.to_descriptor());
    let descriptor = descriptor.map_err(text)?;
    let single = TypeDescriptor::Float(FloatSize::U4);
    match complex_parts(&descriptor) {
        Some(FloatSize::U8) => dataset.read_dyn().map(Value::Complex).map_err(text),
        Some(FloatSize::U4) => {
            let all = dataset.read_dyn::<Complex<f32>>().map_err(text)?;
            let wide = |z: &Complex<f32>| Complex::new(f64::from(z.re), f64::from(z.im));
            Ok(Value::Complex(all.map(wide)))
        }
        _ if descriptor == single => {
            let all = dataset.read_dyn::<f32>().map_err(text)?;
            Ok(Value::Real(all.map(|&x| f64::from(x))))
        }
        _ if descriptor == TypeDescriptor::Float(FloatSize::U8) => {
            dataset.read_dyn().map(Value::Real).map_err(text)
        }
        _ if descriptor == TypeDescriptor::Integer(IntSize::U1) => {
            dataset.read_dyn().map(Value::Spin).map_err(text)
        }
        _ if descriptor == TypeDescriptor::Integer(IntSize::U4) => {
            let all = dataset.read_dyn::<i32>().map_err(text)?;
            Ok(Value::Integer(all.map(|&n| i64::from(n))))
        }
        _ if descriptor == TypeDescriptor::Integer(IntSize::U8) => {
            dataset.read_dyn().map(Value::Integer).map_err(text)
        }
        _ => Err(format!("the type {descriptor} is none that is read here")),
    }
}

/// Numbers of a chunk that are unpacked whatever is asked for.
const LARGEST_CHUNK: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use ::hdf5::File;
    use ndarray::{Array2, arr1};

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        (folder, path)
    }

    #[test]
    fn numbers_of_32_bits_are_read() {
        let (_folder, path) = file();
        let h5 = File::create(&path).unwrap();
        let write = |name: &str, z: &[Complex<f32>]| {
            let new = h5.new_dataset::<Complex<f32>>().shape(z.len());
            new.create(name).unwrap().write(&arr1(z)).unwrap();
        };
        write("W", &[Complex::new(0.5, -0.25)]);
        let new = h5.new_dataset::<f32>().shape(2).create("a").unwrap();
        new.write(&arr1(&[0.5f32, 2.0])).unwrap();
        h5.close().unwrap();
        let tree = read_foreign(&path, &["W", "a", "b"], 2).unwrap();
        assert_eq!(tree.datasets.len(), 2);
        assert!(matches!(&tree.datasets["W"], Value::Complex(z) if z[[0]].im == -0.25));
        assert!(matches!(&tree.datasets["a"], Value::Real(x) if x[[1]] == 2.0));
    }

    #[test]
    fn what_is_too_large_or_elsewhere_is_not_read() {
        let (folder, path) = file();
        let h5 = File::create(&path).unwrap();
        let huge = h5.new_dataset::<f64>().chunk((1 << 10, 1 << 10));
        huge.shape((1 << 40, 1 << 22)).create("huge").unwrap();
        let zeros = Array2::<f64>::zeros((8, 8));
        let small = h5
            .new_dataset::<f64>()
            .shape((8, 8))
            .create("small")
            .unwrap();
        small.write(&zeros).unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, [1; 64]).unwrap();
        let outside = h5.new_dataset::<f64>().shape(8);
        let outside = outside.external(secret.to_str().unwrap(), 0, 64);
        outside.create("outside").unwrap();
        let itself = h5.new_dataset::<f64>().shape(8);
        let itself = itself.virtual_map("x.h5", "itself", 8, .., 8, ..);
        itself.create("itself").unwrap();
        h5.new_dataset::<u16>().shape(2).create("whole").unwrap();
        h5.close().unwrap();
        for (name, most, word) in [
            ("huge", 100, "of the input, at most 100"),
            ("small", 63, "of the input, at most 63"),
            ("outside", 100, "other files"),
            ("itself", 100, "other files"),
            ("whole", 100, "type"),
        ] {
            let error = read_foreign(&path, &[name], most).unwrap_err().to_string();
            assert!(error.contains(word), "{name}: {error}");
        }
        assert!(read_foreign(&path, &["small"], 64).is_ok());
    }
}
