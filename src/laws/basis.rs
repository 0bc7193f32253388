//! Decides what every basis has to obey: numbers and configurations are one to one, moves are
//! judged as their results are, and draws are uniform.

use super::Verdict;
use crate::basis::{Basis, Numbering, Step};
use crate::rng::{Purpose, stream};

/// Configurations whose moves are all looked at.
const LOOKED_AT: usize = 200;
/// Draws per configuration.
const DRAWS: usize = 40;

/// Holds a basis that can be numbered to its laws; `seed` names the draws.
///
/// The error side names the law and the place.
pub fn basis(basis: &Basis, seed: u64) -> Verdict {
    let numbering = basis.numbering().map_err(|e| e.to_string())?;
    if numbering.dimension() as f64 != basis.dimension() {
        return Err(format!(
            "numbering: {} numbers for {} configurations",
            numbering.dimension(),
            basis.dimension()
        ));
    }
    for k in 0..numbering.dimension() {
        let x = numbering.row(k);
        if !basis.contains(&x) || numbering.number(&x) != Some(k) {
            return Err(format!(
                "numbering: number {k} is {x:?} and does not come back"
            ));
        }
    }
    let stride = numbering.dimension().div_ceil(LOOKED_AT);
    (0..numbering.dimension())
        .step_by(stride)
        .try_for_each(|k| moves(basis, &numbering, k))?;
    draws(basis, &numbering, seed)
}

/// Every change of one site or of two from configuration `k`.
fn moves(basis: &Basis, numbering: &Numbering, k: usize) -> Verdict {
    let x = numbering.row(k);
    let changes = |site: usize| {
        let (local, old) = (basis.locals()[site], x[site]);
        let values = (0..local.count as usize).map(move |v| local.value(v));
        values.filter(move |&v| v != old)
    };
    let mut step = Step::default();
    let mut look = |list: &[(usize, i8)]| {
        step.clear();
        list.iter().for_each(|&(site, v)| step.set(site as u32, v));
        let reached = step.get().applied(&x);
        let inside = basis.contains(&reached);
        let found = numbering.at(k, &x).after(step.get());
        if basis.keeps(&x, step.get()) != inside || found != numbering.number(&reached) {
            return Err(format!(
                "moves: from {x:?} to {reached:?}, inside: {inside}"
            ));
        }
        match (inside, found) {
            (true, None) | (false, Some(_)) => Err(format!("moves: {reached:?} has {found:?}")),
            _ => Ok(()),
        }
    };
    for i in 0..basis.sites() {
        for a in changes(i) {
            look(&[(i, a)])?;
            for j in i + 1..basis.sites() {
                changes(j).try_for_each(|b| look(&[(i, a), (j, b)]))?;
            }
        }
    }
    Ok(())
}

