//! Decides whether energy, variance and gradient of explicitly given wave functions come out, by sums over all states.
//!
//! E = Σ_x |ψ(x)|² E_loc(x) / Σ_x |ψ(x)|², E_loc(x) = Σ_x' ⟨x|H|x'⟩ ψ(x')/ψ(x), ∂E/∂θ_k = 2 Re ⟨(O_k − ⟨O_k⟩)* E_loc⟩.

use nishina::ansatz::jastrow::Jastrow;
use nishina::ansatz::rbm::Rbm;
use nishina::ansatz::sign::SignRule;
use nishina::ansatz::{Ansatz, Asks, Erased, Matrix};
use nishina::basis::{SpinBasis, StateIndex};
use nishina::operator::{Pauli, PauliSum, TermTable};
use num_complex::Complex64;

fn ising(sites: usize, h: f64) -> TermTable {
    let mut sum = PauliSum::default();
    for i in 0..sites as u32 {
        sum.add(-1.0, &[(i, Pauli::Z), ((i + 1) % sites as u32, Pauli::Z)]);
        sum.add(-h, &[(i, Pauli::X)]);
    }
    TermTable::compile(sites, &sum).unwrap()
}

fn heisenberg(sites: usize, coupling: f64) -> TermTable {
    let mut sum = PauliSum::default();
    for i in 0..sites as u32 {
        for pauli in [Pauli::X, Pauli::Y, Pauli::Z] {
            sum.add(coupling, &[(i, pauli), ((i + 1) % sites as u32, pauli)]);
        }
    }
    TermTable::compile(sites, &sum).unwrap()
}

struct Sums {
    energy: Complex64,
    variance: f64,
    weights: Vec<f64>,
    local: Vec<Complex64>,
    states: Vec<i8>,
}

fn local_energies<A: Ansatz>(ansatz: &A, h: &TermTable, xs: &[i8]) -> Vec<Complex64> {
    let batch = ansatz.batch(xs);
    let (mut asks, mut elements, mut local) = (Asks::default(), Vec::new(), Vec::new());
    for (k, x) in xs.chunks_exact(h.sites).enumerate() {
        local.push(h.diagonal(x));
        h.connected(x, |sites, element| {
            asks.push(k, sites);
            elements.push(element);
        });
    }
    let mut ratios = vec![Complex64::ZERO; asks.len()];
    ansatz.ratios(&batch, &asks, &mut ratios);
    asks.iter().zip(ratios.iter().zip(&elements)).for_each(|((k, _), (&r, &e))| local[k] += r * e);
    local
}

fn sums<A: Ansatz>(ansatz: &A, h: &TermTable, basis: &SpinBasis) -> Sums {
    let index = StateIndex::new(basis).unwrap();
    let states: Vec<i8> = (0..index.dimension()).flat_map(|k| index.spins(index.state(k))).collect();
    let local = local_energies(ansatz, h, &states);
    let mut weights: Vec<f64> = ansatz.log_psi(&ansatz.batch(&states)).iter().map(|log| (2.0 * log.re).exp()).collect();
    let norm: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= norm);
    let energy: Complex64 = local.iter().zip(&weights).map(|(e, w)| e * w).sum();
    let variance = local.iter().zip(&weights).map(|(e, w)| (e - energy).norm_sqr() * w).sum();
    Sums { energy, variance, weights, local, states }
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() < tolerance, "{found} instead of {expected}");
}

/// The explicitly given complex machine of six sites and six units.
fn given() -> Rbm<Complex64> {
    let mut parameters = Vec::new();
    let real = f64::from;
    (0..6).for_each(|i| parameters.extend([0.10 * real(1 + i).cos(), 0.05 * real(2 + i).sin()]));
    (0..6).for_each(|j| parameters.extend([0.08 * real(1 + j).sin(), 0.06 * real(3 + j).cos()]));
    for i in 0..6 {
        for j in 0..6 {
            parameters.extend([0.12 * real(1 + i + 2 * j).cos(), 0.07 * real(2 + 3 * i + j).sin()]);
        }
    }
    let mut rbm = Rbm::dense(6, 6, true, true, 0.0, 0);
    rbm.set_parameters(&parameters).unwrap();
    rbm
}

#[test]
fn energies_of_the_given_complex_machine() {
    let (rbm, basis) = (given(), SpinBasis::new(6, None).unwrap());
    let xs = [1, 1, 1, 1, 1, 1, 1, -1, 1, -1, 1, -1];
    for (h, energy, variance, local) in [
        (
            ising(6, 1.0),
            -6.297546440275816,
            3.704222141550132,
            [(-12.443947450101264, -0.083666424345474), (-1.393993933376192, 0.157217064254498)],
        ),
        (
            heisenberg(6, 1.0),
            5.781886196511358,
            1.186366978284915,
            [(6.0, 0.0), (9.601140218199573, -0.754503371153297)],
        ),
    ] {
        let sums = sums(&rbm, &h, &basis);
        close(sums.energy.re, energy, 1e-12);
        close(sums.energy.im, 0.0, 1e-12);
        close(sums.variance, variance, 1e-12);
        for (found, (re, im)) in local_energies(&rbm, &h, &xs).into_iter().zip(local) {
            close(found.re, re, 1e-12);
            close(found.im, im, 1e-12);
        }
    }
}

#[test]
fn energy_of_a_neighbour_jastrow_state() {
    let n = 10usize;
    let distance = |i: usize, j: usize| i.abs_diff(j).min(n - i.abs_diff(j)) as u32;
    let classes: Vec<Vec<u32>> = (0..n).map(|i| (0..n).map(|j| distance(i, j).max(1) - 1).collect()).collect();
    let mut jastrow = Jastrow::<f64>::new(&classes, false, 0.0, 0);
    jastrow.set_parameters(&[0.3, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let sums = sums(&jastrow, &ising(n, 1.0), &SpinBasis::new(n, None).unwrap());
    close(sums.energy.re, -12.49849186201337, 1e-11);
    close(sums.variance, 0.9147840052942229, 1e-11);
}

#[test]
fn energy_and_gradient_of_a_real_machine_behind_the_sign_rule() {
    let (mut parameters, mut gradient) = (Vec::<f64>::new(), Vec::<f64>::new());
    for line in include_str!("data/rbm-real-heisenberg-n10-marshall.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        parameters.push(fields[3].parse().unwrap());
        gradient.push(fields[5].parse().unwrap());
    }
    let mut rbm = Rbm::<f64>::dense(10, 10, true, true, 0.0, 0);
    rbm.set_parameters(&parameters).unwrap();
    let signed = SignRule::new(Erased::new(rbm), (0..10).map(|i| i % 2 == 0).collect()).unwrap();
    let sums = sums(&signed, &heisenberg(10, 0.25), &SpinBasis::new(10, Some(0)).unwrap());
    close(sums.energy.re, -2.440851536641563, 1e-12);
    close(sums.variance, 2.445342015354199, 1e-12);
    let Matrix::Real(o) = signed.derivatives(&signed.batch(&sums.states)).written_out() else { panic!("not real") };
    for (k, expected) in gradient.into_iter().enumerate() {
        let covariance = |s: usize| sums.weights[s] * o[(s, k)] * (sums.local[s] - sums.energy).re;
        close(2.0 * (0..sums.weights.len()).map(covariance).sum::<f64>(), expected, 1e-9);
    }
}
