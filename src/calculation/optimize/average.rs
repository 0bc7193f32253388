//! Decides what the parameters are after an optimisation that averages: the mean of those behind
//! each of its last steps.
//!
//! θ̄ = (1/n) Σ_p θ_p over the last n steps: where the state only fluctuates, the noise of the
//! steps falls with n (B. T. Polyak, A. B. Juditsky, SIAM J. Control Optim. 30, 838 (1992)).

use super::Optimize;
use crate::error::Result;
use crate::io::tree::Tree;
use crate::run::Desk;

/// The mean of the parameters of some steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Average {
    /// How many steps at the end count.
    over: usize,
    /// Steps of the optimisation.
    steps: usize,
    /// Steps that have been added.
    count: usize,
    sum: Vec<f64>,
    /// The parameters that the mean has replaced; empty before.
    last: Vec<f64>,
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
        self.count
    }

    /// Takes in the parameters behind step `step`, which counts from 0, if it is among the last.
    pub fn add(&mut self, step: usize, parameters: &[f64]) {
        if step + self.over < self.steps {
            return;
        }
        self.sum.resize(parameters.len(), 0.0);
        self.sum
            .iter_mut()
            .zip(parameters)
            .for_each(|(s, p)| *s += p);
        self.count += 1;
    }

    /// The mean, once: from then on it stands in the place of `parameters`.
    pub fn settle(&mut self, parameters: Vec<f64>) -> Option<Vec<f64>> {
        if self.count == 0 || !self.last.is_empty() {
            return None;
        }
        self.last = parameters;
        let n = self.count as f64;
        Some(self.sum.iter().map(|s| s / n).collect())
    }

    /// Writes what a restart needs.
    pub fn save(&self, out: &mut Tree) {
        out.put_integer("steps", self.steps as i64);
        out.put_integer("count", self.count as i64);
        out.put_reals("sum", &self.sum);
        out.put_reals("last", &self.last);
    }

    /// Takes back what was written by an optimisation that has ended.
    pub fn load(&mut self, from: &Tree) -> Result<()> {
        if from.datasets.contains_key("steps") {
            (self.steps, self.count) = (from.count("steps")?, from.count("count")?);
            (self.sum, self.last) = (from.reals("sum")?, from.reals("last")?);
        }
        Ok(())
    }

    /// Goes on from what was written. An optimisation of another length averages anew. The
    /// parameters that a mean has replaced are given back.
    pub fn go_on(&mut self, from: &Tree) -> Result<Option<Vec<f64>>> {
        if !from.datasets.contains_key("steps") {
            return Ok(None);
        }
        if from.count("steps")? == self.steps {
            (self.count, self.sum) = (from.count("count")?, from.reals("sum")?);
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
        let mut ended = Average::new(2, 9);
        ended.load(&settled).unwrap();
        assert_eq!(ended, average);
        assert_eq!(Average::new(2, 5).settle(vec![1.0]), None);
    }
}
