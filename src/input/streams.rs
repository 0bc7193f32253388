//! Decides how many random streams direct sampling has: there are no chains, and samples are shared
//! out over the ranks stream by stream.
//!
//! The number divides every number of samples of the input, so that all streams have equally many,
//! and depends on nothing else: the samples are the same on any number of ranks.

use super::check::keys_of_chains;
use super::sections::{Input, Method};
use crate::error::{Error, Result};

/// Most streams, and so most ranks of direct sampling.
const MOST: usize = 256;

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
    settle_method(input, table);
    let Some(sampler) = input
        .sampler
        .as_mut()
        .filter(|s| s.method == Method::Direct)
    else {
        return Ok(());
    };
    if let Some(key) = keys_of_chains(table).first() {
        return Err(Error::input(
            key.as_str(),
            "direct sampling has no Markov chains: every sample is independent",
            "remove this key, or use sampler.method = \"metropolis\"",
        ));
    }
    let samples = |part: &toml::Value| part.get("samples")?.as_integer();
    let stages = table.get("optimize").and_then(|o| o.get("stages"));
    let stages = stages.and_then(toml::Value::as_array).into_iter().flatten();
    let others = table.values().chain(stages).filter_map(samples);
    let others = others.filter_map(|samples| usize::try_from(samples).ok());
    sampler.chains = divisor(others.fold(sampler.samples, common));
    Ok(())
}

/// A deep Boltzmann machine is sampled by world lines where the input names no method.
fn settle_method(input: &mut Input, table: &toml::Table) {
    let given = table
        .get("sampler")
        .is_some_and(|s| s.get("method").is_some());
    let kind = input.ansatz.as_ref().and_then(|a| a.get("kind"));
    if !given && kind.and_then(toml::Value::as_str) == Some("dbm") {
        input.sampler.get_or_insert_default().method = Method::Cluster;
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
