//! Decides what is remembered of a fit on its way, and how ranks hand it to each other.

use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::holography::training::Fit;
use crate::io::tree::Tree;

/// Where a fit stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    pub fit: Fit,
    pub epochs: usize,
    /// Saturated trajectories so far.
    pub saturated: f64,
    /// Losses of the epochs; of replicates and candidates none.
    pub losses: Vec<f64>,
}

impl Course {
    /// Writes it below `prefix`.
    pub fn save(&self, out: &mut Tree, prefix: &str) {
        let Fit {
            theta,
            first,
            second,
            decayed,
        } = &self.fit;
        let place = [self.epochs as f64, self.saturated, decayed[0], decayed[1]];
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
        let &[epochs, saturated, one, two] = place.as_slice() else {
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
                "the checkpoint holds no fit of this space",
            ));
        }
        self.fit = Fit {
            theta,
            first,
            second,
            decayed: [one, two],
        };
        (self.epochs, self.saturated, self.losses) = (epochs as usize, saturated, losses);
        Ok(())
    }
}

/// Replaces the courses on all ranks by those that have been trained, each on one rank.
pub(super) fn exchange(
    courses: &mut [Course],
    trained: &[Course],
    mine: std::ops::Range<usize>,
    comm: &dyn Comm,
) -> Result<()> {
    let mut piece = Vec::new();
    for (new, old) in trained.iter().zip(&courses[mine]) {
        piece.extend([new.epochs as f64, new.saturated]);
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
        course.saturated = next();
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
