//! Decides what is made of finished fits: judgements over all points, which seeds count, means with
//! spreads, the band of a bootstrap.

use super::keys::Experiment;
use super::members::{Member, MemberRole, Workshop};
use crate::calculation::fits::Course;
use crate::error::Result;
use crate::holography::bulk::Bulk;
use crate::holography::data::Examples;
use crate::holography::training::Judgement;

/// Shares of the replicates below the lines of the band: one standard deviation of a normal
/// distribution, and the middle.
pub(super) const SHARES: [f64; 3] = [0.158_655_253_931_457_05, 0.5, 0.841_344_746_068_543];

/// Fits of one kind, one per seed or replicate.
pub(super) struct Cohort {
    pub bulk: Bulk,
    /// Numbers, λ and radius of each.
    pub thetas: Vec<Vec<f64>>,
    pub judgements: Vec<Judgement>,
    pub success: Vec<bool>,
    /// Saturated trajectories of each, over all epochs.
    pub saturated: Vec<f64>,
}

/// What is made of a run.
pub(super) struct Findings {
    pub asked: Cohort,
    pub points: Vec<Examples>,
    pub published: Option<Cohort>,
    pub replicates: Option<Cohort>,
}

/// Mean and standard deviation of each column over some rows; a deviation of 0 for one row.
pub(super) fn mean_and_spread(rows: &[&Vec<f64>]) -> Option<(Vec<f64>, Vec<f64>)> {
    let count = rows.len() as f64;
    let width = rows.first()?.len();
    let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / count;
    let means: Vec<f64> = (0..width).map(mean).collect();
    let spread = |k: usize| {
        let squares = rows.iter().map(|row| (row[k] - means[k]).powi(2));
        (squares.sum::<f64>() / (count - 1.0).max(1.0)).sqrt()
    };
    let spreads = (0..width).map(spread).collect();
    Some((means, spreads))
}

impl Cohort {
    /// Those that count.
    pub fn successful(&self) -> Vec<&Vec<f64>> {
        let both = self.thetas.iter().zip(&self.success);
        both.filter(|(_, success)| **success)
            .map(|(t, _)| t)
            .collect()
    }

    /// The number of the fit with the smallest loss.
    pub fn best(&self) -> usize {
        let loss = |k: &usize| self.judgements[*k].loss;
        let all = 0..self.judgements.len();
        all.min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap_or(0)
    }

    /// One row per share, below which so many of the successful fits lie, by straight lines
    /// between them.
    pub fn quantiles(&self) -> Option<Vec<Vec<f64>>> {
        let rows = self.successful();
        let width = rows.first()?.len();
        let column = |k: usize| {
            let mut values: Vec<f64> = rows.iter().map(|row| row[k]).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let columns: Vec<Vec<f64>> = (0..width).map(column).collect();
        let at = |share: f64, values: &Vec<f64>| {
            let place = share * (values.len() - 1) as f64;
            let (low, part) = (place.floor() as usize, place.fract());
            let high = (low + 1).min(values.len() - 1);
            values[low] + part * (values[high] - values[low])
        };
        let line = |share: &f64| columns.iter().map(|c| at(*share, c)).collect();
        Some(SHARES.iter().map(line).collect())
    }
}

impl Findings {
    /// Judges all fits; fails where points cannot be drawn.
    pub fn new(
        workshop: &Workshop,
        members: &[Member],
        courses: &[Course],
        chosen: f64,
    ) -> Result<Self> {
        let (mut points, mut groups) = (Vec::new(), Vec::new());
        for role in [
            MemberRole::Asked,
            MemberRole::Published,
            MemberRole::Replicate,
        ] {
            let of_role = members.iter().zip(courses).filter(|(m, _)| m.role == role);
            let mut group = None;
            for (member, course) in of_role {
                let (examples, judgement) = workshop.judged(*member, course, chosen)?;
                let group = group.get_or_insert_with(|| Cohort::new(workshop.bulk(*member)));
                group.add(workshop, course, judgement);
                if role == MemberRole::Asked {
                    points.push(examples);
                }
            }
            groups.push(group);
        }
        let mut groups = groups.into_iter();
        let mut next = || groups.next().flatten();
        let asked = next().unwrap_or_else(|| Cohort::new(workshop.recipe.bulk.clone()));
        Ok(Findings {
            asked,
            points,
            published: next(),
            replicates: next(),
        })
    }
}

impl Cohort {
    fn new(bulk: Bulk) -> Self {
        Cohort {
            bulk,
            thetas: Vec::new(),
            judgements: Vec::new(),
            success: Vec::new(),
            saturated: Vec::new(),
        }
    }

    fn add(&mut self, workshop: &Workshop, course: &Course, judgement: Judgement) {
        let measure = match workshop.recipe.experiment {
            Experiment::Condensate => judgement.loss,
            Experiment::Synthetic => judgement.mean_error,
        };
        self.success.push(measure < workshop.recipe.success);
        self.thetas.push(course.fit.theta.clone());
        self.saturated.push(course.count);
        self.judgements.push(judgement);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_spreads_and_quantiles_are_those_of_the_columns() {
        let rows = [vec![1.0, 5.0], vec![2.0, 5.0], vec![4.5, 5.0]];
        let (mean, spread) = mean_and_spread(&rows.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(mean, [2.5, 5.0]);
        assert!((spread[0] - 3.25f64.sqrt()).abs() < 1e-15 && spread[1] == 0.0);
        assert_eq!(mean_and_spread(&[]), None);
    }
}
