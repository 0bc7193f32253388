//! Decides which moves of a fit stay, from what its states missed.
//!
//! A move that misses more than twice the least so far is taken back by half, again and again. What
//! is no better however short it is, is noise: the fit ends where the move began.

/// How much more than the least so far a state may miss.
const WORSE: f64 = 2.0;
/// How often a move is halved.
const MOST_HALVINGS: usize = 4;

/// Where a fit has been.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The least infidelity so far.
    least: Option<f64>,
    last: Option<Move>,
    ends: bool,
}

/// The last move.
#[derive(Debug)]
struct Move {
    from: Vec<f64>,
    change: Vec<f64>,
    halvings: usize,
}

impl Search {
    /// Whether a state with this infidelity stays.
    pub fn accepts(&mut self, infidelity: f64) -> bool {
        let stays = self.ends || self.least.is_none_or(|least| infidelity <= WORSE * least);
        if stays {
            self.least = Some(self.least.map_or(infidelity, |l| l.min(infidelity)));
        }
        stays
    }

    /// The next parameters to look at: a move on from where the fit is.
    pub fn forward(&mut self, from: Vec<f64>, change: Vec<f64>) -> Vec<f64> {
        let end = from.iter().zip(&change).map(|(p, d)| p + d).collect();
        self.last = Some(Move {
            from,
            change,
            halvings: 0,
        });
        end
    }

    /// The next parameters after a state that does not stay: half of the move, or none of it;
    /// `None` where there is no way back.
    pub fn back(&mut self) -> Option<Vec<f64>> {
        let last = self.last.as_mut().filter(|_| !self.ends)?;
        self.ends = last.halvings == MOST_HALVINGS;
        last.halvings += 1;
        if self.ends {
            return Some(last.from.clone());
        }
        let scale = 0.5f64.powi(last.halvings as i32);
        let ends = last.from.iter().zip(&last.change);
        Some(ends.map(|(p, d)| p + scale * d).collect())
    }

    /// Whether the fit is back where no move was better.
    pub fn ends(&self) -> bool {
        self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_moves_together_stay_near_the_least() {
        let mut search = Search::default();
        assert!(search.accepts(1e-4) && search.accepts(1e-6) && search.accepts(1.9e-6));
        // Twice the state before, but four times the least.
        assert!(!search.accepts(3.8e-6) && search.accepts(2e-6));
    }

    #[test]
    fn a_move_is_halved_and_then_taken_back() {
        let mut search = Search::default();
        assert!(search.accepts(1e-6) && search.back().is_none());
        assert_eq!(search.forward(vec![1.0], vec![16.0]), [17.0]);
        for there in [9.0, 5.0, 3.0, 2.0] {
            assert!(!search.accepts(1e-3));
            assert_eq!(search.back(), Some(vec![there]));
            assert!(!search.ends());
        }
        assert_eq!(search.back(), Some(vec![1.0]));
        // Other samples of the same state may say more of it than the first.
        assert!(search.ends() && search.accepts(1e-5) && search.back().is_none());
    }

    #[test]
    fn a_better_move_is_the_start_of_the_next() {
        let mut search = Search::default();
        assert!(search.accepts(1e-2));
        search.forward(vec![0.0], vec![4.0]);
        assert_eq!(search.back(), Some(vec![2.0]));
        assert!(search.accepts(1e-3));
        search.forward(vec![2.0], vec![1.0]);
        assert_eq!(search.back(), Some(vec![2.5]));
    }
}
