//! Decides which fits a run makes, from which points and starts each begins, and how they are
//! shared out over the ranks.
//!
//! Points, starts and orders of a fit come from streams of its own, so that no result depends on
//! the number of ranks.

use super::check::mean_at;
use super::files::PointSource;
use super::keys::Recipe;
use crate::calculation::fits::{self, Course};
use crate::error::{Error, Result};
use crate::holography::bulk::{Bulk, Stepper};
use crate::holography::data::{Examples, Law, perturbed, synthetic};
use crate::holography::layers::Layers;
use crate::holography::training::{Judgement, Penalty, Trainer};
use crate::rng::{Distribution, Generator, Purpose, StandardNormal, lane, stream};
use crate::run::Desk;

/// Coefficients among which points that are held out choose.
pub(super) const CANDIDATES: [f64; 7] = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4];
/// One of so many points is held out.
const FOLDS: usize = 5;
/// Work of a block over all fits, in points times layers.
const BLOCK: f64 = 1e8;
/// Work of a batch besides its points.
const BATCH: usize = 500;

/// What a fit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberRole {
    /// A candidate of the smoothness, by its number, without the points that are held out.
    Candidate(usize),
    /// What the input asks for.
    Asked,
    /// The published network, beside another scheme.
    Published,
    /// One of resampled data.
    Replicate,
}

/// One fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub role: MemberRole,
    /// Number of the seed, or of the replicate.
    pub number: usize,
}

/// What all fits of a run share.
pub(super) struct Workshop {
    pub recipe: Recipe,
    pub origin: PointSource,
    /// Numbers of `holography.load`.
    pub loaded: Option<Vec<f64>>,
    pub seed: u64,
}

impl Member {
    /// The word of its streams.
    fn lane(self) -> u64 {
        let group = u64::from(self.role == MemberRole::Replicate);
        lane(group, self.number as u64)
    }

    fn stream(self, seed: u64, purpose: Purpose, step: u64) -> Generator {
        stream(seed, purpose, self.lane(), step)
    }

    /// Whether the losses of its epochs are kept.
    fn is_followed(self) -> bool {
        matches!(self.role, MemberRole::Asked | MemberRole::Published)
    }
}

impl Workshop {
    /// The space of a fit.
    pub fn bulk(&self, member: Member) -> Bulk {
        let published = match member.role {
            MemberRole::Published => self.recipe.euler(),
            _ => None,
        };
        published.unwrap_or_else(|| self.recipe.bulk.clone())
    }

    /// What trains a fit with the coefficient `chosen` of the smoothness.
    pub fn trainer(&self, member: Member, chosen: f64) -> Trainer {
        let bulk = self.bulk(member);
        let smoothness = match member.role {
            MemberRole::Candidate(k) => CANDIDATES[k],
            _ => chosen,
        };
        let Recipe {
            boundary_pull,
            published,
            pace,
            ..
        } = self.recipe;
        let penalty = Penalty::new(&bulk, smoothness, boundary_pull, published);
        Trainer::new(Layers::new(bulk), penalty, pace)
    }

    /// A fit before its first epoch.
    pub fn start(&self, member: Member) -> Result<Course> {
        let eta = self.bulk(member).positions();
        let mut theta = match &self.loaded {
            // The numbers of a file stand at the positions of the network that was asked for.
            Some(loaded) if self.bulk(member) == self.recipe.bulk => loaded.clone(),
            _ => {
                let mut rng = member.stream(self.seed, Purpose::BoundaryStart, 0);
                let mut theta = Vec::with_capacity(eta.len() + 2);
                for eta in eta {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    theta.push(mean_at(&self.recipe.mean, eta)? + self.recipe.sd * z);
                }
                theta.extend(self.recipe.constants);
                theta
            }
        };
        theta.shrink_to_fit();
        Ok(Course::new(theta))
    }

    /// All points of a fit, those of a candidate that are held out included.
    pub fn points(&self, member: Member) -> Result<Examples> {
        let of_seed = |number: usize| Member {
            role: MemberRole::Asked,
            number,
        };
        if member.role != MemberRole::Replicate {
            return self.drawn(of_seed(member.number), None);
        }
        let mut rng = member.stream(self.seed, Purpose::Bootstrap, 0);
        match &self.origin {
            PointSource::Table(table, law) => {
                let table = perturbed(table, self.recipe.width, &mut rng);
                let other = Law::new(&table).map(|other| other.within(law));
                self.drawn(member, other.as_ref())
            }
            _ => {
                let points = self.drawn(of_seed(member.number % self.recipe.seeds), None)?;
                Ok(points.resampled(&mut rng))
            }
        }
    }

    /// Points from the streams of `member`, under another law of condensates where one is given.
    fn drawn(&self, member: Member, other: Option<&Law>) -> Result<Examples> {
        let mut rng = member.stream(self.seed, Purpose::BoundaryData, 0);
        let (each, key) = (self.recipe.points, "holography.points");
        match &self.origin {
            PointSource::Given(examples) => Ok(examples.clone()),
            PointSource::BlackHole => {
                let layers = Layers::new(self.recipe.bulk.clone());
                synthetic(&layers, self.recipe.constants[0], each, &mut rng, key)
            }
            PointSource::Table(_, law) => {
                let law = other.unwrap_or(law);
                law.points(self.recipe.width, each, &mut rng, key)
            }
        }
    }

