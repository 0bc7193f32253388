//! Decides whether deep networks have the values, derivatives, energies and gradients that were
//! computed independently, in numpy and JAX, from the same formulas.
//!
//! Parameters are p_k = A sin(c0 + c1 k + c2 k²), plus 1 in blocks of gains; configurations are
//! given by their up sites on the 4 x 4 lattice.

mod common;
#[path = "common/reference.rs"]
mod numbers;
use common::{Case, expect_code, text};
use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::calculation::vmc::estimate;
use nishina::comm::Serial;
use nishina::derivatives::{Derivatives, Kind};
use nishina::ensemble::{Request, Variational};
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::problem;
use nishina::registry::Registry;
use nishina::rng::Purpose;
use nishina::table::Shelf;
use num_complex::Complex64;
use numbers::reference;
use serde_json::Value;
use std::path::Path;

const SITES: usize = 16;

fn entries() -> Vec<Value> {
    let all: Value = serde_json::from_str(&reference("deep.json")).unwrap();
    all["entries"].as_array().unwrap().clone()
}

/// The table of `[ansatz]` of an entry as an inline table; `None` for kinds that are not there.
fn table(spec: &Value, precision: &str) -> Option<String> {
    let names: &[(&str, &str)] = match spec["net"].as_str().unwrap() {
        "resnet" => &[
            ("channels", "channels"),
            ("kernel", "kernel"),
            ("blocks", "blocks"),
            ("head", "head"),
            ("momentum", "momentum"),
        ],
        "gcnn" => &[
            ("features", "features"),
            ("group", "group"),
            ("kernel", "kernel"),
            ("momentum", "momentum"),
        ],
        "cnnmps" => &[
            ("channels", "channels"),
            ("kernel", "kernel"),
            ("layers", "layers"),
            ("mlp", "mlp"),
            ("bond", "bond"),
        ],
        "vit" => &[
            ("patch", "patch"),
            ("width", "d"),
            ("heads", "heads"),
            ("layers", "layers"),
            ("ratio", "ratio"),
            ("norm", "norm"),
        ],
        "convnext" => &[
            ("patch", "patch"),
            ("width", "d"),
            ("heads", "heads"),
            ("kernel", "kernel"),
            ("layers", "layers"),
            ("ratio", "ratio"),
        ],
        _ => return None,
    };
    let given = names.iter().filter(|(_, theirs)| !spec[*theirs].is_null());
    let keys: Vec<String> = given
        .map(|(ours, theirs)| format!("{ours} = {}", spec[*theirs]))
        .collect();
    let kind = match spec["net"].as_str().unwrap() {
        "cnnmps" => "cnn-mps",
        kind => kind,
    };
    let net = format!(
        "{{ kind = \"{kind}\", precision = \"{precision}\", {} }}",
        keys.join(", ")
    );
    Some(match spec["symmetrise"].is_null() {
        true => net,
        false => format!("{{ kind = \"symmetrised\", momentum = [0, 0], of = {net} }}"),
    })
}

fn lattice() -> Lattice {
    let spec = LatticeSpec::regular("square", &[4, 4], &[Boundary::Periodic]);
    Lattice::new(&spec).unwrap()
}

fn built(text: &str) -> nishina::error::Result<Erased> {
    let (lattice, basis) = (lattice(), Basis::spin_half(SITES, Some(0)).unwrap());
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 7.into(),
        kinds: Shelf::new(ANSATZE),
        folder: Path::new("."),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    let outer: toml::Table = format!("ansatz = {text}").parse().unwrap();
    build(outer["ansatz"].as_table().unwrap(), &context)
}

/// The parameters of an entry in the order of the layout.
fn parameters(ansatz: &Erased, spec: &Value) -> Vec<f64> {
    let law: Vec<f64> = serde_json::from_value(spec["law"].clone()).unwrap();
    let mut all = Vec::new();
    for block in ansatz.layout() {
        let one = if block.name.ends_with(".g") { 1.0 } else { 0.0 };
        for _ in 0..block.shape.iter().product() {
            let k = all.len() as f64;
            all.push(law[0] * (law[1] + law[2] * k + law[3] * k * k).sin() + one);
        }
    }
    all
}

