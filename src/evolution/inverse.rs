//! Decides how S is inverted for one set of samples: by a given shift, by cut-offs on eigenvalues,
//! or by the shift that the samples ask for.
//!
//! The last is θ̇ = (S + λ)⁻¹ f with λ = c λ_½: λ_½ is the shift with which either half of the
//! samples predicts the targets of the other half best
//! ([`cross_validation`](crate::optimizer::cross_validation)). Nothing is kept from one evaluation
//! to the next.

use super::spectrum::{SettledInverse, Spectral};
use crate::comm::Comm;
use crate::error::Result;
use crate::optimizer::{Residuals, cross_validation};

/// How S is inverted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MotionInverse {
    /// (S + λ)⁻¹ by a Cholesky factorisation.
    Shift(f64),
    /// Eigenvalues with smooth cut-offs.
    Spectral(Spectral),
    /// A shift that the samples of each evaluation ask for; a full sum, which has no noise, has
    /// these cut-offs.
    CrossValidated(Spectral),
}

/// c. All samples need half of the shift that either half does: c of one half is best for a
/// single evaluation. The slopes of a motion have samples of their own and average that noise,
/// while what a shift leaves out is left out of all of them: over a motion less is better, though
/// not as little as in an optimisation, whose steps of a small learning rate average more. In
/// quenches of 16 spins (`docs/guide/dynamics.md`) r² at the end is 3e-2 with 0.02 and with 0.1,
/// 3e-2 to 5e-2 with 0.5, and 5e-2 to 6e-2 with 2, as with cut-offs. Of 0.02 and 0.1 the larger
/// one is further from what cannot be factorised.
const FACTOR: f64 = 0.1;

impl MotionInverse {
    /// The inverse for residuals that are targets; the same on every rank.
    pub(super) fn settled(
        self,
        targets: &Residuals,
        exact: bool,
        comm: &dyn Comm,
    ) -> Result<SettledInverse> {
        let cut = match self {
            MotionInverse::Shift(shift) => return Ok(SettledInverse::Shift(shift)),
            MotionInverse::CrossValidated(_) if !exact => {
                let found = cross_validation::alone(targets, comm)?;
                return Ok(SettledInverse::Shift(FACTOR * found));
            }
            MotionInverse::CrossValidated(cut) | MotionInverse::Spectral(cut) => cut,
        };
        Ok(SettledInverse::Spectral(match exact {
            true => Spectral {
                signal_to_noise: 0.0,
                ..cut
            },
            false => cut,
        }))
    }
}

#[cfg(test)]
mod tests {
    //! Targets O δ + noise with columns of falling size.

    use super::super::motion::{self, Equation, Motion, Principle, TimeAxis};
    use super::*;
    use crate::comm::{Serial, share, threads};
    use crate::derivatives::{Derivatives, Kind, Matrix};
    use crate::rng::{Purpose, stream};
    use ndarray::{Array2, Axis, concatenate};
    use num_complex::Complex64;
    use rand_distr::{Distribution, StandardNormal};

    const SAMPLES: usize = 120;
    const COLUMNS: usize = 8;
    const CUT: Spectral = Spectral {
        cut: 1e-8,
        signal_to_noise: 1.0,
    };

