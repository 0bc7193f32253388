//! Decides whether every registered wave function, real and complex, obeys the public laws, alone
//! and composed.

mod common;
use common::{Case, expect_code, text};
use nishina::ansatz::product::Product;
use nishina::ansatz::sign::{Sign, SignRule};
use nishina::ansatz::table::Table;
use nishina::ansatz::{ANSATZE, Ansatz, AnsatzEntry, Context, Erased, build};
use nishina::basis::{Basis, TOTAL_SZ};
use nishina::derivatives::Kind;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::laws::laws;
use nishina::table::Shelf;
use num_complex::Complex64;
use std::path::Path;

const SITES: usize = 6;

fn chain() -> Lattice {
    let spec = LatticeSpec::regular("chain", &[SITES], &[Boundary::Periodic]);
    Lattice::new(&spec).unwrap()
}

/// Six sites for tensors that are contracted on an open square.
fn open_square() -> Lattice {
    let spec = LatticeSpec::regular("square", &[3, 2], &[Boundary::Open]);
    Lattice::new(&spec).unwrap()
}

fn parsed(text: &str, lattice: &Lattice, basis: &Basis) -> nishina::error::Result<Erased> {
    let context = Context {
        lattice,
        basis,
        origin: 7.into(),
        kinds: Shelf::new(ANSATZE),
        folder: Path::new("."),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    build(&text.parse().unwrap(), &context)
}

/// A small input for every kind; a kind without one fails the test, so that it cannot be forgotten.
fn examples(entry: &AnsatzEntry) -> Vec<String> {
    let both = |keys: &str| {
        ["real", "complex"]
            .map(|p| format!("kind = \"{}\"\nparameters = \"{p}\"\n{keys}", entry.kind))
            .to_vec()
    };
    match entry.kind {
        "rbm" => ["none", "translations", "space-group"]
            .iter()
            .flat_map(|symmetry| {
                both(&format!(
                    "density = 1\ninit = 0.2\nsymmetry = \
             \"{symmetry}\""
                ))
            })
            .collect(),
        "feedforward" => [
            "widths = [7]\nvisible_bias = true",
            "widths = [6, 4]\nvisible_bias = true\nprecision = \"single\"",
            "widths = [6, 5]\nactivation = \
         [\"tanh\", \"lncosh\"]",
        ]
        .iter()
        .flat_map(|keys| both(keys))
        .chain(
            [
                "activation = \"gelu\"",
                "activation = \"relu\"\nphase = false",
            ]
            .iter()
            .map(|keys| {
                format!(
                    "kind = \"feedforward\"\nparameters = \"real\"\nwidths = \
                     [5, 4]\n{keys}"
                )
            }),
        )
        .collect(),
        "jastrow" => ["all", "distance"]
            .iter()
            .flat_map(|pairs| {
                both(&format!(
                    "pairs = \"{pairs}\"\nvisible_bias = true\ninit = \
             0.3"
                ))
            })
            .collect(),
        "boltzmann" => ["phase = false", "phase = true"]
            .map(|keys| format!("kind = \"boltzmann\"\ndensity = 1.5\ninit = 0.3\n{keys}"))
            .to_vec(),
        "dbm" => both("density = 1.5\ninit = 0.3"),
        "eps" => [
            "cluster = [3]",
            "cluster = [2]\nsymmetry = \"translations\"",
            "clusters = [[0, 3, 4], [5, 1, 2], [2, 3, 5]]",
        ]
        .iter()
        .flat_map(|keys| both(&format!("init = 0.3\n{keys}")))
        .collect(),
        "resnet" => [
            "channels = 2\nblocks = 1",
            "channels = 2\nblocks = 2\nhead = \"sinh\"\nmomentum = [1]",
            "channels = 4\nblocks = 1\nhead = \"lncosh\"\nkernel = 5",
            "channels = 3\nblocks = 1\ncomplex = false",
            "channels = 2\nblocks = 1\nhead = \"sinh\"\ncomplex = false",
            "channels = 2\nblocks = 1\nprecision = \"single\"",
        ]
        .iter()
        .map(|keys| format!("kind = \"resnet\"\n{keys}"))
        .collect(),
        "gcnn" => [
            "features = [2, 2]",
            "features = [3, 2]\nkernel = 3\nmomentum = [3]\ncharacter = [1, -1]",
            "features = [3]\ncomplex = false",
            "features = [2, 2, 2, 2, 2]\ngroup = \"translations\"\nkernel = 3\nmomentum = [1]",
            "features = [2, 2]\nprecision = \"single\"",
        ]
        .iter()
        .map(|keys| format!("kind = \"gcnn\"\n{keys}"))
        .collect(),
        "cnn-mps" => ["bond = 2", "bond = 1\nprecision = \"single\""]
            .iter()
            .map(|keys| format!("kind = \"cnn-mps\"\nchannels = 3\nlayers = 2\nmlp = 4\n{keys}"))
            .collect(),
        "vit" => [
            "patch = 2\nheads = 2\nlayers = 1\nratio = 2",
            "patch = 1\nheads = 1\nlayers = 1\nratio = 1\nnorm = \"rms\"\ncomplex = false",
            "patch = 3\nheads = 2\nlayers = 1\nratio = 1\nprecision = \"single\"",
        ]
        .iter()
        .map(|keys| format!("kind = \"vit\"\nwidth = 4\n{keys}"))
        .collect(),
        "convnext" => [
            "layers = 1",
            "layers = 1\npatch = 2\nratio = 1\ncomplex = false",
            "layers = 1\nratio = 1\nprecision = \"single\"",
        ]
        .iter()
        .map(|keys| format!("kind = \"convnext\"\nwidth = 3\n{keys}"))
        .collect(),
        "autoregressive" => [
            "features = [3, 2]",
            "features = [4]\npositive = true",
            "features = [3]\ncomplex = false\nprecision = \"single\"",
            "network = \"conv1d\"\nfeatures = [3, 2]\nkernel = 3",
            "network = \"conv2d\"\nfeatures = [2]\nkernel = [2, 3]",
            "network = \"gru\"\nhidden = 3",
            "network = \"gru\"\nhidden = 3\nprecision = \"single\"",
            "network = \"rnn2d\"\nhidden = 2\npath = \"snake\"",
            "network = \"rnn2d\"\nhidden = 2",
            "network = \"transformer\"\nwidth = 4\nheads = 2\nlayers = 1\nratio = 2",
        ]
        .iter()
        .map(|keys| format!("kind = \"autoregressive\"\n{keys}"))
        .collect(),
        "mps" => [
            "bond_dimension = 3",
            "bond_dimension = 2\nboundary = \"periodic\"",
            "bond_dimension = 3\nboundary = \"periodic\"\nsymmetry = \"translations\"",
        ]
        .iter()
        .flat_map(|keys| both(&format!("init = 0.1\n{keys}")))
        .collect(),
        "table" => both("init = 0.3"),
        "pair" => [
            "sublattice = [6]",
            "sublattice = [1]\nantiperiodic = [true]",
            "start = \"free\"\ninit = 0.3",
        ]
        .iter()
        .flat_map(|keys| both(keys))
        .collect(),
        "peps" => ["boundary_dimension = 0", "boundary_dimension = 4"]
            .iter()
            .flat_map(|keys| both(&format!("bond_dimension = 2\ninit = 0.3\n{keys}")))
            .collect(),
        "product" => [
            ("real", "real"),
            ("complex", "complex"),
            ("real", "complex"),
        ]
        .iter()
        .map(|(one, two)| {
            format!(
                "kind = \"product\"\nfactors = [{{ kind = \"rbm\", density = 0.5, parameters = \
                     \"{one}\" }}, \
                     {{ kind = \"jastrow\", parameters = \"{two}\" }}]"
            )
        })
        .chain(["real", "complex"].map(|numbers| {
            format!(
                "kind = \"product\"\nfactors = [{{ kind = \"rbm\", density = 0.5 }}, \
                 {{ kind = \"pair\", parameters = \"{numbers}\" }}]"
            )
        }))
        .collect(),
        "symmetrised" => [
            "momentum = [0]",
            "momentum = [2]",
            "momentum = [3]\nreflection = \
         1",
            "reflection = 1",
        ]
        .iter()
        .flat_map(|numbers| {
            let of = |keys: &str| {
                format!(
                    "kind = \"symmetrised\"\nof = {{ {keys} \
                 }}\n{numbers}"
                )
            };
            [
                of("kind = \"rbm\", density = 1, init = 0.3, parameters = \"real\""),
                of("kind = \"rbm\", density = 1, init = 0.3, parameters = \"complex\""),
                of("kind = \"feedforward\", widths = [5], parameters = \"real\", init = 2.0"),
                of("kind = \"table\", init = 0.4, parameters = \"real\""),
                of("kind = \"pair\", sublattice = [6], parameters = \"complex\""),
            ]
        })
        .chain(
            [
                "total_spin = 1",
                "total_spin = { s = 0, points = 2 }\nmomentum = [3]",
            ]
            .map(|numbers| {
                format!(
                    "kind = \"symmetrised\"\nof = {{ kind = \"pair\", sublattice = [6] }}\n\
                     {numbers}"
                )
            }),
        )
        .chain(
            [
                ("momentum = [0]", ", positive = true"),
                ("momentum = [2]", ""),
                ("momentum = [3]\nreflection = 1", ""),
            ]
            .iter()
            .map(|(numbers, more)| {
                format!(
                    "kind = \"symmetrised\"\nmode = \"normalised\"\n{numbers}\n\
                     of = {{ kind = \"autoregressive\", network = \"gru\", hidden = 2{more} }}"
                )
            }),
        )
        .collect(),
        other => panic!("add an example of {other}"),
    }
}

/// Positions without inputs start where SELU has a kink, and differences are no derivatives.
fn away_from_kinks(ansatz: &mut Erased) {
    let moved = |(k, p): (usize, &f64)| p + 0.1 * (1.0 + k as f64).sin();
    let parameters: Vec<f64> = ansatz.parameters().iter().enumerate().map(moved).collect();
    ansatz.set_parameters(&parameters).unwrap();
}

#[test]
fn every_registered_wave_function_obeys_the_laws() {
    let (lattice, square_lattice) = (chain(), open_square());
    for basis in [
        Basis::spin_half(SITES, None),
        Basis::spin_half(SITES, Some(0)),
        Basis::spin_half(SITES, Some(2)),
        Basis::spins(SITES, 2, None),
        Basis::spins(SITES, 2, Some(0)),
        Basis::spins(SITES, 3, Some(2)),
        Basis::bosons(SITES, 2, None),
        Basis::bosons(SITES, 4, Some(4)),
    ] {
        let basis = basis.unwrap();
        let bosons = basis.locals()[0].first == 0;
        let possible = |text: &String| !(bosons && text.contains("spin_flip"));
        let able = ANSATZE
            .iter()
            .filter(|e| e.any_values || basis.is_spin_half());
        let spins = basis.is_spin_half();
        let balanced = spins && basis.fixed(TOTAL_SZ) == Some(0);
        let known = |text: &String| {
            (spins || !text.contains("autoregressive"))
                && (balanced || !text.contains("kind = \"pair\""))
        };
        for text in able.flat_map(examples).filter(possible).filter(known) {
            let square = ["peps", "conv2d", "snake"]
                .iter()
                .any(|kind| text.contains(kind));
            let lattice = if square { &square_lattice } else { &lattice };
            let mut ansatz = parsed(&text, lattice, &basis).unwrap();
            if text.contains("autoregressive") {
                away_from_kinks(&mut ansatz);
            }
            laws(&mut ansatz, &basis, 3).unwrap_or_else(|e| panic!("{text}\n{e}"));
            let sign = Sign::new((0..SITES).map(|i| i % 2 == 0).collect(), &basis);
            let mut signed = SignRule::new(ansatz, sign).unwrap();
            laws(&mut signed, &basis, 4).unwrap_or_else(|e| panic!("sign rule, {text}\n{e}"));
        }
    }
}

#[test]
fn only_a_wave_function_of_one_sign_is_said_to_stay_above_the_ground_state() {
    let rbm = "kind = \"rbm\", density = 1, parameters = \"real\"";
    let table = "kind = \"table\", parameters = \"real\"";
    let jastrow = "kind = \"jastrow\", parameters = \"real\"";
    for (ansatz, warned) in [
        (rbm.to_string(), true),
        (table.to_string(), false),
        (
            format!("kind = \"product\", factors = [{{ {table} }}, {{ {jastrow} }}]"),
            false,
        ),
        (
            format!("kind = \"product\", factors = [{{ {rbm} }}, {{ {jastrow} }}]"),
            true,
        ),
        (
            format!("kind = \"symmetrised\", of = {{ {rbm} }}, momentum = [0]"),
            true,
        ),
        (
            format!("kind = \"symmetrised\", of = {{ {rbm} }}, momentum = [2]"),
            false,
        ),
        (
            format!("kind = \"symmetrised\", of = {{ {table} }}, momentum = [0]"),
            false,
        ),
    ] {
        let case = Case::new(&format!(
            "ansatz = {{ {ansatz} }}\nlattice = {{ kind = \"chain\", size = 4 }}\n\
             hamiltonian = {{ kind = \"heisenberg\", sector = {{ total_sz = 0 }} }}\n\
             sampler = {{ method = \"full-sum\" }}\n\
             optimize = {{ steps = 1, learning_rate = 0.01 }}\noutput = {{ name = \"x\" }}\n"
        ));
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        assert_eq!(
            text(&out).contains("will stay above the ground state"),
            warned,
            "{ansatz}"
        );
    }
}

#[test]
fn the_warning_of_one_sign_names_a_key_that_there_is() {
    let resnet = "kind = \"resnet\", channels = 2, blocks = 1, complex = false";
    let gru = "kind = \"autoregressive\", network = \"gru\", hidden = 2, positive = true";
    for (ansatz, key) in [
        (resnet.to_string(), "use complex = true"),
        (
            format!("kind = \"symmetrised\", spin_flip = 1, of = {{ {resnet} }}"),
            "use complex = true",
        ),
        (gru.into(), "use positive = false"),
        (
            "kind = \"jastrow\", parameters = \"real\"".into(),
            "use parameters = \"complex\"",
        ),
    ] {
        let case = Case::new(&format!(
            "ansatz = {{ {ansatz} }}\nlattice = {{ kind = \"chain\", size = 4 }}\n\
             hamiltonian = {{ kind = \"heisenberg\", sector = {{ total_sz = 0 }} }}\n\
             sampler = {{ method = \"full-sum\" }}\n\
             optimize = {{ steps = 1, learning_rate = 0.01 }}\noutput = {{ name = \"x\" }}\n"
        ));
        let said = text(&case.alone(&["check", "x.toml", "--quick"]));
        assert!(said.contains(key), "{ansatz}: {said}");
    }
}

#[test]
fn mixed_products_have_stacked_derivatives() {
    let (lattice, basis) = (chain(), Basis::spin_half(SITES, None).unwrap());
    let part = |kind: &str, numbers: &str, more: &str| {
        parsed(
            &format!("kind = \"{kind}\"\nparameters = \"{numbers}\"\n{more}"),
            &lattice,
            &basis,
        )
        .unwrap()
    };
    let product = Product::new(vec![
        part("rbm", "complex", "density = 1"),
        part("jastrow", "real", ""),
    ])
    .unwrap();
    assert_eq!(product.facts().kind, Kind::Stacked);
    assert_eq!(product.layout().last().unwrap().name, "factor1.v");
    let nested = Product::new(vec![Erased::new(product), part("table", "complex", "")]).unwrap();
    laws(&mut Erased::new(nested), &basis, 1).unwrap();
}

#[test]
fn the_sign_rule_counts_up_spins_of_the_sublattice() {
    let (lattice, basis) = (chain(), Basis::spin_half(SITES, None).unwrap());
    let plain = parsed(
        "kind = \"jastrow\"\nparameters = \"real\"",
        &lattice,
        &basis,
    )
    .unwrap();
    let signed = SignRule::new(
        parsed(
            "kind = \"jastrow\"\nparameters = \"real\"",
            &lattice,
            &basis,
        )
        .unwrap(),
        Sign::new((0..SITES).map(|i| i % 2 == 0).collect(), &basis),
    )
    .unwrap();
    for (x, sign) in [
        ([-1; 6], 1.0),
        ([1, -1, -1, -1, -1, -1], -1.0),
        ([-1, 1, -1, 1, -1, 1], 1.0),
        ([1; 6], -1.0),
    ] {
        let quotient =
            (signed.log_psi(&signed.batch(&x))[0] - plain.log_psi(&plain.batch(&x))[0]).exp();
        assert!((quotient - sign).norm() < 1e-14);
    }
}

#[test]
fn tables_with_zeros_obey_the_laws_of_ratios() {
    let basis = Basis::spin_half(4, Some(0)).unwrap();
    let amplitudes = [1.0, 0.0, -2.0, 0.5, 0.0, 1.0].map(Complex64::from);
    let mut table = Table::<f64>::from_amplitudes(&basis, &amplitudes).unwrap();
    assert_eq!(table.parameters()[1], 0.0);
    // Zero amplitudes have no logarithm to differentiate; all others do.
    laws(&mut table, &basis, 5).unwrap();
}

#[test]
fn tables_load_the_amplitudes_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (lattice, basis) = (chain(), Basis::spin_half(SITES, Some(2)).unwrap());
    let amplitudes: Vec<Complex64> = (0..15)
        .map(|k| Complex64::new(f64::from(k) - 3.5, 0.0))
        .collect();
    let mut tree = nishina::io::tree::Tree::default();
    tree.put_complex("states/0/amplitudes", &[15], &amplitudes);
    nishina::io::hdf5::write_atomic(&folder.path().join("exact.h5"), &tree).unwrap();
    let path = "ansatz".into();
    let (sign_rule, hamiltonian) = (None, None);
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 7.into(),
        kinds: Shelf::new(ANSATZE),
        folder: folder.path(),
        sign_rule,
        hamiltonian,
        path,
    };
    let keys = "kind = \"table\"\nparameters = \"real\"\nfile = \"exact.h5\""
        .parse()
        .unwrap();
    let table = build(&keys, &context).unwrap();
    assert_eq!(
        table.parameters(),
        amplitudes.iter().map(|z| z.re).collect::<Vec<_>>()
    );
    let full = Basis::spin_half(SITES, None).unwrap();
    assert!(
        build(
            &keys,
            &Context {
                basis: &full,
                ..context
            },
        )
        .is_err()
    );
}

