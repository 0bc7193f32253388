//! Decides whether networks are right: equal to the restricted Boltzmann machine, lawful for every
//! shape and instruction set.

use super::*;
use crate::ansatz::Matrix;
use crate::ansatz::rbm::Rbm;
use crate::basis::Basis;
use crate::laws::laws;
use crate::rng::{Purpose, RngExt, stream};

fn shape(widths: &[usize], g: Activation) -> Shape {
    Shape {
        sites: 6,
        layers: widths.iter().map(|&units| (units, g)).collect(),
        phase: true,
        visible_bias: true,
        hidden_bias: true,
        output_weights: true,
    }
}

#[test]
fn laws_hold_for_every_shape_function_and_instruction_set() {
    let basis = Basis::spin_half(6, None).unwrap();
    for simd in Simd::available() {
        for (name, g) in Activation::ALL {
            for widths in [&[9][..], &[5, 18], &[4, 3, 2]] {
                for phase in [true, false] {
                    let shape = Shape {
                        phase,
                        ..shape(widths, g)
                    };
                    let mut real = Feedforward::<f64>::new(shape.clone(), 1.0, 1).with_simd(simd);
                    laws(&mut real, &basis, 1)
                        .unwrap_or_else(|e| panic!("real {name} {widths:?} {simd:?}: {e}"));
                    if g.is_holomorphic() {
                        let mut complex =
                            Feedforward::<Complex64>::new(shape, 1.0, 2).with_simd(simd);
                        laws(&mut complex, &basis, 2)
                            .unwrap_or_else(|e| panic!("complex {name} {widths:?}: {e}"));
                    }
                }
            }
        }
    }
}

#[test]
fn laws_hold_without_biases_and_output_weights() {
    let basis = Basis::spin_half(6, Some(0)).unwrap();
    for (visible_bias, hidden_bias) in [(true, false), (false, true), (false, false)] {
        for output_weights in [true, false] {
            let shape = Shape {
                phase: false,
                visible_bias,
                hidden_bias,
                output_weights,
                ..shape(&[7, 4], Activation::LnCosh)
            };
            laws(
                &mut Feedforward::<f64>::new(shape.clone(), 1.0, 3),
                &basis,
                3,
            )
            .unwrap();
            laws(&mut Feedforward::<Complex64>::new(shape, 1.0, 4), &basis, 4).unwrap();
        }
    }
}

fn largest<T: crate::ansatz::rbm::Kernel>() -> f64 {
    let (sites, hidden) = (10, 37);
    let rbm = Rbm::<T>::dense(sites, hidden, true, true, 0.3, 5);
    let shape = Shape {
        sites,
        phase: false,
        output_weights: false,
        ..shape(&[hidden], Activation::LnCosh)
    };
    let mut network = Feedforward::<T>::new(shape, 1.0, 6);
    network.set_parameters(&rbm.parameters()).unwrap();
    let basis = Basis::spin_half(sites, None).unwrap();
    let mut rng = stream(1, Purpose::Law, 0, 0);
    let xs: Vec<i8> = (0..100).flat_map(|_| basis.random(&mut rng)).collect();
    let (ours, theirs) = (network.batch(&xs), rbm.batch(&xs));
    let mut worst = 0.0f64;
    let mut compare =
        |a: Complex64, b: Complex64| worst = worst.max((a - b).norm() / (1.0 + b.norm()));
    for (a, b) in network.log_psi(&ours).into_iter().zip(rbm.log_psi(&theirs)) {
        compare((a - b).exp(), Complex64::ONE);
    }
    let mut asks = Asks::default();
    for (k, x) in xs.chunks_exact(10).enumerate() {
        asks.flip(k, x, &[rng.random_range(0..10)]);
        asks.flip(k, x, &[3, 7]);
    }
    let (mut one, mut other) = (vec![Complex64::ZERO; 200], vec![Complex64::ZERO; 200]);
    network.ratios(&ours, &asks, &mut Default::default(), &mut one);
    rbm.ratios(&theirs, &asks, &mut Default::default(), &mut other);
    one.into_iter().zip(other).for_each(|(a, b)| compare(a, b));
    match (
        network.derivatives(&ours).written_out(),
        rbm.derivatives(&theirs).written_out(),
    ) {
        (Matrix::Real(a), Matrix::Real(b)) => a
            .iter()
            .zip(&b)
            .for_each(|(&a, &b)| compare(a.into(), b.into())),
        (Matrix::Complex(a), Matrix::Complex(b)) => {
            a.iter().zip(&b).for_each(|(&a, &b)| compare(a, b))
        }
        _ => panic!("kinds differ"),
    }
    worst
}

