//! Decides whether machines on sites of any values are right: laws, ties, and inputs that say the
//! same.

use super::*;
use crate::ansatz::rbm::Rbm;
use crate::basis::Basis;
use crate::laws::laws;
use crate::rng::{Purpose, stream};

fn ring(sites: usize) -> Group {
    Group {
        permutations: (0..sites)
            .map(|t| (0..sites).map(|j| ((j + t) % sites) as u32).collect())
            .collect(),
    }
}

fn shape(basis: &Basis, inputs: Inputs, hidden: usize, group: Option<Group>) -> ValueShape {
    ValueShape {
        local: basis.locals()[0],
        sites: basis.sites(),
        inputs,
        hidden,
        group,
        visible_bias: true,
        hidden_bias: true,
    }
}

fn bases() -> Vec<Basis> {
    vec![
        Basis::spins(5, 2, None).unwrap(),
        Basis::spins(6, 2, Some(0)).unwrap(),
        Basis::spins(4, 3, Some(2)).unwrap(),
        Basis::bosons(5, 3, Some(5)).unwrap(),
        Basis::bosons(4, 2, None).unwrap(),
        Basis::spin_half(5, None).unwrap(),
    ]
}

#[test]
fn laws_hold_with_and_without_biases_and_ties() {
    for basis in bases() {
        for inputs in [Inputs::OneHot, Inputs::Polynomial] {
            for (visible_bias, hidden_bias) in [(true, true), (false, true), (true, false)] {
                for (hidden, group) in [(9, None), (2, Some(ring(basis.sites())))] {
                    let shape = ValueShape {
                        visible_bias,
                        hidden_bias,
                        ..shape(&basis, inputs, hidden, group)
                    };
                    laws(&mut ValueRbm::<f64>::new(shape.clone(), 0.2, 1), &basis, 1).unwrap();
                    laws(&mut ValueRbm::<Complex64>::new(shape, 0.1, 2), &basis, 2).unwrap();
                }
            }
        }
    }
}

#[test]
fn laws_hold_with_large_weights_and_every_set_of_instructions() {
    let basis = Basis::spins(6, 2, None).unwrap();
    for simd in Simd::available() {
        for seed in 0..3 {
            let shape = shape(&basis, Inputs::OneHot, 17, None);
            let mut machine = ValueRbm::<f64>::new(shape, 3.0, seed);
            machine.simd = simd;
            machine.tabulate();
            laws(&mut machine, &basis, seed).unwrap();
        }
    }
}

/// ln ψ of some configurations.
fn logs<A: Ansatz>(ansatz: &A, basis: &Basis) -> Vec<Complex64> {
    let mut rng = stream(5, Purpose::Law, 0, 0);
    let xs: Vec<i8> = (0..20).flat_map(|_| basis.random(&mut rng)).collect();
    ansatz.log_psi(&ansatz.batch(&xs))
}

#[test]
fn one_hot_and_polynomial_inputs_of_three_values_are_one_function() {
    for basis in [Basis::spins(4, 2, None), Basis::bosons(4, 2, None)] {
        let basis = basis.unwrap();
        let polynomial =
            ValueRbm::<Complex64>::new(shape(&basis, Inputs::Polynomial, 3, None), 0.2, 4);
        let mut one_hot =
            ValueRbm::<Complex64>::new(shape(&basis, Inputs::OneHot, 3, None), 0.0, 0);
        let ([a, b, _], [own, _, _]) = (polynomial.counts(), one_hot.counts());
        for site in 0..4 {
            for place in 0..3 {
                for k in 0..2 {
                    let f = polynomial.features[(place, k)];
                    let to = one_hot.bias_place(site, place);
                    one_hot.parameters[to] += polynomial.visible(site, k) * f;
                    for unit in 0..3 {
                        let from = a + b + polynomial.weight_place(site, k, unit);
                        let to = own + b + one_hot.weight_place(site, place, unit);
                        one_hot.parameters[to] += polynomial.parameters[from] * f;
                    }
                }
            }
        }
        (0..b).for_each(|j| one_hot.parameters[own + j] = polynomial.parameters[a + j]);
        let flat = one_hot.parameters();
        one_hot.set_parameters(&flat).unwrap();
        for (p, q) in logs(&polynomial, &basis).iter().zip(logs(&one_hot, &basis)) {
            assert!((p - q).norm() < 1e-13, "{p} {q}");
        }
    }
}

#[test]
fn polynomial_inputs_of_spins_one_half_are_the_ordinary_machine() {
    let basis = Basis::spin_half(5, None).unwrap();
    let ordinary = Rbm::<Complex64>::dense(5, 4, true, true, 0.2, 3);
    let mut machine =
        ValueRbm::<Complex64>::new(shape(&basis, Inputs::Polynomial, 4, None), 0.0, 0);
    let zeros = |count: usize| vec![0.0; 2 * count];
    let theirs = ordinary.parameters();
    let (a, rest) = theirs.split_at(10);
    let (b, w) = rest.split_at(8);
    machine
        .set_parameters(&[a, &zeros(5), b, w, &zeros(20)].concat())
        .unwrap();
    for (p, q) in logs(&ordinary, &basis).iter().zip(logs(&machine, &basis)) {
        assert!((p - q).norm() < 1e-13, "{p} {q}");
    }
}

#[test]
fn tied_filters_are_invariant() {
    for basis in bases() {
        for inputs in [Inputs::OneHot, Inputs::Polynomial] {
            let group = ring(basis.sites());
            let shape = shape(&basis, inputs, 2, Some(group.clone()));
            let machine = ValueRbm::<Complex64>::new(shape, 0.3, 11);
            let mut rng = stream(5, Purpose::Law, 0, 0);
            let x = basis.random(&mut rng);
            let log = machine.log_psi(&machine.batch(&x))[0];
            for g in &group.permutations {
                let moved: Vec<i8> = g.iter().map(|&j| x[j as usize]).collect();
                let there = machine.log_psi(&machine.batch(&moved))[0];
                assert!((there - log).norm() < 1e-13);
            }
        }
    }
}