#[test]
fn wrong_inputs_name_the_key() {
    let (lattice, basis) = (chain(), Basis::spin_half(SITES, None).unwrap());
    for (text, key) in [
        ("density = 1", "ansatz.kind"),
        ("kind = \"rbn\"", "ansatz.kind"),
        ("kind = \"rbm\"", "ansatz.density"),
        ("kind = \"rbm\"\ndensity = 0", "ansatz.density"),
        ("kind = \"rbm\"\ndensity = 0.01", "ansatz.density"),
        (
            "kind = \"rbm\"\ndensity = 1.5\nsymmetry = \"translations\"",
            "ansatz.density",
        ),
        ("kind = \"rbm\"\ndensity = 1\ninit = -1.0", "ansatz.init"),
        (
            "kind = \"rbm\"\ndensity = 1\nhiden_bias = true",
            "ansatz.hiden_bias",
        ),
        ("kind = \"boltzmann\"", "ansatz.density"),
        ("kind = \"boltzmann\"\ndensity = 0.01", "ansatz.density"),
        (
            "kind = \"boltzmann\"\ndensity = 1\nparameters = \"real\"",
            "ansatz.parameters",
        ),
        ("kind = \"eps\"", "ansatz.cluster"),
        ("kind = \"eps\"\ncluster = [2, 2]", "ansatz.cluster"),
        ("kind = \"eps\"\ncluster = [7]", "ansatz.cluster"),
        ("kind = \"eps\"\ncluster = [0]", "ansatz.cluster"),
        (
            "kind = \"eps\"\ncluster = [2]\nclusters = [[0]]",
            "ansatz.clusters",
        ),
        ("kind = \"eps\"\nclusters = []", "ansatz.clusters"),
        ("kind = \"eps\"\nclusters = [[0, 1, 0]]", "ansatz.clusters"),
        ("kind = \"eps\"\nclusters = [[0, 6]]", "ansatz.clusters"),
        (
            "kind = \"eps\"\nclusters = [[0, 1], [2]]",
            "ansatz.clusters",
        ),
        (
            "kind = \"eps\"\nsymmetry = \"translations\"\nclusters = [[0, 1], [0, 2]]",
            "ansatz.clusters",
        ),
        (
            "kind = \"eps\"\ncluster = [2]\nload = \"none.h5\"",
            "ansatz.load",
        ),
        ("kind = \"feedforward\"", "ansatz.widths"),
        ("kind = \"feedforward\"\nwidths = []", "ansatz.widths"),
        ("kind = \"feedforward\"\nwidths = [4, 0]", "ansatz.widths"),
        (
            "kind = \"feedforward\"\nwidths = [4]\nactivation = \"relu\"",
            "ansatz.activation",
        ),
        (
            "kind = \"feedforward\"\nwidths = [4]\nactivation = \"sigmoid\"",
            "ansatz.activation",
        ),
        (
            "kind = \"feedforward\"\nwidths = [4, 4]\nactivation = [\"tanh\"]",
            "ansatz.activation",
        ),
        (
            "kind = \"feedforward\"\nwidths = [4]\nphase = true",
            "ansatz.phase",
        ),
        (
            "kind = \"feedforward\"\nwidths = [4]\nparameters = \"real\"\noutput_weights = false",
            "ansatz.output_weights",
        ),
        ("kind = \"mps\"", "ansatz.bond_dimension"),
        (
            "kind = \"mps\"\nbond_dimension = 0",
            "ansatz.bond_dimension",
        ),
        (
            "kind = \"mps\"\nbond_dimension = 2\norder = \"snake\"",
            "ansatz.order",
        ),
        (
            "kind = \"mps\"\nbond_dimension = 2\nsymmetry = \"translations\"",
            "ansatz.symmetry",
        ),
        (
            "kind = \"mps\"\nbond_dimension = 2\ninit = -0.1",
            "ansatz.init",
        ),
        ("kind = \"mps\"\nload = \"none.h5\"", "ansatz.load"),
        ("kind = \"autoregressive\"", "ansatz.features"),
        (
            "kind = \"autoregressive\"\nfeatures = [2]\nhidden = 3",
            "ansatz.hidden",
        ),
        (
            "kind = \"autoregressive\"\nfeatures = [2]\ncomplex = true\npositive = true",
            "ansatz.complex",
        ),
        (
            "kind = \"autoregressive\"\nfeatures = [2]\ncomplex = false\npositive = false",
            "ansatz.complex",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"gru\"",
            "ansatz.hidden",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"gru\"\nhidden = 2\nfeatures = [3]",
            "ansatz.features",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"conv1d\"\nfeatures = [3]",
            "ansatz.kernel",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"conv1d\"\nfeatures = [3]\nkernel = 1",
            "ansatz.kernel",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"conv1d\"\nfeatures = [3]\nkernel = 500",
            "ansatz.kernel: 500 positions, and the path has",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"conv1d\"\nfeatures = [3]",
            "ansatz.kernel: \"conv1d\" needs it; give a number of positions from 2 on, such as \
             kernel = 5",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"conv2d\"\nfeatures = [3]",
            "ansatz.kernel: \"conv2d\" needs it; give rows and columns, such as kernel = [3, 5]",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"conv2d\"\nfeatures = [3]\nkernel = [2, 3]",
            "ansatz.network",
        ),
        (
            "kind = \"autoregressive\"\nnetwork = \"transformer\"\nwidth = 4\nlayers = 1\n\
             heads = 3",
            "ansatz.heads",
        ),
        (
            "kind = \"autoregressive\"\nfeatures = [3]\npath = \"snake\"",
            "ansatz.path",
        ),
        (
            "kind = \"symmetrised\"\nmomentum = [0]\nmode = \"normalised\"\n\
             of = { kind = \"rbm\", density = 1 }",
            "ansatz.mode",
        ),
        (
            "kind = \"symmetrised\"\nmomentum = [3]\nmode = \"normalised\"\n\
             of = { kind = \"autoregressive\", features = [2], positive = true }",
            "ansatz.of",
        ),
        ("kind = \"product\"\nfactors = []", "ansatz.factors"),
        (
            "kind = \"product\"\nfactors = [{ kind = \"jastro\" }]",
            "ansatz.factors[0].kind",
        ),
    ] {
        let message = parsed(text, &lattice, &basis).unwrap_err().to_string();
        let named = message.starts_with(key) && message[key.len()..].starts_with([':', ' ']);
        assert!(named || message == key, "{text}: {message}");
    }
}