fn number(value: &Value) -> Complex64 {
    let pair: [f64; 2] = serde_json::from_value(value.clone()).unwrap();
    Complex64::new(pair[0], pair[1])
}

fn configuration(up: &Value) -> Vec<i8> {
    let mut x = vec![-1; SITES];
    for site in up.as_array().unwrap() {
        x[site.as_u64().unwrap() as usize] = 1;
    }
    x
}

/// O_k of one walker.
fn row(derivatives: &Derivatives) -> Vec<Complex64> {
    let matrix = derivatives.written_out();
    (0..derivatives.columns())
        .map(|k| matrix.get(0, k))
        .collect()
}

fn close(found: Complex64, expected: Complex64, tolerance: f64, what: &str) {
    let error = (found - expected).norm();
    assert!(error < tolerance, "{what}: {found} instead of {expected}");
}

/// Entries of the kinds that are there, with their wave functions at the given parameters.
fn states(precision: &str) -> Vec<(Value, Erased)> {
    let mut all = Vec::new();
    for entry in entries() {
        let Some(text) = table(&entry["spec"], precision) else {
            continue;
        };
        let mut ansatz = built(&text).unwrap();
        let given = parameters(&ansatz, &entry["spec"]);
        let checksum: f64 = given
            .iter()
            .enumerate()
            .map(|(k, p)| p * (k as f64).cos())
            .sum();
        let id = &entry["id"];
        assert_eq!(
            given.len() as u64,
            entry["parameters"].as_u64().unwrap(),
            "{id}"
        );
        let expected = entry["parameters_cos"].as_f64().unwrap();
        assert!((checksum - expected).abs() < 1e-10, "{id}: {checksum}");
        ansatz.set_parameters(&given).unwrap();
        all.push((entry, ansatz));
    }
    assert!(all.len() >= 8);
    all
}

#[test]
fn values_and_derivatives_are_those_of_the_reference() {
    for (entry, ansatz) in states("double") {
        let id = &entry["id"];
        let at = |name: &str| ansatz.batch(&configuration(&entry["configurations"][name]));
        for (name, expected) in entry["ln_psi"].as_object().unwrap() {
            let found = ansatz.log_psi(&at(name))[0];
            if expected.is_null() {
                assert_eq!(found.re, f64::NEG_INFINITY, "{id} {name}: {found}");
                continue;
            }
            close(
                found,
                number(expected),
                1e-9,
                &format!("{id} ln psi({name})"),
            );
            let o = row(&ansatz.derivatives(&at(name)));
            let cos = |(k, o): (usize, &Complex64)| o * (k as f64).cos();
            let sum: Complex64 = o.iter().enumerate().map(cos).sum();
            let what = format!("{id} O({name})");
            close(sum, number(&entry["O_cos"][name]), 1e-9, &what);
            let square: f64 = o.iter().map(|o| o.norm_sqr()).sum();
            let expected = entry["O_norm2"][name].as_f64().unwrap();
            close(
                square.into(),
                expected.into(),
                1e-9 * expected.max(1.0),
                &what,
            );
        }
        for (pair, expected) in entry["gram"].as_object().into_iter().flatten() {
            let (a, b) = pair.split_once(',').unwrap();
            let (a, b) = (
                row(&ansatz.derivatives(&at(a))),
                row(&ansatz.derivatives(&at(b))),
            );
            let gram: Complex64 = a.iter().zip(&b).map(|(a, b)| a * b.conj()).sum();
            close(gram, number(expected), 1e-8, &format!("{id} Gram({pair})"));
        }
    }
}

/// The ensemble of a full sum over an entry's model.
fn full_sum(text: &str, model: &Value) -> (problem::Problem<'static>, Box<dyn Variational>) {
    let j2 = match model["j2"].as_f64() {
        Some(j2) => format!("j2 = {j2}\n"),
        None => String::new(),
    };
    let rule = match model["sign_rule"].as_str() {
        Some(rule) => format!("sign_rule = \"{rule}\"\n"),
        None => String::new(),
    };
    let case = Case::new(&format!(
        "ansatz = {text}\n[lattice]\nkind = \"square\"\nsize = [4, 4]\n[hamiltonian]\nkind = {}\n\
         {j2}{rule}sector = {{ total_sz = 0 }}\n[sampler]\nmethod = \"full-sum\"\n[optimize]\n\
         steps = 1\nlearning_rate = 0.1\n",
        model["kind"]
    ));
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let problem = problem::problem(&source, &Registry::default()).unwrap();
    let ensemble = problem::ensemble(&source, &problem, 0, 1).unwrap();
    (problem, ensemble)
}

