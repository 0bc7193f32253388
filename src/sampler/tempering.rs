//! Decides how replicas at smaller powers of |ψ| help a chain over the valleys between its peaks:
//! parallel tempering.
//!
//! A chain has K replicas, of which number k samples |ψ|^{p_k}, p_0 > p_1 > …; only the first gives
//! samples. After each sweep replicas of neighbouring powers, those of even k and those of odd k in
//! turn, exchange their powers with probability min(1, |ψ_{k+1}/ψ_k|^{p_k − p_{k+1}}), which leaves
//! Π_k |ψ_k|^{p_k} as it is (K. Hukushima, K. Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996)).
//!
//! The ladder: p_k falls by the same factor from each to the next. ln|ψ| is a sum over sites, so
//! that its spread grows as N^{1/2}, and neighbours overlap where the steps of ln p are about
//! N^{−1/2}: K − 1 = ⌈0.4 N^{1/2} ln(p_0/p_{K−1})⌉ where the input gives no number.

use super::metropolis::Counts;
use crate::rng::{Generator, RngExt};
use num_complex::Complex64;

/// Steps of the ladder in units of N^{1/2} ln(p_0/p_{K−1}).
const STEPS: f64 = 0.4;

/// The powers from `first` to `last` of a system of `sites` sites, so many as `replicas` says.
pub fn ladder(first: f64, last: f64, replicas: Option<usize>, sites: usize) -> Vec<f64> {
    let range = (first / last).ln();
    let rule = || 1 + (STEPS * (sites as f64).sqrt() * range).ceil().max(1.0) as usize;
    let steps = replicas.unwrap_or_else(rule).max(1) - 1;
    (0..=steps)
        .map(|k| first * (-range * k as f64 / steps.max(1) as f64).exp())
        .collect()
}

/// Which share of the exchanges that were tried was done, for each power and the next; 1 where none
/// was tried. Entries are numbers of those that were tried and of those that were done.
pub fn swap_shares(swaps: &[[f64; 2]]) -> Vec<f64> {
    let share = |[tried, done]: &[f64; 2]| if *tried > 0.0 { done / tried } else { 1.0 };
    swaps.iter().map(share).collect()
}

/// Which replica of each chain has which power.
#[derive(Debug, Clone)]
pub struct Tempering<'a> {
    powers: &'a [f64],
    /// Walkers of chain after chain, in the order of the powers.
    order: Vec<usize>,
    sweeps: usize,
}

impl<'a> Tempering<'a> {
    /// Replicas that stand in the order of the powers, chain after chain. A `block` of sweeps with
    /// an even number begins with the exchanges of even k.
    pub fn new(powers: &'a [f64], chains: usize, block: u64) -> Self {
        Tempering {
            powers,
            order: (0..chains * powers.len()).collect(),
            sweeps: (block % 2) as usize,
        }
    }
    /// The walkers of the first power, one of each chain.
    pub fn first(&self) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().step_by(self.powers.len()).copied()
    }
    /// All walkers, those of each chain in the order of the powers.
    pub fn order(&self) -> &[usize] {
        &self.order
    }
    /// The power of every walker.
    pub fn powers(&self) -> Vec<f64> {
        let mut all = vec![0.0; self.order.len()];
        for chain in self.order.chunks_exact(self.powers.len()) {
            (chain.iter().zip(self.powers)).for_each(|(&walker, &p)| all[walker] = p);
        }
        all
    }

    /// Exchanges powers after a sweep, and counts what was tried and what was done; the random
    /// numbers of a chain are those of its first walker.
    pub fn swap(&mut self, logs: &[Complex64], rngs: &mut [Generator], counts: &mut Counts) {
        let (count, from) = (self.powers.len(), self.sweeps % 2);
        self.sweeps += 1;
        for (chain, order) in self.order.chunks_exact_mut(count).enumerate() {
            for k in (from..count.saturating_sub(1)).step_by(2) {
                let [own, next] = [order[k], order[k + 1]].map(|walker| logs[walker].re);
                let log = (self.powers[k] - self.powers[k + 1]) * (next - own);
                let threshold: f64 = rngs[chain * count].random();
                counts.swaps[k][0] += 1;
                if threshold < log.exp() {
                    order.swap(k, k + 1);
                    counts.swaps[k][1] += 1;
                    counts.replaced[chain] += u64::from(k == 0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    /// Nothing counted yet of one chain with so many pairs of replicas.
    fn counts(pairs: usize) -> Counts {
        Counts {
            swaps: vec![[0; 2]; pairs],
            ..Counts::new(1)
        }
    }

    #[test]
    fn a_ladder_falls_by_the_same_factor() {
        let three = ladder(2.0, 0.5, Some(3), 100);
        assert_eq!(three.len(), 3);
        (three.iter().zip([2.0, 1.0, 0.5])).for_each(|(p, q)| assert!((p - q).abs() < 1e-12));
        // 0.4 sqrt(100) ln 4 = 5.5
        assert_eq!(ladder(2.0, 0.5, None, 100).len(), 7);
        assert_eq!(ladder(2.0, 0.5, None, 1).len(), 2);
        assert_eq!(ladder(2.0, 0.5, Some(1), 100), [2.0]);
    }

    /// Blocks of one sweep exchange the pairs in turn.
    #[test]
    fn short_blocks_leave_no_pair_out() {
        let powers = ladder(2.0, 0.5, Some(4), 1);
        let mut rngs: Vec<Generator> = (0..4).map(|k| stream(3, Purpose::Law, k, 0)).collect();
        let mut counts = counts(3);
        for block in 0..2 {
            let mut tempering = Tempering::new(&powers, 1, block);
            tempering.swap(&[Complex64::ZERO; 4], &mut rngs, &mut counts);
            // Only the exchange of the first pair is a move of the chain.
            assert_eq!(counts.replaced, [1]);
        }
        assert_eq!(counts.swaps, [[1, 1]; 3]);
        assert_eq!(swap_shares(&[[4.0, 1.0], [0.0, 0.0]]), [0.25, 1.0]);
    }

    /// Two states with |ψ| = 1 and e, without moves: swaps alone make the joint weights.
    #[test]
    fn swaps_keep_the_joint_weight() {
        let powers = [2.0, 0.5];
        let mut tempering = Tempering::new(&powers, 1, 0);
        let mut rngs = [0, 1].map(|k| stream(3, Purpose::Law, k, 0));
        let logs = [Complex64::ZERO, Complex64::ONE];
        let (mut counts, mut high) = (counts(1), 0);
        let rounds = 20_000;
        for _ in 0..rounds {
            tempering.swap(&logs, &mut rngs, &mut counts);
            high += usize::from(tempering.first().next() == Some(1));
        }
        // e^2 beside e^0.5
        let exact = 1.0 / (1.0 + (-1.5f64).exp());
        let share = high as f64 / rounds as f64;
        assert!((share - exact).abs() < 0.02, "{share} {exact}");
        assert_eq!(counts.swaps[0][0], rounds as u64 / 2);
        let own = tempering.order()[0];
        assert_eq!(tempering.powers()[own], 2.0);
    }
}
