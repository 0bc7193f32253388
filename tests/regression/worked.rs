//! The worked inputs reach what their first lines say.

use crate::common::{Case, expect_code, project, text};
use nishina::io::tree::Tree;

/// Runs a worked input with some settings in a folder of its own; `name` is that of its results.
fn run(case: &Case, input: &str, name: &str, sets: &[&str]) -> Tree {
    let input = project().join(format!("configs/regression-{input}.toml"));
    let name_set = format!("output.name={name}");
    let sets = sets.iter().copied().chain([name_set.as_str()]);
    let sets = sets.flat_map(|s| ["--set", s]);
    let arguments: Vec<&str> = ["run", input.to_str().unwrap()]
        .into_iter()
        .chain(sets)
        .collect();
    expect_code(&case.alone(&arguments), 0);
    case.tree(&format!("{name}.h5")).group("regression")
}

#[test]
fn six_planets_show_the_third_law() {
    let case = Case::new("");
    let six = run(&case, "kepler", "six", &[]);
    let slope = |tree: &Tree| tree.reals("parameters/W_0").unwrap()[0];
    assert!((slope(&six) - 1.4982).abs() < 5e-5, "{}", slope(&six));
    let all = run(
        &case,
        "kepler",
        "all",
        &["regression.data=data/planets-all.csv"],
    );
    assert!((slope(&all) - 1.4990).abs() < 5e-5, "{}", slope(&all));
    // The inverse is the closed form of a line.
    let intercept = six.reals("parameters/b_0").unwrap()[0];
    let wanted = ((84.0205f64.ln() - intercept) / slope(&six)).exp();
    let found = six.reals("inverse").unwrap()[0];
    assert!(
        (found / wanted - 1.0).abs() < 1e-9 && (found - 19.25).abs() < 0.05,
        "{found}"
    );
    let outputs = six.reals("inverse_output").unwrap()[0];
    assert!((outputs - 84.0205).abs() < 1e-6, "{outputs}");
}

#[test]
fn a_wide_network_interpolates_and_does_not_extrapolate() {
    let case = Case::new("");
    let near = run(&case, "kepler-network", "near", &[]);
    let rows = |tree: &Tree| {
        let (f, y) = (
            tree.reals("prediction").unwrap(),
            tree.reals("data/target").unwrap(),
        );
        let pairs = f.iter().zip(&y);
        pairs.map(|(f, y)| (f / y - 1.0).abs()).collect::<Vec<_>>()
    };
    assert!(
        rows(&near).iter().all(|off| *off < 0.01),
        "{:?}",
        rows(&near)
    );
    let load = format!("regression.load={}", case.path("near.h5").display());
    let sets = [
        "regression.data=data/planets-all.csv",
        "regression.steps=0",
        &load,
    ];
    let beyond = run(&case, "kepler-network", "beyond", &sets);
    let off = rows(&beyond);
    println!("{off:?}");
    assert!(off[6] > 0.08 && off[7] > 0.2, "{off:?}");
}

#[test]
fn one_layer_cannot_say_the_exclusive_or_and_two_units_can() {
    let case = Case::new("");
    let single = run(&case, "xor", "single", &["regression.widths=[]"]);
    let error = single.real("train_error").unwrap();
    assert!((error - 0.25).abs() < 1e-6, "{error}");
    let warnings = case.alone(&["info", "single.h5", "--json"]);
    assert!(text(&warnings).contains("no better than one answer"));
    let exact = [
        "regression.widths=[]",
        "regression.output=linear",
        "regression.method=least-squares",
        "regression.restarts=1",
    ];
    let linear = run(&case, "xor", "linear", &exact);
    assert!((linear.real("train_error").unwrap() - 0.25).abs() < 1e-15);
    let two = run(&case, "xor", "two", &[]);
    let answers = two.reals("prediction").unwrap();
    for (f, y) in answers.iter().zip([0.0, 1.0, 1.0, 0.0]) {
        assert!((f - y).abs() < 0.1, "{answers:?}");
    }
}

#[test]
fn errors_fall_with_the_number_of_units() {
    let case = Case::new("");
    for output in ["sine", "box"] {
        let mut last = f64::INFINITY;
        let column = format!("regression.outputs=[\"{output}\"]");
        for width in [1, 2, 4, 8] {
            let sets = [column.as_str(), &format!("regression.widths=[{width}]")];
            let found = run(&case, "approximation", &format!("{output}-{width}"), &sets);
            let error = found.real("train_error").unwrap();
            println!("{output} {width}: {error:.3e}");
            assert!(error < 0.9 * last, "{output} {width}: {error} {last}");
            last = error;
        }
        assert!(
            last < if output == "sine" { 1e-5 } else { 5e-3 },
            "{output}: {last}"
        );
    }
}

#[test]
fn gradients_of_sigmoids_vanish_with_depth_and_those_of_relu_do_not() {
    let case = Case::new("");
    let ratio = |name: &str, activation: &str| {
        let set = format!("regression.activation={activation}");
        let found = run(&case, "vanishing", name, &[&set]);
        let gradient = found.reals("initial_gradient").unwrap();
        println!("{activation}: {gradient:?}");
        assert_eq!(gradient.len(), 7);
        gradient[1] / gradient[5]
    };
    // Four layers of sigmoids pass on a quarter each, at most.
    assert!(ratio("sigmoid", "sigmoid") < 0.25f64.powi(4));
    let relu = ratio("relu", "relu");
    assert!((0.05..20.0).contains(&relu), "{relu}");
}
