//! Decides which sums tell whether bytes are the same: XXH3 of 64 bits in the files of the program,
//! FNV-1a in what checkpoints compare with inputs, h ← (h ⊕ byte) · 1099511628211 mod 2⁶⁴ from
//! h = 14695981039346656037.
//!
//! References: Y. Collet, xxHash fast digest algorithm, specification 0.2.0; G. Fowler, L. C. Noll,
//! K.-P. Vo, D. Eastlake, The FNV Non-Cryptographic Hash Algorithm, IETF draft.

use crate::files;
use std::io::Read;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// A sum over bytes; all have eight letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Of files of version 0.1, and of what checkpoints compare with inputs.
    Fnv1a,
    /// Of files that are written now.
    Xxh3,
}

impl Checksum {
    /// Its name in a user block.
    pub(super) fn name(self) -> &'static str {
        match self {
            Checksum::Fnv1a => "fnv1a64",
            Checksum::Xxh3 => "xxh3-64",
        }
    }

    /// Of no bytes.
    pub(super) fn begin(self) -> Running {
        match self {
            Checksum::Fnv1a => Running::Fnv1a(EMPTY),
            Checksum::Xxh3 => Running::Xxh3(Box::default()),
        }
    }

    /// Of bytes in memory.
    pub fn of(self, bytes: &[u8]) -> u64 {
        let mut running = self.begin();
        running.add(bytes);
        running.value()
    }

    /// Of the next bytes of a file, all of them or `length`, which are read piece by piece.
    pub fn over(self, file: &mut impl Read, length: u64) -> std::io::Result<u64> {
        let mut running = self.begin();
        running.add_from(file, length)?;
        Ok(running.value())
    }
}

/// A sum so far.
pub(super) enum Running {
    Fnv1a(u64),
    Xxh3(Box<Xxh3>),
}

impl Running {
    fn add(&mut self, bytes: &[u8]) {
        match self {
            Running::Fnv1a(hash) => *hash = fnv1a_more(*hash, bytes),
            Running::Xxh3(hash) => hash.update(bytes),
        }
    }

    /// Goes on over the next bytes of a file, all of them or `length`.
    pub(super) fn add_from(&mut self, file: &mut impl Read, length: u64) -> std::io::Result<()> {
        let mut rest = file.take(length);
        let mut buffer = vec![0u8; 1 << 16];
        loop {
            match rest.read(&mut buffer)? {
                0 => return Ok(()),
                n => self.add(&buffer[..n]),
            }
        }
    }

    pub(super) fn value(&self) -> u64 {
        match self {
            Running::Fnv1a(hash) => *hash,
            Running::Xxh3(hash) => hash.digest(),
        }
    }
}

const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a goes on over more bytes.
pub fn fnv1a_more(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |h, &b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// FNV-1a of bytes in memory.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    Checksum::Fnv1a.of(bytes)
}

/// The same of a regular file.
pub fn checksum(path: &Path) -> std::io::Result<u64> {
    let mut file = files::open(path)?;
    let length = file.metadata()?.len();
    Checksum::Fnv1a.over(&mut file, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_have_their_published_values() {
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(Checksum::Xxh3.of(b""), 0x2d06_8005_38d3_94c2);
        // Piece by piece it is the same.
        let bytes: Vec<u8> = (0..200_000u32).map(|k| (k * 7 % 251) as u8).collect();
        for sum in [Checksum::Xxh3, Checksum::Fnv1a] {
            let read = sum.over(&mut &bytes[..], bytes.len() as u64).unwrap();
            assert_eq!(read, sum.of(&bytes));
        }
    }
}
