//! Decides what the parameters are after an optimisation that averages: the mean of those behind
//! each of its last steps.
//!
//! θ̄ = (1/n) Σ_p θ_p over the last n steps: where the state only fluctuates, the noise of the
//! steps falls with n (B. T. Polyak, A. B. Juditsky, SIAM J. Control Optim. 30, 838 (1992)). Where
//! it still moves, the mean lies behind it: of ten steps and more, the mean energies of their two
//! halves have to agree within three errors, which follow from the scatter of the steps, or the
//! last parameters stay.

use super::Optimize;
use crate::error::Result;
use crate::io::tree::Tree;
use crate::run::Desk;

/// Steps of which a test of stationarity has something to say.
const ENOUGH: usize = 10;
/// Errors by which the halves of stationary steps may differ.
const ALLOWED: f64 = 3.0;

/// By how many errors the mean of the second half of some energies lies away from that of the
/// first; none of fewer than [`ENOUGH`] of them.
fn drift(energies: &[f64]) -> Option<f64> {
    if energies.len() < ENOUGH {
        return None;
    }
    let (first, second) = energies.split_at(energies.len() / 2);
    let moments = |half: &[f64]| {
        let n = half.len() as f64;
        let mean = half.iter().sum::<f64>() / n;
        let squares = half.iter().map(|e| (e - mean).powi(2)).sum::<f64>();
        (mean, squares / (n * (n - 1.0)))
    };
    let ((a, a_square), (b, b_square)) = (moments(first), moments(second));
    // Equal energies do not drift.
    let error = (a_square + b_square).sqrt().max(1e-14 * a.abs());
    Some((b - a) / error.max(f64::MIN_POSITIVE))
}

/// The mean of the parameters of some steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Average {
    /// How many steps at the end count.
    over: usize,
    /// Steps of the optimisation.
    steps: usize,
    /// Parameters that have been added.
    count: usize,
    sum: Vec<f64>,
    /// The parameters behind the last step, until the next one has judged them; else empty.
    open: Vec<f64>,
    /// The parameters that the mean has replaced; empty before.
    last: Vec<f64>,
    /// Whether the steps were not stationary at the end, and nothing was replaced.
    refused: bool,
}

impl Average {
    /// Of the last `over` of `steps` steps.
    pub fn new(over: usize, steps: usize) -> Self {
        Average {
            over,
            steps,
            ..Average::default()
        }
    }

    /// How many steps it has seen.
    pub fn count(&self) -> usize {
        self.count + usize::from(!self.open.is_empty())
    }

    /// How many steps the parameters are the mean of; 0 where they are those of the last step.
    pub fn averaged(&self) -> usize {
        if self.refused { 0 } else { self.count() }
    }

    /// Takes in the parameters behind step `step`, which counts from 0, if it is among the last.
    pub fn add(&mut self, step: usize, parameters: &[f64]) {
        self.keep();
        if step + self.over >= self.steps {
            self.open = parameters.to_vec();
        }
    }

    /// Adds what was taken in last: a step has found nothing wrong there.
    fn keep(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            self.sum.resize(open.len(), 0.0);
            self.sum.iter_mut().zip(&open).for_each(|(s, p)| *s += p);
            self.count += 1;
        }
    }

    /// Leaves out what was taken in last: the next step was undone.
    pub fn leave_out(&mut self) {
        self.open.clear();
    }

    /// The mean, once: from then on it stands in the place of `parameters`.
    pub fn settle(&mut self, parameters: Vec<f64>) -> Option<Vec<f64>> {
        self.keep();
        if self.count == 0 || !self.last.is_empty() || self.refused {
            return None;
        }
        self.last = parameters;
        let n = self.count as f64;
        Some(self.sum.iter().map(|s| s / n).collect())
    }

    /// Leaves the last parameters in place.
    pub fn refuse(&mut self) {
        self.refused = true;
    }

    /// Writes what a restart needs.
    pub fn save(&self, out: &mut Tree) {
        out.put_integer("over", self.over as i64);
        out.put_integer("steps", self.steps as i64);
        out.put_integer("count", self.count as i64);
        out.put_reals("sum", &self.sum);
        out.put_reals("open", &self.open);
        out.put_reals("last", &self.last);
        out.put_integer("refused", i64::from(self.refused));
    }

    /// Takes back what was written by an optimisation that has ended.
    pub fn load(&mut self, from: &Tree) -> Result<()> {
        if from.datasets.contains_key("over") {
            (self.steps, self.count) = (from.count("steps")?, from.count("count")?);
            (self.sum, self.last) = (from.reals("sum")?, from.reals("last")?);
            self.open = from.reals("open")?;
            self.refused = from.integer("refused")? != 0;
        }
        Ok(())
    }

    /// Goes on from what was written. An optimisation of another length, or one that averages over
    /// other steps, averages anew. The parameters that a mean has replaced are given back.
    pub fn go_on(&mut self, from: &Tree) -> Result<Option<Vec<f64>>> {
        if !from.datasets.contains_key("over") {
            return Ok(None);
        }
        if from.count("steps")? == self.steps && from.count("over")? == self.over {
            (self.count, self.sum) = (from.count("count")?, from.reals("sum")?);
            self.open = from.reals("open")?;
        }
        Ok(Some(from.reals("last")?).filter(|last| !last.is_empty()))
    }
}

