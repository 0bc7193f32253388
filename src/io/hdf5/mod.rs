//! Decides how a tree becomes an HDF5 file and back; the only folder that names the HDF5 crate.
//!
//! ```text
//! user block         checksums of all that follows, one per dataset
//! /                  attributes schema_version = 2, program = "nishina <version>"
//! /group/.../name    dataset; attributes unit, meaning (where given)
//! ```
//!
//! The checksums ([`super::seal`]) are verified before the HDF5 library sees the file, because the
//! library may crash on damaged ones. Complex numbers are compounds (r, i), texts variable-length
//! UTF-8.
//!
//! Reference: HDF5 File Format Specification, version 3.0.

mod changed;
mod foreign;
mod glance;
mod groups;
mod joined;
mod scales;
mod values;

pub use foreign::{foreign_shapes, read_foreign};
use glance::shapes_in;
pub use glance::{holds, integers, read_groups, shapes};
#[cfg(test)]
pub use joined::unchecked;
pub use joined::{
    DatasetKind, Joined, SourceFile, check_source, sources, write_concatenated, write_view,
};

use super::atomic::{Temporary, followed};
use super::notes;
use super::seal::{self, Region};
use super::tree::{Tree, Value};
use crate::error::{Error, Result};
use ::hdf5::plist::file_access::FileCloseDegree;
use ::hdf5::{Dataset, File};
use groups::read_group;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use values::{attribute, write_value};

/// Version of the HDF5 library.
pub fn library() -> String {
    let (major, minor, release) = ::hdf5::library_version();
    format!("HDF5 {major}.{minor}.{release}")
}

/// Version of the layout of every file of the program.
pub const SCHEMA_VERSION: i64 = 2;

/// The result of the HDF5 library, before it is told which file it is about.
type Raw<T> = std::result::Result<T, String>;

fn text(e: ::hdf5::Error) -> String {
    e.to_string()
}

/// How long a lock of another process on a file is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a file to be read. The library locks files; another process may hold one for a moment,
/// such as a reader, or a child that was started while the file was open.
fn open(path: &Path) -> Raw<File> {
    let start = Instant::now();
    loop {
        match File::open(path).map_err(text) {
            Err(e) if e.contains("unable to lock file") && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            found => return found,
        }
    }
}

/// Writes `tree` as the file `path`, or as the file that it links to, which appears whole or not at
/// all. Fails with `Error::Output`.
pub fn write_atomic(path: &Path, tree: &Tree) -> Result<()> {
    write_temporary(&followed(path), tree)?.publish()
}

/// Writes `tree` as a temporary file that can become `path`. Fails with `Error::Output`, and with
/// `Error::Numerical` where a number is not finite.
pub fn write_temporary(path: &Path, tree: &Tree) -> Result<Temporary> {
    tree.check_finite()?;
    let block = seal::block(tree.datasets.keys().map(String::as_str));
    create(path, block, |file| {
        let mut regions = Vec::new();
        for dataset in &tree.datasets {
            regions.extend(put(file, tree, dataset)?);
        }
        scales::attach(file, tree)?;
        Ok(regions)
    })
}

/// Writes a dataset of a tree with its unit and meaning, its own or those of the page of all
/// datasets; returns where its numbers stand.
fn put(file: &File, tree: &Tree, (name, value): (&String, &Value)) -> Raw<Option<Region>> {
    let made = write_value(file, name, value).and_then(|dataset| {
        let own = tree.notes.get(name);
        let own = own.map(|(unit, meaning)| (unit.as_str(), meaning.as_str()));
        let of_page = || notes::of(name).map(|line| (line.unit, line.meaning.as_str()));
        if let Some((unit, meaning)) = own.or_else(of_page) {
            attribute(&dataset, "unit", unit).and(attribute(&dataset, "meaning", meaning))?;
        }
        // Texts stand in a heap, whose places depend on all other texts.
        Ok(match value {
            Value::Text(_) | Value::Texts(_) => None,
            _ => region(&dataset, name),
        })
    });
    made.map_err(|e| format!("dataset {name}: {e}"))
}

