//! Decides how damage to a file is noticed and named: a user block at its beginning, which HDF5
//! skips, holds checksums.
//!
//! ```text
//! nishina HDF5 xxh3-64 <checksum of the rest of the block> block <its bytes>
//! length <bytes of the file>
//! <checksum> 0 0 structure                        names, shapes, texts: no numbers of a dataset
//! <checksum> <first byte> <bytes> <dataset>       one line per dataset
//! ```
//!
//! The first line names the sum: XXH3, and "fnv1a64" in files that were written before.

use crate::error::{Error, Result};
use crate::files;
use crate::io::sum::{Checksum, fnv1a_more};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What the user block begins with.
const MARK: &str = "nishina HDF5 ";
/// Bytes of the first line.
const LINE: usize = MARK.len() + "xxh3-64 ".len() + 16 + " block ".len() + 8 + 1;
/// The smallest user block that HDF5 knows.
const SMALLEST: usize = 512;

/// Where the numbers of a dataset stand in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Its first byte.
    pub start: u64,
    /// Its bytes.
    pub length: u64,
}

/// Bytes of the user block of a file with datasets of these names: a power of two, as HDF5 asks.
pub fn block<'n>(names: impl Iterator<Item = &'n str>) -> usize {
    let lines: usize = names.map(|name| name.len() + 64).sum();
    (LINE + 128 + lines).next_power_of_two().max(SMALLEST)
}

/// The checksums of what lies outside the regions and of each of them; they are in ascending order.
fn checksums(
    file: &mut File,
    block: u64,
    regions: &[Region],
    sum: Checksum,
) -> std::io::Result<(u64, Vec<u64>)> {
    file.seek(SeekFrom::Start(block))?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let (mut at, mut structure, mut of_regions) = (block, sum.begin(), Vec::new());
    for region in regions {
        structure.add_from(&mut file, region.start.saturating_sub(at))?;
        of_regions.push(sum.over(&mut file, region.length)?);
        at = region.start + region.length;
    }
    structure.add_from(&mut file, u64::MAX)?;
    Ok((structure.value(), of_regions))
}

/// The first line.
fn head(sum: Checksum, checksum: u64, block: usize) -> String {
    format!("{MARK}{} {checksum:016x} block {block:8}\n", sum.name())
}

/// Writes the user block of a finished file that was made with `block` bytes left for it.
pub fn seal(path: &Path, block: usize, regions: Vec<Region>) -> std::io::Result<()> {
    seal_with(Checksum::Xxh3, path, block, regions)
}

fn seal_with(
    sum: Checksum,
    path: &Path,
    block: usize,
    mut regions: Vec<Region>,
) -> std::io::Result<()> {
    regions.sort_by_key(|r| r.start);
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let (structure, of_regions) = checksums(&mut file, block as u64, &regions, sum)?;
    let mut table = format!("length {length}\n{structure:016x} 0 0 structure\n");
    for (region, checksum) in regions.iter().zip(of_regions) {
        table += &format!(
            "{checksum:016x} {} {} {}\n",
            region.start, region.length, region.name
        );
    }
    let mut table = table.into_bytes();
    if table.len() + LINE > block {
        return Err(std::io::Error::other(
            "the user block is too small for the checksums",
        ));
    }
    table.resize(block - LINE, 0);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(head(sum, sum.of(&table), block).as_bytes())?;
    file.write_all(&table)
}

/// What a sound user block says.
struct SealTable {
    sum: Checksum,
    block: u64,
    length: u64,
    structure: u64,
    regions: Vec<Region>,
    checksums: Vec<u64>,
}

