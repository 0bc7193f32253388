//! Decides the course of learning: samples, updates, restarts, the best of them.

use super::ending::LearnedFigures;
use super::judge::{self, LearningPoint, UNKNOWN};
use super::keys::NegativePhase;
use super::lesson;
use super::likelihood::{AllOutcomes, WrittenOut};
use super::moving::Movers;
use super::outcomes::Prepared;
use super::record::LearnRow;
use super::standing::{Kept, LearningStanding};
use super::{Learn, ending, started};
use crate::ansatz::Ansatz;
use crate::calculation::vmc::{Vmc, problem};
use crate::comm::Comm;
use crate::ensemble::Request;
use crate::error::{Error, Result};
use crate::input::FIRST_BURN_IN;
use crate::rng::{Purpose, stream};
use crate::run::{Calculation, Desk, Progress};
use crate::shots::Shots;
use std::rc::Rc;

impl Learn<'_> {
    /// Samples of the model at the present parameters.
    pub(super) fn sample(&self, desk: &Desk, negative: Option<NegativePhase>) -> Result<()> {
        let vmc = &mut *self.vmc.borrow_mut();
        let now = &self.standing;
        let step = (now.member as u64) << 32 | now.step as u64;
        let (mut burn_in, mut per_chain) =
            (vmc.sampler.burn_in + vmc.take_burn_in(), vmc.per_chain());
        if now.step == 0 {
            burn_in = vmc.sampler.burn_in + FIRST_BURN_IN;
        }
        if negative == Some(NegativePhase::Cd) {
            self.start_at_outcomes(vmc, step)?;
            (burn_in, per_chain) = (0, 1);
        }
        let request = Request {
            purpose: Purpose::Learn,
            step,
            burn_in,
            per_chain,
        };
        vmc.sample(&request, desk)?;
        vmc.count_proposals(desk.comm)?;
        Ok(())
    }

    /// Puts the chains of this rank at outcomes.
    pub(super) fn start_at_outcomes(&self, vmc: &mut Vmc, step: u64) -> Result<()> {
        let Some(lesson) = &self.lesson else {
            return Ok(());
        };
        let mut states = Vec::new();
        for chain in vmc.ensemble.noise().streams() {
            let mut rng = stream(vmc.seed, Purpose::LearnBatch, 1 << 32 | chain as u64, step);
            let drawn = lesson.starts.draw(1, &mut rng);
            if drawn.is_empty() {
                let problem = "no outcome is along z, where chains could start";
                return Err(Error::input("learn.negative", problem, "use \"pcd\""));
            }
            for (k, _) in drawn {
                states.extend_from_slice(lesson.shots.outcome(k));
            }
        }
        vmc.ensemble.set_chain_states(&states)
    }

    /// The present parameters on the present samples, judged by all outcomes or, where the input
    /// has batches, by one of them.
    pub(super) fn look(&self, batch: Option<Shots>, comm: &dyn Comm) -> Result<LearningPoint> {
        let vmc = &*self.vmc.borrow();
        match (&self.prepared, &self.state) {
            (Some(Prepared::All(all, held)), state) => {
                let index = vmc.problem.basis.numbering()?;
                let sites = vmc.sites();
                let few = batch.map(|batch| {
                    AllOutcomes::new(&batch, &index, lesson::readout(&self.keys, sites)?)
                });
                let few = few.transpose()?;
                let outcomes = few.as_ref().unwrap_or(all);
                judge::outcomes_in_full(vmc, outcomes, held.as_ref(), state.as_ref(), comm)
            }
            (Some(Prepared::Share(all, held)), _) => {
                let few = batch.map(|b| WrittenOut::new(&b, self.share(&b)));
                let own = few.as_ref().unwrap_or(all);
                let norm = ending::log_norm(vmc, ending::EVERY_STEP, &|| true)?;
                judge::outcomes_beside_samples(vmc, own, held.as_ref(), norm, comm)
            }
            (Some(Prepared::None), Some(state)) => judge::infidelity(vmc, state, comm),
            _ => Err(crate::input::missing_section(super::keys::NAME)),
        }
    }

    /// Goes to these parameters, and judges them by all outcomes.
    fn go_to(&mut self, parameters: &[f64], desk: &Desk) -> Result<()> {
        let vmc = &self.vmc;
        vmc.borrow_mut().ensemble.set_parameters(parameters)?;
        self.sample(desk, self.keys.negative)?;
        self.standing.point = Some(self.look(None, desk.comm)?);
        Ok(())
    }

    /// The row of a point in the history.
    pub(super) fn row(&self, point: &LearningPoint) -> LearnRow {
        let squares: f64 = point.force.iter().map(|f| f * f).sum();
        let entropy = self.lesson.as_ref().map(|l| l.entropy);
        let kl = match entropy {
            Some(entropy) if point.objective != UNKNOWN && self.keys.batch == 0 => {
                point.objective - entropy
            }
            _ => UNKNOWN,
        };
        LearnRow {
            objective: point.objective,
            kl,
            fidelity: point.fidelity,
            held_out: point.held_out,
            gradient_norm: self.factor * squares.sqrt(),
            clipped: point.clipped,
        }
    }

    /// One update, unless this is the start, and a look at where it led.
    pub(super) fn advance(&mut self, desk: &mut Desk) -> Result<()> {
        let clock = std::time::Instant::now();
        if self.standing.point.is_some() {
            let now = &self.standing;
            let mut vmc = self.vmc.borrow_mut();
            let before = vmc.ensemble.parameters();
            let after = self
                .movers
                .moved(&before, &now.pending, now.step, desk.comm)?;
            if after.iter().any(|p| !p.is_finite()) {
                return Err(lost(now.step));
            }
            vmc.ensemble.set_parameters(&after)?;
            drop(vmc);
            self.standing.step += 1;
        }
        self.sample(desk, self.keys.negative)?;
        let point = self.look(self.batch(), desk.comm)?;
        let (vmc, step) = (self.vmc.borrow(), self.standing.step);
        let pending = self.movers.pending(&vmc, &point.force, step, desk.comm)?;
        drop(vmc);
        let finite = point.objective.is_finite() && point.force.iter().all(|f| f.is_finite());
        if !finite || pending.iter().any(|p| !p.is_finite()) {
            return Err(lost(self.standing.step));
        }
        let row = self.row(&point);
        self.say_step(desk, &row);
        self.keep_best(&point);
        let now = &mut self.standing;
        now.rows.push(row);
        (now.point, now.pending) = (Some(point), pending);
        self.seconds.push(clock.elapsed().as_secs_f64());
        Ok(())
    }

    pub(super) fn say_step(&self, desk: &mut Desk, row: &LearnRow) {
        let named = [
            ("objective", row.objective),
            ("KL", row.kl),
            ("fidelity", row.fidelity),
            ("held out", row.held_out),
        ];
        let known = named.iter().filter(|(_, v)| *v != UNKNOWN);
        let words: Vec<_> = known.map(|(name, v)| format!("{name} {v:.6}")).collect();
        let step = self.standing.step;
        let restart = match self.keys.restarts {
            1 => String::new(),
            many => format!("restart {} of {many}  ", self.standing.member + 1),
        };
        let norm = row.gradient_norm;
        let line = format!(
            "{restart}step {step}  {}  |gradient| {norm:.3e}",
            words.join("  ")
        );
        desk.line(step, self.keys.steps, &line);
    }

    /// Remembers the parameters with the best held-out likelihood.
    pub(super) fn keep_best(&mut self, point: &LearningPoint) {
        if self.keys.patience == 0 || point.held_out == UNKNOWN {
            return;
        }
        let now = &mut self.standing;
        if now
            .best
            .as_ref()
            .is_none_or(|b| point.held_out < b.objective)
        {
            now.best = Some(Rc::new(Kept {
                member: now.step,
                objective: point.held_out,
                parameters: self.vmc.borrow().ensemble.parameters(),
                rows: Vec::new(),
            }));
        }
    }

    /// Whether the present restart is complete.
    pub(super) fn is_complete(&self) -> bool {
        let now = &self.standing;
        let waited = now.best.as_ref().map_or(0, |b| now.step - b.member);
        let patience = self.keys.patience;
        now.point.is_some() && (now.step >= self.keys.steps || (patience > 0 && waited >= patience))
    }

    /// Ends a restart; begins the next, or looks at the best of all.
    pub(super) fn complete(&mut self, desk: &mut Desk) -> Result<Progress> {
        if let Some(best) = self.standing.best.take() {
            self.go_to(&best.parameters, desk)?;
            let step = best.member;
            desk.say(&format!(
                "the held-out likelihood is best after step {step}"
            ));
        } else if self.keys.batch > 0 {
            // The next update still follows its batch.
            self.standing.point = Some(self.look(None, desk.comm)?);
        }
        let now = &mut self.standing;
        let objective = now.point.as_ref().map_or(UNKNOWN, |p| p.objective);
        now.objectives.truncate(now.member);
        now.objectives.push(objective);
        let better = |kept: &Rc<Kept>| objective != UNKNOWN && objective < kept.objective;
        let older = now.kept.as_ref().filter(|k| k.member < now.member);
        if older.is_none_or(better) {
            now.kept = Some(Rc::new(Kept {
                member: now.member,
                objective,
                parameters: self.vmc.borrow().ensemble.parameters(),
                rows: now.rows.clone(),
            }));
        }
        if now.member + 1 < self.keys.restarts {
            return self.begin(self.standing.member + 1);
        }
        self.finish(desk)
    }

    /// Begins a restart from the parameters of its seed.
    pub(super) fn begin(&mut self, member: usize) -> Result<Progress> {
        let mut seeded = self.source.clone();
        seeded.input.seed = self.source.input.seed.wrapping_add(member as u64);
        let vmc = &mut *self.vmc.borrow_mut();
        let psi = problem::wave_function(&seeded, &vmc.problem)?;
        let layout = vmc.ensemble.layout();
        let start = started(&self.keys, psi.parameters(), &layout, seeded.input.seed);
        vmc.ensemble.set_parameters(&start)?;
        self.movers = Movers::new(&self.keys, &layout, vmc.ensemble.facts().kind)?;
        let before = std::mem::take(&mut self.standing);
        self.standing = LearningStanding {
            member,
            objectives: before.objectives,
            kept: before.kept,
            ..LearningStanding::default()
        };
        Ok(Progress::GoesOn)
    }

    /// Goes to the best restart and works out what is wanted at the end.
    pub(super) fn finish(&mut self, desk: &mut Desk) -> Result<Progress> {
        if let Some(kept) = self.standing.kept.clone()
            && kept.member != self.standing.member
        {
            self.go_to(&kept.parameters, desk)?;
        }
        if self.keys.negative == Some(NegativePhase::Cd) {
            // Chains that begin at outcomes are not those of |ψ|².
            self.sample(desk, None)?;
        }
        let found = ending::find(self, &self.vmc.borrow(), desk)?;
        self.say_end(desk, &found);
        self.found = Some(found);
        self.standing.done = true;
        for warning in self.warnings() {
            desk.warn(&warning);
        }
        Ok(Progress::Done)
    }
}

impl Learn<'_> {
    /// Says what is kept at the end, and of which restart.
    fn say_end(&self, desk: &mut Desk, found: &LearnedFigures) {
        let named = [
            ("objective", found.objective),
            ("KL", found.kl),
            ("held out", found.held_out),
            ("fidelity", found.fidelity),
        ];
        let known = named.iter().filter_map(|(name, v)| Some((name, (*v)?)));
        let words: Vec<_> = known.map(|(name, v)| format!("{name} {v:.6}")).collect();
        let kept = match self.keys.restarts {
            1 => "learned:".to_string(),
            many => format!(
                "restart {} of {many} is kept:",
                self.standing.kept_member() + 1
            ),
        };
        if !words.is_empty() {
            desk.say(&format!("{kept} {}", words.join("  ")));
        }
    }
}

fn lost(step: usize) -> Error {
    Error::numerical(
        format!("step {step}: the objective, its gradient or the parameters are not finite"),
        "lower learn.learning_rate, or raise sampler.samples",
    )
}