/// Where the numbers of a dataset stand. Empty datasets have no place of their own.
fn region(dataset: &Dataset, name: &str) -> Option<Region> {
    let place = dataset.offset().filter(|_| dataset.storage_size() > 0);
    place.map(|start| Region {
        name: name.to_string(),
        start,
        length: dataset.storage_size(),
    })
}

/// Reads a file into memory and verifies its checksum. Where another program has written to it
/// (`changed`), its numbers are verified, and a warning says so.
///
/// Fails with `Error::Output` where the file is missing, truncated, damaged, of a later schema
/// version, or refers to a file that is missing.
pub fn read(path: &Path) -> Result<Tree> {
    let changed = changed::admit(path, true)?;
    let tree = read_verified(path)?;
    if changed {
        changed::check(path, &tree)?;
    }
    Ok(tree)
}

/// The same of a file whose checksum has just been verified.
pub(super) fn read_verified(path: &Path) -> Result<Tree> {
    let load = || {
        let file = open(path)?;
        let version = file
            .attr("schema_version")
            .and_then(|a| a.read_scalar::<i64>())
            .map_err(text)?;
        if version != SCHEMA_VERSION {
            return Err(format!(
                "schema version {version}, this program reads {SCHEMA_VERSION}"
            ));
        }
        let mut tree = Tree::default();
        read_group(&file, (path, 0), &mut tree, &mut BTreeSet::new())?;
        Ok(tree)
    };
    load().map_err(|e| Error::output(path, format!("cannot be read: {e}")))
}

