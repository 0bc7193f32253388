//! Decides whether docs/schema.md tells the truth: every dataset of real files has a line, every
//! line a dataset.

mod common;
use common::{Case, RING, expect_code, project};
use nishina::io::notes::stands_for;
use nishina::io::output::OutputPaths;
use nishina::io::tree::{Tree, Value};
use std::collections::BTreeMap;

/// A line of the page.
struct Line {
    pattern: String,
    kinds: String,
    shape: String,
    unit: String,
}

/// The tables of the page by the heading above them.
fn page() -> BTreeMap<String, Vec<Line>> {
    let text = std::fs::read_to_string(project().join("docs/schema.md")).unwrap();
    let (mut tables, mut heading) = (BTreeMap::<String, Vec<Line>>::new(), String::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.split([',', ' ']).next().unwrap().to_string();
        }
        if line.starts_with("| `") {
            let cells: Vec<_> = line
                .replace("\\|", "¦")
                .split('|')
                .map(|c| c.trim().to_string())
                .collect();
            assert_eq!(cells.len(), 8, "{line}");
            assert!(
                !cells[5].is_empty() && !cells[6].is_empty(),
                "meaning and version: {line}"
            );
            tables.entry(heading.clone()).or_default().push(Line {
                pattern: cells[1].trim_matches('`').to_string(),
                kinds: cells[2].clone(),
                shape: cells[3].clone(),
                unit: cells[4].clone(),
            });
        }
    }
    tables
}

fn kind_and_rank(value: &Value) -> (&'static str, usize) {
    match value {
        Value::Real(a) => ("real", a.ndim()),
        Value::Complex(a) => ("complex", a.ndim()),
        Value::Integer(a) => ("integer", a.ndim()),
        Value::Spin(a) => ("int8", a.ndim()),
        Value::Text(_) => ("text", 0),
        Value::Texts(_) => ("texts", 1),
    }
}

/// Marks the lines that `tree` uses and lists what does not fit.
fn compare(file: &str, tree: &Tree, lines: &[Line], used: &mut [bool], faults: &mut Vec<String>) {
    for (path, value) in &tree.datasets {
        let parts: Vec<_> = path.split('/').collect();
        let split = |l: &Line| l.pattern.split('/').map(str::to_string).collect::<Vec<_>>();
        let fits = |l: &Line| {
            stands_for(
                &split(l).iter().map(String::as_str).collect::<Vec<_>>(),
                &parts,
            )
        };
        // The most special line counts: the one with the fewest stars.
        let stars = |k: &usize| {
            (
                lines[*k].pattern.matches('*').count(),
                usize::MAX - lines[*k].pattern.len(),
            )
        };
        let Some(k) = (0..lines.len())
            .filter(|&k| fits(&lines[k]))
            .min_by_key(stars)
        else {
            faults.push(format!("{file}: {path} has no line in docs/schema.md"));
            continue;
        };
        used[k] = true;
        let (line, (kind, rank)) = (&lines[k], kind_and_rank(value));
        if line.kinds != "any" && !line.kinds.split([',', ' ']).any(|w| w == kind) {
            faults.push(format!(
                "{file}: {path} is {kind}, the page says {}",
                line.kinds
            ));
        }
        let named = line
            .shape
            .trim_matches(['[', ']'])
            .split(',')
            .filter(|w| !w.trim().is_empty())
            .count();
        let least = if line.shape.contains("...") {
            named - 1
        } else {
            named
        };
        if rank < least || (rank > named && !line.shape.contains("...")) {
            faults.push(format!(
                "{file}: {path} has {rank} dimensions, the page says {}",
                line.shape
            ));
        }
        match tree.notes.get(path) {
            Some((unit, meaning)) if !meaning.is_empty() && !unit.contains("(1)") => {}
            other => faults.push(format!("{file}: {path} has no unit and meaning: {other:?}")),
        }
        if let Some((unit, _)) = tree.notes.get(path)
            && !["", "as in results", "of the quantity", "its square"].contains(&line.unit.as_str())
            && *unit != line.unit
        {
            faults.push(format!(
                "{file}: the unit of {path} is {unit}, the page says {}",
                line.unit
            ));
        }
    }
}

const OBSERVABLES: &str = r#"observables = ["magnetisation", "transverse-magnetisation",
    "spin-correlations", "structure-factor", "one-site",
    { kind = "renyi-2", blocks = [[0, 1]] }, "string-order", "dimer-correlations",
    { kind = "plaquette-correlations", plaquettes = [[0, 1, 2, 3]] }]"#;

