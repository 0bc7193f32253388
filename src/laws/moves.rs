//! Decides what every proposal rule has to obey: moves stay in the basis, go both ways with the
//! probabilities that it claims, and a mixture reaches everything.
//!
//! ln q(x' → x) − ln q(x → x') is compared with counted proposals from every configuration.

use super::Verdict;
use crate::basis::{Basis, Numbering, Step};
use crate::rng::{Generator, Purpose, stream};
use std::collections::BTreeMap;

/// Proposals from each configuration.
const PROPOSALS: usize = 4000;

/// How often each configuration was proposed from each, and what was claimed about it.
type Seen = Vec<BTreeMap<usize, (f64, f64)>>;

/// Holds `propose`, the rule or the mixture of the same name, to the laws of moves on a small
/// basis; `complete` where it has to reach every configuration.
///
/// The error side names the law and both configurations.
pub fn moves(
    propose: impl Fn(&[i8], &mut Generator, &mut Step) -> Option<f64>,
    basis: &Basis,
    complete: bool,
    seed: u64,
) -> Verdict {
    let numbering = basis.numbering().map_err(|e| e.to_string())?;
    let mut rng = stream(seed, Purpose::Law, 0, 1);
    let mut step = Step::default();
    let mut seen: Seen = vec![BTreeMap::new(); numbering.dimension()];
    for (k, seen) in seen.iter_mut().enumerate() {
        let x = numbering.row(k);
        for _ in 0..PROPOSALS {
            step.clear();
            let Some(claim) = propose(&x, &mut rng, &mut step) else {
                continue;
            };
            let reached = numbering.at(k, &x).after(step.get());
            if !basis.keeps(&x, step.get()) || reached.is_none() {
                return Err(format!("moves: {step:?} leads out of the basis from {x:?}"));
            }
            let entry = seen.entry(reached.unwrap_or(k)).or_insert((0.0, claim));
            entry.0 += 1.0;
            if (entry.1 - claim).abs() > 1e-12 {
                return Err(format!(
                    "moves: {claim} and {} for {step:?} from {x:?}",
                    entry.1
                ));
            }
        }
    }
    reversible(&seen, &numbering)?;
    match reaches(&seen) {
        all if all || !complete => Ok(()),
        _ => Err("moves: some configurations are never reached".into()),
    }
}

fn reversible(seen: &Seen, numbering: &Numbering) -> Verdict {
    for (k, there) in seen.iter().enumerate() {
        for (&to, &(forth, claim)) in there {
            let (back, opposite) = seen[to].get(&k).copied().unwrap_or((0.0, -claim));
            // The two counts are independent and each has the variance of its mean.
            let noise = (back + forth * (2.0 * claim).exp()).sqrt();
            if (back - forth * claim.exp()).abs() > 6.0 * noise || (claim + opposite).abs() > 1e-12
            {
                return Err(format!(
                    "moves: {forth} of {PROPOSALS} from {:?} to {:?} and {back} back, ln q {claim} \
                     and {opposite}",
                    numbering.row(k),
                    numbering.row(to)
                ));
            }
        }
    }
    Ok(())
}

/// Whether every configuration is reached from the first one.
fn reaches(seen: &Seen) -> bool {
    let (mut found, mut waiting) = (vec![false; seen.len()], vec![0]);
    while let Some(k) = waiting.pop() {
        if !std::mem::replace(&mut found[k], true) {
            waiting.extend(seen[k].keys());
        }
    }
    found.into_iter().all(|f| f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::RngExt;

    /// Raises or lowers a random site, staying where that is not possible; `claimed` is what it
    /// says of ln q.
    fn ladder(claimed: f64) -> impl Fn(&[i8], &mut Generator, &mut Step) -> Option<f64> {
        move |x, rng, step| {
            let site = rng.random_range(0..x.len());
            let up = rng.random::<f64>() < 0.5;
            let value = x[site] + if up { 2 } else { -2 };
            if value.abs() > 2 {
                return None;
            }
            step.set(site as u32, value);
            Some(if up { claimed } else { -claimed })
        }
    }

    #[test]
    fn a_rule_that_lies_about_its_probabilities_is_caught() {
        let basis = Basis::spins(2, 2, None).unwrap();
        moves(ladder(0.0), &basis, true, 1).unwrap();
        assert!(moves(ladder(0.5), &basis, true, 1).is_err());
        let fixed = Basis::spins(2, 2, Some(0)).unwrap();
        assert!(
            moves(ladder(0.0), &fixed, false, 1)
                .unwrap_err()
                .contains("out of the basis")
        );
        let one_way = |x: &[i8], _: &mut Generator, step: &mut Step| {
            step.set(0, if x[0] < 2 { x[0] + 2 } else { -2 });
            Some(0.0)
        };
        assert!(moves(one_way, &basis, false, 1).is_err());
        let nothing = |_: &[i8], _: &mut Generator, _: &mut Step| None;
        assert!(moves(nothing, &basis, false, 1).is_ok());
        assert!(
            moves(nothing, &basis, true, 1)
                .unwrap_err()
                .contains("never")
        );
    }
}
