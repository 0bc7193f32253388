//! Decides what the time of a rank is spent on, by kind of work: t = Σ t_phase + the rest.

use std::cell::Cell;
use std::time::Instant;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Configurations are drawn, or enumerated.
    Sampling,
    /// Local energies, and what is needed for them.
    LocalEnergies,
    /// Log-derivatives and the equation for the next parameters.
    Solve,
    /// Observables other than the energy.
    Observables,
    /// Checkpoints, results and samples are written.
    Files,
}

impl Phase {
    /// All of them, in the order of a step.
    pub const ALL: [Phase; 5] = [
        Phase::Sampling,
        Phase::LocalEnergies,
        Phase::Solve,
        Phase::Observables,
        Phase::Files,
    ];

    /// Its name, as one word.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Sampling => "sampling",
            Phase::LocalEnergies => "local_energies",
            Phase::Solve => "solve",
            Phase::Observables => "observables",
            Phase::Files => "files",
        }
    }
}

thread_local! {
    static SECONDS: Cell<[f64; Phase::ALL.len()]> = const { Cell::new([0.0; Phase::ALL.len()]) };
}

/// Does work and adds its wall time to a phase of this thread; phases do not contain each other.
pub fn timed<T>(phase: Phase, work: impl FnOnce() -> T) -> T {
    let clock = Instant::now();
    let result = work();
    let mut seconds = SECONDS.get();
    seconds[phase as usize] += clock.elapsed().as_secs_f64();
    SECONDS.set(seconds);
    result
}

/// The wall time of each phase on this thread so far, in seconds.
pub fn phase_seconds() -> impl Iterator<Item = (Phase, f64)> {
    Phase::ALL.into_iter().zip(SECONDS.get())
}

/// Begins anew on this thread.
pub fn forget_phases() {
    SECONDS.set(Default::default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_phase_adds_up() {
        let of = |wanted| phase_seconds().find(|(p, _)| *p == wanted).map(|(_, s)| s);
        assert_eq!(of(Phase::Solve), Some(0.0));
        for _ in 0..2 {
            let pause = std::time::Duration::from_millis(3);
            assert_eq!(
                timed(Phase::Solve, || {
                    std::thread::sleep(pause);
                    7
                }),
                7
            );
        }
        assert!(
            of(Phase::Solve).is_some_and(|s| s > 0.005),
            "{:?}",
            of(Phase::Solve)
        );
        assert_eq!(of(Phase::Sampling), Some(0.0));
        assert!(Phase::ALL.iter().enumerate().all(|(k, p)| *p as usize == k));
    }
}
