//! Decides `[phases]`: networks see the phase transition in configurations, once for each seed of
//! initial weights.
//!
//! J. Carrasquilla, R. G. Melko, Nat. Phys. 13, 431 (2017); A. Tanaka, A. Tomiya, J. Phys. Soc.
//! Jpn. 86, 063001 (2017). A boundary lies between blocks of epochs of all seeds; the networks with
//! the memory of Adam, which every rank has, and the results are all that a restart needs.

mod check;
mod files;
mod findings;
mod keys;
mod last_layer;
mod material;
mod origin;
mod spins;
mod study;
mod transition;

pub use keys::{PhasesInput, keys};

use super::fits::{self, Course, Writer};
use super::world::{Extent, Section, World};
use crate::comm::agree;
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::tree::{Tree, Value};
use crate::lattice::Lattice;
use crate::linalg::available_memory;
use crate::run::{Calculation, Cost, Curves, Declaration, Desk, Loaded, Progress};
use crate::stats::median;
use crate::table::schema_of;
use findings::{Lessons, PhaseFindings, findings};
use keys::Task;
use material::classes;
use origin::{Outline, SpinSource, outline};
use study::Study;

/// The record of the epochs in results.
pub const CURVES: Curves = fits::curves("phases/history");

/// `[phases]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: "phases",
        free: &[],
        grows: &["epochs"],
        reopens: &[],
        restarts: &[],
        relies_on: &[],
        curves: &[CURVES],
    },
    schema: schema_of::<PhasesInput>,
    validate: |source, _| check::validate(source),
    effective,
    shorten,
    build: |world| Ok(Box::new(Phases::new(world)?)),
};

/// All keys with their defaults; files count by what they say.
fn effective(source: &Source, name: &str) -> Result<toml::Table> {
    let mut table = Section::own_keys(source, name)?;
    let keys = keys(source)?;
    table.extend(keys.recipe().table());
    if keys.files.is_some() {
        fits::add_digest(&mut table, "files", files::read(source, &keys)?.digest());
    }
    if let Some(file) = &keys.load {
        fits::add_digest(
            &mut table,
            "load",
            fits::content(source, "phases.load", file)?,
        );
    }
    Ok(table)
}

/// A trial trains for ten blocks with as much work as those of the run, over fewer configurations.
fn shorten(source: &Source, extent: &Extent) -> Result<Vec<String>> {
    let keys = keys(source)?;
    let recipe = keys.recipe();
    if recipe.newton || recipe.epochs == 0 {
        return Ok(Vec::new());
    }
    let outline = outline(source, &keys)?;
    let rows = outline.examples(&recipe);
    let count = outline.values.len();
    let study = Study::new(source, recipe, outline.sites, classes_of(keys.task, count))?;
    let ratio = origin::shortened(source, extent)?;
    let epochs = 10.0 * ratio * study.epochs_per_block(rows) as f64;
    Ok(vec![format!("phases.epochs={epochs:.0}")])
}

/// Outputs of a network that sees so many values.
fn classes_of(task: Task, values: usize) -> usize {
    match task {
        Task::Classify => 2,
        Task::Temperature => values,
    }
}

/// Networks that see a phase transition.
pub struct Phases {
    study: Study,
    origin: SpinSource,
    outline: Outline,
    classes: Vec<u32>,
    /// Linear size and number of directions of the lattice, where there is one.
    lattice: Option<(f64, usize)>,
    courses: Vec<Course>,
    /// Wall times of the blocks.
    seconds: Vec<f64>,
    lessons: Option<Lessons>,
    found: Option<PhaseFindings>,
    mark: (usize, bool),
}

