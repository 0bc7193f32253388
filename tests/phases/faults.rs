//! What `[phases]` refuses of files, and what it warns of.

use crate::common::{Case, expect_code, text};
use crate::section::{CLASSIFY, ENERGY, case, results};
use crate::spins::{ising, put_shaped, write_foreign};
use nishina::io::tree::{Tree, Value};

#[test]
fn files_that_make_no_sense_are_refused_with_a_remedy() {
    let sound = ising(2, &[1.0, 3.0], 2, 3);
    let case = case(CLASSIFY);
    let change = |name: &str, value: Option<Value>| {
        let mut tree = sound.clone();
        tree.datasets.remove(name);
        if let Some(value) = value {
            tree.put(name, value);
        }
        tree
    };
    let spins = |shape: &[usize], values: Vec<i8>| {
        Some(Value::Spin(nishina::io::tree::shaped(shape, values)))
    };
    let reals = |values: Vec<f64>| {
        let shape = [values.len()];
        Some(Value::Real(nishina::io::tree::shaped(&shape, values)))
    };
    for (tree, says) in [
        (change("configurations", None), "no dataset configurations"),
        (
            change(
                "configurations",
                Some(Value::Complex(nishina::io::tree::shaped(
                    &[12, 4],
                    vec![num_complex::Complex::new(1.0, 0.0); 48],
                ))),
            ),
            "no real numbers",
        ),
        (
            change("configurations", spins(&[48], vec![1; 48])),
            "have the shape [48]",
        ),
        (
            change("configurations", spins(&[12, 4], vec![0; 48])),
            "holds 0",
        ),
        (
            change("configurations", spins(&[0, 4], vec![])),
            "one real number for each sample",
        ),
        (change("parameter", None), "to which temperature"),
        (
            change("parameter", reals(vec![1.0; 11])),
            "one real number for each sample",
        ),
        (
            change("parameter", reals(vec![1.0; 12])),
            "1 values of the parameter",
        ),
        (
            change("parameter", reals(vec![f64::INFINITY; 12])),
            "parameter holds a number that is not finite",
        ),
        (
            change("energies", reals([vec![f64::NAN], vec![1.0; 11]].concat())),
            "energies holds a number that is not finite",
        ),
        (
            change("chain", reals(vec![1.0; 12])),
            "one whole number for each sample",
        ),
    ] {
        write_foreign(&case, "ising.h5", &tree);
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        let said = text(&out);
        assert!(
            said.contains("phases.files: ") && said.contains(says),
            "{says}: {said}"
        );
        assert!(said.contains(';'), "{said}");
    }
    write_foreign(&case, "ising.h5", &change("energies", None));
    let of_energy = ["lattice.size=[2, 2]", "phases.features=energy"];
    let sets = of_energy.iter().flat_map(|s| ["--set", s]);
    let arguments: Vec<&str> = ["run", "x.toml"].into_iter().chain(sets).collect();
    let out = case.alone(&arguments);
    expect_code(&out, 64);
    assert!(text(&out).contains("phases.features: "), "{}", text(&out));
    write_foreign(&case, "ising.h5", &sound);
    let out = case.alone(&["run", "x.toml", "--set", "phases.critical_value=0.5"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("phases.critical_value: all 2"),
        "{}",
        text(&out)
    );
    let out = case.alone(&["run", "x.toml", "--set", "phases.critical_value=2.0"]);
    expect_code(&out, 64);
    let says = "lattice.size: the lattice has 16 sites, the configurations 4";
    assert!(text(&out).contains(says), "{}", text(&out));
    let one = "phases.files=[{ file = \"ising.h5\", parameter = 1.0 }]";
    let out = case.alone(&["run", "x.toml", "--set", one]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("several temperatures"),
        "{}",
        text(&out)
    );
    let zero = reals([[0.0; 6], [1.0; 6]].concat());
    write_foreign(&case, "ising.h5", &change("parameter", zero));
    let temperature = ENERGY.replace("l2 = 0.0", "l2 = 1e-3");
    std::fs::write(case.path("t.toml"), temperature).unwrap();
    let out = case.alone(&["run", "t.toml"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("the parameter 0 is no temperature"),
        "{}",
        text(&out)
    );
    std::fs::write(case.path("ising.h5"), "no file of numbers").unwrap();
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("phases.files: ising.h5"),
        "{}",
        text(&out)
    );
}

#[test]
fn files_larger_than_the_memory_are_refused_before_they_are_read() {
    let case = case(CLASSIFY);
    let file = hdf5::File::create(case.path("ising.h5")).unwrap();
    let plan = file.new_dataset::<i8>().chunk((1024, 16));
    plan.shape((1usize << 40, 16))
        .create("configurations")
        .unwrap();
    file.close().unwrap();
    let out = case.alone(&["check", "x.toml"]);
    expect_code(&out, 64);
    let said = text(&out);
    // Spins are there twice, one byte each.
    let wanted = format!(
        "samples of phases.files needs {:.1} GB",
        32.0 * 2f64.powi(40) / 1e9
    );
    assert!(said.contains(&wanted), "{said}");
}

#[test]
fn an_objective_that_is_not_finite_ends_the_run() {
    let case = case(CLASSIFY);
    let out = case.alone(&["run", "x.toml", "--set", "phases.learning_rate=1e300"]);
    expect_code(&out, 70);
    let said = text(&out);
    assert!(said.contains("objective of network 0 is"), "{said}");
    assert!(said.contains("phases.learning_rate"), "{said}");
}

#[test]
fn separable_classes_have_no_newton_step_without_a_penalty() {
    let case = Case::new(ENERGY);
    let mut tree = ising(2, &[1.0, 1.0], 1, 12);
    tree.put_reals("energies", &[[-8.0; 12], [8.0; 12]].concat());
    tree.put_reals("parameter", &[[1.0; 12], [3.0; 12]].concat());
    write_foreign(&case, "ising.h5", &tree);
    let out = case.alone(&["run", "x.toml"]);
    // Far from the classes rounding ends the steps, or the second derivatives vanish.
    let said = text(&out);
    let vanishing = out.status.code() == Some(70) && said.contains("l2");
    assert!(
        vanishing || case.info()["warnings"].to_string().contains("phases.l2"),
        "{said}"
    );
    expect_code(
        &case.alone(&["run", "x.toml", "--fresh", "--set", "phases.l2=1e-3"]),
        0,
    );
}

#[test]
fn an_output_that_never_crosses_and_one_sign_are_warnings() {
    let case = Case::new(&CLASSIFY.replace("epochs = 30", "epochs = 0").replace(
        "critical_value = 2.269185",
        "critical_temperature = 2.0\nload = \"flat.h5\"",
    ));
    write_foreign(&case, "ising.h5", &ising(4, &[0.5, 3.0], 1, 20));
    let mut flat = Tree::default();
    let write = |flat: &Tree| {
        nishina::io::hdf5::write_atomic(&case.path("flat.h5"), flat).unwrap();
    };
    put_shaped(&mut flat, "W_0", &[16, 8], vec![0.0; 128]);
    put_shaped(&mut flat, "W_1", &[2, 8], vec![0.0; 16]);
    flat.put_reals("b_0", &[0.0; 8]);
    flat.put_reals("b_1", &[1.0, 0.0]);
    // The weights of input and output are the other way round, or those of many seeds of others.
    for (shape, numbers) in [(vec![16, 8], 128), (vec![128], 128), (vec![16, 16], 256)] {
        put_shaped(&mut flat, "W_0", &shape, vec![0.0; numbers]);
        write(&flat);
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        let said = text(&out);
        let says = format!("W_0 has the shape {shape:?} instead of [8, 16]");
        assert!(
            said.contains("phases.load: ") && said.contains(&says),
            "{said}"
        );
    }
    put_shaped(&mut flat, "W_0", &[8, 16], vec![0.0; 128]);
    write(&flat);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    assert_eq!(found.integers("crosses").unwrap(), [0; 3]);
    assert_eq!(found.reals("crossing").unwrap(), [0.0; 3]);
    let info = case.info();
    assert!(info["phases"]["crossing"].is_null(), "{info}");
    let warnings = info["warnings"].to_string();
    assert!(
        warnings.contains("of 3 of 3 seeds does not cross 1/2"),
        "{warnings}"
    );
    assert!(
        warnings.contains("right for 0.500 of the test set") && warnings.contains("for 0.500:"),
        "{warnings}"
    );
    assert!(
        warnings.contains("[0.5]") && warnings.contains("same sign"),
        "{warnings}"
    );
}
