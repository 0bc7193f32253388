//! Decides how damage to a file is noticed: its first 512 bytes, a user block that HDF5 skips, hold a checksum of the
//! rest as the text `nishina HDF5 fnv1a64 <16 hex digits>`.
//!
//! FNV-1a: h ← (h ⊕ byte) · 1099511628211 mod 2⁶⁴ from h = 14695981039346656037.
//!
//! Reference: G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, The FNV Non-Cryptographic Hash Algorithm, IETF draft.

use crate::error::{Error, Result};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of the user block.
pub const BLOCK: usize = 512;

/// What the user block begins with.
const MARK: &str = "nishina HDF5 fnv1a64 ";

/// FNV-1a over all bytes of an open file that follow the user block.
fn checksum(file: &mut std::fs::File) -> std::io::Result<u64> {
    file.seek(SeekFrom::Start(BLOCK as u64))?;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash),
            n => buffer[..n].iter().for_each(|&b| hash = (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)),
        }
    }
}

/// The user block of a file with this checksum, padded by zeros.
fn user_block(hash: u64) -> Vec<u8> {
    let mut block = format!("{MARK}{hash:016x}\n").into_bytes();
    block.resize(BLOCK, 0);
    block
}

/// Writes the checksum into the user block of a finished file.
pub fn seal(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::options().read(true).write(true).open(path)?;
    let hash = checksum(&mut file)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&user_block(hash))
}

/// Compares the user block with the content. Fails with `Error::Output` where they differ or the file is missing.
pub fn verify(path: &Path) -> Result<()> {
    let compare = || {
        let mut file = std::fs::File::open(path)?;
        let mut block = Vec::with_capacity(BLOCK);
        (&mut file).take(BLOCK as u64).read_to_end(&mut block)?;
        Ok::<_, std::io::Error>((block.starts_with(MARK.as_bytes()), block == user_block(checksum(&mut file)?)))
    };
    match compare() {
        Ok((true, true)) => Ok(()),
        Ok((true, false)) => Err(Error::output(
            path,
            "is damaged, or was changed by another program: its checksum does not fit its content",
        )),
        Ok((false, _)) => Err(Error::output(path, "is not a file of this program, or its beginning is damaged")),
        Err(e) => Err(Error::output(path, format!("cannot be opened: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_fnv1a_of_what_follows_the_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        // Published value: FNV-1a 64 of "foobar".
        std::fs::write(&path, [vec![7; BLOCK], b"foobar".to_vec()].concat()).unwrap();
        assert!(verify(&path).is_err());
        seal(&path).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"nishina HDF5 fnv1a64 85944171f73967e8\n\0"));
        verify(&path).unwrap();
        std::fs::write(&path, b"nishina HDF5").unwrap();
        assert!(verify(&path).is_err());
    }
}
