//! Decides which vector instructions the program's own kernels use on every rank, and what the
//! results say of it.
//!
//! Ranks on different processors may have different sets, whose last digits differ. A deterministic
//! run takes the smallest that all of them have; any other run takes the best on each rank.

use super::launch::environment;
use crate::comm::{Comm, agree};
use crate::error::{Error, Result};
use crate::linalg::simd::Simd;
use std::sync::OnceLock;

/// What all ranks use, in words.
static OF_ALL_RANKS: OnceLock<String> = OnceLock::new();

/// The vector instructions that this rank would use: the widest that the processor has, or what
/// `NISHINA_SIMD` names ("portable", "avx2", "avx512"), which is meant for tests and for runs that
/// have to agree bit for bit between machines.
pub fn own_instructions() -> Result<Simd> {
    let available = Simd::available();
    let widest = available.last().copied().unwrap_or(Simd::Portable);
    let Some(name) = environment("NISHINA_SIMD").filter(|name| !name.is_empty()) else {
        return Ok(widest);
    };
    let named = available.iter().find(|simd| simd.name() == name);
    named.copied().ok_or_else(|| {
        let names: Vec<_> = available.iter().map(|simd| simd.name()).collect();
        let remedy = format!("unset the variable, or choose one of {}", names.join(", "));
        Error::input(
            "NISHINA_SIMD",
            format!("`{name}` are no vector instructions of this processor"),
            remedy,
        )
    })
}

/// Chooses the instructions of this process before any wave function is made; returns in words what
/// all ranks use. Collective; `together` wants the same set on all of them.
pub fn choose_instructions(comm: &dyn Comm, own: Simd, together: bool) -> Result<&'static str> {
    let number = f64::from(own as u8);
    let mut bounds = [number, -number];
    comm.max(&mut bounds)?;
    let set = |number: f64| Simd::ALL[number as usize];
    let (largest, smallest) = (set(bounds[0]), set(-bounds[1]));
    let chosen = if together { smallest } else { own };
    let taken = match chosen.choose() {
        true => Ok(()),
        false => Err(Error::Communication {
            what: format!(
                "{} were chosen earlier in this process, {} are needed now",
                Simd::chosen().name(),
                chosen.name()
            ),
        }),
    };
    agree(comm, taken)?;
    let words = match together || largest == smallest {
        true => chosen.name().to_string(),
        false => format!("{} to {}", smallest.name(), largest.name()),
    };
    Ok(OF_ALL_RANKS.get_or_init(|| words).as_str())
}

/// What all ranks use, in words.
pub fn instructions_of_all_ranks() -> String {
    let own = || Simd::chosen().name().to_string();
    OF_ALL_RANKS.get().cloned().unwrap_or_else(own)
}
