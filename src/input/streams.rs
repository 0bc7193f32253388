//! Decides how many random streams direct sampling has: there are no chains, and samples are shared
//! out over the ranks stream by stream.
//!
//! The number divides every number of samples of the input, so that all streams have equally many,
//! and depends on nothing else: the samples are the same on any number of ranks.

use super::sections::{Input, Method};
use crate::error::{Error, Result};

/// Most streams, and so most ranks of direct sampling.
const MOST: usize = 256;

/// Keys of Markov chains, which direct sampling does not have.
const OF_CHAINS: [(&str, &str); 5] = [
    ("sampler", "chains"),
    ("sampler", "moves"),
    ("sampler", "sweeps"),
    ("sampler", "burn_in"),
    ("measure", "burn_in"),
];

/// Largest divisor of `n` that is not above [`MOST`].
fn divisor(n: usize) -> usize {
    (1..=n.min(MOST))
        .rev()
        .find(|&d| n.is_multiple_of(d))
        .unwrap_or(1)
}

fn common(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common(b, a % b) }
}

/// Puts the number of streams in the place of the chains where `sampler.method` is "direct"; an
/// error for keys of `table` that have no meaning there.
pub(super) fn settle(input: &mut Input, table: &toml::Table) -> Result<()> {
    let Some(sampler) = input
        .sampler
        .as_mut()
        .filter(|s| s.method == Method::Direct)
    else {
        return Ok(());
    };
    for (section, key) in OF_CHAINS {
        let inside = table.get(section).and_then(toml::Value::as_table);
        if inside.is_some_and(|t| t.contains_key(key)) {
            return Err(Error::input(
                format!("{section}.{key}"),
                "direct sampling has no Markov chains: every sample is independent",
                "remove this key, or use sampler.method = \"metropolis\"",
            ));
        }
    }
    let of_section = |section: &toml::Value| section.get("samples")?.as_integer();
    let others = table.values().filter_map(of_section);
    let others = others.filter_map(|samples| usize::try_from(samples).ok());
    sampler.chains = divisor(others.fold(sampler.samples, common));
    Ok(())
}

/// A warning of keys that a full sum does not look at; one input may serve several methods.
pub(super) fn warn_of_unused(input: &Input, table: &toml::Table) {
    let is_sum = |s: &super::SamplerInput| s.method == Method::FullSum;
    if !input.sampler.as_ref().is_some_and(is_sum) {
        return;
    }
    let given = OF_CHAINS.iter().filter(|(section, key)| {
        let inside = table.get(*section).and_then(toml::Value::as_table);
        inside.is_some_and(|t| t.contains_key(*key))
    });
    let given: Vec<_> = given
        .map(|(section, key)| format!("{section}.{key}"))
        .collect();
    if !given.is_empty() {
        log::warn!(
            "a full sum has no Markov chains: {} belong to \"metropolis\" and have no effect",
            given.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_divide_all_numbers_of_samples() {
        assert_eq!(common(common(0, 1024), 4096), 1024);
        assert_eq!(common(1000, 4096), 8);
        assert_eq!([1024, 1000, 8, 257, 1].map(divisor), [256, 250, 8, 1, 1]);
    }
}