#[test]
fn energies_and_gradients_are_those_of_the_reference() {
    let request = Request {
        purpose: Purpose::Measure,
        step: 0,
        burn_in: 0,
        per_chain: 0,
    };
    for (entry, ansatz) in states("double") {
        let given = ansatz.parameters();
        let models = entry["models"].as_array().unwrap().iter();
        for model in models.filter(|m| m["model"]["kind"] != "ising") {
            let what = format!("{} {}", entry["id"], model["model"]);
            let text = table(&entry["spec"], "double").unwrap();
            let (problem, mut ensemble) = full_sum(&text, &model["model"]);
            ensemble.set_parameters(&given).unwrap();
            ensemble.sample(&request).unwrap();
            let local = ensemble.local_values(&*problem.hamiltonian).unwrap();
            let energy = estimate(&Serial, &*ensemble, &local, 1).unwrap();
            let of = |key: &str| model[key].as_f64().unwrap();
            let real = |found: f64, key: &str| {
                let scale = of(key).abs().max(1.0);
                close(
                    found.into(),
                    of(key).into(),
                    1e-9 * scale,
                    &format!("{what} {key}"),
                )
            };
            real(energy.mean.re, "E");
            real(energy.variance, "variance");
            // dE/dp_k = 2 Re <O_k* (E_loc - E)>
            let derivatives = ensemble.derivatives();
            let weighted = local.values.iter().zip(ensemble.weights());
            let stacked = derivatives.kind == Kind::Stacked;
            let residual: Vec<f64> = weighted
                .map(|(e, &w)| (e - energy.mean) * w)
                .flat_map(|z| [z.re, z.im].into_iter().take(if stacked { 2 } else { 1 }))
                .collect();
            let gradient: Vec<f64> = derivatives
                .adjoint_times(&residual)
                .iter()
                .map(|g| 2.0 * g)
                .collect();
            for (k, expected) in model["gradient"].as_object().unwrap() {
                let found = gradient[k.parse::<usize>().unwrap()];
                let expected = expected.as_f64().unwrap();
                close(
                    found.into(),
                    expected.into(),
                    1e-8,
                    &format!("{what} dE/dp_{k}"),
                );
            }
            real(
                gradient.iter().map(|g| g * g).sum::<f64>().sqrt(),
                "gradient_norm",
            );
            let cos = |(k, g): (usize, &f64)| g * (k as f64).cos();
            let found: f64 = gradient.iter().enumerate().map(cos).sum();
            let scale = of("gradient_norm").max(1.0);
            let what = format!("{what} gradient_cos");
            close(found.into(), of("gradient_cos").into(), 1e-9 * scale, &what);
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let mut rounded = 0;
    for ((entry, single), (_, double)) in states("single").into_iter().zip(states("double")) {
        let basis = Basis::spin_half(SITES, Some(0)).unwrap();
        let mut rng = nishina::rng::stream(1, Purpose::Law, 0, 0);
        let xs: Vec<i8> = (0..20).flat_map(|_| basis.random(&mut rng)).collect();
        let logs = |a: &Erased| a.log_psi(&a.batch(&xs));
        let mut compared = 0;
        for (a, b) in logs(&single).into_iter().zip(logs(&double)) {
            // Next to a zero of psi the difference has no bound.
            if b.re > 0.0 || entry["spec"]["momentum"].is_null() {
                let error = ((a - b).exp() - 1.0).norm();
                assert!(error < 2e-4, "{}: {a} {b}", entry["id"]);
                compared += 1;
            }
        }
        assert!(compared > 5, "{}", entry["id"]);
        let derivatives = |a: &Erased| a.derivatives(&a.batch(&xs[..SITES]));
        let [a, b] = [&single, &double].map(derivatives);
        // Half of the bytes are kept.
        assert!(
            a.is_rounded() == a.is_single() && !b.is_rounded(),
            "{}",
            entry["id"]
        );
        rounded += usize::from(a.is_rounded());
        let (a, b) = (row(&a), row(&b));
        let size = b.iter().map(|o| o.norm()).fold(1.0, f64::max);
        let error = a
            .iter()
            .zip(&b)
            .map(|(a, b)| (a - b).norm())
            .fold(0.0, f64::max);
        assert!(error < 1e-3 * size, "{}: {error} of {size}", entry["id"]);
    }
    assert!(rounded > 5, "{rounded}");
}

#[test]
fn momentum_is_that_of_the_whole_wave_function() {
    let plain = "kind = \"resnet\", channels = 4, blocks = 1";
    for momentum in ["[1, 0]", "[1, 3]", "[2, 2]"] {
        let own = built(&format!("{{ {plain}, momentum = {momentum} }}")).unwrap();
        // The projection on the same momentum keeps it, that on another one would leave nothing.
        let of = format!("of = {{ {plain}, momentum = {momentum} }}");
        let same = format!("{{ kind = \"symmetrised\", momentum = {momentum}, {of} }}");
        let other = format!("{{ kind = \"symmetrised\", momentum = [0, 1], {of} }}");
        let basis = Basis::spin_half(SITES, Some(0)).unwrap();
        let mut rng = nishina::rng::stream(1, Purpose::Law, 0, 0);
        let x = basis.random(&mut rng);
        let log = |mut a: Erased| {
            a.set_parameters(&own.parameters()).unwrap();
            a.log_psi(&a.batch(&x))[0]
        };
        let expected = own.log_psi(&own.batch(&x))[0] + 16f64.ln();
        let found = log(built(&same).unwrap());
        close((found - expected).exp(), 1.0.into(), 1e-10, momentum);
        let refused = built(&other).unwrap_err().to_string();
        let advice = "give ansatz.of.momentum = [0, 1]";
        assert!(refused.contains(advice), "{refused}");
    }
}

#[test]
fn characters_are_those_of_the_whole_wave_function() {
    // Classes of the square: identity, mirrors of the axes, half turn, diagonal mirrors, turns.
    let basis = Basis::spin_half(SITES, Some(0)).unwrap();
    let x = basis.random(&mut nishina::rng::stream(1, Purpose::Law, 0, 0));
    for (character, same) in [
        ("[1, 1, 1, -1, -1]", Some("reflection = 1, rotation = -1")),
        ("[1, -1, 1, -1, 1]", Some("reflection = -1, rotation = 1")),
        ("[2, 0, -2, 0, 0]", None),
    ] {
        for momentum in ["[0, 0]", "[2, 2]"] {
            let plain = format!(
                "{{ kind = \"gcnn\", features = [2, 2], kernel = 3, character = {character}, \
                 momentum = {momentum} }}"
            );
            let own = built(&plain).unwrap();
            let expected = own.log_psi(&own.batch(&x))[0];
            let outer = |numbers: &str| {
                format!(
                    "{{ kind = \"symmetrised\", momentum = {momentum}, {numbers}, of = {plain} }}"
                )
            };
            let log = |numbers: &str| {
                let mut outer = built(&outer(numbers)).unwrap();
                outer.set_parameters(&own.parameters()).unwrap();
                outer.log_psi(&outer.batch(&x))[0] - 128f64.ln()
            };
            if let Some(numbers) = same {
                let error = (log(numbers) - expected).exp();
                close(error, 1.0.into(), 1e-9, character);
            }
            let other = built(&outer("reflection = 1, rotation = 1"));
            let refused = other.unwrap_err().to_string();
            let advice = "another ansatz.of.character";
            assert!(
                refused.contains(advice),
                "{character} {momentum}: {refused}"
            );
        }
    }
}

#[test]
fn wrong_sizes_name_the_key() {
    for (keys, key) in [
        ("kind = \"resnet\", blocks = 1", "ansatz.channels"),
        (
            "kind = \"resnet\", channels = 3, blocks = 1",
            "ansatz.channels",
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 0",
            "ansatz.blocks",
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, kernel = 2",
            "ansatz.kernel",
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, kernel = 5",
            "ansatz.kernel",
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, head = \"tanh\"",
            "ansatz.head",
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, momentum = [1]",
            "ansatz.momentum",
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, momentum = [4, 0]",
            "ansatz.momentum",
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, momentum = [1, 0], complex = false",
            "ansatz.momentum",
        ),
        ("kind = \"gcnn\", features = []", "ansatz.features"),
        ("kind = \"gcnn\", features = [2, 3]", "ansatz.features"),
        ("kind = \"gcnn\", features = [0, 2]", "ansatz.features"),
        (
            "kind = \"gcnn\", features = [2], kernel = 5",
            "ansatz.kernel",
        ),
        (
            "kind = \"gcnn\", features = [2], momentum = [1, 0]",
            "ansatz.momentum",
        ),
        (
            "kind = \"gcnn\", features = [2], character = [1, 1]",
            "ansatz.character",
        ),
        (
            "kind = \"gcnn\", features = [2], character = [1, 1, 1, 1, -1]",
            "ansatz.character",
        ),
        (
            "kind = \"gcnn\", features = [2], group = \"translations\", complex = false, \
             momentum = [1, 0]",
            "ansatz.momentum",
        ),
        (
            "kind = \"gcnn\", features = [2], character = \"B1\"",
            "ansatz.character",
        ),
        (
            "kind = \"cnn-mps\", channels = 2, layers = 1, mlp = 2, bond = 2, complex = true",
            "ansatz.complex",
        ),
        (
            "kind = \"convnext\", width = 4, heads = 2, layers = 1",
            "ansatz.heads",
        ),
        ("kind = \"convnext\", width = 1, layers = 1", "ansatz.width"),
        (
            "kind = \"vit\", width = 1, heads = 1, layers = 1",
            "ansatz.width",
        ),
        (
            "kind = \"autoregressive\", network = \"transformer\", width = 1, heads = 1, layers = \
             1",
            "ansatz.width",
        ),
        (
            "kind = \"cnn-mps\", channels = 2, layers = 1, mlp = 2, bond = 0",
            "ansatz.bond",
        ),
        (
            "kind = \"cnn-mps\", channels = 2, layers = 1, mlp = 2, bond = 2, kernel = 4",
            "ansatz.kernel",
        ),
        (
            "kind = \"vit\", width = 4, heads = 3, layers = 1",
            "ansatz.heads",
        ),
        (
            "kind = \"vit\", width = 4, heads = 2, layers = 1, patch = 3",
            "ansatz.patch",
        ),
        (
            "kind = \"vit\", width = 0, heads = 2, layers = 1",
            "ansatz.width",
        ),
        (
            "kind = \"convnext\", width = 4, layers = 1, kernel = 4",
            "ansatz.kernel",
        ),
        (
            "kind = \"convnext\", width = 4, layers = 1, patch = 2, kernel = 3",
            "ansatz.kernel",
        ),
        (
            "kind = \"convnext\", width = 4, layers = 1, load = \"none.h5\"",
            "ansatz.load",
        ),
    ] {
        let message = built(&format!("{{ {keys} }}")).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{key}:")), "{keys}: {message}");
        // What is allowed, and not the words of the parser.
        assert!(!message.contains("untagged"), "{keys}: {message}");
    }
}

#[test]
fn open_lattices_and_graphs_are_refused_with_a_reason() {
    for lattice in [
        "kind = \"chain\", size = 6, boundary = \"open\"",
        "kind = \"ladder\", size = [4, 2]",
    ] {
        let case = Case::new(&format!(
            "lattice = {{ {lattice} }}\nhamiltonian = {{ kind = \"ising\", hx = 1.0 }}\n\
             ansatz = {{ kind = \"resnet\", channels = 2, blocks = 1 }}\n\
             sampler = {{ method = \"full-sum\" }}\nmeasure = {{ samples = 1 }}\n"
        ));
        let out = case.alone(&["check", "x.toml"]);
        expect_code(&out, 64);
        assert!(
            text(&out).contains("periodic in all directions"),
            "{}",
            text(&out)
        );
    }
}
