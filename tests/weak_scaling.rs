//! What a step of a deep network brings to its messages when ranks and samples grow together: the
//! cost model, held to what is counted on up to 16 ranks, tells it for 10^4.

use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::comm::counting::{Counting, Traffic};
use nishina::comm::threads;
use nishina::derivatives::Kind;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::optimizer::{OPTIMIZERS, OptimizerOptions, Residuals, Schedule, Sizes, SolveCost};
use nishina::rng::{Purpose, stream};
use nishina::table::Shelf;
use num_complex::Complex64;
use std::path::Path;

const METHODS: [&str; 4] = ["kernel-sr", "spring", "march", "cg"];
/// Samples of a rank.
const SHARE: usize = 4;

fn transformer() -> Erased {
    let spec = LatticeSpec::regular("square", &[4, 4], &[Boundary::Periodic]);
    let lattice = Lattice::new(&spec).unwrap();
    let basis = Basis::spin_half(16, Some(0)).unwrap();
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 5.into(),
        kinds: Shelf::new(ANSATZE),
        folder: Path::new("."),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    let table = "kind = \"vit\"\nwidth = 6\nheads = 2\nlayers = 1\nratio = 2\n";
    build(&table.parse().unwrap(), &context).unwrap()
}

fn sizes(columns: usize, ranks: usize) -> Sizes {
    Sizes {
        kind: Kind::Stacked,
        columns,
        samples: SHARE * ranks,
        numbers: 2 * columns,
        ranks,
        diagonal: false,
        cross_validated: false,
        decomposed: false,
        shared_above: None,
        avoided_above: 8192,
    }
}

fn cost(method: &str, sizes: &Sizes, rank: usize, iterations: usize) -> SolveCost {
    let entry = OPTIMIZERS.iter().find(|e| e.kind == method).unwrap();
    (entry.cost)(sizes, rank, iterations)
}

/// The messages of a second step on every rank, with the iterations that it took.
fn counted(method: &str, ansatz: &Erased, ranks: usize) -> Vec<(Traffic, usize)> {
    threads::run(ranks, |comm| {
        let basis = Basis::spin_half(16, Some(0)).unwrap();
        let mut rng = stream(1, Purpose::Law, 0, comm.rank() as u64);
        let xs: Vec<i8> = (0..SHARE).flat_map(|_| basis.random(&mut rng)).collect();
        let batch = ansatz.batch(&xs);
        let (derivatives, logs) = (ansatz.derivatives(&batch), ansatz.log_psi(&batch));
        let residual: Vec<Complex64> = logs.iter().map(|z| z.exp()).collect();
        let data = Residuals {
            derivatives: &derivatives,
            weights: &[1.0 / (SHARE * ranks) as f64; SHARE],
            residual: &residual,
            exact: false,
        };
        let comm = Counting::new(comm);
        let entry = OPTIMIZERS.iter().find(|e| e.kind == method).unwrap();
        let options = OptimizerOptions::shifted(Schedule::Number(1e-2));
        let mut optimizer = (entry.build)(&toml::Table::new(), &options).unwrap();
        optimizer.direction(&(&data).into(), 0, &comm).unwrap();
        comm.take();
        let direction = optimizer.direction(&(&data).into(), 1, &comm).unwrap();
        (comm.take(), direction.iterations.map_or(1, |i| i.count))
    })
}

#[test]
fn messages_of_a_deep_network_are_those_of_the_cost_model() {
    let ansatz = transformer();
    let columns = ansatz.parameters().len();
    for method in METHODS {
        for ranks in [1, 2, 4, 16] {
            let sizes = sizes(columns, ranks);
            let all = counted(method, &ansatz, ranks);
            for (rank, (found, iterations)) in all.into_iter().enumerate() {
                let expected = cost(method, &sizes, rank, iterations).traffic;
                assert_eq!(found, expected, "{method} {ranks} {rank}");
            }
        }
    }
}

#[test]
fn a_rank_of_ten_thousand_makes_as_many_calls_as_one_of_two() {
    let columns = 400_000;
    println!("| method | ranks | samples | calls | sums | gathered | exchanged | held |");
    for method in METHODS {
        let iterations = if method == "cg" { 30 } else { 1 };
        let of = |ranks: usize| {
            let found = cost(method, &sizes(columns, ranks), ranks / 2, iterations);
            let mb = |bytes: u64| bytes as f64 / 1e6;
            let t = found.traffic;
            println!(
                "| {method} | {ranks} | {} | {} | {:.1} | {:.1} | {:.1} | {:.0} |",
                SHARE * ranks,
                t.total().messages,
                mb(t.sum.bytes),
                mb(t.gather.bytes),
                mb(t.transpose.bytes),
                found.memory / 1e6,
            );
            t
        };
        let (two, many, most) = (of(2), of(1000), of(10_000));
        assert_eq!(two.total().messages, most.total().messages, "{method}");
        // Sums are vectors of parameters and of samples: 3.2 MB and 32 bytes a sample.
        let vectors = two.sum.bytes + 64 * (SHARE * 10_000) as u64;
        assert!(most.sum.bytes <= vectors, "{method}: {:?}", most.sum);
        // Rows of derivatives meet those of half of the ranks, or of none.
        let rows = (8 * 2 * columns * SHARE) as u64;
        let takers = most.transpose.bytes / rows;
        match method {
            "cg" => assert_eq!(takers, 0),
            _ => assert_eq!(
                (takers, many.transpose.bytes / rows),
                (5000, 500),
                "{method}"
            ),
        }
    }
}
