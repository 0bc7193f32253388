//! What deep networks cost: microseconds of CPU time of one thread per configuration of a square
//! lattice, forward and with derivatives, for a ratio of an exchange of neighbours, and the rate of
//! the operations of a ratio.
//!
//! `cargo bench --bench deep`, or some: `-- vit "16 x 16"`; the figures stand in docs/results.md.

mod common;

use common::smallest;
use nishina::ansatz::{ANSATZE, Ansatz, Asks, Context, build};
use nishina::basis::Basis;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::rng::{Purpose, stream};
use nishina::table::Shelf;
use num_complex::Complex64;
use std::path::Path;

/// Length of the lattice, and keys.
const NETWORKS: [(usize, &str); 20] = [
    (10, "kind = \"resnet\"\nchannels = 12\nblocks = 1"),
    (10, "kind = \"resnet\"\nchannels = 12\nblocks = 2"),
    (10, "kind = \"resnet\"\nchannels = 12\nblocks = 4"),
    (10, "kind = \"resnet\"\nchannels = 32\nblocks = 8"),
    (16, "kind = \"resnet\"\nchannels = 12\nblocks = 1"),
    (16, "kind = \"resnet\"\nchannels = 12\nblocks = 2"),
    (16, "kind = \"resnet\"\nchannels = 12\nblocks = 4"),
    (
        10,
        "kind = \"vit\"\nwidth = 24\nheads = 4\nlayers = 2\nratio = 2",
    ),
    (10, "kind = \"vit\"\nwidth = 60\nheads = 10\nlayers = 4"),
    (10, "kind = \"vit\"\nwidth = 72\nheads = 12\nlayers = 8"),
    (6, "kind = \"gcnn\"\nfeatures = [4, 4, 4]\nkernel = 3"),
    (6, "kind = \"gcnn\"\nfeatures = [4, 4, 4]"),
    (10, "kind = \"gcnn\"\nfeatures = [6, 6, 6, 6]\nkernel = 3"),
    (10, "kind = \"gcnn\"\nfeatures = [4, 4, 4]"),
    (6, "kind = \"resnet\"\nchannels = 32\nblocks = 4"),
    (6, "kind = \"resnet\"\nchannels = 16\nblocks = 4"),
    (10, "kind = \"resnet\"\nchannels = 64\nblocks = 4"),
    (10, "kind = \"convnext\"\nwidth = 24\nlayers = 4"),
    (10, "kind = \"convnext\"\nwidth = 24\nlayers = 2"),
    (16, "kind = \"convnext\"\nwidth = 24\nlayers = 2"),
];

/// Configurations that are evaluated at once.
const COUNT: usize = 128;

/// Exchanges of each that are asked for.
const EXCHANGES: usize = 16;

/// Exchanges of neighbours of every configuration, equally many of each.
fn exchanges(xs: &[i8], length: usize) -> Asks {
    let (sites, mut asks) = (length * length, Asks::default());
    for (walker, x) in xs.chunks_exact(sites).enumerate() {
        let next = |site: usize| site / length * length + (site + 1) % length;
        let unlike = (0..sites).filter(|&site| x[site] != x[next(site)]);
        for site in unlike.take(EXCHANGES) {
            asks.flip(walker, x, &[site as u32, next(site) as u32]);
        }
    }
    asks
}

fn measure(length: usize, keys: &str) {
    let spec = LatticeSpec::regular("square", &[length, length], &[Boundary::Periodic]);
    let lattice = Lattice::new(&spec).unwrap();
    let basis = Basis::spin_half(lattice.sites, Some(0)).unwrap();
    let mut rng = stream(1, Purpose::Law, 0, 0);
    let xs: Vec<i8> = (0..COUNT).flat_map(|_| basis.random(&mut rng)).collect();
    let asks = exchanges(&xs, length);
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
        let each = |seconds: f64, count: usize| seconds / count as f64 * 1e6;
        let forward = each(smallest(5, || ansatz.batch(&xs)), COUNT);
        let slopes = each(smallest(5, || ansatz.derivatives(&batch)), COUNT);
        let (mut room, mut out) = (Default::default(), vec![Complex64::ZERO; asks.len()]);
        let mut answer = || ansatz.ratios(&batch, &asks, &mut room, &mut out);
        let ratio = each(smallest(5, &mut answer), asks.len());
        let rate = ansatz.facts().operations / ratio * 1e-3;
        println!(
            "{length} x {length}, {}: {} parameters, {forward:.1} us; a ratio {ratio:.1} us, \
             {rate:.0} GFLOP/s; derivatives {slopes:.1} us",
            text.replace('\n', ", "),
            ansatz.parameters().len()
        );
    }
}

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|w| !w.starts_with("--"))
        .collect();
    for (length, keys) in NETWORKS {
        let name = format!("{length} x {length}, {keys}");
        if words.is_empty() || words.iter().any(|word| name.contains(word)) {
            measure(length, keys);
        }
    }
}
