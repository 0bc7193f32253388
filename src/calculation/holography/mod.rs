//! Decides `[holography]`: a space is fitted to what happens at its boundary, once for each seed,
//! and strings are hung into it.
//!
//! Fits come in phases: candidates of the smoothness, the seeds with the published network beside
//! them, replicates of a bootstrap. A boundary lies between blocks of epochs of all fits of a
//! phase; the fits with the memory of Adam, which every rank has, are all that a restart needs.

mod check;
mod ending;
mod files;
mod keys;
mod members;
mod outcome;
mod record;
mod strings;

pub use keys::{HolographyInput, keys};
pub use record::CURVES;

use super::fits::{self, Course};
use super::world::{Extent, Section, World};
use crate::comm::{Comm, agree, share};
use crate::error::Result;
use crate::holography::data::Examples;
use crate::input::Source;
use crate::io::tree::Tree;
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress};
use crate::stats::median;
use crate::table::schema_of;
use ending::Ending;
use keys::{PotentialInput, Recipe};
use members::{CANDIDATES, Member, MemberRole, Workshop, members_of};
use outcome::Findings;
use std::cell::OnceCell;
use strings::Strings;

/// `[holography]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: "holography",
        free: &[],
        grows: &["epochs", "bootstrap"],
        reopens: &["potential", "success"],
        restarts: &[],
        relies_on: &[],
        curves: &[CURVES],
    },
    schema: schema_of::<HolographyInput>,
    validate: |source, _| check::validate(source),
    effective,
    shorten,
    build: |world| Ok(Box::new(Holography::new(world)?)),
};

/// All keys with their defaults; files count by what they say.
fn effective(source: &Source, name: &str) -> Result<toml::Table> {
    let mut table = Section::own_keys(source, name)?;
    let keys = keys(source)?;
    table.extend(keys.recipe().table());
    table.extend(files::digests(source, &keys)?);
    Ok(table)
}

/// A trial trains for some blocks as large as those of the run.
fn shorten(source: &Source, _: &Extent) -> Result<Vec<String>> {
    const BLOCKS: usize = 10;
    let keys = keys(source)?;
    let recipe = keys.recipe();
    let origin = files::origin(source, &keys)?;
    let epochs = members::epochs_per_block(&recipe, &origin, recipe.seeds);
    let epochs = recipe.epochs.min(BLOCKS * epochs);
    Ok(vec![format!("holography.epochs={epochs}")])
}

/// Fits of a space, and what is made of them.
pub struct Holography {
    workshop: Workshop,
    potential: Option<PotentialInput>,
    members: Vec<Member>,
    courses: Vec<Course>,
    /// What points that are held out say of each candidate, once they have been asked.
    scores: Vec<[f64; 2]>,
    /// Wall times of the blocks.
    seconds: Vec<f64>,
    /// The points of this rank's fits of one phase.
    points: (usize, Vec<Examples>),
    done: bool,
    ending: OnceCell<Ending>,
    mark: (usize, bool),
}

impl Holography {
    fn new(world: &World) -> Result<Self> {
        let source = world.source;
        let keys = keys(source)?;
        let recipe = keys.recipe();
        let loaded = keys.load.as_ref();
        let loaded = loaded
            .map(|file| files::load(source, file, &recipe))
            .transpose()?;
        let members = members_of(&recipe);
        let workshop = Workshop {
            origin: files::origin(source, &keys)?,
            loaded,
            seed: source.input.seed,
            recipe,
        };
        let starts = members.iter().map(|member| workshop.start(*member));
        Ok(Holography {
            courses: starts.collect::<Result<_>>()?,
            potential: keys.potential,
            members,
            workshop,
            scores: Vec::new(),
            seconds: Vec::new(),
            points: (usize::MAX, Vec::new()),
            done: false,
            ending: OnceCell::new(),
            mark: (0, false),
        })
    }

    fn recipe(&self) -> &Recipe {
        &self.workshop.recipe
    }

    /// The fits of each phase.
    fn phases(&self) -> Vec<std::ops::Range<usize>> {
        let of = |role: fn(MemberRole) -> usize| {
            move |phase: usize| {
                let here = |m: &&Member| role(m.role) < phase;
                self.members.iter().filter(here).count()
            }
        };
        let before = of(|role| match role {
            MemberRole::Candidate(_) => 0,
            MemberRole::Asked | MemberRole::Published => 1,
            MemberRole::Replicate => 2,
        });
        (0..3)
            .map(|phase| before(phase)..before(phase + 1))
            .collect()
    }

