//! Decides what is remembered of a fit on its way, and how ranks hand it to each other.

use crate::comm::{Comm, agree, share};
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::optimizer::Fit;

/// Where a fit stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::calculation) struct Course {
    pub fit: Fit,
    pub epochs: usize,
    /// What its trainer has counted so far.
    pub count: f64,
    /// Losses of the epochs; none where they are not kept.
    pub losses: Vec<f64>,
}

impl Course {
    /// Before the first epoch.
    pub fn new(theta: Vec<f64>) -> Self {
        Course {
            fit: Fit::new(theta),
            epochs: 0,
            count: 0.0,
            losses: Vec::new(),
        }
    }

    /// Writes it below `prefix`.
    pub fn save(&self, out: &mut Tree, prefix: &str) {
        let Fit {
            theta,
            first,
            second,
            decayed,
        } = &self.fit;
        let place = [self.epochs as f64, self.count, decayed[0], decayed[1]];
        for (name, list) in [
            ("theta", theta.as_slice()),
            ("first", first),
            ("second", second),
            ("place", &place),
            ("losses", &self.losses),
        ] {
            out.put_reals(&format!("{prefix}/{name}"), list);
        }
    }

    /// Takes back what was saved of a fit below `prefix`.
    pub fn load(&mut self, from: &Tree, prefix: &str) -> Result<()> {
        let read = |name: &str| from.reals(&format!("{prefix}/{name}"));
        let (theta, first, second) = (read("theta")?, read("first")?, read("second")?);
        let (place, losses) = (read("place")?, read("losses")?);
        let size = self.fit.theta.len();
        let fits = [&theta, &first, &second]
            .iter()
            .all(|list| list.len() == size);
        let &[epochs, count, one, two] = place.as_slice() else {
            return Err(Error::output(
                prefix,
                "the checkpoint has no place of a fit",
            ));
        };
        let lost = [&theta, &first, &second, &place, &losses];
        let finite = lost.iter().all(|list| list.iter().all(|v| v.is_finite()));
        let counts = epochs >= 0.0 && epochs.fract() == 0.0 && epochs < 1e9;
        if !(fits && finite && counts) {
            return Err(Error::output(
                prefix,
                "the checkpoint holds no fit of this size",
            ));
        }
        self.fit = Fit {
            theta,
            first,
            second,
            decayed: [one, two],
        };
        (self.epochs, self.count, self.losses) = (epochs as usize, count, losses);
        Ok(())
    }
}

/// Trains this rank's share of the fits and hands the courses to all ranks; nothing has changed
/// where that fails on some rank. `train` gets the number of a fit, its place in the share, and its
/// course.
pub(in crate::calculation) fn advance(
    courses: &mut [Course],
    comm: &dyn Comm,
    mut train: impl FnMut((usize, usize), &mut Course) -> Result<()>,
) -> Result<()> {
    let mine = share(courses.len(), comm.rank(), comm.size());
    let mut trained = courses[mine.clone()].to_vec();
    let mut each = trained.iter_mut().enumerate();
    let done = each.try_for_each(|(place, c)| train((mine.start + place, place), c));
    agree(comm, done)?;
    exchange(courses, &trained, mine, comm)
}

/// Replaces the courses on all ranks by those that have been trained, each on one rank.
fn exchange(
    courses: &mut [Course],
    trained: &[Course],
    mine: std::ops::Range<usize>,
    comm: &dyn Comm,
) -> Result<()> {
    let mut piece = Vec::new();
    for (new, old) in trained.iter().zip(&courses[mine]) {
        piece.extend([new.epochs as f64, new.count]);
        piece.push((new.losses.len() - old.losses.len()) as f64);
        piece.extend(&new.fit.decayed);
        for list in [&new.fit.theta, &new.fit.first, &new.fit.second] {
            piece.extend(list);
        }
        piece.extend(&new.losses[old.losses.len()..]);
    }
    let bytes: Vec<u8> = piece.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut all = comm.gather_bytes(&bytes)?;
    comm.broadcast_bytes(&mut all)?;
    let words = all.chunks_exact(8);
    let mut numbers = words.map(|w| f64::from_le_bytes(w.try_into().unwrap_or_default()));
    let mut next = || numbers.next().unwrap_or(0.0);
    for course in courses {
        course.epochs = next() as usize;
        course.count = next();
        let more = next() as usize;
        course.fit.decayed = [next(), next()];
        let Fit {
            theta,
            first,
            second,
            ..
        } = &mut course.fit;
        for list in [theta, first, second] {
            list.iter_mut().for_each(|v| *v = next());
        }
        course.losses.extend((0..more).map(|_| next()));
    }
    Ok(())
}