/// Reads a user block; `None` where it is damaged or none of this program's.
fn table(file: &mut File) -> std::io::Result<Option<SealTable>> {
    let mut first = Vec::with_capacity(LINE);
    file.take(LINE as u64).read_to_end(&mut first)?;
    let parse = || {
        let line = std::str::from_utf8(&first)
            .ok()?
            .strip_prefix(MARK)?
            .strip_suffix('\n')?;
        let (name, line) = line.split_once(' ')?;
        let mut sums = [Checksum::Xxh3, Checksum::Fnv1a].into_iter();
        let sum = sums.find(|sum| sum.name() == name)?;
        let (hash, block) = line.split_once(" block ")?;
        let block = block.trim().parse::<usize>().ok()?;
        let hash = u64::from_str_radix(hash, 16).ok()?;
        // Another spelling of the same numbers is damage as well.
        let sound = block.is_power_of_two() && (SMALLEST..=1 << 24).contains(&block);
        let written = head(sum, hash, block);
        Some((sum, hash, block)).filter(|_| sound && first == written.as_bytes())
    };
    let Some((sum, hash, block)) = parse() else {
        return Ok(None);
    };
    let mut rest = Vec::with_capacity(block - LINE);
    file.take((block - LINE) as u64).read_to_end(&mut rest)?;
    if rest.len() != block - LINE || sum.of(&rest) != hash {
        return Ok(None);
    }
    let parse = || {
        let text = std::str::from_utf8(&rest).ok()?.trim_end_matches('\0');
        let mut lines = text.lines();
        let length = lines.next()?.strip_prefix("length ")?.parse().ok()?;
        let structure =
            u64::from_str_radix(lines.next()?.strip_suffix(" 0 0 structure")?, 16).ok()?;
        let mut found = SealTable {
            sum,
            block: block as u64,
            length,
            structure,
            regions: Vec::new(),
            checksums: Vec::new(),
        };
        for line in lines {
            let parts: Vec<&str> = line.splitn(4, ' ').collect();
            let [checksum, start, bytes, name] = parts[..] else {
                return None;
            };
            found
                .checksums
                .push(u64::from_str_radix(checksum, 16).ok()?);
            let (start, length) = (start.parse().ok()?, bytes.parse().ok()?);
            found.regions.push(Region {
                name: name.to_string(),
                start,
                length,
            });
        }
        Some(found)
    };
    Ok(parse())
}

/// Compares the user block with the length of the file, and where `thorough` with all its content.
///
/// Fails with `Error::Output`, naming the datasets that are damaged; also where the file is
/// missing.
pub fn verify(path: &Path, thorough: bool) -> Result<()> {
    match damage(path, thorough) {
        Ok(None) => Ok(()),
        Ok(Some(what)) => Err(Error::output(path, what)),
        Err(e) => Err(Error::output(path, format!("cannot be opened: {e}"))),
    }
}

/// What is damaged of a file, in words, if anything is; an error where the system does not show it.
pub fn damage(path: &Path, thorough: bool) -> std::io::Result<Option<String>> {
    let mut file = files::open(path)?;
    let Some(table) = table(&mut file)? else {
        let what = "is not a file of this program, or its beginning is damaged";
        return Ok(Some(what.into()));
    };
    let length = file.metadata()?.len();
    if length != table.length {
        return Ok(Some(format!(
            "is damaged: it has {length} bytes instead of {}",
            table.length
        )));
    }
    if !thorough {
        return Ok(None);
    }
    let (structure, checksums) = checksums(&mut file, table.block, &table.regions, table.sum)?;
    let wrong = table
        .regions
        .iter()
        .zip(checksums.iter().zip(&table.checksums))
        .filter(|(_, (a, b))| a != b);
    let mut wrong: Vec<&str> = wrong.map(|(region, _)| region.name.as_str()).collect();
    if structure != table.structure {
        wrong.push("its structure");
    }
    Ok((!wrong.is_empty()).then(|| {
        format!(
            "is damaged, or was changed by another program, in {}: checksums do not fit; h5repack \
             makes a file that can be read of one that was changed",
            wrong.join(", ")
        )
    }))
}

/// The sums that a user block holds of numbers.
pub struct SealedNumbers {
    /// Which sum it is.
    pub sum: Checksum,
    /// Datasets and their sums.
    pub checksums: Vec<(String, u64)>,
}

/// The checksums of the numbers of each dataset, wherever they stand now. `None` where the
/// beginning of the file is damaged or gone; an error where the system does not show it.
pub fn numbers(path: &Path) -> std::io::Result<Option<SealedNumbers>> {
    let found = table(&mut files::open(path)?)?;
    Ok(found.map(|table| {
        let names = table.regions.into_iter().map(|region| region.name);
        SealedNumbers {
            sum: table.sum,
            checksums: names.zip(table.checksums).collect(),
        }
    }))
}