impl Optimize<'_> {
    /// At the end the mean of the parameters takes their place, where the input asks for one.
    pub(super) fn take_average(&mut self, desk: &mut Desk) -> Result<()> {
        let Some(average) = &mut self.average else {
            return Ok(());
        };
        let rows = &self.history.rows;
        let averaged = &rows[rows.len() - average.count().min(rows.len())..];
        let sound = averaged.iter().filter(|row| row.rejected == 0.0);
        let energies: Vec<f64> = sound.map(|row| row.energy).collect();
        if let Some(errors) = drift(&energies).filter(|errors| errors.abs() > ALLOWED) {
            let count = average.count();
            average.refuse();
            desk.say(&format!(
                "the last {count} steps are not stationary, their energies drift by {errors:.1} \
                 errors: the parameters are those of the last step and no means"
            ));
            return Ok(());
        }
        let ensemble = &mut self.vmc.borrow_mut().ensemble;
        if let Some(mean) = average.settle(ensemble.parameters()) {
            ensemble.set_parameters(&mean)?;
            let count = average.count();
            desk.say(&format!(
                "the parameters are the means of the last {count} steps"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stationary_steps_are_averaged() {
        let noise = |k: usize| 0.1 * ((7 * k) % 5) as f64;
        let still: Vec<f64> = (0..40).map(|k| -3.0 + noise(k)).collect();
        assert!(drift(&still).unwrap().abs() < 1.0);
        let falling: Vec<f64> = (0..40).map(|k| noise(k) - 0.01 * k as f64).collect();
        assert!(drift(&falling).unwrap() < -3.0);
        let exact: Vec<f64> = (0..40).map(|k| -(k as f64)).collect();
        assert!(drift(&exact).unwrap() < -3.0);
        assert_eq!(drift(&[-1.0; 12]), Some(0.0));
        assert_eq!(drift(&[-1.0; 9]), None);
        let mut average = Average::new(2, 5);
        (0..5).for_each(|step| average.add(step, &[step as f64]));
        average.refuse();
        assert_eq!((average.averaged(), average.settle(vec![1.0])), (0, None));
        // What goes on from there has all steps so far.
        let mut saved = Tree::default();
        average.save(&mut saved);
        let mut again = Average::new(2, 5);
        assert_eq!(again.go_on(&saved).unwrap(), None);
        assert_eq!((again.count(), again.averaged()), (2, 2));
    }

    /// Where step 3 goes astray, step 4 finds it out and is undone; step 5 goes on from there.
    #[test]
    fn what_the_next_step_undoes_is_left_out() {
        let mut average = Average::new(4, 6);
        (0..4).for_each(|step| average.add(step, &[[0.0, 1.0, 2.0, 1e9][step]]));
        assert_eq!(average.count(), 2);
        let mut saved = Tree::default();
        average.save(&mut saved);
        let mut again = Average::new(4, 6);
        again.go_on(&saved).unwrap();
        for mut average in [average, again] {
            average.leave_out();
            assert_eq!(average.count(), 1);
            average.add(5, &[4.0]);
            assert_eq!(average.settle(vec![4.0]), Some(vec![3.0]));
        }
    }

    #[test]
    fn the_last_steps_are_averaged_once() {
        let mut average = Average::new(2, 5);
        (0..5).for_each(|step| average.add(step, &[step as f64, 1.0]));
        assert_eq!(average.count(), 2);
        let mut saved = Tree::default();
        average.save(&mut saved);
        let mut read = Average::new(2, 5);
        assert_eq!(read.go_on(&saved).unwrap(), None);
        assert_eq!(read, average);
        assert_eq!(average.settle(vec![4.0, 1.0]), Some(vec![3.5, 1.0]));
        assert_eq!(average.settle(vec![3.5, 1.0]), None);

        let mut settled = Tree::default();
        average.save(&mut settled);
        let mut longer = Average::new(2, 9);
        assert_eq!(longer.go_on(&settled).unwrap(), Some(vec![4.0, 1.0]));
        assert_eq!(longer.count(), 0);
        // One that stopped at a target goes on with the same steps.
        let mut same = Average::new(2, 5);
        assert_eq!(same.go_on(&settled).unwrap(), Some(vec![4.0, 1.0]));
        assert_eq!(same.settle(vec![4.0, 1.0]), Some(vec![3.5, 1.0]));
        // Over other steps, of as many: those that were added are not the last ones.
        let mut fewer = Average::new(1, 5);
        assert_eq!(fewer.go_on(&settled).unwrap(), Some(vec![4.0, 1.0]));
        assert_eq!(fewer.count(), 0);
        let mut ended = Average::new(2, 9);
        ended.load(&settled).unwrap();
        assert_eq!(ended, average);
        assert_eq!(Average::new(2, 5).settle(vec![1.0]), None);
    }
}
