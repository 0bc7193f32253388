//! Decides which networks a run trains, from which starts each begins, and how they are shared out
//! over the ranks.
//!
//! Starts and orders of a seed come from streams of its own, so that no result depends on the
//! number of ranks.

use super::check::wrong;
use super::keys::{FeatureName, PhaseRecipe};
use crate::calculation::fits::{self, Course};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::lattice::Lattice;
use crate::perceptron::{Convolution, LARGEST_HESSIAN, NetworkTrainer, Perceptron, TrainingSet};
use crate::rng::{Purpose, lane, stream};
use crate::run::Desk;

/// Multiplications of a block over all seeds.
const BLOCK: f64 = 2e10;
/// Newton steps of a block.
const STEPS: usize = 5;

/// What all networks of a run share.
pub(super) struct Study {
    pub recipe: PhaseRecipe,
    pub network: Perceptron,
    pub seed: u64,
    /// Numbers of `phases.load`.
    pub loaded: Option<Vec<f64>>,
}

impl Study {
    /// For configurations of `sites` sites and so many classes.
    pub fn new(source: &Source, recipe: PhaseRecipe, sites: usize, classes: usize) -> Result<Self> {
        let inputs = match recipe.features {
            FeatureName::Spins => sites,
            FeatureName::Energy | FeatureName::AbsMagnetisation => 1,
        };
        let lattice = lattice_of(source, sites)?;
        let convolution = match recipe.convolution {
            None => None,
            Some(keys) => Some(Convolution {
                inputs,
                windows: windows(lattice, keys.kernel)?,
                filters: keys.filters,
            }),
        };
        let hidden = (recipe.widths.as_slice(), recipe.activation);
        let network = Perceptron::new(inputs, convolution, hidden, classes);
        if recipe.newton && network.size() > LARGEST_HESSIAN {
            return wrong(
                "newton",
                format!("the network has {} numbers", network.size()),
                &format!("use newton = false, or at most {LARGEST_HESSIAN} numbers"),
            );
        }
        Ok(Study {
            recipe,
            network,
            seed: source.input.seed,
            loaded: None,
        })
    }

    /// Starts all networks from a file.
    pub fn load(&mut self, source: &Source, file: &str) -> Result<()> {
        self.loaded = Some(fits::load(source, "phases", file, &self.network)?);
        Ok(())
    }

    /// A network before its first epoch. Newton steps start from 0, since all starts have one end.
    pub fn start(&self, number: usize) -> Course {
        let theta = match &self.loaded {
            Some(theta) => theta.clone(),
            None if self.recipe.newton => vec![0.0; self.network.size()],
            None => {
                let lane = lane(0, number as u64);
                let mut rng = stream(self.seed, Purpose::PerceptronStart, lane, 0);
                self.network.start(1.0, &mut rng)
            }
        };
        Course::new(theta)
    }

    pub fn trainer(&self) -> NetworkTrainer {
        NetworkTrainer::new(self.network.clone(), self.recipe.pace)
    }

    /// Whether a network is trained to its end.
    pub fn is_done(&self, course: &Course) -> bool {
        course.epochs >= self.recipe.epochs || (self.recipe.newton && course.count > 0.0)
    }

    /// Epochs of a block with so many rows in the training set; a run has ten blocks or more.
    pub fn epochs_per_block(&self, rows: usize) -> usize {
        if self.recipe.newton {
            return STEPS;
        }
        let work = 3.0 * rows.max(1) as f64 * self.network.multiplications() as f64;
        let most = self.recipe.epochs.div_ceil(10).max(1);
        let epochs = BLOCK / (work * self.recipe.seeds as f64);
        (epochs as usize).clamp(1, most)
    }

    /// Trains this rank's share of the networks up to `target` epochs each and hands the courses
    /// to all ranks; nothing has changed where it fails or is interrupted.
    pub fn advance(
        &self,
        courses: &mut [Course],
        target: usize,
        training: &TrainingSet,
        desk: &Desk,
    ) -> Result<()> {
        let mut trainer = self.trainer();
        fits::advance(courses, desk.comm, |(number, _), course| {
            while course.epochs < target && !self.is_done(course) {
                if !desk.go_on() {
                    return Err(Error::Interrupted);
                }
                let loss = match self.recipe.newton {
                    true => {
                        let step = trainer.newton(&mut course.fit.theta, training)?;
                        course.count = f64::from(u8::from(step.arrived));
                        step.objective
                    }
                    false => {
                        let lane = lane(0, number as u64);
                        let epoch = course.epochs as u64;
                        let mut rng = stream(self.seed, Purpose::PerceptronOrder, lane, epoch);
                        trainer
                            .epoch(&mut course.fit, training, &mut rng, &|| desk.go_on())
                            .ok_or(Error::Interrupted)?
                    }
                };
                finite(number, course.epochs, loss)?;
                course.epochs += 1;
                course.losses.push(loss);
            }
            Ok(())
        })
    }
}

/// An error where the objective of a network is not a number any more.
fn finite(number: usize, epochs: usize, loss: f64) -> Result<()> {
    match loss.is_finite() {
        true => Ok(()),
        false => Err(Error::numerical(
            format!("the objective of network {number} is {loss} after {epochs} epochs"),
            "use a smaller phases.learning_rate, and features of moderate size",
        )),
    }
}

/// The lattice of an input, which has to be that of the configurations; `None` without one.
fn lattice_of(source: &Source, sites: usize) -> Result<Option<Lattice>> {
    let Some(keys) = &source.input.lattice else {
        return Ok(None);
    };
    let lattice = Lattice::new(&keys.spec(&source.folder)?)?;
    let found = lattice.sites;
    match found == sites {
        true => Ok(Some(lattice)),
        false => Err(Error::input(
            "lattice.size",
            format!("the lattice has {found} sites, the configurations {sites}"),
            "give the lattice of the configurations",
        )),
    }
}

/// The window of a convolution, moved by all translations of the lattice.
fn windows(lattice: Option<Lattice>, kernel: usize) -> Result<Vec<Vec<u32>>> {
    let key = "convolution";
    let Some(lattice) = lattice else {
        let problem = "a convolution moves over a lattice, and there is none";
        return wrong(key, problem, "add a section [lattice]");
    };
    let sites = lattice.sites;
    let closed = "use boundary = \"periodic\", or remove the convolution";
    let Ok(group) = lattice.translations() else {
        return wrong(key, "a graph has no translations", "remove the convolution");
    };
    let (extent, directions) = (lattice.extent(), lattice.dimensions());
    if extent[..directions].iter().any(|l| *l < kernel) {
        let problem = format!("a window of {kernel} cells is larger than the lattice");
        return wrong("convolution.kernel", problem, "use a smaller kernel");
    }
    let cells: usize = extent[..directions].iter().product();
    if group.permutations.len() != cells {
        return wrong(key, "the lattice has an open boundary", closed);
    }
    let inside = |site: &usize| {
        lattice.cells[*site][..directions]
            .iter()
            .all(|c| *c < kernel)
    };
    let window: Vec<usize> = (0..sites).filter(inside).collect();
    let moved = |g: &Vec<u32>| window.iter().map(|site| g[*site]).collect();
    Ok(group.permutations.iter().map(moved).collect())
}
