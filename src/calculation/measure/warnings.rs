//! Decides what a reader of the results has to know about the convergence of a measurement, each
//! warning with what to do about it.
//!
//! R-hat and drift of the energies, R-hat of the spins, effective samples, acceptance, bounds.

use super::exchanges::of_exchanges;
use super::measurement::Measurement;
use super::verdict::has_collapsed;
use crate::calculation::vmc::{Energy, observe};
use crate::observable::Named;
use crate::stats::limits::{
    MAX_CONFIGURATION_R_HAT, MAX_R_HAT, MIN_EFFECTIVE_FRACTION, MIN_EFFECTIVE_SAMPLES,
};
use crate::stats::{Summary, WeightedSeries};
use num_complex::Complex64;

/// Chains from which modes can be told: R-hat compares chains, and fewer may all sit in one (A.
/// Vehtari et al., Bayesian Anal. 16, 667 (2021)).
const ENOUGH_CHAINS: usize = 4;

/// A share of accepted proposals below which chains stand.
pub(super) const STANDING: f64 = 1e-3;

/// A relative discarded weight above which amplitudes are not those of the network.
const MAX_TRUNCATION: f64 = 1e-6;

/// Warnings of a measurement; `names` are those of the observables, `lower_bound` one of the
/// energy. `states` is that of [`super::verdict::joined_states`]: chains in one alone cannot move.
pub fn of_measurement(
    m: &Measurement,
    energy: &Energy,
    names: &[&str],
    lower_bound: f64,
    states: f64,
) -> Vec<String> {
    let mut list = Vec::new();
    if has_collapsed(m, energy, states) {
        list.push(
            "the wave function has collapsed on single configurations: this energy is that of a \
             product state and not of the ground state; set what the Hamiltonian conserves and \
             its sign rule, or lower optimize.learning_rate"
                .into(),
        );
    }
    list.extend(of_equilibration(m));
    list.extend(of_agreement(m, energy, names));
    if states > 1.0 {
        list.extend(of_moves(m));
    }
    list.extend(of_weights(m));
    list.extend(of_exchanges(&m.swap_acceptance()));
    list.extend(of_energy(energy, lower_bound));
    list.extend(of_truncation(m));
    list.extend(of_imaginary_part(m, energy));
    list
}

/// What observables say of their numbers, and those that have none.
pub fn of_observables(observables: &[Named], observed: &[Summary]) -> Vec<String> {
    let each = observables.iter().zip(observed);
    let said = each.filter_map(|(n, s)| n.observable.warning(&s.mean, &s.error));
    let mut list: Vec<String> = said.collect();
    list.extend(observe::undefined(observables, observed));
    list
}

/// A V-score that is left out of the results, or its error.
pub fn of_v_score(score: Option<f64>, moments: Option<&Summary>) -> Option<String> {
    let unknown = |s: &Summary| s.error.get(2).is_some_and(|e| !e.is_finite());
    match score {
        None => Some(
            "the V-score is left out: the energy is E_inf, that of infinite temperature".into(),
        ),
        Some(_) if moments.is_some_and(unknown) => Some(
            "the error of the V-score is left out: without one of the bins the energy is E_inf, \
             that of infinite temperature; raise measure.samples"
                .into(),
        ),
        Some(_) => None,
    }
}

/// Contractions that threw away more than rounding does.
fn of_truncation(m: &Measurement) -> Option<String> {
    let weight = m.truncation.filter(|w| *w > MAX_TRUNCATION)?;
    Some(format!(
        "contractions threw away a relative weight of {weight:.1e}: amplitudes are not those of \
         the network; raise ansatz.boundary_dimension"
    ))
}

/// Chains that had not come to equilibrium.
fn of_equilibration(m: &Measurement) -> Vec<String> {
    let mut list = Vec::new();
    let e = &m.equilibration;
    if e.cut > 0 {
        list.push(format!(
            "the chains were not in equilibrium: the first {} of {} samples of each were cut; \
             raise measure.burn_in",
            e.cut, m.per_chain
        ));
    }
    if e.drifts() {
        list.push(format!(
            "the energy still drifts (by {:.0} standard errors between the halves): the chains are \
             not in equilibrium; raise \
             measure.burn_in and measure.samples",
            e.drift.abs()
        ));
    }
    list
}

