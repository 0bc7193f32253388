//! What `[regression]` refuses of tables, and what it warns of.

use crate::common::{Case, expect_code, text};
use crate::section::{NETWORK, case};

const LINE: &str = "[regression]\ndata = \"table.csv\"\ninputs = [\"x\"]\noutputs = [\"y\"]\n\
                    method = \"least-squares\"\nsteps = 1\n";

#[test]
fn tables_that_make_no_sense_are_refused_with_file_line_and_column() {
    let case = Case::new(&format!("{LINE}transform = \"log\"\n"));
    let data = "regression.data";
    for (table, key, says) in [
        (
            "x,y\n1,2\nnan,3\n",
            data,
            "table.csv, line 3: `nan` is not a finite number",
        ),
        (
            "x,y\n1,2\n2,inf\n",
            data,
            "line 3: `inf` is not a finite number",
        ),
        (
            "x,y\n1,2\n2,a\n",
            data,
            "line 3: `a` is not a finite number",
        ),
        ("x,y\n1,2\n2,\n", data, "line 3: `` is not a finite number"),
        ("x,y\n1,2\n2\n", data, "line 3: 1 columns instead of 2"),
        (
            "x,y\n1,2\n0,3\n",
            data,
            "line 3: `0` of the column `x` has no logarithm",
        ),
        (
            "x,y\n1,-2\n1,3\n",
            data,
            "line 2: `-2` of the column `y` has no logarithm",
        ),
        ("x,y\n1,2\n", data, "there is one row"),
        ("x,y\n", data, "there are no data lines"),
        ("", data, "there are no data lines"),
        (
            "a,y\n1,2\n",
            "regression.inputs",
            "line 1: there is no column `x`",
        ),
        (
            "x,z\n1,2\n",
            "regression.outputs",
            "line 1: there is no column `y`",
        ),
        (
            "x,x,y\n1,1,2\n",
            "regression.inputs",
            "two columns are called `x`",
        ),
        (
            "x,y\n2,2\n2,3\n",
            "regression.inputs",
            "2 rows do not fix the weights",
        ),
    ] {
        std::fs::write(case.path("table.csv"), table).unwrap();
        for command in ["run", "check"] {
            let out = case.alone(&[command, "x.toml"]);
            expect_code(&out, 64);
            let said = text(&out);
            let named = said.contains(&format!("error: {key}: "));
            assert!(
                named && said.contains(says) && said.contains(';'),
                "{says}: {said}"
            );
            assert!(!case.path("x.h5").exists());
        }
    }
}

#[test]
fn an_error_that_is_not_finite_ends_the_run_with_a_remedy() {
    let input = NETWORK.replace(
        "learning_rate = 0.02",
        "method = \"sgd\"\nlearning_rate = 1e200",
    );
    let case = case(&input.replace("activation = \"tanh\"", "activation = \"relu\""));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 70);
    assert!(
        text(&out).contains("regression.learning_rate"),
        "{}",
        text(&out)
    );
}

#[test]
fn a_rate_without_an_effect_is_named() {
    let case = Case::new(&format!("{LINE}learning_rate = 0.1\n"));
    std::fs::write(case.path("table.csv"), "x,y\n1,2\n2,3\n").unwrap();
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("learning_rate has no effect on"),
        "{}",
        text(&out)
    );
}

#[test]
fn what_a_reader_has_to_know_is_said() {
    let warnings = |input: &str| {
        let case = case(input);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        case.info()["warnings"].to_string()
    };
    let steps = NETWORK.replace("steps = 60", "steps = 600");
    // One output can be met, two of one input cannot.
    let one = steps.replace("[\"y\", \"z\"]", "[\"y\"]");
    assert_eq!(warnings(&one.replace("[0.5, 0.4]", "[0.5]")), "[]");
    // No input gives both outputs.
    let far = steps.replace("[0.5, 0.4]", "[5.0, -4.0]");
    assert!(warnings(&far).contains("the nearest are"));
    let sigmoid = steps.replace("[output]", "output = \"sigmoid\"\n[output]");
    let sigmoid = sigmoid.replace("outputs = [\"y\", \"z\"]", "outputs = [\"y\", \"k\"]");
    assert!(warnings(&sigmoid).contains("a sigmoid says numbers from 0 to 1"));
    let still = NETWORK.replace("learning_rate = 0.02", "learning_rate = 1e-9");
    let still = still.replace("restarts = 3", "restarts = 1\ninit = 0.0");
    assert!(warnings(&still).contains("no better than one answer"));
}
