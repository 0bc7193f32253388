//! Packed flips against flips one by one.

use super::*;
use crate::rng::{Purpose, RngExt, stream};

fn square(lx: u32, ly: u32, coupling: f64) -> Arc<SpinEnergy> {
    let site = |x: u32, y: u32| x % lx + lx * (y % ly);
    let all = (0..ly).flat_map(|y| (0..lx).map(move |x| (x, y)));
    let bonds = all.flat_map(|(x, y)| [[site(x, y), site(x + 1, y)], [site(x, y), site(x, y + 1)]]);
    let terms = bonds.map(|on| (coupling, on.to_vec()));
    Arc::new(SpinEnergy::new((lx * ly) as usize, terms))
}

fn packed(energy: &Arc<SpinEnergy>, cells: [usize; 2], beta: f64) -> Option<PackedFlips> {
    PackedFlips::new(&UpdateSetting {
        energy,
        square: Some(cells),
        beta,
        effective: None,
        max_cluster: 0,
        random_sites: false,
    })
}

#[test]
fn flips_of_a_cold_lattice_are_those_that_cost_nothing() {
    // At T = 0 a sweep is a rule without chance, which is followed here spin by spin.
    for (lx, ly, coupling) in [(12, 14, -1.0), (64, 6, -0.5), (10, 40, 1.0), (200, 8, -2.0)] {
        let energy = square(lx, ly, coupling);
        let cells = [lx as usize, ly as usize];
        let mut update = packed(&energy, cells, 1e9).unwrap();
        let mut rng = stream(5, Purpose::Law, 0, u64::from(lx));
        let sites = cells[0] * cells[1];
        let mut spins: Vec<i8> = (0..sites)
            .map(|_| if rng.random() { 1 } else { -1 })
            .collect();
        let mut back = vec![0; sites];
        update.put(&spins);
        update.copy(&mut back);
        assert_eq!(back, spins);
        let mut words = Words::new(&mut rng);
        for _ in 0..5 {
            let sum = spins.iter().map(|s| i64::from(*s)).sum();
            assert_eq!(update.observe(), (energy.energy(&spins), sum));
            let mut accepted = 0;
            for colour in 0..2 {
                for i in (0..sites).filter(|i| (i % cells[0] + i / cells[0]) % 2 == colour) {
                    if energy.change(&spins, i) <= 0.0 {
                        spins[i] = -spins[i];
                        accepted += 1;
                    }
                }
            }
            let mut tally = Tally::default();
            update.advance(1, &mut words, &mut tally);
            update.copy(&mut back);
            assert_eq!(back, spins, "{lx} x {ly}");
            assert_eq!(
                (tally.accepted, tally.proposed),
                (f64::from(accepted), sites as f64)
            );
        }
    }
}

#[test]
fn flips_that_cost_energy_come_as_often_as_they_should() {
    let energy = square(64, 64, -1.0);
    let beta = 0.3;
    let mut update = packed(&energy, [64, 64], beta).unwrap();
    let mut words = Words::new(&mut stream(6, Purpose::Law, 0, 0));
    let (mut flipped, rounds) = (0.0, 200.0);
    for _ in 0..rounds as usize {
        // From all up, flips of the first sublattice cost 8; the second sees their traces.
        update.put(&[1; 4096]);
        let mut back = [0; 4096];
        update.advance(1, &mut words, &mut Tally::default());
        update.copy(&mut back);
        let even = (0..4096).filter(|i| (i % 64 + i / 64) % 2 == 0 && back[*i] < 0);
        flipped += even.count() as f64;
    }
    let (p, n) = ((-8.0 * beta).exp(), 2048.0 * rounds);
    let pull = (flipped / n - p) / (p * (1.0 - p) / n).sqrt();
    assert!(pull.abs() < 4.0, "{pull}");
}

#[test]
fn other_lattices_and_energies_are_left_to_others() {
    let energy = square(12, 14, -1.0);
    assert!(packed(&energy, [12, 14], 0.5).is_some());
    assert!(packed(&energy, [12, 14], 0.1).is_none(), "too hot");
    assert!(
        packed(&square(11, 14, -1.0), [11, 14], 0.5).is_none(),
        "odd"
    );
    assert!(packed(&square(4, 4, -1.0), [4, 4], 0.5).is_none(), "small");
    let with_field = energy.products().map(|(c, on)| (c, on.to_vec()));
    let with_field = SpinEnergy::new(168, with_field.chain([(0.1, vec![3])]));
    assert!(packed(&Arc::new(with_field), [12, 14], 0.5).is_none());
}
