//! Decides which keys of an input name files, what a results file keeps of these files, and how an
//! input that a results file keeps finds them again.
//!
//! A text of at most [`LARGEST_TEXT`] bytes is kept whole, of anything else the checksum alone.

use crate::error::{Error, Result};
use crate::files;
use crate::io::sum::Checksum;
use crate::io::tree::{Tree, Value, shaped};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use toml::{Table, Value as Key};

/// Keys whose text names a file.
pub const FILES: [&str; 3] = ["file", "bonds", "fields"];
/// The same of files that a run reads once: how they were counts, not how they are.
pub const READ_ONCE: [&str; 3] = ["load", "data", "condensate"];
/// Most bytes of a file that is kept as a text.
pub const LARGEST_TEXT: u64 = 1 << 24;
/// Where results keep the files.
const PLACE: &str = "input/files";

/// Calls `visit(place, table, key)` for every key of `table` and of the tables in it that names a
/// file by a text; `place` is where the key stands in the input.
fn each(table: &mut Table, place: &str, visit: &mut dyn FnMut(&str, &mut String)) {
    for (key, value) in table.iter_mut() {
        let place = match place.is_empty() {
            true => key.clone(),
            false => format!("{place}.{key}"),
        };
        match value {
            Key::Table(inner) => each(inner, &place, visit),
            Key::Array(list) => {
                for (k, inner) in list.iter_mut().enumerate() {
                    if let Key::Table(inner) = inner {
                        each(inner, &format!("{place}[{k}]"), visit);
                    }
                }
            }
            Key::String(name) if FILES.contains(&key.as_str()) => visit(&place, name),
            Key::String(name) if READ_ONCE.contains(&key.as_str()) => visit(&place, name),
            _ => {}
        }
    }
}

/// One file that an input names.
#[derive(Debug, Default)]
struct NamedFile {
    key: String,
    name: String,
    checksum: String,
    bytes: i64,
    text: String,
}

impl NamedFile {
    /// `None` where it cannot be read, or is no regular file.
    fn read(key: &str, name: &str, folder: &Path) -> Option<Self> {
        let path = folder.join(name);
        let mut file = files::open(&path).ok()?;
        let bytes = file.metadata().ok()?.len();
        let checksum = Checksum::Xxh3.over(&mut file, bytes).ok()?;
        let whole = (bytes <= LARGEST_TEXT).then(|| files::text(&path, LARGEST_TEXT).ok());
        let text = whole.flatten().filter(|text| !text.contains('\0'));
        Some(NamedFile {
            key: key.into(),
            name: name.into(),
            checksum: format!("xxh3-64 {checksum:016x}"),
            bytes: bytes as i64,
            text: text.unwrap_or_default(),
        })
    }
}

/// Writes what is kept of the files of `folder` that an input names: five lists under
/// `input/files`, one entry each. What is no file, or cannot be read, is left out.
pub fn record(table: &Table, folder: &Path, out: &mut Tree) {
    let mut found = Vec::new();
    each(&mut table.clone(), "", &mut |key, name| {
        found.extend(NamedFile::read(key, name, folder));
    });
    if found.is_empty() {
        return;
    }
    let mut list = |name: &str, of: fn(&NamedFile) -> &String, meaning: &str| {
        let all = found.iter().map(|file| of(file).clone()).collect();
        out.describe(&format!("{PLACE}/{name}"), Value::Texts(all), "", meaning);
    };
    list("key", |f| &f.key, "key of the input that names the file");
    list("name", |f| &f.name, "name of the file in the input");
    let meaning = "sum over its bytes, as `xxhsum -H3` prints it";
    list("checksum", |f| &f.checksum, meaning);
    let meaning = "what it says; empty where it is no text, or of more than 16777216 bytes";
    list("text", |f| &f.text, meaning);
    let bytes: Vec<i64> = found.iter().map(|file| file.bytes).collect();
    let bytes = Value::Integer(shaped(&[bytes.len()], bytes));
    out.describe(&format!("{PLACE}/bytes"), bytes, "byte", "its length");
}

/// Writes the files that results keep into a folder of their own and names them there in the
/// input `table` of these results; the folder is gone with the last who holds it. `None` where
/// results keep no text.
///
/// Fails with `Error::Output` where the folder cannot be made.
pub(super) fn unpack(table: &mut Table, results: &Tree) -> Result<Option<Arc<TempDir>>> {
    let list = |name: &str| {
        results
            .texts(&format!("{PLACE}/{name}"))
            .unwrap_or_default()
    };
    let named = list("key").iter().zip(list("name")).zip(list("text"));
    let kept: BTreeMap<_, _> = named
        .filter(|(_, text)| !text.is_empty())
        .map(|((key, name), text)| (key, (name, text)))
        .collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let temporary = std::env::temp_dir();
    let failed = |e| Error::output(&temporary, format!("files cannot be unpacked: {e}"));
    let folder = TempDir::new().map_err(failed)?;
    let (mut written, mut count) = (Ok(()), 0);
    each(table, "", &mut |key, name| {
        let Some((_, text)) = kept.get(&key.to_string()).filter(|(n, _)| *n == name) else {
            return;
        };
        // The ending says how a file is read.
        let ending = Path::new(name.as_str()).extension();
        let ending = ending.map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
        let path = folder.path().join(format!("{count}{ending}"));
        count += 1;
        match std::fs::write(&path, text) {
            Ok(()) => *name = path.to_string_lossy().into_owned(),
            Err(e) => written = Err(failed(e)),
        }
    });
    written.map(|()| Some(Arc::new(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_an_input_are_kept_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.csv"), "i,j\n0,1\n").unwrap();
        std::fs::write(folder.path().join("x.bin"), [0u8, 255, 3]).unwrap();
        let input = "[lattice]\nfile = 'b.csv'\n[ansatz]\nload = 'x.bin'\n[measure]\n\
                     observables = [{ file = 'none.csv' }, 'energy', { file = 'b.csv' }]";
        let mut table: Table = input.parse().unwrap();
        let mut tree = Tree::default();
        record(&table, folder.path(), &mut tree);
        let texts = |name: &str| tree.texts(&format!("{PLACE}/{name}")).unwrap();
        let keys = ["ansatz.load", "lattice.file", "measure.observables[2].file"];
        assert_eq!(texts("key"), keys);
        assert_eq!(texts("text"), ["", "i,j\n0,1\n", "i,j\n0,1\n"]);
        assert_eq!(tree.integers("input/files/bytes").unwrap(), [3, 8, 8]);
        // Published: XXH3 of no bytes is 2d06800538d394c2.
        std::fs::write(folder.path().join("x.bin"), "").unwrap();
        let empty = NamedFile::read("k", "x.bin", folder.path()).unwrap();
        assert_eq!(empty.checksum, "xxh3-64 2d06800538d394c2");

        drop(folder);
        let unpacked = unpack(&mut table, &tree).unwrap().unwrap();
        let path = table["lattice"]["file"].as_str().unwrap().to_string();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "i,j\n0,1\n");
        assert_eq!(table["ansatz"]["load"].as_str(), Some("x.bin"));
        let other = table["measure"]["observables"][2]["file"].as_str();
        assert!(other.is_some_and(|name| name.ends_with(".csv") && name != path));
        drop(unpacked);
        assert!(!Path::new(&path).exists());
    }
}