    /// The coefficient of the smoothness: that of the input, or the smoothest within a standard
    /// error of the smallest error on points that were held out.
    fn smoothness(&self) -> Option<f64> {
        if let Some(given) = self.recipe().smoothness {
            return Some(given);
        }
        let by_error = |a: &&[f64; 2], b: &&[f64; 2]| a[0].total_cmp(&b[0]);
        let [least, error] = *self.scores.iter().min_by(by_error)?;
        let close = self.scores.iter().position(|s| s[0] <= least + error)?;
        CANDIDATES.get(close).copied()
    }

    /// Asks the points that were held out what they say of each candidate.
    fn ask(&mut self, comm: &dyn Comm) -> Result<()> {
        let count = self
            .members
            .iter()
            .filter(|m| matches!(m.role, MemberRole::Candidate(_)))
            .count();
        let mut all = vec![0.0; 2 * count];
        let score = |k: usize| self.workshop.held_out(self.members[k], &self.courses[k]);
        let mine = share(count, comm.rank(), comm.size());
        let scores: Result<Vec<_>> = mine.clone().map(score).collect();
        for (k, score) in mine.zip(agree(comm, scores)?) {
            all[2 * k..2 * k + 2].copy_from_slice(&score);
        }
        comm.sum(&mut all)?;
        let seeds = self.recipe().seeds;
        let smallest = |rows: &[f64]| {
            let pairs = rows.chunks_exact(2).map(|s| [s[0], s[1]]);
            let best = pairs.min_by(|a, b| a[0].total_cmp(&b[0]));
            best.unwrap_or_default()
        };
        self.scores = all.chunks_exact(2 * seeds).map(smallest).collect();
        Ok(())
    }

    /// One block of epochs of the first phase that has not come to its end; whether there was one.
    fn train(&mut self, desk: &mut Desk) -> Result<bool> {
        let target = self.recipe().epochs;
        let behind = |range: &std::ops::Range<usize>| {
            self.courses[range.clone()]
                .iter()
                .any(|c| c.epochs < target)
        };
        let phases = self.phases();
        let Some(phase) = phases.iter().position(behind) else {
            return Ok(false);
        };
        let range = phases[phase].clone();
        if phase > 0 && self.smoothness().is_none() {
            self.ask(desk.comm)?;
            let chosen = self.smoothness().unwrap_or_default();
            desk.say(&format!(
                "points that were held out choose smoothness = {chosen}"
            ));
            return Ok(true);
        }
        if self.points.0 != phase {
            self.points = (phase, Vec::new());
        }
        let chosen = self.smoothness().unwrap_or_default();
        let courses = &mut self.courses[range.clone()];
        let least = courses.iter().map(|c| c.epochs).min().unwrap_or(0);
        let until = (least + self.workshop.epochs_per_block(range.len())).min(target);
        let members = &self.members[range.clone()];
        let points = &mut self.points.1;
        self.workshop
            .advance(members, courses, (until, chosen), points, desk)?;
        self.report(range, until, desk);
        Ok(true)
    }

    /// A line of the log about the fits of a phase.
    fn report(&self, range: std::ops::Range<usize>, epoch: usize, desk: &mut Desk) {
        let what = match self.members[range.start].role {
            MemberRole::Candidate(_) => "candidates of the smoothness",
            MemberRole::Asked | MemberRole::Published => "seeds",
            MemberRole::Replicate => "replicates",
        };
        let courses = &self.courses[range.clone()];
        let last = courses.iter().filter_map(|c| c.losses.last().copied());
        let best = last.clone().min_by(f64::total_cmp);
        let saturated: f64 = courses.iter().map(|c| c.count).sum();
        let losses = match (best, median(last.collect())) {
            (Some(best), Some(middle)) => format!("  loss {best:.5}, median {middle:.5}"),
            _ => String::new(),
        };
        let total = self.recipe().epochs;
        desk.line(
            epoch - 1,
            total,
            &format!("{what}: epoch {epoch} of {total}{losses}  saturated {saturated}"),
        );
    }

    /// What is found at the end, worked out once.
    fn ending(&self) -> Result<Option<&Ending>> {
        let Some(chosen) = self.smoothness().filter(|_| self.done) else {
            return Ok(None);
        };
        if self.ending.get().is_none() {
            let (workshop, members) = (&self.workshop, &self.members);
            let findings = Findings::new(workshop, members, &self.courses, chosen)?;
            let hung = |keys: &PotentialInput| {
                Strings::new(
                    keys,
                    &self.recipe().bulk,
                    &findings,
                    workshop.loaded.as_ref(),
                )
            };
            let strings = self.potential.as_ref().and_then(hung);
            let _ = self.ending.set(Ending { findings, strings });
        }
        Ok(self.ending.get())
    }

