//! Decides how spins stand in bytes: bit k of byte ⌊i/8⌋ is set where spin i = 8⌊i/8⌋ + k is up.

use crate::error::{Error, Result};

/// One bit for each spin.
pub(super) fn pack(spins: &[i8]) -> Vec<u8> {
    let byte = |eight: &[i8]| {
        let bits = eight.iter().enumerate();
        bits.fold(0, |byte, (k, s)| byte | u8::from(*s > 0) << k)
    };
    spins.chunks(8).map(byte).collect()
}

/// Reads them back; an error where the number of bytes is another one.
pub(super) fn unpack(bytes: &[u8], spins: &mut [i8]) -> Result<()> {
    if bytes.len() != spins.len().div_ceil(8) {
        return Err(other_circuit(bytes.len()));
    }
    for (eight, byte) in spins.chunks_mut(8).zip(bytes) {
        for (k, spin) in eight.iter_mut().enumerate() {
            *spin = if byte >> k & 1 == 1 { 1 } else { -1 };
        }
    }
    Ok(())
}

/// Bytes that are not those of the world lines of a circuit.
pub(super) fn other_circuit(bytes: usize) -> Error {
    Error::numerical(
        format!("{bytes} bytes are not those of world lines of this circuit"),
        "continue with the circuit that they are of",
    )
}
