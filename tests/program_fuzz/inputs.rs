//! Inputs, tables and states to load that are changed at random: each is refused with a message,
//! or runs into files that are whole.

use super::common::broken;
use super::common::mutation::{below, mutate, nudge, texts};
use super::plans::{Oracle, PLANS, Plan};
use super::round::{Attempt, Ended, Round};
use nishina::io::hdf5;
use nishina::io::tree::{Tree, Value, shaped};
use num_complex::Complex64;

/// Memory that a case may take, in kB of address space; the program knows the limit.
const MEMORY: &str = "ulimit -v 4000000";

/// Runs one of the commands that read an input, for a second at most.
fn read(round: &mut Round) -> Result<Ended, String> {
    const BRIEF: [&str; 4] = [
        "--set",
        "output.max_time=1",
        "--set",
        "output.directory=\"out\"",
    ];
    let mut words = match round.below(6) {
        0 => vec!["check", "x.toml", "--quick"],
        1 => vec!["exact", "x.toml"],
        2 => vec!["check", "x.toml", "--within", "1"],
        _ => vec!["run", "x.toml"],
    };
    words.extend(BRIEF);
    let mut attempt = Attempt::of(&words);
    attempt.before = MEMORY.into();
    attempt.patience = Some(20.0);
    if round.below(12) == 0 {
        attempt.ranks = 2;
    }
    let ended = round.run(&attempt)?;
    if ended.code == 0 && words[0] == "run" {
        round.files_are_whole()?;
    }
    // A message names a remedy or a key; words of the language are none.
    const FOREIGN: &[&str] = &[
        "untagged enum",
        "expected struct",
        "expected usize",
        "expected u64",
    ];
    match FOREIGN.iter().find(|w| ended.said.contains(**w)) {
        Some(word) => Err(format!("it said `{word}`:\n{}", ended.said)),
        None => Ok(ended),
    }
}

/// The tables of the project beside the input, so that inputs find them.
fn put_tables(round: &Round) {
    std::fs::create_dir_all(round.case.path("data")).unwrap();
    for (path, text) in texts("configs/data", "csv")
        .iter()
        .chain(&texts("tests/inputs", "csv"))
    {
        let name = path.file_name().unwrap().to_string_lossy();
        round.write(&name, text);
        round.write(&format!("data/{name}"), text);
    }
}

/// A text with one mild change, two of them, or some that are not.
fn changed(text: &str, other: &str, round: &mut Round) -> String {
    match round.below(4) {
        0 => mutate(text, other, &mut round.rng),
        1 => {
            let once = nudge(text, other, &mut round.rng);
            nudge(&once, other, &mut round.rng)
        }
        _ => nudge(text, other, &mut round.rng),
    }
}

/// Inputs of the project and broken ones with changes.
pub fn of_the_input(round: &mut Round, _: &mut Oracle) -> Result<(), String> {
    let corpus: Vec<String> = match round.below(5) {
        0 => texts("configs", "toml").into_iter().map(|t| t.1).collect(),
        1 => broken::inputs().into_iter().map(|b| b.text).collect(),
        _ => PLANS.iter().map(Plan::text).collect(),
    };
    put_tables(round);
    let (k, l) = (round.below(corpus.len()), round.below(corpus.len()));
    let text = changed(&corpus[k], &corpus[l], round);
    round.write("x.toml", &text);
    read(round)
        .map(drop)
        .map_err(|e| format!("{e}\nfrom\n{text}"))
}

/// An input that reads the table `t.csv`, and a sound table.
struct Reader {
    input: &'static str,
    table: &'static str,
}

const CHAIN: &str = "[lattice]\nkind = 'chain'\nsize = 8\n";