/// Chains that disagree.
fn of_agreement(m: &Measurement, energy: &Energy, names: &[&str]) -> Vec<String> {
    let mut list = Vec::new();
    // Clusters, and layers that are drawn in turn, make no proposals.
    let has_moves = m.proposed.iter().any(|p| *p > 0.0);
    if energy.r_hat > MAX_R_HAT {
        list.push(format!(
            "R-hat is {:.2}: the chains disagree; raise measure.burn_in, sampler.sweeps or \
             measure.samples{}",
            energy.r_hat,
            if has_moves { ", or add moves" } else { "" }
        ));
    }
    let spins = m.spins.as_ref().map_or(1.0, |s| s.r_hat);
    if spins > MAX_CONFIGURATION_R_HAT {
        list.push(format!(
            "R-hat of the spins is {spins:.2}: chains stay in different regions, which the {}; \
             {}raise sampler.sweeps or measure.samples",
            if has_moves {
                "moves do not join"
            } else {
                "sweeps do not join"
            },
            if has_moves {
                "add other sampler.moves, or "
            } else {
                ""
            }
        ));
    } else {
        for (name, summary) in names
            .iter()
            .zip(&m.observed)
            .filter(|(_, s)| s.r_hat > MAX_R_HAT)
        {
            list.push(format!(
                "R-hat of {name} is {:.2}: its error bar is not to be trusted; raise \
                 measure.samples or sampler.sweeps",
                summary.r_hat
            ));
        }
    }
    list
}

/// Chains that hardly move.
fn of_moves(m: &Measurement) -> Vec<String> {
    let mut list = Vec::new();
    let (proposed, accepted): (f64, f64) = (m.proposed.iter().sum(), m.accepted.iter().sum());
    if proposed > 0.0 && accepted < STANDING * proposed {
        list.push(format!(
            "only {:.1e} of the proposals were accepted: the chains hardly move; use other moves \
             or more sweeps",
            accepted / proposed
        ));
    }
    let chains = m.proposed.len();
    if (1..ENOUGH_CHAINS).contains(&chains) && proposed > 0.0 {
        list.push(format!(
            "{chains} of the {ENOUGH_CHAINS} chains that are needed to see whether they stay in \
             different regions: the error bar may be far too small; raise sampler.chains"
        ));
    }
    let frozen = m.accepted.iter().filter(|&&a| a == 0.0).count();
    if frozen > 0 {
        list.push(format!(
            "{frozen} chains never moved: the error bar is not to be trusted; use other moves, \
             more sweeps or burn-in"
        ));
    }
    let mean = accepted / m.accepted.len().max(1) as f64;
    let slow = m
        .accepted
        .iter()
        .filter(|&&a| a > 0.0 && a < 0.01 * mean)
        .count();
    if slow > 0 {
        list.push(format!(
            "{slow} chains are stuck, with less than a hundredth of the mean acceptance; use other \
             moves or more sweeps"
        ));
    }
    list
}

/// Weights of samples that rest on few of them.
fn of_weights(m: &Measurement) -> Option<String> {
    let fraction = m.effective_fraction();
    (fraction < MIN_EFFECTIVE_FRACTION).then(|| {
        format!(
            "the weights of the samples make them worth a fraction {fraction:.2} of so many: the \
             error bars may be too small; raise sampler.power towards 2"
        )
    })
}

/// An energy that is not to be used as it is.
fn of_energy(energy: &Energy, lower_bound: f64) -> Vec<String> {
    let mut list = Vec::new();
    if energy.effective_samples < MIN_EFFECTIVE_SAMPLES {
        list.push(format!(
            "only {:.0} effective samples: the error bar itself is uncertain; raise \
             measure.samples",
            energy.effective_samples
        ));
    }
    if energy.mean.re + 4.0 * energy.error < lower_bound - 1e-9 * lower_bound.abs() {
        list.push(format!(
            "the energy {} lies below the bound {lower_bound} that no state can cross: do not use \
             it; \
             sample longer and check the chains",
            energy.mean.re
        ));
    }
    list
}