#[test]
fn one_layer_of_lncosh_with_unit_weights_is_the_restricted_boltzmann_machine() {
    assert!(largest::<f64>() < 1e-12, "{}", largest::<f64>());
    assert!(largest::<Complex64>() < 1e-12, "{}", largest::<Complex64>());
}

/// All that is known of 150 walkers: ln ψ, ratios and derivatives, evaluated in groups of the
/// given size.
fn everything(network: &impl Ansatz, xs: &[i8], group: usize) -> Vec<Complex64> {
    let (n, mut all) = (network.sites(), Vec::new());
    for xs in xs.chunks(group * n) {
        let batch = network.batch(xs);
        let mut asks = Asks::default();
        for (k, x) in xs.chunks_exact(n).enumerate() {
            (0..n as u32).for_each(|site| asks.flip(k, x, &[site]));
        }
        let mut ratios = vec![Complex64::ZERO; asks.len()];
        network.ratios(&batch, &asks, &mut Default::default(), &mut ratios);
        let logs = network.log_psi(&batch);
        let rows = match network.derivatives(&batch).written_out() {
            Matrix::Real(m) => m.mapv(Complex64::from),
            Matrix::Complex(m) => m,
            Matrix::Rounded(_) => panic!("double precision"),
        };
        for k in 0..logs.len() {
            all.push(logs[k]);
            all.extend(&ratios[k * n..(k + 1) * n]);
            all.extend(rows.row(k));
        }
    }
    all
}

#[test]
fn a_walker_has_the_same_bits_in_every_batch() {
    let basis = Basis::spin_half(6, None).unwrap();
    let mut rng = stream(2, Purpose::Law, 0, 0);
    let xs: Vec<i8> = (0..150).flat_map(|_| basis.random(&mut rng)).collect();
    for simd in Simd::available() {
        let real =
            Feedforward::<f64>::new(shape(&[20, 33, 7], Activation::Gelu), 1.0, 1).with_simd(simd);
        let complex =
            Feedforward::<Complex64>::new(shape(&[20, 33, 7], Activation::LnCosh), 1.0, 1)
                .with_simd(simd);
        let (whole_real, whole_complex) =
            (everything(&real, &xs, 150), everything(&complex, &xs, 150));
        for group in [1, 2, 7, 16, 64, 100] {
            assert!(
                everything(&real, &xs, group) == whole_real,
                "{simd:?}, groups of {group}"
            );
            assert!(
                everything(&complex, &xs, group) == whole_complex,
                "{simd:?}, groups of {group}"
            );
        }
    }
}

#[test]
fn instruction_sets_agree() {
    let basis = Basis::spin_half(6, None).unwrap();
    let mut rng = stream(3, Purpose::Law, 0, 0);
    let xs: Vec<i8> = (0..20).flat_map(|_| basis.random(&mut rng)).collect();
    let network = Feedforward::<Complex64>::new(shape(&[40, 33], Activation::LnCosh), 1.0, 1);
    let reference = everything(&network.clone().with_simd(Simd::Portable), &xs, 20);
    for simd in Simd::available() {
        for (a, b) in everything(&network.clone().with_simd(simd), &xs, 20)
            .iter()
            .zip(&reference)
        {
            assert!(
                (a - b).norm() <= 1e-12 * (1.0 + b.norm()),
                "{simd:?}: {a} {b}"
            );
        }
    }
}