    /// Derivatives, and residuals that ask ln ψ for O δ + noise in real time.
    fn problem(kind: Kind, noise: f64) -> (Array2<Complex64>, Vec<Complex64>, Kind) {
        let mut rng = stream(7, Purpose::Law, 0, 0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let o = Array2::from_shape_fn((SAMPLES, COLUMNS), |(_, k)| {
            Complex64::new(normal(), normal()) * 0.5f64.powi(k as i32)
        });
        let mut number = || Complex64::new(normal(), normal());
        // ε = i target
        let residuals = o
            .outer_iter()
            .map(|row| Complex64::I * (row.sum() + noise * number()));
        let residuals = residuals.collect();
        (o, residuals, kind)
    }

    /// What rank `comm.rank()` of all finds.
    fn solved(
        (o, residuals, kind): &(Array2<Complex64>, Vec<Complex64>, Kind),
        equation: &Equation,
        way: fn(&Equation, &Residuals, &dyn Comm) -> Result<Motion>,
        comm: &dyn Comm,
    ) -> (Vec<f64>, motion::Quality) {
        let derivatives = Derivatives::dense(*kind, Matrix::Complex(o.clone()));
        let own = share(SAMPLES, comm.rank(), comm.size());
        let samples: Vec<usize> = own.clone().collect();
        let data = Residuals {
            derivatives: &derivatives.select(&samples),
            weights: &vec![1.0 / SAMPLES as f64; own.len()],
            residual: &residuals[own],
            exact: false,
        };
        let (velocity, quality, _) = way(equation, &data, comm).unwrap().into_parts();
        (velocity, quality)
    }

    fn sampled(equation: &Equation, data: &Residuals, comm: &dyn Comm) -> Result<Motion> {
        motion::solve(equation, data, 0.0, false, comm)
    }

    fn equation(axis: TimeAxis, inverse: MotionInverse) -> Equation {
        Equation {
            axis,
            principle: Principle::Mclachlan,
            inverse,
        }
    }

    const AUTO: MotionInverse = MotionInverse::CrossValidated(CUT);
    const KINDS: [Kind; 2] = [Kind::Holomorphic, Kind::Stacked];

    #[test]
    fn noise_asks_for_a_shift_and_a_motion_that_can_be_followed_does_not() {
        for kind in KINDS {
            let shift = |axis: TimeAxis, noise: f64| {
                let equation = equation(axis, AUTO);
                solved(&problem(kind, noise), &equation, sampled, &Serial)
                    .1
                    .shift
            };
            let found = [0.0, 1.0, 30.0].map(|noise| shift(TimeAxis::Real, noise));
            assert!(0.0 < found[0] && found[0] < 1e-4, "{kind:?} {found:?}");
            assert!(
                found[1] > 3.0 * found[0] && found[2] > 10.0 * found[1],
                "{kind:?} {found:?}"
            );
            // Real parameters follow i times these residuals, and not the residuals.
            let turned = shift(TimeAxis::Imaginary, 0.0);
            assert!(
                kind == Kind::Holomorphic || turned > 100.0 * found[0],
                "{turned}"
            );
        }
    }

    #[test]
    fn both_spaces_ask_for_the_same_shift() {
        for kind in KINDS {
            let (o, residuals, kind) = problem(kind, 1.0);
            // The same Ō Ō^H with more columns than samples of a half, and of all.
            let many = 32;
            let scaled = o.mapv(|z| z / f64::from(many).sqrt());
            let wide = concatenate(Axis(1), &vec![scaled.view(); many as usize]).unwrap();
            assert!(wide.ncols() > SAMPLES * kind.stack());
            let equation = equation(TimeAxis::Real, AUTO);
            let [a, b] = [o, wide].map(|o| {
                let problem = (o, residuals.clone(), kind);
                solved(&problem, &equation, sampled, &Serial).1
            });
            assert!(
                a.shift > 0.0 && a.shift == b.shift,
                "{kind:?}: {} {}",
                a.shift,
                b.shift
            );
            assert!((a.r2 - b.r2).abs() < 1e-9, "{kind:?}: {} {}", a.r2, b.r2);
        }
    }

    #[test]
    fn ranks_agree_and_those_of_a_deterministic_run_to_the_bit() {
        for kind in KINDS {
            let (problem, equation) = (problem(kind, 1.0), equation(TimeAxis::Real, AUTO));
            let (velocity, quality) = solved(&problem, &equation, sampled, &Serial);
            for ranks in [2, 3] {
                let found = threads::run(ranks, |comm| {
                    let own = solved(&problem, &equation, sampled, comm);
                    (own, solved(&problem, &equation, motion::solve_whole, comm))
                });
                for ((near, there), (same, whole)) in found {
                    assert_eq!(there.shift, quality.shift);
                    let far = near.iter().zip(&velocity).map(|(a, b)| (a - b).abs());
                    assert!(far.fold(0.0, f64::max) < 1e-9, "{kind:?} {ranks}");
                    assert_eq!((&same, whole.shift), (&velocity, quality.shift));
                }
            }
        }
    }

    #[test]
    fn the_shift_of_samples_is_that_of_a_number_and_a_full_sum_has_none() {
        let problem = problem(Kind::Holomorphic, 1.0);
        let with =
            |inverse, way| solved(&problem, &equation(TimeAxis::Real, inverse), way, &Serial);
        let (velocity, quality) = with(AUTO, sampled);
        assert_eq!(
            with(MotionInverse::Shift(quality.shift), sampled),
            (velocity, quality)
        );
        let exact: fn(&Equation, &Residuals, &dyn Comm) -> Result<Motion> =
            |equation, data, comm| motion::solve(equation, data, 0.0, true, comm);
        let sum = with(AUTO, exact);
        assert_eq!(sum, with(MotionInverse::Spectral(CUT), exact));
        assert_eq!(sum.1.shift, 0.0);
    }
}