/// An imaginary part of the energy that is not zero within its own error, that of the means of the
/// chains, and within that of the real part.
fn of_imaginary_part(m: &Measurement, energy: &Energy) -> Option<String> {
    let (values, logs) = m.after(m.equilibration.cut);
    let weighted = WeightedSeries {
        values: &values,
        logs: &logs,
    };
    let series = weighted.linearised().map_or(values.clone(), |l| l.series);
    let mean = |s: &Vec<Complex64>| s.iter().map(|e| e.im).sum::<f64>() / s.len().max(1) as f64;
    let means: Vec<f64> = series.iter().map(mean).collect();
    let chains = means.len() as f64;
    let centre = means.iter().sum::<f64>() / chains;
    let spread: f64 = means.iter().map(|m| (m - centre).powi(2)).sum();
    let own = match means.len() {
        0 | 1 => 0.0,
        _ => (spread / (chains * (chains - 1.0))).sqrt(),
    };
    let error = energy.error.max(own).max(1e-10 * energy.mean.re.abs());
    (energy.mean.im.abs() > 5.0 * error).then(|| {
        format!(
            "Im E = {:.2e} is not zero within its error bar: sample longer, the wave function has \
             near-zeros",
            energy.mean.im
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Equilibration;

    fn energy() -> Energy {
        Energy {
            mean: Complex64::new(-1.0, 0.0),
            error: 0.01,
            variance: 1.0,
            tau: 0.5,
            effective_samples: 1e4,
            r_hat: 1.0,
        }
    }

    /// Chains without a fault.
    fn sound() -> Measurement {
        Measurement {
            proposed: vec![100.0; 4],
            accepted: vec![40.0; 4],
            ..Measurement::default()
        }
    }

    fn warnings(m: &Measurement, e: &Energy) -> Vec<String> {
        of_measurement(m, e, &["m"], -2.0, 16.0)
    }

    #[test]
    fn each_fault_of_the_chains_has_its_warning_and_a_sound_run_has_none() {
        assert!(warnings(&sound(), &energy()).is_empty());
        let summary = |r_hat: f64| Summary {
            r_hat,
            ..Summary::default()
        };
        for faulty in [
            Measurement {
                accepted: vec![40.0, 0.0, 40.0, 40.0],
                ..sound()
            },
            Measurement {
                accepted: vec![40.0, 0.1, 40.0, 40.0],
                ..sound()
            },
            Measurement {
                proposed: vec![1e6; 4],
                accepted: vec![1.0; 4],
                ..sound()
            },
            Measurement {
                spins: Some(summary(1.5)),
                ..sound()
            },
            Measurement {
                observed: vec![summary(1.5)],
                ..sound()
            },
            Measurement {
                equilibration: Equilibration {
                    cut: 10,
                    drift: 0.0,
                },
                ..sound()
            },
            Measurement {
                equilibration: Equilibration {
                    cut: 0,
                    drift: -9.0,
                },
                ..sound()
            },
        ] {
            assert_eq!(warnings(&faulty, &energy()).len(), 1, "{faulty:?}");
        }
    }

    #[test]
    fn each_fault_of_the_energy_has_its_warning() {
        let disagreeing = Energy {
            r_hat: 1.2,
            ..energy()
        };
        let complex = Energy {
            mean: Complex64::new(-1.0, 0.2),
            ..energy()
        };
        let correlated = Energy {
            effective_samples: 10.0,
            ..energy()
        };
        for faulty in [disagreeing, complex, correlated] {
            assert_eq!(warnings(&sound(), &faulty).len(), 1, "{faulty:?}");
        }
        let high = of_measurement(&sound(), &energy(), &[], -0.5, 16.0);
        assert_eq!(high.len(), 1);
    }

    #[test]
    fn one_state_needs_no_moves_and_few_chains_are_told() {
        let still = Measurement {
            accepted: vec![0.0; 4],
            ..sound()
        };
        assert_eq!(warnings(&still, &energy()).len(), 2);
        assert!(of_measurement(&still, &energy(), &[], -2.0, 1.0).is_empty());
        for chains in 1..4 {
            let few = Measurement {
                proposed: vec![100.0; chains],
                accepted: vec![40.0; chains],
                ..sound()
            };
            let said = warnings(&few, &energy());
            assert!(
                said.len() == 1 && said[0].contains("sampler.chains"),
                "{said:?}"
            );
        }
    }

    #[test]
    fn the_imaginary_part_has_an_error_of_its_own() {
        let noisy = |im: [f64; 4]| Measurement {
            series: im.map(|im| vec![Complex64::new(-1.0, im)]).to_vec(),
            ..sound()
        };
        let energy = |im: f64| Energy {
            mean: Complex64::new(-1.0, im),
            error: 1e-5,
            ..energy()
        };
        // The mean -7e-3 of chains that scatter by 1e-2 is no contradiction.
        let scattered = noisy([-1.7e-2, 3e-3, -2e-3, -1.2e-2]);
        assert!(warnings(&scattered, &energy(-7e-3)).is_empty());
        let sharp = noisy([-7e-3, -7.1e-3, -6.9e-3, -7e-3]);
        assert_eq!(warnings(&sharp, &energy(-7e-3)).len(), 1);
    }
}