fn create(
    path: &Path,
    block: usize,
    write: impl FnOnce(&File) -> Raw<Vec<Region>>,
) -> Result<Temporary> {
    Temporary::new(path, |place| {
        let make = || {
            let mut options = File::with_options();
            options.create_plist().userblock(block as u64);
            options
                .access_plist()
                .fclose_degree(FileCloseDegree::Strong);
            let file = options.create(place).map_err(text)?;
            let version = file
                .new_attr::<i64>()
                .create("schema_version")
                .map_err(text)?;
            version.write_scalar(&SCHEMA_VERSION).map_err(text)?;
            attribute(
                &file,
                "program",
                concat!("nishina ", env!("CARGO_PKG_VERSION")),
            )?;
            let regions = write(&file)?;
            file.flush().map_err(text)?;
            file.close().map_err(text)?;
            seal::seal(place, block, regions).map_err(|e| e.to_string())
        };
        make().map_err(|e| Error::output(path, format!("cannot be written: {e}")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::roles::{Wholeness, find};
    use super::*;
    use crate::io::tree::shaped;
    use ndarray::{Array2, arr2};
    use num_complex::Complex64;

    fn sample() -> Tree {
        let mut tree = Tree::default();
        tree.describe(
            "history/energy",
            Value::Real(shaped(&[2, 3], (0..6).map(f64::from).collect())),
            "J",
            "energy",
        );
        tree.put_real("e0", -1.5);
        tree.put_reals("empty", &[]);
        tree.put("none", Value::Spin(shaped(&[0, 5], vec![])));
        tree.put_integer("a/b/c", -7);
        tree.put_spins("spins", &[2, 2], &[1, -1, -1, 1]);
        tree.put_complex(
            "a/b/z",
            &[1, 2],
            &[
                Complex64::new(1.0, 2.0),
                Complex64::new(f64::MIN_POSITIVE, -0.0),
            ],
        );
        tree.put_text("text", "Gitter: α = 3\n[lattice]\n");
        tree.put_text("no text", "");
        tree.put(
            "texts",
            Value::Texts(vec!["σᶻ".into(), String::new(), "x".into()]),
        );
        tree.put("no texts", Value::Texts(vec![]));
        tree
    }

    #[test]
    fn everything_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        write_atomic(&path, &sample()).unwrap();
        assert_eq!(read(&path).unwrap(), sample());
        assert_eq!(
            shapes(&path, &["history/energy", "nothing"]).unwrap(),
            [Some(vec![2, 3]), None]
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn transposed_arrays_keep_their_meaning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let a: Array2<f64> = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reversed_axes();
        let mut tree = Tree::default();
        tree.put("a", Value::Real(a.into_dyn()));
        write_atomic(&path, &tree).unwrap();
        assert_eq!(
            read(&path).unwrap().reals("a").unwrap(),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        write_atomic(&path, &sample()).unwrap();
        let good = std::fs::read(&path).unwrap();
        for place in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            std::fs::write(&path, &bad).unwrap();
            assert!(
                matches!(read(&path), Err(Error::Output { .. })),
                "byte {place}"
            );
        }
        for length in [0, 1, 8, 100, good.len() / 2, good.len() - 1] {
            std::fs::write(&path, &good[..length]).unwrap();
            assert!(
                matches!(read(&path), Err(Error::Output { .. })),
                "length {length}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(&path), Err(Error::Output { .. })));
    }

    #[test]
    fn forged_links_and_shapes_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let forge = |name: &str, change: fn(&File)| {
            let path = folder.path().join(name);
            write_atomic(&path, &sample()).unwrap();
            let file = File::open_rw(&path).unwrap();
            let block = file.userblock() as usize;
            change(&file);
            file.close().unwrap();
            seal::seal(&path, block, Vec::new()).unwrap();
            read(&path).unwrap_err().to_string()
        };
        let circle = |file: &File| {
            let group = file.create_group("round").unwrap();
            group.create_group("and").unwrap();
            file.link_hard("round", "round/and/round").unwrap();
        };
        assert!(forge("circle.h5", circle).contains("circle"));
        let huge = |file: &File| {
            let new = file.new_dataset::<f64>().chunk(1 << 10).shape(1usize << 45);
            new.create("huge").unwrap();
        };
        assert!(forge("huge.h5", huge).contains("does not fit"));
        let itself = |file: &File| {
            let new = file.new_dataset::<f64>().shape(8);
            let new = new.virtual_map("itself.h5", "itself", 8, .., 8, ..);
            new.create("itself").unwrap();
        };
        assert!(forge("itself.h5", itself).contains("not one of its list"));
    }

    #[test]
    fn damage_is_told_from_all_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(matches!(find(&at("absent.h5")), Ok(Wholeness::Nothing)));
        std::os::unix::fs::symlink(at("absent.h5"), at("dangling.h5")).unwrap();
        std::os::unix::fs::symlink(at("loop.h5"), at("loop.h5")).unwrap();
        std::fs::create_dir(at("folder.h5")).unwrap();
        write_atomic(&at("later.h5"), &sample()).unwrap();
        assert!(matches!(find(&at("later.h5")), Ok(Wholeness::Whole(_))));
        let file = File::open_rw(at("later.h5")).unwrap();
        let block = file.userblock() as usize;
        let version = file.attr("schema_version").unwrap();
        version.write_scalar(&(SCHEMA_VERSION + 1)).unwrap();
        file.close().unwrap();
        seal::seal(&at("later.h5"), block, Vec::new()).unwrap();
        for name in ["dangling.h5", "loop.h5", "folder.h5", "later.h5"] {
            assert!(
                matches!(find(&at(name)), Err(Error::Output { .. })),
                "{name}"
            );
        }
        std::fs::write(at("later.h5"), "short").unwrap();
        assert!(matches!(find(&at("later.h5")), Ok(Wholeness::Damaged(_))));
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        write_atomic(&path, &sample()).unwrap();
        let mut bad = sample();
        bad.put_text("zero", "a\0b");
        assert!(matches!(
            write_atomic(&path, &bad),
            Err(Error::Output { .. })
        ));
        assert_eq!(read(&path).unwrap(), sample());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write_atomic(&path, &sample()).unwrap();
        assert_eq!(read(&path).unwrap(), sample());
        assert!(write_atomic(&folder.path().join("missing/a.h5"), &sample()).is_err());
    }
}