    /// Says what was found.
    fn say(&self, desk: &mut Desk) -> Result<()> {
        let lines = self.ending()?.map_or_else(Vec::new, Ending::words);
        lines.iter().for_each(|line| desk.say(line));
        Ok(())
    }

    fn courses_of(&self, role: MemberRole) -> Vec<&Course> {
        let pairs = self.members.iter().zip(&self.courses);
        pairs
            .filter(|(m, _)| m.role == role)
            .map(|(_, c)| c)
            .collect()
    }
}

impl Calculation for Holography {
    fn cost(&self) -> Cost {
        let epochs = self.recipe().epochs;
        let of_phase = |range: std::ops::Range<usize>| match range.len() {
            0 => 0,
            fits => epochs.div_ceil(self.workshop.epochs_per_block(fits)),
        };
        let blocks: usize = self.phases().into_iter().map(of_phase).sum();
        let choice = usize::from(self.recipe().smoothness.is_none());
        let points = 2 * self.recipe().points * self.recipe().seeds;
        let followed = self.courses_of(MemberRole::Asked).len() * epochs;
        Cost {
            blocks: (blocks + choice + 1) as f64,
            bytes: (8 * (5 * points + followed)) as f64,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        let clock = std::time::Instant::now();
        let more = self.train(desk)?;
        self.seconds.push(clock.elapsed().as_secs_f64());
        if more {
            return Ok(Progress::GoesOn);
        }
        self.done = true;
        self.ending = OnceCell::new();
        let said = if desk.comm.is_root() {
            self.say(desk)
        } else {
            Ok(())
        };
        agree(desk.comm, said).map(|()| Progress::Done)
    }
    fn mark(&mut self) {
        self.mark = (self.seconds.len(), self.done);
    }
    fn rewind(&mut self) -> Result<()> {
        // Fits change at the end of a block alone.
        self.seconds.truncate(self.mark.0);
        self.done = self.mark.1;
        Ok(())
    }
    fn save(&self, out: &mut Tree, _: &dyn Comm) -> Result<()> {
        out.put_integer("fits", self.courses.len() as i64);
        out.put_integer("done", i64::from(self.done));
        out.put_integer("epochs", self.recipe().epochs as i64);
        out.put_reals("scores", self.scores.as_flattened());
        out.put_reals("seconds", &self.seconds);
        for (k, course) in self.courses.iter().enumerate() {
            course.save(out, &format!("fit/{k}"));
        }
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        let grown = from.count("epochs")? < self.recipe().epochs;
        if grown && self.recipe().smoothness.is_none() {
            log::warn!("[holography] has more epochs: the smoothness is chosen anew");
            return Ok(Loaded::StartsOver);
        }
        let kept = from.count("fits")?.min(self.courses.len());
        for (k, course) in self.courses.iter_mut().take(kept).enumerate() {
            course.load(from, &format!("fit/{k}"))?;
        }
        let scores = from.reals("scores")?;
        self.scores = scores.chunks_exact(2).map(|s| [s[0], s[1]]).collect();
        self.seconds = from.reals("seconds")?;
        let target = self.recipe().epochs;
        let complete = self.courses.iter().all(|c| c.epochs >= target);
        self.done = from.integer("done")? == 1 && complete;
        self.ending = OnceCell::new();
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        let asked = self.courses_of(MemberRole::Asked);
        let thetas: Vec<_> = asked.iter().map(|c| &c.fit.theta).collect();
        record::standing(out, "holography", self.recipe().bulk.positions(), &thetas);
        fits::history(out, CURVES.group, &asked);
        if !self.scores.is_empty() {
            record::candidates(out, &self.scores);
        }
        let seconds = crate::io::tree::shaped(&[self.seconds.len()], self.seconds.clone());
        let meaning = "wall time of each block of epochs";
        let value = crate::io::tree::Value::Real(seconds);
        out.describe("timing/holography_seconds", value, "s", meaning);
        if let Some(Ending { findings, strings }) = self.ending()? {
            let chosen = self.smoothness().unwrap_or_default();
            record::findings(out, &self.workshop, findings, chosen);
            if let Some(strings) = strings {
                strings.record(out);
            }
        }
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        match self.ending() {
            Ok(Some(ending)) => ending.warnings(self.potential.is_some()),
            _ => Vec::new(),
        }
    }
    fn place(&self) -> String {
        let phases = self.phases();
        let least = |range: &std::ops::Range<usize>| {
            self.courses[range.clone()].iter().map(|c| c.epochs).min()
        };
        let target = self.recipe().epochs;
        let present = phases.iter().filter_map(least).find(|e| *e < target);
        format!("epoch {} of {target}", present.unwrap_or(target))
    }
}
