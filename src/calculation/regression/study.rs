//! Decides which networks a run trains, from which starts each begins, and how they are shared out
//! over the ranks.
//!
//! Each restart has a stream of its own, so that no result depends on the number of ranks.

use super::check::wrong;
use super::data::{self, DataRows};
use super::keys::{OutputUnits, RegressionInput, RegressionMethod, RegressionRecipe};
use crate::calculation::fits::{self, Course};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::perceptron::{NetworkTrainer, Perceptron, TrainingSet, UnitFunction};
use crate::rng::{Purpose, lane, stream};
use crate::run::Desk;

/// Multiplications of a block over all restarts.
const BLOCK: f64 = 1e10;
/// What a step takes besides, in multiplications.
const STEP: f64 = 1e4;

/// What all restarts of a run share.
pub(super) struct RegressionStudy {
    pub recipe: RegressionRecipe,
    pub network: Perceptron,
    pub rows: DataRows,
    pub training: TrainingSet,
    /// Rows that are held out, where there are any.
    pub test: Option<TrainingSet>,
    seed: u64,
    /// Numbers of `regression.load`.
    loaded: Option<Vec<f64>>,
    /// The minimum of least squares.
    exact: Option<Vec<f64>>,
}

impl RegressionStudy {
    /// Of the keys and the table that they name.
    pub fn new(source: &Source, keys: &RegressionInput) -> Result<Self> {
        let recipe = keys.recipe();
        let rows = data::read(source, keys)?;
        let hidden = (recipe.widths.as_slice(), recipe.activation);
        let mut network = Perceptron::new(rows.inputs.len(), None, hidden, rows.outputs.len());
        if recipe.output == OutputUnits::Sigmoid {
            network = network.with_outputs(UnitFunction::Sigmoid);
        }
        let load = |file: &String| fits::load(source, "regression", file, &network);
        let loaded = keys.load.as_ref().map(load).transpose()?;
        let training = rows.examples(&recipe, false);
        let test = rows.examples(&recipe, true);
        let mut study = RegressionStudy {
            test: (!test.inputs.is_empty()).then_some(test),
            seed: source.input.seed,
            exact: None,
            recipe,
            network,
            rows,
            training,
            loaded,
        };
        if study.recipe.method == RegressionMethod::LeastSquares && study.recipe.steps > 0 {
            study.exact = Some(study.least_squares()?);
        }
        Ok(study)
    }

    fn least_squares(&self) -> Result<Vec<f64>> {
        let found = self.trainer().least_squares(&self.training)?;
        match found.filter(|theta| theta.iter().all(|v| v.is_finite())) {
            Some(theta) => Ok(theta),
            None => wrong(
                "inputs",
                format!(
                    "{} rows do not fix the weights of {} columns",
                    self.training.inputs.len(),
                    self.rows.inputs.len()
                ),
                "remove columns that are constant or follow from others, give more rows, or use \
                 method = \"adam\"",
            ),
        }
    }

    /// A network before its first step.
    pub fn start(&self, number: usize) -> Course {
        let theta = match &self.loaded {
            Some(theta) => theta.clone(),
            None => {
                let lane = lane(0, number as u64);
                let mut rng = stream(self.seed, Purpose::PerceptronStart, lane, 0);
                self.network.start(self.recipe.init, &mut rng)
            }
        };
        Course::new(theta)
    }

    pub fn trainer(&self) -> NetworkTrainer {
        NetworkTrainer::new(self.network.clone(), self.recipe.pace())
    }

    /// Steps of a block; a run has ten blocks or more.
    pub fn steps_per_block(&self) -> usize {
        let rows = self.rows.len().max(1) as f64;
        let work = STEP + 3.0 * rows * self.network.multiplications() as f64;
        let most = self.recipe.target().div_ceil(10).max(1);
        let steps = BLOCK / (work * self.recipe.restarts as f64);
        (steps as usize).clamp(1, most)
    }

    /// Errors that a course keeps of each step: of the training, and of rows that are held out.
    pub fn kept_errors(&self) -> usize {
        1 + usize::from(self.test.is_some())
    }

    /// Trains this rank's share of the networks up to `target` steps each and hands the courses
    /// to all ranks; nothing has changed where it fails or is interrupted.
    pub fn advance(&self, courses: &mut [Course], target: usize, desk: &Desk) -> Result<()> {
        let mut trainer = self.trainer();
        fits::advance(courses, desk.comm, |(number, _), course| {
            while course.epochs < target {
                if !desk.go_on() {
                    return Err(Error::Interrupted);
                }
                let of_test = |test| trainer.loss(&course.fit.theta, test);
                let test = self.test.as_ref().map(of_test);
                let error = match &self.exact {
                    Some(theta) => {
                        let before = trainer.loss(&course.fit.theta, &self.training);
                        course.fit.theta.clone_from(theta);
                        before
                    }
                    None => {
                        // All rows make one batch, in their order.
                        let lane = lane(0, number as u64);
                        let step = course.epochs as u64;
                        let mut rng = stream(self.seed, Purpose::PerceptronOrder, lane, step);
                        trainer
                            .epoch(&mut course.fit, &self.training, &mut rng, &|| true)
                            .ok_or(Error::Interrupted)?
                    }
                };
                finite(number, course.epochs, error)?;
                course.epochs += 1;
                course.losses.push(error);
                course.losses.extend(test);
            }
            Ok(())
        })
    }
}

/// An error where the training error of a network is not a number any more.
fn finite(number: usize, steps: usize, error: f64) -> Result<()> {
    match error.is_finite() {
        true => Ok(()),
        false => Err(Error::numerical(
            format!("the training error of restart {number} is {error} after {steps} steps"),
            "use a smaller regression.learning_rate, and columns of moderate size",
        )),
    }
}