#[test]
fn what_does_not_fit_names_its_keys() {
    let (lattice, basis) = (chain(), Basis::spin_half(SITES, None).unwrap());
    let deep = "kind = \"resnet\", channels = 65536, blocks = 65536, kernel = 1";
    for (text, keys) in [
        (
            deep.replace(", ", "\n"),
            "ansatz.blocks, ansatz.channels, ansatz.kernel",
        ),
        (
            format!("kind = \"symmetrised\"\nspin_flip = 1\nof = {{ {deep} }}"),
            "ansatz.of.blocks, ansatz.of.channels, ansatz.of.kernel",
        ),
        (
            format!("kind = \"product\"\nfactors = [{{ kind = \"jastrow\" }}, {{ {deep} }}]"),
            "ansatz.factors[1].blocks, ansatz.factors[1].channels, ansatz.factors[1].kernel",
        ),
    ] {
        let message = parsed(&text, &lattice, &basis).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{keys}: ")),
            "{text}: {message}"
        );
        assert!(message.contains("GB are available"), "{message}");
    }
}

#[test]
fn networks_need_open_squares_and_bonds() {
    let basis = Basis::spin_half(SITES, None).unwrap();
    let periodic = LatticeSpec::regular("square", &[3, 2], &[Boundary::Periodic]);
    let periodic = Lattice::new(&periodic).unwrap();
    for (lattice, keys, key) in [
        (chain(), "bond_dimension = 2", "lattice.kind"),
        (periodic, "bond_dimension = 2", "lattice.boundary"),
        (open_square(), "", "ansatz.bond_dimension"),
        (open_square(), "bond_dimension = 0", "ansatz.bond_dimension"),
        (
            open_square(),
            "bond_dimension = 2\ninit = -1.0",
            "ansatz.init",
        ),
        (open_square(), "load = \"none.h5\"", "ansatz.load"),
    ] {
        let text = format!("kind = \"peps\"\n{keys}");
        let message = parsed(&text, &lattice, &basis).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{key}:")), "{text}: {message}");
    }
}

#[test]
fn every_schema_describes_an_object() {
    for entry in ANSATZE {
        assert_eq!((entry.schema)()["type"], "object", "{}", entry.kind);
    }
}
