//! Decides how much of a run a trial does, and how much less where that takes too long.
//!
//! The first step of C chains with n samples each takes C (b + n s) sweeps, b of them to burn in
//! and s from sample to sample. A smaller trial has a sixteenth of them, the last one as few as can
//! be.

use crate::calculation::Extent;
use crate::comm::share;
use crate::input::{FIRST_BURN_IN, Method, SamplerInput};

/// Factor by which a trial is made smaller.
const FEWER: usize = 16;
/// Samples of a chain at least, where there are so many: one alone has no variance.
const LEAST: usize = 2;
/// Chains at least, where there are so many: some observables compare two.
const LEAST_CHAINS: usize = 2;
/// Steps of a smaller trial: the first one burns in.
const LEAST_STEPS: usize = 2;

/// The part of one rank.
pub(super) fn of_one_rank(whole: Extent) -> Extent {
    let own = share(whole.chains, 0, whole.ranks).len();
    Extent {
        ranks: 1,
        chains: own.max(LEAST_CHAINS).min(whole.chains),
        ..whole
    }
}

/// Sweeps before the first sample, which a trial cannot leave out.
pub(super) fn burn_in(sampler: &SamplerInput) -> usize {
    match sampler.method.has_chains() {
        true => FIRST_BURN_IN.max(sampler.burn_in),
        false => 0,
    }
}

/// Ever smaller trials than `alone`, which took too long.
pub(super) fn smaller(alone: Extent, sampler: &SamplerInput) -> Vec<Extent> {
    let sweeps = match sampler.method.has_chains() {
        true => sampler.sweeps,
        false => 1,
    };
    let of_chain = |per_chain: usize| burn_in(sampler) as f64 + per_chain as f64 * sweeps as f64;
    let steps = alone.steps.min(LEAST_STEPS);
    let per_chain = match alone.per_chain >= FEWER {
        true => (alone.per_chain / FEWER).max(LEAST),
        false => alone.per_chain,
    };
    let wanted = alone.chains as f64 * of_chain(alone.per_chain) / FEWER as f64;
    let chains = match alone.chains as f64 * of_chain(per_chain) > 2.0 * wanted {
        true => ((wanted / of_chain(per_chain)) as usize).max(LEAST_CHAINS),
        false => alone.chains,
    };
    let fewer = Extent {
        chains: chains.min(alone.chains),
        per_chain,
        steps,
        ..alone
    };
    let least = Extent {
        chains: fewer.chains.min(LEAST_CHAINS),
        per_chain: per_chain.min(LEAST),
        ..fewer
    };
    let mut all = vec![fewer, least];
    all.dedup();
    all
}

/// Keys of the sampler that make a trial as large as asked.
pub(super) fn of_samples(sampler: &SamplerInput, extent: Extent) -> Vec<String> {
    let mut all = Vec::new();
    if sampler.method.has_chains() {
        all.push(format!("sampler.chains={}", extent.chains));
    }
    if sampler.method != Method::FullSum {
        let samples = extent.chains * extent.per_chain;
        all.push(format!("sampler.samples={samples}"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chains and samples of each of them in ever smaller trials.
    fn sizes(chains: usize, per_chain: usize, sampler: &SamplerInput) -> Vec<(usize, usize)> {
        let alone = Extent {
            ranks: 1,
            chains,
            per_chain,
            steps: 4,
            whole_evolution: false,
        };
        let all = smaller(alone, sampler);
        assert!(all.iter().all(|extent| extent.steps == 2));
        all.iter().map(|e| (e.chains, e.per_chain)).collect()
    }

    #[test]
    fn smaller_trials_do_less_of_what_takes_the_time() {
        let plain = SamplerInput::default();
        // Samples take the time: 16 times fewer of them.
        assert_eq!(sizes(16, 8192, &plain), [(16, 512), (2, 2)]);
        // The burn-in does: 64 (100 + 32) / 16 sweeps are those of five chains.
        assert_eq!(sizes(64, 32, &plain), [(5, 2), (2, 2)]);
        assert_eq!(sizes(64, 4, &plain), [(4, 4), (2, 2)]);
        assert_eq!(sizes(1, 64, &plain), [(1, 4), (1, 2)]);
        assert_eq!(sizes(2, 2, &plain), [(2, 2)]);
        let direct = SamplerInput {
            method: Method::Direct,
            ..plain
        };
        assert_eq!(sizes(16, 64, &direct), [(16, 4), (2, 2)]);
    }
}
