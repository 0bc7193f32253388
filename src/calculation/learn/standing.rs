//! Decides where learning stands: the present restart, its steps, the best of those before.

use super::Learn;
use super::ending::LearnedFigures;
use super::judge::LearningPoint;
use super::record::LearnRow;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::run::{Loaded, load_rows, save_rows};
use std::rc::Rc;

/// A restart that is complete, or the best moment of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Kept {
    pub member: usize,
    pub objective: f64,
    pub parameters: Vec<f64>,
    pub rows: Vec<LearnRow>,
}

/// Where learning stood at a boundary; of the history its length.
#[derive(Debug, Default)]
pub(super) struct LearningMark {
    standing: LearningStanding,
    rows: usize,
    movers: Tree,
    seconds: usize,
    found: Option<LearnedFigures>,
}

/// Where learning stands.
#[derive(Debug, Clone, Default)]
pub(super) struct LearningStanding {
    /// Number of the present restart.
    pub member: usize,
    /// Its updates so far.
    pub step: usize,
    pub rows: Vec<LearnRow>,
    /// The present point, none before the first.
    pub point: Option<LearningPoint>,
    /// What the next update follows.
    pub pending: Vec<f64>,
    /// Objectives of the complete restarts.
    pub objectives: Vec<f64>,
    /// The best complete restart.
    pub kept: Option<Rc<Kept>>,
    /// The parameters with the best held-out likelihood of this restart, with it.
    pub best: Option<Rc<Kept>>,
    pub done: bool,
}

impl LearningStanding {
    /// Number of the restart that is kept.
    pub fn kept_member(&self) -> usize {
        self.kept.as_ref().map_or(self.member, |k| k.member)
    }
}

fn save_kept(kept: &Option<Rc<Kept>>, out: &mut Tree, prefix: &str) {
    if let Some(kept) = kept {
        out.put_integer(&format!("{prefix}/member"), kept.member as i64);
        out.put_real(&format!("{prefix}/objective"), kept.objective);
        out.put_reals(&format!("{prefix}/parameters"), &kept.parameters);
        save_rows(out, &format!("{prefix}/history"), &kept.rows);
    }
}

fn load_kept(from: &Tree, prefix: &str, size: usize) -> Result<Option<Rc<Kept>>> {
    if !from.datasets.contains_key(&format!("{prefix}/member")) {
        return Ok(None);
    }
    let kept = Kept {
        member: from.count(&format!("{prefix}/member"))?,
        objective: from.real(&format!("{prefix}/objective"))?,
        parameters: from.reals(&format!("{prefix}/parameters"))?,
        rows: load_rows(from, &format!("{prefix}/history"))?,
    };
    match kept.parameters.len() == size {
        true => Ok(Some(Rc::new(kept))),
        false => Err(misfit(prefix)),
    }
}

fn misfit(what: &str) -> Error {
    Error::output(
        what,
        "the checkpoint holds no learning of this wave function",
    )
}

impl Learn<'_> {
    pub(super) fn set_mark(&mut self) {
        let rows = std::mem::take(&mut self.standing.rows);
        self.mark = LearningMark {
            standing: self.standing.clone(),
            rows: rows.len(),
            movers: Tree::default(),
            seconds: self.seconds.len(),
            found: self.found.clone(),
        };
        self.standing.rows = rows;
        self.movers.save(&mut self.mark.movers, "movers");
    }

    /// A block loses no row before it is complete.
    pub(super) fn go_to_mark(&mut self) -> Result<()> {
        let mut rows = std::mem::take(&mut self.standing.rows);
        rows.truncate(self.mark.rows);
        self.standing = self.mark.standing.clone();
        self.standing.rows = rows;
        self.movers.load(&self.mark.movers, "movers")?;
        self.seconds.truncate(self.mark.seconds);
        self.found = self.mark.found.clone();
        Ok(())
    }

    pub(super) fn save_state(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        self.vmc.borrow().save(out, comm)?;
        let now = &self.standing;
        out.put_integer("member", now.member as i64);
        out.put_integer("step", now.step as i64);
        out.put_integer("steps", self.keys.steps as i64);
        out.put_integer("done", i64::from(now.done));
        save_rows(out, "history", &now.rows);
        out.put_reals("pending", &now.pending);
        out.put_reals("objectives", &now.objectives);
        out.put_reals("seconds", &self.seconds);
        if let Some(point) = &now.point {
            let numbers = [
                point.objective,
                point.fidelity,
                point.held_out,
                point.clipped,
            ];
            out.put_reals("point/numbers", &numbers);
            out.put_reals("point/force", &point.force);
        }
        save_kept(&now.kept, out, "kept");
        save_kept(&now.best, out, "best");
        self.movers.save(out, "movers");
        if let Some(found) = &self.found {
            found.save(out, "found");
        }
        Ok(())
    }

    pub(super) fn load_state(&mut self, from: &Tree) -> Result<Loaded> {
        let several = self.keys.restarts > 1 || self.keys.patience > 0;
        if several && from.count("steps")? != self.keys.steps {
            return Ok(Loaded::StartsOver);
        }
        let mut vmc = self.vmc.borrow_mut();
        let size = vmc.ensemble.parameters().len();
        vmc.load(from)?;
        let point = match from.datasets.contains_key("point/force") {
            false => None,
            true => match from.reals("point/numbers")?[..] {
                [objective, fidelity, held_out, clipped] => Some(LearningPoint {
                    objective,
                    fidelity,
                    held_out,
                    clipped,
                    force: from.reals("point/force")?,
                }),
                _ => return Err(misfit("point")),
            },
        };
        let now = LearningStanding {
            member: from.count("member")?,
            step: from.count("step")?,
            rows: load_rows(from, "history")?,
            pending: from.reals("pending")?,
            objectives: from.reals("objectives")?,
            kept: load_kept(from, "kept", size)?,
            best: load_kept(from, "best", size)?,
            done: from.integer("done")? == 1 && from.count("step")? >= self.keys.steps,
            point,
        };
        let begun = now.point.is_some();
        let of_point = now.point.as_ref().map_or(size, |p| p.force.len());
        let moves = !begun || now.pending.len() == size;
        let fits = now.member < self.keys.restarts
            && now.rows.len() == now.step + usize::from(begun)
            && of_point == size
            && (now.member..=now.member + 1).contains(&now.objectives.len())
            && now.best.as_ref().is_none_or(|b| b.member <= now.step)
            && now.kept.as_ref().is_none_or(|k| k.member <= now.member);
        if !(fits && (moves || now.done)) {
            return Err(misfit("history"));
        }
        self.movers.load(from, "movers")?;
        self.seconds = from.reals("seconds")?;
        self.found = LearnedFigures::load(from, "found").filter(|_| now.done);
        self.standing = now;
        Ok(Loaded::Resumed)
    }
}