    /// The points with which a fit is trained.
    fn training(&self, member: Member) -> Result<Examples> {
        let points = self.points(member)?;
        Ok(match member.role {
            MemberRole::Candidate(_) => {
                let kept = (0..points.len()).filter(|k| !is_held_out(member, *k));
                points.chosen(kept)
            }
            _ => points,
        })
    }

    /// The error of a candidate on the points that are held out, with its standard error.
    pub fn held_out(&self, member: Member, course: &Course) -> Result<[f64; 2]> {
        let points = self.points(member)?;
        let held = (0..points.len()).filter(|k| is_held_out(member, *k));
        let points = points.chosen(held);
        let judged = self.trainer(member, 0.0).judge(&course.fit.theta, &points);
        let count = points.len().max(1) as f64;
        let off = |(y, negative): (&f64, &bool)| {
            let error = (y - f64::from(u8::from(*negative))).abs();
            (error - judged.mean_error).powi(2)
        };
        let squares: f64 = judged.y.iter().zip(&points.negative).map(off).sum();
        Ok([judged.mean_error, squares.sqrt() / count])
    }

    /// The points of a fit, and what its network says of them.
    pub fn judged(
        &self,
        member: Member,
        course: &Course,
        chosen: f64,
    ) -> Result<(Examples, Judgement)> {
        let points = self.points(member)?;
        let mut trainer = self.trainer(member, chosen);
        let judgement = trainer.judge(&course.fit.theta, &points);
        Ok((points, judgement))
    }

    /// Epochs of a block in which `members` fits are trained.
    pub fn epochs_per_block(&self, members: usize) -> usize {
        epochs_per_block(&self.recipe, &self.origin, members)
    }

    /// Trains this rank's share of the fits up to `target` epochs each and hands the courses to all
    /// ranks; nothing has changed where it fails or is interrupted. `points` keeps what was drawn.
    pub fn advance(
        &self,
        members: &[Member],
        courses: &mut [Course],
        (target, chosen): (usize, f64),
        points: &mut Vec<Examples>,
        desk: &Desk,
    ) -> Result<()> {
        fits::advance(courses, desk.comm, |(k, place), course| {
            if points.len() <= place {
                points.push(self.training(members[k])?);
            }
            let mut trainer = self.trainer(members[k], chosen);
            self.train(
                members[k],
                course,
                &mut trainer,
                target,
                &points[place],
                desk,
            )
        })
    }

    fn train(
        &self,
        member: Member,
        course: &mut Course,
        trainer: &mut Trainer,
        target: usize,
        points: &Examples,
        desk: &Desk,
    ) -> Result<()> {
        while course.epochs < target {
            if !desk.go_on() {
                return Err(Error::Interrupted);
            }
            let step = course.epochs as u64;
            let mut rng = member.stream(self.seed, Purpose::BoundaryOrder, step);
            let seen = trainer.epoch(&mut course.fit, points, &mut rng);
            course.epochs += 1;
            course.count += seen.saturated as f64;
            if member.is_followed() {
                course.losses.push(seen.loss);
            }
        }
        Ok(())
    }
}

/// Whether a candidate is not shown a point.
fn is_held_out(member: Member, point: usize) -> bool {
    (point + member.number).is_multiple_of(FOLDS)
}

/// All fits in the order of the phases.
pub(super) fn members_of(recipe: &Recipe) -> Vec<Member> {
    let of = |role: MemberRole, count: usize| (0..count).map(move |number| Member { role, number });
    let mut members = Vec::new();
    if recipe.smoothness.is_none() {
        for k in 0..CANDIDATES.len() {
            members.extend(of(MemberRole::Candidate(k), recipe.seeds));
        }
    }
    members.extend(of(MemberRole::Asked, recipe.seeds));
    if recipe.euler().is_some() {
        members.extend(of(MemberRole::Published, recipe.seeds));
    }
    members.extend(of(MemberRole::Replicate, recipe.bootstrap));
    members
}

/// Epochs of a block in which `members` fits are trained; a run has ten blocks or more.
pub(super) fn epochs_per_block(recipe: &Recipe, origin: &PointSource, members: usize) -> usize {
    let points = match origin {
        PointSource::Given(examples) => examples.len(),
        _ => 2 * recipe.points,
    };
    let cost = match recipe.bulk.scheme {
        Stepper::Euler => 1.0,
        Stepper::Rk4 => 5.0,
    };
    let work = points * recipe.bulk.layers + BATCH * points.div_ceil(recipe.pace.batch);
    let most = recipe.epochs.div_ceil(10).max(1);
    let epochs = BLOCK / (cost * (work * members.max(1)) as f64);
    (epochs as usize).clamp(1, most)
}