impl Phases {
    fn new(world: &World) -> Result<Self> {
        let source = world.source;
        let keys = keys(source)?;
        let recipe = keys.recipe();
        let (origin, outline) = SpinSource::new(world, &keys)?;
        let classes = classes(&outline.values, &recipe)?;
        let count = classes_of(recipe.task, outline.values.len());
        let mut study = Study::new(source, recipe, outline.sites, count)?;
        if let Some(file) = &keys.load {
            study.load(source, file)?;
        }
        let phases = Phases {
            courses: (0..study.recipe.seeds).map(|k| study.start(k)).collect(),
            lattice: size(source)?,
            study,
            origin,
            outline,
            classes,
            seconds: Vec::new(),
            lessons: None,
            found: None,
            mark: (0, false),
        };
        let (needed, available) = (phases.cost().bytes, available_memory());
        match needed > available {
            true => Err(Error::Memory {
                what: format!("{} configurations with their weights", phases.outline.rows),
                needed,
                available,
            }),
            false => Ok(phases),
        }
    }

    fn epochs_per_block(&self) -> usize {
        let rows = self.outline.examples(&self.study.recipe);
        self.study.epochs_per_block(rows)
    }

    /// One block of epochs of all networks; whether there was one.
    fn train(&mut self, desk: &mut Desk) -> Result<bool> {
        if self.courses.iter().all(|c| self.study.is_done(c)) {
            return Ok(false);
        }
        self.learn(desk)?;
        let going = self.courses.iter().filter(|c| !self.study.is_done(c));
        let least = going.map(|c| c.epochs).min().unwrap_or(0);
        let until = (least + self.epochs_per_block()).min(self.study.recipe.epochs);
        if let Some(lessons) = &self.lessons {
            let training = &lessons.training;
            self.study
                .advance(&mut self.courses, until, training, desk)?;
        }
        let last = self.courses.iter().filter_map(|c| c.losses.last().copied());
        let best = last.clone().min_by(f64::total_cmp).unwrap_or(0.0);
        let middle = median(last.collect()).unwrap_or(0.0);
        let (total, what) = (self.study.recipe.epochs, self.what());
        desk.line(
            until - 1,
            total,
            &format!("{what} {until} of {total}  objective {best:.5}, median {middle:.5}"),
        );
        Ok(true)
    }

    fn what(&self) -> &'static str {
        match self.study.recipe.newton {
            true => "Newton step",
            false => "epoch",
        }
    }

    /// Makes training and test set, where they are not there yet.
    fn learn(&mut self, desk: &Desk) -> Result<()> {
        if self.lessons.is_some() {
            return Ok(());
        }
        let recipe = &self.study.recipe;
        let all = self.origin.spins();
        let lessons = all.and_then(|all| Lessons::new(&all, recipe, &self.classes));
        self.lessons = Some(agree(desk.comm, lessons)?);
        Ok(())
    }

    /// What is found at the end, on rank 0.
    fn conclude(&mut self, desk: &mut Desk) -> Result<()> {
        self.learn(desk)?;
        let found = match (&self.lessons, desk.comm.is_root()) {
            (Some(lessons), true) => {
                let axis = (self.outline.values.as_slice(), self.classes.as_slice());
                findings(&self.study, &self.courses, lessons, axis)
            }
            _ => Ok(PhaseFindings::default()),
        };
        let found = agree(desk.comm, found)?;
        found.words.iter().for_each(|line| desk.say(line));
        self.found = Some(found);
        Ok(())
    }
}

/// Linear size and number of directions of the lattice of an input; `None` where the directions
/// differ in size.
fn size(source: &Source) -> Result<Option<(f64, usize)>> {
    let Some(keys) = &source.input.lattice else {
        return Ok(None);
    };
    let lattice = Lattice::new(&keys.spec(&source.folder)?)?;
    let directions = lattice.dimensions();
    let extent = lattice.extent();
    let equal = extent[..directions].iter().all(|l| *l == extent[0]);
    Ok((equal && !lattice.is_graph()).then_some((extent[0] as f64, directions)))
}

