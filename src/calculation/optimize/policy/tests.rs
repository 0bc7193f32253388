//! Decides whether the policy of faults does what its page says.

use super::*;
use num_complex::Complex64;

const BOUNDS: Bounds = Bounds {
    e_infinity: 0.0,
    spread: 20.0,
    max_rise: 0.25,
};

fn energy(mean: f64, error: f64, variance: f64) -> Energy {
    let mean = Complex64::new(mean, 0.0);
    Energy {
        mean,
        error,
        variance,
        tau: 0.5,
        effective_samples: 1e3,
        r_hat: 1.0,
    }
}

#[test]
fn each_fault_is_told_from_a_sound_step() {
    let mut policy = Policy::default();
    assert_eq!(
        policy.judge(&energy(5.0, 0.1, 10.0), 1.0, &BOUNDS),
        (None, true)
    );
    assert_eq!(
        policy.judge(&energy(f64::NAN, 0.1, 10.0), 1.0, &BOUNDS).0,
        Some(Fault::NotFinite)
    );
    assert_eq!(
        policy.judge(&energy(-5.0, 0.1, 401.0), 1.0, &BOUNDS).0,
        Some(Fault::Impossible)
    );
    assert_eq!(
        policy.judge(&energy(-21.0, 0.1, 1.0), 1.0, &BOUNDS).0,
        Some(Fault::Impossible)
    );
    assert_eq!(policy.judge(&energy(-20.3, 0.1, 1.0), 1.0, &BOUNDS).0, None);
    policy.passed(&energy(-12.0, 0.0, 1.0), 1.0);
    assert_eq!(
        policy.judge(&energy(-10.6, 0.0, 1.0), 1.0, &BOUNDS),
        (None, true)
    );
    assert_eq!(
        policy.judge(&energy(-9.1, 0.0, 1.0), 1.0, &BOUNDS),
        (None, false)
    );
    assert_eq!(
        policy.judge(&energy(-8.9, 0.0, 1.0), 1.0, &BOUNDS).0,
        Some(Fault::Rise)
    );
    assert_eq!(policy.judge(&energy(-8.9, 0.1, 1.0), 1.0, &BOUNDS).0, None);
    assert_eq!(
        policy
            .judge(
                &energy(8.0, 0.1, 1.0),
                1.0,
                &Bounds {
                    max_rise: 0.0,
                    ..BOUNDS
                }
            )
            .0,
        None
    );
}

#[test]
fn chains_that_freeze_may_not_rise() {
    let mut policy = Policy::default();
    policy.passed(&energy(-12.0, 0.1, 1.0), 0.4);
    // A state that lies lower is no fault, but nothing to go back to.
    assert_eq!(
        policy.judge(&energy(-12.1, 0.1, 1.0), 0.03, &BOUNDS),
        (None, false)
    );
    assert_eq!(
        policy.judge(&energy(-11.0, 0.1, 1.0), 0.03, &BOUNDS),
        (Some(Fault::Frozen), false)
    );
    assert_eq!(
        policy.judge(&energy(-11.0, 0.1, 1.0), 0.05, &BOUNDS),
        (None, true)
    );
    policy.passed(&energy(-12.1, 0.1, 1.0), 0.03);
    assert_eq!(
        policy.judge(&energy(-11.0, 0.1, 1.0), 0.03, &BOUNDS),
        (None, true)
    );
}

#[test]
fn a_variance_far_above_those_before_is_a_fault() {
    let mut policy = Policy::default();
    let spike = energy(-11.0, 0.5, 40.0);
    for _ in 0..REMEMBERED {
        assert_eq!(policy.judge(&spike, 1.0, &BOUNDS), (None, true));
        policy.passed(&energy(-12.0, 0.1, 0.5), 1.0);
    }
    // 25 × 0.5 is allowed, half of it leaves the state good to go back to; all are far above
    // (0.05 × 12)².
    assert_eq!(
        policy.judge(&energy(-11.9, 0.1, 6.0), 1.0, &BOUNDS),
        (None, true)
    );
    assert_eq!(
        policy.judge(&energy(-11.9, 0.1, 10.0), 1.0, &BOUNDS),
        (None, false)
    );
    assert_eq!(
        policy.judge(&spike, 1.0, &BOUNDS),
        (Some(Fault::Explosion), false)
    );
    assert_eq!(
        policy.judge(
            &spike,
            1.0,
            &Bounds {
                max_rise: 0.0,
                ..BOUNDS
            }
        ),
        (None, true)
    );
    // Close to an eigenstate the variance may grow by any factor, as long as it is small beside
    // the energy.
    let mut policy = Policy::default();
    (0..REMEMBERED).for_each(|_| policy.passed(&energy(-12.0, 1e-6, 1e-9), 1.0));
    assert_eq!(
        policy.judge(&energy(-12.0, 0.01, 0.08), 1.0, &BOUNDS),
        (None, true)
    );
}

#[test]
fn the_rate_comes_back_more_slowly_after_every_fault() {
    let mut policy = Policy::default();
    let mut steps_back = |faults: usize| {
        policy.failed();
        assert_eq!(
            (policy.level, policy.faults, policy.rate_factor()),
            (1, faults, 0.5)
        );
        (1..).find(|_| {
            policy.passed(&energy(-1.0, 0.0, 1.0), 1.0);
            policy.level == 0
        })
    };
    assert_eq!(
        (steps_back(1), steps_back(2), steps_back(3)),
        (Some(10), Some(20), Some(30))
    );
}

#[test]
fn a_chain_is_drawn_anew_only_among_moving_ones() {
    let mut policy = Policy::default();
    for step in 1..=45 {
        let due = policy.stand_still(&[false, true], 1.0, 8);
        assert_eq!(
            due,
            if step % STILL_STEPS == 0 {
                vec![1]
            } else {
                vec![]
            }
        );
    }
    assert!((0..50).all(|_| policy.stand_still(&[true, true], 8.0, 8).is_empty()));
}

#[test]
fn state_round_trips() {
    let mut policy = Policy {
        level: 2,
        faults: 3,
        sound: 4,
        still: vec![0, 7],
        ..Policy::default()
    };
    let serial = crate::comm::Serial;
    for safe in [false, true] {
        if safe {
            policy.best = Some([-1.0, 0.1, 2.0, 0.4]);
            policy.variances = vec![2.0, 3.0];
            let mut optimizer = Tree::default();
            optimizer.put_real("state/first", 3.0);
            policy.safe = Some(Snapshot {
                parameters: vec![1.0, 2.0],
                chains: vec![1, -1, -1, 1],
                optimizer,
            });
        }
        let mut tree = Tree::default();
        policy.save(&mut tree, &serial, 2).unwrap();
        assert_eq!(Policy::load(&tree).unwrap(), policy);
    }
    assert!(Policy::load(&Tree::default()).is_err());
}
