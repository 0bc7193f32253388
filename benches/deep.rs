//! What deep networks cost: microseconds of CPU time of one thread per configuration of a 10 x 10
//! lattice, forward and with derivatives, and the rate of multiply-adds.
//!
//! `cargo bench --bench deep`; the figures stand in docs/results.md.

mod common;

use common::smallest;
use nishina::ansatz::{ANSATZE, Ansatz, Context, build};
use nishina::basis::Basis;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::rng::{Purpose, stream};
use nishina::table::Shelf;
use std::path::Path;

const NETWORKS: [&str; 6] = [
    "kind = \"resnet\"\nchannels = 12\nblocks = 4",
    "kind = \"resnet\"\nchannels = 32\nblocks = 8",
    "kind = \"vit\"\nwidth = 24\nheads = 4\nlayers = 2\nratio = 2",
    "kind = \"vit\"\nwidth = 60\nheads = 10\nlayers = 4",
    "kind = \"vit\"\nwidth = 72\nheads = 12\nlayers = 8",
    "kind = \"convnext\"\nwidth = 24\nlayers = 4",
];

/// Configurations that are evaluated at once.
const COUNT: usize = 256;

fn main() {
    let spec = LatticeSpec::regular("square", &[10, 10], &[Boundary::Periodic]);
    let lattice = Lattice::new(&spec).unwrap();
    let basis = Basis::spin_half(100, Some(0)).unwrap();
    let mut rng = stream(1, Purpose::Law, 0, 0);
    let xs: Vec<i8> = (0..COUNT).flat_map(|_| basis.random(&mut rng)).collect();
    for keys in NETWORKS {
        for precision in ["double", "single"] {
            let text = format!("{keys}\nprecision = \"{precision}\"");
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
            let ansatz = build(&text.parse().unwrap(), &context).unwrap();
            let batch = ansatz.batch(&xs);
            let each = |seconds: f64| seconds / COUNT as f64 * 1e6;
            let forward = each(smallest(5, || ansatz.batch(&xs)));
            let slopes = each(smallest(5, || ansatz.derivatives(&batch)));
            let rate = ansatz.facts().operations / forward * 1e-3;
            println!(
                "{}: {} parameters, {forward:.1} us, {rate:.0} GFLOP/s; derivatives {slopes:.1} us",
                text.replace('\n', ", "),
                ansatz.parameters().len()
            );
        }
    }
}
