//! Decides `[regression]`: perceptrons learn y = f(x) from the rows of a table, once for each
//! restart, and the best is kept.
//!
//! E = (1/rows) Σ |f(x) − y|²/outputs, by back-propagation (D. E. Rumelhart, G. E. Hinton, R. J.
//! Williams, Nature 323, 533 (1986)). A boundary lies between blocks of steps of all restarts; the
//! networks with the memory of Adam, which every rank has, are all that a restart of the run needs.

mod check;
mod data;
mod keys;
mod outcome;
mod record;
mod study;

pub use keys::{RegressionInput, keys};
pub use record::CURVES;

use super::fits::{self, Course};
use super::world::{Extent, Section, World};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::tree::{Tree, Value, shaped};
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress};
use crate::stats::median;
use crate::table::schema_of;
use keys::{InvertInput, RegressionMethod};
use outcome::RegressionOutcome;
use study::RegressionStudy;

/// `[regression]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: "regression",
        free: &[],
        grows: &["steps"],
        reopens: &["invert"],
        restarts: &[],
        relies_on: &[],
        curves: &[CURVES],
    },
    schema: schema_of::<RegressionInput>,
    validate: |source, _| check::validate(source),
    effective,
    shorten,
    build: |world| Ok(Box::new(Regression::new(world)?)),
};

/// All keys with their defaults; files count by what they say.
fn effective(source: &Source, name: &str) -> Result<toml::Table> {
    let mut table = Section::own_keys(source, name)?;
    let keys = keys(source)?;
    table.extend(keys.recipe().table());
    fits::add_digest(&mut table, "data", data::read(source, &keys)?.digest());
    if let Some(file) = &keys.load {
        fits::add_digest(
            &mut table,
            "load",
            fits::content(source, "regression.load", file)?,
        );
    }
    Ok(table)
}

/// A trial trains for some blocks as large as those of the run.
fn shorten(source: &Source, _: &Extent) -> Result<Vec<String>> {
    const BLOCKS: usize = 10;
    let study = RegressionStudy::new(source, &keys(source)?)?;
    let steps = study.recipe.steps.min(BLOCKS * study.steps_per_block());
    Ok(vec![format!("regression.steps={steps}")])
}

/// Networks that learn from a table.
pub struct Regression {
    study: RegressionStudy,
    invert: Option<InvertInput>,
    courses: Vec<Course>,
    /// Wall times of the blocks.
    seconds: Vec<f64>,
    done: bool,
    mark: (usize, bool),
}

impl Regression {
    fn new(world: &World) -> Result<Self> {
        let keys = keys(world.source)?;
        if keys.method == RegressionMethod::LeastSquares && keys.learning_rate.is_some() {
            log::warn!("regression.learning_rate has no effect on least-squares; remove it");
        }
        let study = RegressionStudy::new(world.source, &keys)?;
        Ok(Regression {
            courses: (0..study.recipe.restarts).map(|k| study.start(k)).collect(),
            invert: keys.invert,
            study,
            seconds: Vec::new(),
            done: false,
            mark: (0, false),
        })
    }

    /// Steps that all networks have made.
    fn steps(&self) -> usize {
        self.courses.iter().map(|c| c.epochs).min().unwrap_or(0)
    }

    /// One block of steps of all networks.
    fn train(&mut self, desk: &mut Desk) -> Result<()> {
        let total = self.study.recipe.target();
        let until = (self.steps() + self.study.steps_per_block()).min(total);
        self.study.advance(&mut self.courses, until, desk)?;
        let errors = self.study.kept_errors();
        let before = |c: &Course| c.losses.len().checked_sub(errors).map(|k| c.losses[k]);
        let last: Vec<f64> = self.courses.iter().filter_map(before).collect();
        let best = last.iter().copied().fold(f64::INFINITY, f64::min);
        let middle = median(last).unwrap_or(0.0);
        let words = match self.courses.len() {
            1 => String::new(),
            _ => format!(", median {middle:.3e}"),
        };
        let line = format!("step {until} of {total}  training error {best:.3e}{words}");
        desk.line(until.saturating_sub(1), total, &line);
        Ok(())
    }

    /// What is made of the networks as they stand.
    fn outcome(&self) -> RegressionOutcome {
        let invert = self.invert.as_ref().filter(|_| self.done);
        RegressionOutcome::new(&self.study, &self.courses, invert)
    }
}

impl Calculation for Regression {
    fn cost(&self) -> Cost {
        let (study, steps) = (&self.study, self.study.recipe.target());
        let rows = &study.rows;
        let numbers = 2 * (rows.x.len() + rows.y.len());
        let of_fit = 4 * study.network.size() + steps * study.kept_errors();
        let fits = (8 * self.courses.len() * of_fit) as f64;
        Cost {
            blocks: steps.div_ceil(study.steps_per_block()).max(1) as f64,
            bytes: 8.0 * numbers as f64 + fits,
            state: fits,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        let clock = std::time::Instant::now();
        let total = self.study.recipe.target();
        if self.steps() < total {
            self.train(desk)?;
        }
        self.seconds.push(clock.elapsed().as_secs_f64());
        if self.steps() < total {
            return Ok(Progress::GoesOn);
        }
        self.done = true;
        if desk.comm.is_root() {
            let found = self.outcome();
            let theta = &self.courses[found.kept].fit.theta;
            let words = found.words(&self.study, theta);
            words.iter().for_each(|line| desk.say(line));
        }
        Ok(Progress::Done)
    }
    fn mark(&mut self) {
        self.mark = (self.seconds.len(), self.done);
    }
    fn rewind(&mut self) -> Result<()> {
        // Networks change at the end of a block alone.
        self.seconds.truncate(self.mark.0);
        self.done = self.mark.1;
        Ok(())
    }
    fn save(&self, out: &mut Tree, _: &dyn Comm) -> Result<()> {
        out.put_integer("fits", self.courses.len() as i64);
        out.put_integer("done", i64::from(self.done));
        out.put_reals("seconds", &self.seconds);
        for (k, course) in self.courses.iter().enumerate() {
            course.save(out, &format!("fit/{k}"));
        }
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        let kept = from.count("fits")?.min(self.courses.len());
        for (k, course) in self.courses.iter_mut().take(kept).enumerate() {
            let prefix = format!("fit/{k}");
            course.load(from, &prefix)?;
            if course.losses.len() != course.epochs * self.study.kept_errors() {
                let problem = "the checkpoint does not hold the errors of every step";
                return Err(Error::output(prefix, problem));
            }
        }
        self.seconds = from.reals("seconds")?;
        let complete = self.steps() >= self.study.recipe.target();
        self.done = from.integer("done")? == 1 && complete;
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        record::results(out, &self.study, &self.courses, &self.outcome());
        let seconds = shaped(&[self.seconds.len()], self.seconds.clone());
        let meaning = "wall time of each block of steps";
        out.describe(
            "timing/regression_seconds",
            Value::Real(seconds),
            "s",
            meaning,
        );
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        match self.done {
            true => self.outcome().warnings(&self.study),
            false => Vec::new(),
        }
    }
    fn place(&self) -> String {
        format!("step {} of {}", self.steps(), self.study.recipe.target())
    }
}