const READERS: &[Reader] = &[
    Reader {
        input: "[lattice]\nkind = 'graph'\nfile = 't.csv'\n\
                [hamiltonian]\nkind = 'ising'\nhx = 1.0\n",
        table: "i,j\n0,1\n1,2\n2,3\n3,4\n4,5\n5,6\n6,7\n7,0\n",
    },
    Reader {
        input: "[hamiltonian]\nkind = 'bonds'\nbonds = 't.csv'\nunits = 'pauli'\n",
        table: "i,j,Jx,Jy,Jz\n0,1,1.0,1.0,0.5\n1,2,0.25,0.25,1.0\n2,3,0,0,-1\n4,5,1,1,1\n",
    },
    Reader {
        input: "[hamiltonian]\nkind = 'bonds'\nbonds = 'bonds.csv'\n\
                fields = 't.csv'\nunits = 'pauli'\n",
        table: "i,hx,hy,hz\n0,0.5,0,0.1\n1,0.5,0,-0.1\n2,0,0,1\n7,1,0,0\n",
    },
    Reader {
        input: "[hamiltonian]\nkind = 'pauli'\nfile = 't.csv'\n",
        table: "coefficient,string\n-1.0,Z0 Z1\n0.5,X0\n0.5,X1\n-0.2,Y2 Y3\n1.0,Z4 Z5 Z6 Z7\n",
    },
];

/// Tables of bonds, fields, edges and Pauli strings with changes.
pub fn of_a_table(round: &mut Round, _: &mut Oracle) -> Result<(), String> {
    put_tables(round);
    let Reader { input, table } = &READERS[round.below(READERS.len())];
    let corpus = texts("tests/inputs", "csv");
    let other = &corpus[round.below(corpus.len())].1;
    let text = changed(table, other, round);
    round.write("t.csv", &text);
    let lattice = if input.contains("graph") { "" } else { CHAIN };
    round.write(
        "x.toml",
        &format!(
            "{lattice}{input}[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n[sampler]\n\
              chains = 4\n\
             samples = 16\n[optimize]\nsteps = 3\nlearning_rate = 0.05\n[measure]\n\
             samples = 16\n"
        ),
    );
    read(round)
        .map(drop)
        .map_err(|e| format!("{e}\nfrom\n{text}"))
}

/// Parameters of another program with changes: values, shapes, names, bytes.
pub fn of_a_loaded_state(round: &mut Round, _: &mut Oracle) -> Result<(), String> {
    let mut tree = Tree::default();
    let complex = |shape: &[usize]| {
        let count = shape.iter().product();
        Value::Complex(shaped(shape, vec![Complex64::new(0.01, 0.02); count]))
    };
    tree.put("parameters/W", complex(&[6, 6]));
    tree.put("parameters/a", complex(&[6]));
    tree.put("parameters/b", complex(&[6]));
    let names: Vec<String> = tree.datasets.keys().cloned().collect();
    let name = names[round.below(3)].clone();
    match round.below(7) {
        0 => drop(tree.datasets.remove(&name)),
        1 => tree.put(&name, complex(&[round.below(9), round.below(9)])),
        2 => {
            let nasty = round.one(&[f64::NAN, f64::INFINITY, -1e308, 1e308, 1e-320, 800.0]);
            tree.put(
                &name,
                Value::Complex(shaped(&[6], vec![Complex64::new(nasty, 0.0); 6])),
            );
        }
        3 => tree.put_text(&name, "text"),
        4 => tree.put_reals(&name, &vec![0.5; round.below(40)]),
        5 => tree.put_integers(&format!("{name}/x"), &[1]),
        _ => {}
    }
    let path = round.case.path("l.hdf5");
    if hdf5::write_atomic(&path, &tree).is_err() {
        return Ok(());
    }
    if round.below(2) == 0 {
        let mut bytes = std::fs::read(&path).unwrap();
        for _ in 0..1 + round.below(6) {
            let at = below(&mut round.rng, bytes.len());
            match round.below(3) {
                0 => bytes.truncate(at),
                1 => bytes[at] = round.below(256) as u8,
                _ => bytes[at] ^= 1 << round.below(8),
            }
            if bytes.is_empty() {
                break;
            }
        }
        std::fs::write(&path, bytes).unwrap();
    }
    let text = PLANS[0]
        .text()
        .replace("density = 1", "density = 1\nload = 'l.hdf5'");
    round.write("x.toml", &text);
    read(round).map(drop)
}