#[test]
fn the_page_and_the_files_agree() {
    let sampled = format!(
        "{RING}[optimize]\nsteps = 3\nlearning_rate = 0.05\n[measure]\nsamples = \
         256\n{OBSERVABLES}\n"
    );
    // As many checkpoints as steps: old segments of samples are joined.
    let often = "[output]\nsamples = 'all'\ncheckpoint_every = 1e-9\n[optimize]\nsteps = 9\n\
                 method = 'adam'\nlearning_rate = 0.01\naverage = 2\n\
                 pilots = { seeds = 2, steps = 2 }";
    let adam = sampled.replace("[optimize]\nsteps = 3\nlearning_rate = 0.05", often);
    let adam = adam.replace(
        "chains = 8",
        "chains = 8\npower = 1.5\ntempering = { replicas = 2 }",
    );
    let evolved = format!(
        "{RING}[optimize]\nsteps = 2\nlearning_rate = 0.05\n[evolve]\ntime = 0.02\nstep = \
         0.01\nhamiltonian = {{ hx = 0.5 }}\n\
         [measure]\nsamples = 256\n{OBSERVABLES}\n"
    );
    let exact = evolved.replace("chains = 8\nsamples = 256", "method = \"full-sum\"");
    let tables = page();
    let mut used: BTreeMap<&str, Vec<bool>> = tables
        .iter()
        .map(|(k, v)| (k.as_str(), vec![false; v.len()]))
        .collect();
    let mut faults = Vec::new();
    let space = "[holography]\nexperiment = \"synthetic\"\nepochs = 3\npoints = 20\nsuccess = \
                 1.0\nbootstrap = 1\n";
    let qcd = "[holography]\nexperiment = \"condensate\"\nepochs = 2\npoints = 30\nsuccess = \
               100.0\nbootstrap = 1\nscheme = \"rk4\"\nsmoothness = \
               \"cross-validated\"\n[holography.potential]\n";
    let square = "[lattice]\nkind = \"square\"\nsize = [4, 4]\n[hamiltonian]\nkind = \
                  \"plaquette-ising\"\nk = 0.2\n[sampler]\nchains = 4\nsamples = \
                  4096\n[classical]\ntemperatures = [3.0, 4.0]\n";
    let learned = "tempering = 2\nreweight = [3.1]\nupdate = \
                   \"self-learning\"\n[classical.effective]\nfeatures = \
                   \"auto\"\ntraining_samples = 1024\n";
    let counted = "update = \"enumeration\"\n[classical.effective]\nclasses = 2\n";
    let spins = [format!("{square}{learned}"), format!("{square}{counted}")];
    let spaces = [space.to_string(), qcd.to_string()];
    let square = "[lattice]\nkind = \"square\"\nsize = [4, 4]\n[hamiltonian]\nkind = \
                  \"ising\"\n[sampler]\nchains = 2\nsamples = 16\n[classical]\n";
    let phases = [
        "inverse_temperatures = [0.3, 0.4, 0.5]\nupdate = \"enumeration\"\n[phases]\ntask = \
         \"temperature\"\nfeatures = \"energy\"\nwidths = []\nepochs = 2\n",
        "temperatures = [1.5, 2.0, 2.5, 3.0, 3.5]\nupdate = \"wolff\"\n[phases]\ntask = \
         \"temperature\"\nconvolution = { filters = 2, kernel = 2 }\nepochs = 2\n",
        "temperatures = [1.0, 3.5]\nupdate = \"wolff\"\n[phases]\ntask = \
         \"classify\"\ncritical_temperature = 2.27\nepochs = 2\n",
    ];
    let phases = phases.map(|keys| format!("{square}{keys}"));
    let table = "[regression]\ndata = \"table.csv\"\ninputs = [\"x\"]\noutputs = \
                 [\"y\"]\ntest_fraction = 0.3\nsteps = 3\nlearning_rate = 0.1\ninvert = { \
                 outputs = [2.0], start = [1.0], steps = 5 }\n";
    let machine = |sampler: &str, keys: &str| {
        format!(
            "[lattice]\nkind = \"chain\"\nsize = 4\n[hamiltonian]\nkind = \"ising\"\nhx = 1.0\n\
             [ansatz]\nkind = \"boltzmann\"\nphase = true\ndensity = 1\n[sampler]\n\
             {sampler}\n[learn]\ntarget = {{ kind = \"ground-state\" }}\nsteps = 2\n\
             learning_rate = 0.1\n{keys}\n"
        )
    };
    let outcomes = "objective = \"kullback-leibler\"\nshots = 50\ntest_fraction = 0.2\nrestarts \
                    = 2\n";
    let learned = [
        machine("method = \"full-sum\"", outcomes),
        machine("chains = 4\nsamples = 16", "objective = \"infidelity\""),
    ];
    let constructed = "[lattice]\nkind = \"chain\"\nsize = 4\n[hamiltonian]\nkind = \
                       \"ising\"\nhx = 1.0\n[ansatz]\nkind = \"dbm\"\n[sampler]\nmethod = \
                       \"full-sum\"\n[construct]\ntime = 0.2\nstep = 0.1\n";
    let lines = constructed.replace("method = \"full-sum\"", "chains = 2\nsamples = 8");
    let list = "observables = [\"imaginary-time-correlations\"]\n";
    let lines = format!("{lines}[measure]\nsamples = 16\n{list}");
    let converted = machine("method = \"full-sum\"", "");
    let converted = converted.split("[learn]").next().unwrap_or_default();
    let converted = converted.replace("\"boltzmann\"\nphase = true", "\"rbm\"");
    let converted = format!(
        "{converted}[convert]\nto = \"mps\"\n[measure]\nsamples = 0\namplitudes = [[1, 1, 1, 1]]\n"
    );
    let forms = [constructed.to_string(), lines, converted];
    let learned = learned.into_iter().chain(forms);
    let network = "[lattice]\nkind = \"square\"\nsize = [3, 2]\nboundary = \"open\"\n\
                   [hamiltonian]\nkind = \"ising\"\nhx = 1.0\n[ansatz]\nkind = \"peps\"\n\
                   bond_dimension = 2\n[sampler]\nchains = 2\nsamples = 8\n[measure]\n\
                   samples = 8\n";
    let long = "[lattice]\nkind = \"chain\"\nsize = 363\n[hamiltonian]\nkind = \"ising\"\n\
                hx = 1.0\n[ansatz]\nkind = \"rbm\"\ndensity = 1\nparameters = \"real\"\n\
                [sampler]\nchains = 2\nsamples = 4\n[measure]\nsamples = 4\n\
                observables = [\"spin-correlations-zz\"]\n\
                [disorder]\nrealisations = 1\nrealisation = 1\n\
                couplings = { j = { kind = \"gaussian\", mean = 1.0, deviation = 0.1 } }\n";
    let bosons = "[basis]\nkind = \"boson\"\nmax_occupation = 2\n[lattice]\nkind = \
                  \"chain\"\nsize = 3\n[hamiltonian]\nkind = \"bose-hubbard\"\nu = \
                  4.0\n[ansatz]\nkind = \"symmetrised\"\nsector = { auto = 0 \
                  }\nof = { kind = \"jastrow\" }\n[sampler]\nmethod = \
                  \"full-sum\"\n[measure]\nsamples = 2\n";
    // Chains that freeze in the product states of a missing sign rule.
    let frozen = "[lattice]\nkind = \"honeycomb\"\nsize = [3, 2]\n[hamiltonian]\nkind = \"xxz\"\n\
                  delta = 1.5\nsector = { total_sz = 0 }\n[ansatz]\nkind = \"rbm\"\n\
                  density = 4\nsymmetry = \"space-group\"\ninit = 0.01\n[sampler]\nsamples = 512\n\
                  [optimize]\nsteps = 200\nlearning_rate = 0.05\nshift = 0.01\n\
                  max_distance = 0\n[measure]\nsamples = 256\n";
    let others = [table, network, long, bosons, frozen].map(String::from);
    let spaces = spaces.into_iter().chain(others).chain(learned);
    let others = spaces.chain(spins).chain(phases);
    let inputs = [sampled, adam, evolved, exact].into_iter().chain(others);
    for (number, input) in inputs.enumerate() {
        let case = Case::new(&input);
        std::fs::write(case.path("table.csv"), "x,y\n1,2\n2,3\n3,5\n").unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let files = [
            ("x.h5".to_string(), "Results"),
            ("x.r0001.h5".to_string(), "Results"),
            ("x.ckpt.h5".to_string(), "Checkpoint"),
            ("x.samples.h5".to_string(), "Samples"),
        ];
        let segments = OutputPaths::new(case.folder.path(), "x").segment_files();
        let segments = segments.unwrap().into_iter();
        let segments = segments.map(|file| (file.name(), "Samples"));
        for (file, table) in files.into_iter().chain(segments) {
            if case.path(&file).exists() {
                let name = format!("input {number}, {file}");
                compare(
                    &name,
                    &case.tree(&file),
                    &tables[table],
                    used.get_mut(table).unwrap(),
                    &mut faults,
                );
            }
        }
        if number == 0 {
            expect_code(&case.alone(&["exact", "x.toml", "--output", "e.h5"]), 0);
            compare(
                "exact",
                &case.tree("e.h5"),
                &tables["Exact"],
                used.get_mut("Exact").unwrap(),
                &mut faults,
            );
        }
    }
    for (table, marks) in &used {
        let unused = tables[*table].iter().zip(marks).filter(|(_, used)| !**used);
        faults.extend(
            unused.map(|(l, _)| format!("{table}: no file of this test has {}", l.pattern)),
        );
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