/// χ² of the draws, whose mean is the number of degrees of freedom f and whose variance is 2 f.
fn draws(basis: &Basis, numbering: &Numbering, seed: u64) -> Verdict {
    let mut rng = stream(seed, Purpose::Law, 0, 0);
    let mut counts = vec![0.0; numbering.dimension()];
    for _ in 0..DRAWS * counts.len() {
        let x = basis.random(&mut rng);
        match numbering.number(&x) {
            Some(k) => counts[k] += 1.0,
            None => return Err(format!("draws: {x:?} lies outside")),
        }
    }
    let mean = DRAWS as f64;
    let chi2: f64 = counts.iter().map(|n| (n - mean).powi(2) / mean).sum();
    let freedom = counts.len() as f64 - 1.0;
    if (chi2 - freedom).abs() > 6.0 * (2.0 * freedom).sqrt() {
        return Err(format!(
            "draws: χ² = {chi2} with {freedom} degrees of freedom"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::basis::{Charge, Local, PARTICLES};

    const MODE: Local = Local {
        first: 0,
        step: 1,
        count: 2,
        fermionic: true,
    };

    fn charge(weights: Vec<i8>, total: i32, modulo: Option<i32>) -> Charge {
        Charge {
            name: PARTICLES,
            weights,
            total,
            modulo,
        }
    }

    #[test]
    fn spins_of_every_length_obey_them() {
        for (twice_s, sites) in [(1, 7), (2, 5), (3, 4), (4, 3)] {
            for m in [
                None,
                Some((twice_s as i64 * sites as i64) % 2),
                Some(twice_s as i64),
            ] {
                let fits = m.is_none_or(|m| (m + twice_s as i64 * sites as i64) % 2 == 0);
                if fits {
                    basis(&Basis::spins(sites, twice_s, m).unwrap(), 1).unwrap();
                }
            }
        }
        assert_eq!(Basis::spins(6, 2, Some(0)).unwrap().dimension(), 141.0);
        assert_eq!(Basis::spins(6, 2, None).unwrap().dimension(), 729.0);
    }

    #[test]
    fn charges_parities_and_exclusions_obey_them() {
        // Two species without double occupancy, a t-J model: 6!/(2! 2! 2!) states.
        let up = charge([vec![1; 6], vec![0; 6]].concat(), 2, None);
        let down = charge([vec![0; 6], vec![1; 6]].concat(), 2, None);
        let excluded = (0..6).map(|i| [(i, 1), (i + 6, 1)]).collect();
        let t_j = Basis::new(vec![MODE; 12], vec![up, down], excluded).unwrap();
        assert_eq!(t_j.dimension(), 90.0);
        basis(&t_j, 2).unwrap();
        // An even number of particles.
        let even = charge(vec![1; 7], 0, Some(2));
        let parity = Basis::new(vec![MODE; 7], vec![even], Vec::new()).unwrap();
        assert_eq!(parity.dimension(), 64.0);
        basis(&parity, 3).unwrap();
        // Neighbours on a ring are not occupied together: the Lucas number L_8 = 47.
        let blockade = (0..8).map(|i| [(i, 1), ((i + 1) % 8, 1)]).collect();
        let rydberg = Basis::new(vec![MODE; 8], Vec::new(), blockade).unwrap();
        assert_eq!(rydberg.dimension(), 47.0);
        basis(&rydberg, 4).unwrap();
    }

    #[test]
    fn bases_without_configurations_are_refused() {
        for (weights, total) in [
            (vec![1; 4], 5),
            (vec![1; 4], -1),
            (vec![2; 4], 3),
            (vec![1; 3], 1),
        ] {
            let one = charge(weights, total, None);
            assert!(Basis::new(vec![MODE; 4], vec![one], Vec::new()).is_err());
        }
    }

    #[test]
    fn large_bases_are_drawn_without_being_numbered() {
        let local = Local {
            first: 0,
            step: 1,
            count: 5,
            fermionic: false,
        };
        let total = charge(vec![1; 300], 300, None);
        let large = Basis::new(vec![local; 300], vec![total], Vec::new()).unwrap();
        assert!(large.numbering().is_err() && large.dimension() > 1e150);
        let mut rng = stream(1, Purpose::Law, 0, 0);
        let empty = |_| {
            let x = large.random(&mut rng);
            assert!(large.contains(&x));
            x.iter().filter(|&&n| n == 0).count()
        };
        // For many sites the values are independent with weights zⁿ, z such that the mean is 1.
        let share = (0..200).map(empty).sum::<usize>() as f64 / (200.0 * 300.0);
        let (z, _) = (0..100).fold((0.0f64, 1.0f64), |(low, high), _| {
            let z = (low + high) / 2.0;
            let excess: f64 = (0..5).map(|n| (f64::from(n) - 1.0) * z.powi(n)).sum();
            if excess > 0.0 { (low, z) } else { (z, high) }
        });
        let expected = 1.0 / (0..5).map(|n| z.powi(n)).sum::<f64>();
        assert!((share - expected).abs() < 0.01, "{share} {expected}");
    }
}
