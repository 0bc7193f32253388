//! What the published experiments find: the black hole again, and the space of QCD.

use crate::common::{Case, expect_code, is_left_out};
use crate::room::near;
use nishina::io::tree::Tree;

fn run(input: &str) -> (Case, Tree) {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = case.tree("x.h5").group("holography");
    (case, found)
}

#[test]
fn the_exact_metric_classifies_every_point() {
    let case = Case::new(
        "[holography]\nexperiment = 'synthetic'\nepochs = 0\nload = 'm.h5'\nsuccess = 0.03\n",
    );
    let eta = (0..10).map(|n| 1.0 - 0.09 * f64::from(n));
    let h: Vec<f64> = eta.map(|eta: f64| 3.0 / (3.0 * eta).tanh()).collect();
    for (found, wanted) in h.iter().zip([
        3.015, 3.026, 3.044, 3.076, 3.132, 3.230, 3.405, 3.731, 4.374, 5.821,
    ]) {
        near(*found, wanted, 2e-4, "h");
    }
    let mut metric = Tree::default();
    metric.put_reals("h", &h);
    nishina::io::hdf5::write_atomic(&case.path("m.h5"), &metric).unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = case.tree("x.h5").group("holography");
    assert_eq!(found.integers("misclassified").unwrap(), [0]);
    let error = found.real("mean_error").unwrap();
    assert!((0.012..0.020).contains(&error), "{error}");
    let f = found.reals("data/F").unwrap();
    let label = found.integers("data/label").unwrap();
    assert!(
        f.iter()
            .zip(&label)
            .all(|(f, l)| (f.abs() >= 0.1) == (*l == 1))
    );
    assert!(
        found
            .reals("relative_error")
            .unwrap()
            .iter()
            .all(|e| *e < 1e-12)
    );
}

#[test]
fn the_black_hole_is_found_again() {
    let (_, found) = run("[holography]\nexperiment = 'synthetic'\nseeds = 3\nepochs = 100\n");
    let errors = found.reals("mean_error").unwrap();
    println!("mean errors {errors:?}");
    assert!(errors.iter().all(|e| *e < 0.01), "{errors:?}");
    assert_eq!(found.integers("success").unwrap(), [1; 3]);
    let (mean, truth) = (
        found.reals("mean/h").unwrap(),
        found.reals("true_h").unwrap(),
    );
    let relative = |k: usize| (mean[k] - truth[k]).abs() / truth[k];
    let inner = (0..7).map(relative).sum::<f64>() / 7.0;
    println!("relative error of layers 0 to 6 of the mean: {inner}");
    assert!(inner < 0.20, "{inner}");
}

/// Numbers of 20 seeds of two independent programs: mean and spread of h.
const QCD: [[f64; 2]; 15] = [
    [3.12, 0.03],
    [2.37, 0.04],
    [1.57, 0.06],
    [0.78, 0.09],
    [0.03, 0.14],
    [-0.57, 0.17],
    [-0.88, 0.18],
    [-0.74, 0.11],
    [0.09, 0.16],
    [1.90, 0.5],
    [5.15, 1.0],
    [10.5, 1.6],
    [18.7, 1.6],
    [30.8, 0.8],
    [47.2, 1.6],
];

#[test]
fn the_space_of_qcd_has_its_dip_its_wall_and_its_screening() {
    if is_left_out() {
        return;
    }
    let (case, found) = run(
        "[holography]\nexperiment = 'condensate'\nseeds = 20\nepochs = \
         5000\n[holography.potential]\n",
    );
    let success = found.integers("success").unwrap().iter().sum::<i64>();
    assert!((5..=15).contains(&success), "{success} of 20");
    let losses = found.reals("loss").unwrap();
    for (loss, success) in losses.iter().zip(found.integers("success").unwrap()) {
        assert!(
            if success == 1 {
                *loss > 0.06
            } else {
                *loss > 0.2
            },
            "{loss}"
        );
    }
    let mean = found.reals("mean/h").unwrap();
    for (h, [wanted, spread]) in mean.iter().zip(QCD) {
        assert!((h - wanted).abs() < 2.0 * spread, "{h} {wanted} {spread}");
    }
    let coupling = found.real("mean/coupling").unwrap();
    assert!((0.003..0.008).contains(&coupling), "{coupling}");
    let radius = found.real("mean/radius").unwrap();
    assert!((3.7..4.0).contains(&radius), "{radius}");
    let space = &case.info()["holography"];
    assert!(
        space["wall"]
            .as_f64()
            .is_some_and(|w| (0.6..0.8).contains(&w))
    );
    assert!(
        space["tension"]
            .as_f64()
            .is_some_and(|t| (5.0..6.5).contains(&t))
    );
    assert!(
        space["screening_separation"]
            .as_f64()
            .is_some_and(|d| (0.5..0.7).contains(&d))
    );
}
