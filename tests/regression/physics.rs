//! Numbers that are known otherwise: a power law, a line under absolute errors.

use crate::common::{Case, expect_code};
use crate::reference::reference;
use toml::{Table, Value};

#[test]
fn a_power_law_has_its_exponent() {
    let table: Table = reference("regression.toml").parse().unwrap();
    let entry = &table["entry"][0];
    let numbers = |v: &Value| -> Vec<f64> {
        v.as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_float().unwrap())
            .collect()
    };
    let (x, y) = (numbers(&entry["given"]["x"]), numbers(&entry["given"]["y"]));
    let input = "[regression]\ndata = \"power.csv\"\ninputs = [\"x\"]\noutputs = [\"y\"]\n\
                 transform = \"log\"\n";
    let value = |name: &str| entry["values"][name].as_float().unwrap();
    for (method, tolerance) in [
        ("method = \"least-squares\"\nsteps = 1\n", 1e-9),
        ("method = \"sgd\"\nlearning_rate = 0.2\nsteps = 600\n", 1e-9),
        (
            "method = \"adam\"\nlearning_rate = 0.02\nsteps = 4000\n",
            1e-6,
        ),
    ] {
        let case = Case::new(&format!("{input}{method}"));
        let rows = x.iter().zip(&y).map(|(x, y)| format!("{x},{y}\n"));
        let text: String = std::iter::once("x,y\n".to_string()).chain(rows).collect();
        std::fs::write(case.path("power.csv"), text).unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let found = &case.info()["regression"];
        for (name, wanted) in [("slope", value("slope")), ("intercept", value("intercept"))] {
            let is = found[name][0].as_f64().unwrap();
            assert!(
                (is - wanted).abs() < tolerance,
                "{method} {name}: {is} {wanted}"
            );
        }
        let error = found["train_error"].as_f64().unwrap();
        assert!((error - value("mean_square")).abs() < tolerance, "{error}");
        assert!(found["test_error"].is_null() && found["inverse"].is_null());
        // The transform is undone.
        let prediction = case.tree("x.h5").reals("regression/prediction").unwrap();
        for (x, f) in x.iter().zip(prediction) {
            let wanted = (value("intercept") + value("slope") * x.ln()).exp();
            assert!((f / wanted - 1.0).abs() < 10.0 * tolerance, "{f} {wanted}");
        }
    }
}

#[test]
fn absolute_errors_ignore_a_row_that_is_far_off() {
    let input = "[regression]\ndata = \"line.csv\"\ninputs = [\"x\"]\noutputs = [\"y\"]\nmethod = \
                 \"adam\"\nlearning_rate = 0.002\nsteps = 6000\nloss = ";
    let slope = |loss: &str| {
        let case = Case::new(&format!("{input}\"{loss}\"\n"));
        let row = |k: i32| {
            let x = f64::from(k) / 5.0;
            let y = if k == 10 { 30.0 } else { 1.0 + 2.0 * x };
            format!("{x},{y}\n")
        };
        let rows: String = (0..11).map(row).collect();
        std::fs::write(case.path("line.csv"), format!("x,y\n{rows}")).unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        case.info()["regression"]["slope"][0].as_f64().unwrap()
    };
    assert!((slope("absolute") - 2.0).abs() < 0.02);
    assert!((slope("squared") - 2.0).abs() > 1.0);
}