/// Whether a file is whole as HDF5 sees it, and has another length than it was sealed with, or has
/// lost its user block: another program has written to it.
///
/// Fails where the system does not show it.
pub fn is_rewritten(path: &Path) -> std::io::Result<bool> {
    let mut file = files::open(path)?;
    let length = file.metadata()?.len();
    let table = table(&mut file)?;
    let block = table.as_ref().map_or(0, |table| table.block);
    file.seek(SeekFrom::Start(block))?;
    let mut first = Vec::new();
    file.take(SUPERBLOCK).read_to_end(&mut first)?;
    let sealed = table.map(|table| table.length);
    Ok(end(&first) == Some(length) && sealed != Some(length))
}

/// Bytes of an HDF5 superblock that are looked at.
const SUPERBLOCK: u64 = 64;

/// The length of the file that its superblock states; `None` for other bytes.
///
/// Reference: HDF5 File Format Specification, version 3.0, II.A.
fn end(superblock: &[u8]) -> Option<u64> {
    let rest = superblock.strip_prefix(b"\x89HDF\r\n\x1a\n")?;
    // Places of the size of addresses and of the address of the end, after the signature.
    let (size, place) = match rest.first()? {
        0 => (5, 32),
        1 => (5, 36),
        2 | 3 => (1, 20),
        _ => return None,
    };
    let bytes = rest.get(place..place + 8)?.try_into().ok()?;
    (*rest.get(size)? == 8).then_some(u64::from_le_bytes(bytes))
}

/// A number for the numbers in a file: the same whenever and wherever they were written. `None`
/// where the beginning of the file is damaged; an error where the system does not show it.
pub fn identity(path: &Path) -> std::io::Result<Option<u64>> {
    let found = table(&mut files::open(path)?)?;
    Ok(found.map(|table| {
        let mut parts: Vec<_> = table.regions.iter().zip(&table.checksums).collect();
        parts.sort_by_key(|(region, _)| &region.name);
        parts
            .iter()
            .fold(Checksum::Fnv1a.of(b""), |hash, (region, checksum)| {
                let line = format!("{checksum:016x} {} {}\n", region.length, region.name);
                fnv1a_more(hash, line.as_bytes())
            })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_named() {
        for sum in [Checksum::Xxh3, Checksum::Fnv1a] {
            damage_is_named_by(sum);
        }
    }

    fn damage_is_named_by(sum: Checksum) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let names = ["a/b", "c d"];
        let block = block(names.into_iter());
        assert_eq!(block, 512);
        let content: Vec<u8> = [vec![7; block], (0..100).collect()].concat();
        std::fs::write(&path, &content).unwrap();
        assert!(verify(&path, false).is_err());
        let region = |name: &str, start: usize, length| Region {
            name: name.into(),
            start: (block + start) as u64,
            length,
        };
        seal_with(
            sum,
            &path,
            block,
            vec![region("c d", 50, 20), region("a/b", 10, 30)],
        )
        .unwrap();
        verify(&path, true).unwrap();
        let good = std::fs::read(&path).unwrap();
        for (place, name) in [
            (5, "its structure"),
            (15, "a/b"),
            (45, "its structure"),
            (69, "c d"),
            (99, "its structure"),
        ] {
            let mut bad = good.clone();
            bad[block + place] ^= 4;
            std::fs::write(&path, bad).unwrap();
            let said = verify(&path, true).unwrap_err().to_string();
            assert!(said.contains(&format!("in {name}:")), "{said}");
            verify(&path, false).unwrap();
        }
        // 32 turns small letters of hexadecimal numbers into capital ones, and spaces into zeros.
        for (place, flipped) in (0..block).flat_map(|place| [(place, 1), (place, 32)]) {
            let mut bad = good.clone();
            bad[place] ^= flipped;
            std::fs::write(&path, bad).unwrap();
            assert!(verify(&path, false).is_err(), "{place} {flipped}");
        }
        std::fs::write(&path, &good[..block + 99]).unwrap();
        assert!(
            verify(&path, false)
                .unwrap_err()
                .to_string()
                .contains("bytes instead of")
        );
    }
}
