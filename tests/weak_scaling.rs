//! What a step of a deep network brings to its messages when ranks and samples grow together: the
//! cost model, held to what is counted on up to 16 ranks, tells it for 10^4.

use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::comm::counting::{Counting, Traffic};
use nishina::comm::threads;
use nishina::derivatives::Kind;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::optimizer::{
    OPTIMIZERS, OptimizerOptions, Residuals, RowSizes, Schedule, Sizes, SolveCost,
};
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
        single: false,
        ranks,
        diagonal: false,
        half_factorisations: 0.0,
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
fn counted(method: &str, ansatz: &Erased, ranks: usize, single: bool) -> Vec<(Traffic, usize)> {
    threads::run(ranks, |comm| {
        let basis = Basis::spin_half(16, Some(0)).unwrap();
        let mut rng = stream(1, Purpose::Law, 0, comm.rank() as u64);
        let xs: Vec<i8> = (0..SHARE).flat_map(|_| basis.random(&mut rng)).collect();
        let batch = ansatz.batch(&xs);
        let (derivatives, logs) = (ansatz.derivatives(&batch), ansatz.log_psi(&batch));
        let derivatives = derivatives.of_precision(single);
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
            assert_eq!(RowSizes::from(&sizes).turn(), ranks > 2);
            let all = counted(method, &ansatz, ranks, false);
            for (rank, (found, iterations)) in all.into_iter().enumerate() {
                let expected = cost(method, &sizes, rank, iterations).traffic;
                assert_eq!(found, expected, "{method} {ranks} {rank}");
            }
        }
    }
}

/// Messages and bytes of the middle rank, printed as a row of the table in docs/results.md.
fn row(method: &str, sizes: &Sizes) -> SolveCost {
    let iterations = if method == "cg" { 30 } else { 1 };
    let found = cost(method, sizes, sizes.ranks / 2, iterations);
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let t = found.traffic;
    println!(
        "| {method} | {} | {} | {} | {:.1} | {:.0} | {:.1} | {:.0} | {:.0} |",
        sizes.ranks,
        sizes.samples,
        t.total().messages,
        mb(t.sum.bytes + t.broadcast.bytes),
        mb(t.sum_on_root.bytes),
        mb(t.gather.bytes),
        mb(t.transpose.bytes),
        found.memory / 1e6,
    );
    found
}

#[test]
fn ten_thousand_ranks_share_dense_rows() {
    let columns = 400_000;
    println!("| method | ranks | samples | calls | vectors | T | gathered | exchanged | held |");
    for method in ["kernel-sr", "spring", "march"] {
        // Samples that stay: own rows travel once, whatever the number of ranks; T is summed.
        let fixed = |ranks: usize| Sizes {
            samples: 10_000,
            ..sizes(columns, ranks)
        };
        let all = [16, 100, 1000, 10_000].map(|ranks| (ranks, row(method, &fixed(ranks))));
        for (ranks, found) in all {
            let own = (10_000 / ranks) as u64 * 16 * columns as u64;
            assert!(found.traffic.transpose.bytes <= own, "{method} {ranks}");
            assert_eq!(found.traffic.sum_on_root.bytes, 8 * 20_000 * 20_001 / 2);
            assert!(found.traffic.sum.bytes <= 3_300_000 + 16 * 10_000);
        }
        assert!(all[3].1.memory < all[0].1.memory / 5.0);
        assert!(all[3].1.traffic.total().messages <= all[0].1.traffic.total().messages);
        // Rows that half of the ranks take would be 32 GB, whatever the ranks.
        assert!(all[3].1.traffic.total().bytes < 1_700_000_000);

        // Samples that grow with the ranks: T grows with their square and decides.
        let row = row(method, &sizes(columns, 10_000));
        let rows = (8 * 2 * columns * SHARE * 5000) as u64;
        let order = (2 * SHARE * 10_000) as u64;
        assert_eq!(row.traffic.sum_on_root.bytes, 8 * order * (order + 1) / 2);
        assert!(row.traffic.total().bytes < rows / 4, "{method}");
    }
}

#[test]
fn iterations_make_as_many_calls_on_ten_thousand_ranks_as_on_two() {
    let of = |ranks| row("cg", &sizes(400_000, ranks)).traffic;
    let (two, most) = (of(2), of(10_000));
    assert_eq!(two.total().messages, most.total().messages);
    assert_eq!(most.transpose.bytes, 0);
    // Sums are vectors of parameters and of samples: 3.2 MB and 32 bytes a sample.
    assert!(most.sum.bytes <= two.sum.bytes + 64 * (SHARE * 10_000) as u64);
}

#[test]
fn single_precision_sends_half() {
    let ansatz = transformer();
    let columns = ansatz.parameters().len();
    let of = |single| counted("kernel-sr", &ansatz, 4, single)[1].0;
    let (double, single) = (of(false), of(true));
    assert_eq!(2 * single.transpose.bytes, double.transpose.bytes);
    let sizes = Sizes {
        single: true,
        ..sizes(columns, 4)
    };
    assert_eq!(single, cost("kernel-sr", &sizes, 1, 1).traffic);
}
