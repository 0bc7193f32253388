//! Decides what a reader of the results has to know: local minima, overfitted outcomes.

use super::Learn;
use super::judge::UNKNOWN;

/// Above the entropy of the data by this, beside the noise of the data: a local minimum.
const LOCAL_MINIMUM: f64 = 1e-2;
/// Held-out likelihoods this far above their best tell of overfitting.
const OVERFITTED: f64 = 1e-2;

/// All warnings, once the end is there.
pub(super) fn of(learn: &Learn) -> Vec<String> {
    let Some(found) = &learn.found else {
        return Vec::new();
    };
    let mut list = Vec::new();
    let parameters = learn.vmc.borrow().ensemble.parameters().len();
    let noise = found.data.noise(parameters);
    let high = |kl: &f64| noise.is_some_and(|noise| *kl > LOCAL_MINIMUM + noise);
    if let Some(kl) = found.kl.filter(high) {
        list.push(format!(
            "the objective is {kl:.3} above the entropy of the data: a local minimum, too few \
             steps, or too few parameters; raise learn.restarts, learn.steps or the size of the \
             wave function"
        ));
    }
    let held = learn.shown_rows().iter().map(|r| r.held_out).enumerate();
    let best = held
        .filter(|(_, h)| *h != UNKNOWN)
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let last = found.held_out.filter(|_| learn.keys.patience == 0);
    if let (Some((step, best)), Some(last)) = (best, last)
        && last > best + OVERFITTED
    {
        list.push(format!(
            "the held-out likelihood was best after step {step}, and is {:.3} worse at the \
                 end: the outcomes are overfitted; give learn.patience, or more shots",
            last - best
        ));
    }
    list
}