impl Calculation for Phases {
    fn cost(&self) -> Cost {
        let epochs = self.study.recipe.epochs;
        let blocks = epochs.div_ceil(self.epochs_per_block()) + 1;
        let network = &self.study.network;
        let fits = (8 * self.courses.len() * (4 * network.size() + epochs)) as f64;
        let hessian = match self.study.recipe.newton {
            true => 8.0 * (network.size() as f64).powi(2),
            false => 0.0,
        };
        Cost {
            blocks: blocks as f64,
            bytes: self.outline.bytes(&self.study.recipe, network.outputs()) + fits + hessian,
            state: fits,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        let clock = std::time::Instant::now();
        let more = self.train(desk)?;
        if !more {
            self.conclude(desk)?;
        }
        self.seconds.push(clock.elapsed().as_secs_f64());
        Ok(match more {
            true => Progress::GoesOn,
            false => Progress::Done,
        })
    }
    fn mark(&mut self) {
        self.mark = (self.seconds.len(), self.found.is_some());
    }
    fn rewind(&mut self) -> Result<()> {
        // Networks change at the end of a block alone.
        self.seconds.truncate(self.mark.0);
        if !self.mark.1 {
            self.found = None;
        }
        Ok(())
    }
    fn save(&self, out: &mut Tree, _: &dyn crate::comm::Comm) -> Result<()> {
        out.put_integer("fits", self.courses.len() as i64);
        out.put_integer("epochs", self.study.recipe.epochs as i64);
        out.put_integer("done", i64::from(self.found.is_some()));
        out.put_reals("seconds", &self.seconds);
        for (k, course) in self.courses.iter().enumerate() {
            course.save(out, &format!("fit/{k}"));
        }
        if let Some(found) = &self.found {
            out.put_group("results", found.results.clone());
            out.put("warnings", Value::Texts(found.warnings.clone()));
        }
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        let kept = from.count("fits")?.min(self.courses.len());
        for (k, course) in self.courses.iter_mut().take(kept).enumerate() {
            course.load(from, &format!("fit/{k}"))?;
        }
        self.seconds = from.reals("seconds")?;
        let done = self.courses.iter().all(|c| self.study.is_done(c));
        self.found = match from.integer("done")? == 1 && done {
            true => Some(PhaseFindings {
                results: from.group("results"),
                warnings: from.texts("warnings")?.to_vec(),
                words: Vec::new(),
            }),
            false => None,
        };
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        let task = match self.study.recipe.task {
            Task::Classify => "classify",
            Task::Temperature => "temperature",
        };
        out.put_text("phases/task", task);
        let mut write = Writer {
            tree: out,
            prefix: "phases",
        };
        let count = self.outline.values.len();
        let note = ("coupling", "temperatures, or the parameter of files");
        let values = self.outline.values.clone();
        write.real("temperature", &[count], values, note);
        if let Some((length, directions)) = self.lattice {
            write.real(
                "size",
                &[],
                vec![length],
                ("1", "linear size of the lattice"),
            );
            write.counts("directions", &[], vec![directions as i64], "of the lattice");
        }
        if let Some((_, critical)) = self.study.recipe.critical {
            let note = ("coupling", "values below it are labelled as ordered");
            write.real("critical", &[], vec![critical], note);
        }
        for block in self.study.network.blocks() {
            let of = |c: &Course| c.fit.theta[block.range.clone()].to_vec();
            let all = self.courses.iter().flat_map(of).collect();
            let seeds = self.courses.len();
            let shape: Vec<usize> = [seeds].into_iter().chain(block.shape).collect();
            let name = format!("parameters/{}", block.name);
            let meaning = "weights [seed, output, input] or biases of a layer, as they stand";
            write.real(&name, &shape, all, ("1", meaning));
        }
        let all: Vec<&Course> = self.courses.iter().collect();
        fits::history(out, CURVES.group, &all);
        let seconds = crate::io::tree::shaped(&[self.seconds.len()], self.seconds.clone());
        let meaning = "wall time of each block of epochs";
        out.describe("timing/phases_seconds", Value::Real(seconds), "s", meaning);
        if let Some(found) = &self.found {
            out.put_group("phases", found.results.clone());
        }
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        let found = self.found.as_ref();
        found.map_or_else(Vec::new, |f| f.warnings.clone())
    }
    fn place(&self) -> String {
        let least = self.courses.iter().map(|c| c.epochs).min().unwrap_or(0);
        format!("{} {least} of {}", self.what(), self.study.recipe.epochs)
    }
}
