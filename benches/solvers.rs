//! What a solve costs: `cargo bench --bench solvers
//! [floors|steps|sizes|memory|traffic|scaling|evolution]`, all by default.
//!
//! Times are CPU seconds of this thread, the best of a few repetitions; run it pinned to a core
//! (`taskset -c 0`).

mod common;
#[path = "../tests/common/tally.rs"]
mod tally;
use common::{cpu, smallest};
use ndarray::Array2;
use nishina::comm::counting::{Counting, Load, Traffic};
use nishina::comm::{Serial, share, threads};
use nishina::derivatives::{Derivatives, Kind, MatrixNumber};
use nishina::ensemble::{Request, Variational};
use nishina::evolution::motion::{self, Equation, MotionInverse, Principle, Spectral, TimeAxis};
use nishina::linalg::dense::Lapack;
use nishina::linalg::products::{Op, multiply};
use nishina::optimizer::{OPTIMIZERS, OptimizerOptions, Residuals, Schedule, Sizes, SolveCost};
use nishina::problem;
use nishina::registry::Registry;
use nishina::rng::Purpose;
use nishina::{input, job};
use num_complex::Complex64;
use tally::most_held;

/// Samples of a workload with what a solver needs of them.
struct Work {
    name: String,
    derivatives: Derivatives,
    weights: Vec<f64>,
    energies: Vec<Complex64>,
    /// CPU seconds of sampling and local energies.
    sampling: f64,
}

impl Work {
    fn new(name: &str, model: &str, ansatz: &str, samples: usize) -> Self {
        let text = format!(
            "{model}\n[ansatz]\nkind = \"rbm\"\n{ansatz}\n[sampler]\nchains = 16\nsamples = \
             {samples}\n"
        );
        let source = input::from_text(&text, ".".into()).unwrap();
        let problem = problem::problem(&source, &Registry::default()).unwrap();
        let mut ensemble = problem::ensemble(&source, &problem, 0, 1).unwrap();
        let draw = |ensemble: &mut dyn Variational, burn_in| {
            let request = Request {
                purpose: Purpose::Optimize,
                step: burn_in as u64,
                burn_in,
                per_chain: samples / 16,
            };
            ensemble.sample(&request).unwrap();
        };
        draw(&mut *ensemble, 30);
        let start = cpu();
        draw(&mut *ensemble, 0);
        let energies = ensemble.local_values(&*problem.hamiltonian).unwrap().values;
        let sampling = cpu() - start;
        let (derivatives, weights) = (ensemble.derivatives(), ensemble.weights().to_vec());
        Work {
            name: name.into(),
            derivatives,
            weights,
            energies,
            sampling,
        }
    }
    fn data(&self) -> Residuals<'_> {
        Residuals {
            derivatives: &self.derivatives,
            weights: &self.weights,
            residual: &self.energies,
            exact: false,
        }
    }
    fn sizes(&self) -> Sizes {
        Sizes {
            kind: self.derivatives.kind,
            columns: self.derivatives.columns(),
            samples: self.weights.len(),
            numbers: self.derivatives.numbers_per_sample(),
            single: false,
            ranks: 1,
            diagonal: false,
            half_factorisations: 0.0,
            decomposed: false,
            shared_above: None,
            avoided_above: 8192,
        }
    }
}

const RING_40: &str =
    "[lattice]\nkind = \"chain\"\nsize = 40\n[hamiltonian]\nkind = \"ising\"\nhx = 1.0";
const RING_20: &str =
    "[lattice]\nkind = \"chain\"\nsize = 20\n[hamiltonian]\nkind = \"ising\"\nhx = 1.0";
const SQUARE: &str = "[lattice]\nkind = \"square\"\nsize = [10, 10]\n[hamiltonian]\nkind = \
 \"heisenberg\"\n\
                      sector = { total_sz = 0 }\nsign_rule = \"marshall\"";
const TIED: &str = "density = 4\nsymmetry = \"translations\"\nvisible_bias = true";

fn options() -> OptimizerOptions {
    OptimizerOptions::shifted(Schedule::Number(0.01))
}

/// What a direction of a method costs.
fn cost(method: &str, sizes: &Sizes, rank: usize, iterations: usize) -> SolveCost {
    let entry = OPTIMIZERS.iter().find(|e| e.kind == method).unwrap();
    (entry.cost)(sizes, rank, iterations)
}

fn direction(method: &str, data: &Residuals) -> usize {
    let entry = OPTIMIZERS.iter().find(|e| e.kind == method).unwrap();
    let direction = (entry.build)(&toml::Table::new(), &options())
        .unwrap()
        .direction(&data.into(), 0, &Serial)
        .unwrap();
    direction.iterations.map_or(0, |i| i.count)
}

/// GFLOP/s of products and factorisations of order `n`; multiplications and additions count one
/// each.
struct Rates {
    gemm: f64,
    herk: f64,
    potrf: f64,
}

fn rates<T: Lapack + MatrixNumber>(n: usize) -> Rates {
    let flops = (T::PARTS * T::PARTS) as f64 * 2.0 * (n as f64).powi(3) * 1e-9;
    let a = Array2::from_shape_fn((n, n), |(i, j)| {
        T::from_re(((i * 7 + j * 13) % 11) as f64 - 5.0)
    });
    let mut c = Array2::from_elem((n, n), T::zero());
    let gemm = flops
        / smallest(5, || {
            T::gemm(
                T::one(),
                a.view(),
                Op::Adjoint,
                a.view(),
                Op::Same,
                T::zero(),
                c.view_mut(),
            )
        });
    let herk = 0.5 * flops
        / smallest(5, || {
            T::rank_update(1.0, a.view(), Op::Adjoint, 0.0, c.view_mut())
        });
    c.diag_mut()
        .iter_mut()
        .for_each(|d| *d += T::from_re(n as f64));
    let mut work = c.clone();
    let copy = smallest(3, || work.assign(&c));
    let once = smallest(5, || {
        work.assign(&c);
        T::factorise(&mut work).unwrap();
    });
    Rates {
        gemm,
        herk,
        potrf: flops / 6.0 / (once - copy),
    }
}

fn floors() -> [Rates; 2] {
    let found = [rates::<f64>(1024), rates::<Complex64>(1024)];
    println!(
        "## Rates of the library, one core, order 1024, GFLOP/s\n\n| numbers | gemm | herk | potrf \
         |\n| --- | --- | --- | --- |"
    );
    for (name, r) in ["real", "complex"].iter().zip(&found) {
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} |",
            r.gemm, r.herk, r.potrf
        );
    }
    found
}

/// Seconds that the products and the factorisation of a direction take at the library's own rates.
fn floor(method: &str, sizes: &Sizes, rates: &Rates) -> f64 {
    let order = cost(method, sizes, 0, 0).order.unwrap() as f64;
    let c = sizes.parts() as f64;
    let factorisation = c * c * order.powi(3) / 3.0;
    let products = cost(method, sizes, 0, 0).operations - factorisation;
    1e-9 * (products / rates.herk + factorisation / rates.potrf)
}

fn steps() {
    let rates = floors();
    println!("\n## A direction of the named workloads, 1024 samples, CPU seconds\n");
    println!(
        "| workload | method | parameters | direction | floor | ratio | GFLOP/s | of gemm | \
         sampling |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, model, ansatz, method) in [
        ("W1 density 1", RING_40, "density = 1", "kernel-sr"),
        ("W1 density 4", RING_40, "density = 4", "kernel-sr"),
        ("W2dense density 2", SQUARE, "density = 2", "kernel-sr"),
        ("W2symm density 4", SQUARE, TIED, "dense-sr"),
    ] {
        let work = Work::new(name, model, ansatz, 1024);
        let sizes = work.sizes();
        let seconds = smallest(5, || direction(method, &work.data()));
        let rates = &rates[if work.derivatives.kind == Kind::Real {
            0
        } else {
            1
        }];
        let floor = floor(method, &sizes, rates);
        let speed = 1e-9 * cost(method, &sizes, 0, 0).operations / seconds;
        println!(
            "| {} | {method} | {} | {seconds:.4} | {floor:.4} | {:.2} | {speed:.1} | {:.2} | {:.4} \
             |",
            work.name,
            sizes.columns,
            seconds / floor,
            speed / rates.gemm,
            work.sampling
        );
    }
}

fn exponent(series: &[(f64, f64)]) -> f64 {
    let [.., (x, y), (u, v)] = series else {
        return f64::NAN;
    };
    (v / y).ln() / (u / x).ln()
}

fn sizes() {
    println!("\n## SolveCost against size, CPU seconds of a direction\n");
    let line = |what: &str, series: &[(f64, f64)]| {
        let cells: Vec<String> = series.iter().map(|(x, y)| format!("{x}: {y:.4}")).collect();
        println!(
            "* {what}: {}; last exponent {:.2}",
            cells.join(", "),
            exponent(series)
        );
    };
    let mut series = Vec::new();
    for samples in [256, 512, 1024, 2048] {
        let work = Work::new("", RING_40, "density = 4", samples);
        series.push((
            samples as f64,
            smallest(3, || direction("kernel-sr", &work.data())),
        ));
    }
    line("kernel-sr against samples (6600 parameters)", &series);
    for (method, densities, last) in [
        ("kernel-sr", [1, 2, 4, 8], 512),
        ("dense-sr", [1, 2, 4, 8], 512),
        ("cg", [1, 2, 4, 8], 512),
    ] {
        let mut series = Vec::new();
        for density in densities {
            // Parameters: 20 + 20 d + 400 d.
            let work = Work::new("", RING_20, &format!("density = {density}"), last);
            series.push((
                work.sizes().columns as f64,
                smallest(2, || direction(method, &work.data())),
            ));
        }
        line(
            &format!("{method} against parameters ({last} samples)"),
            &series,
        );
    }
}

fn memory() {
    println!(
        "\n## Memory of a direction on one rank, MB\n\n| workload | method | held at the peak | \
         formula | ratio |\n| --- | --- | --- | --- | --- |"
    );
    for (name, model, ansatz, methods) in [
        (
            "W1 density 4",
            RING_40,
            "density = 4",
            &["kernel-sr", "spring", "cg", "sgd"][..],
        ),
        (
            "W2dense density 2",
            SQUARE,
            "density = 2",
            &["kernel-sr", "spring", "march", "cg"][..],
        ),
        (
            "W2symm density 4",
            SQUARE,
            TIED,
            &["dense-sr", "spring", "cg"][..],
        ),
        ("W1 density 1", RING_40, "density = 1", &["dense-sr"][..]),
    ] {
        let work = Work::new(name, model, ansatz, 1024);
        for method in methods {
            let factors = 8 * work.derivatives.numbers_per_sample() * work.weights.len();
            let entry = OPTIMIZERS.iter().find(|e| e.kind == *method).unwrap();
            let mut optimizer = (entry.build)(&toml::Table::new(), &options()).unwrap();
            // The second step of those that remember the first.
            optimizer
                .direction(&(&work.data()).into(), 0, &Serial)
                .unwrap();
            let (_, held) = most_held(|| {
                optimizer
                    .direction(&(&work.data()).into(), 1, &Serial)
                    .unwrap()
            });
            let held = (held + factors) as f64;
            let formula = cost(method, &work.sizes(), 0, 0).memory;
            println!(
                "| {} | {method} | {:.1} | {:.1} | {:.2} |",
                work.name,
                held / 1e6,
                formula / 1e6,
                held / formula
            );
        }
    }
}

fn traffic() {
    println!(
        "\n## Messages and bytes of a direction, W1 density 1, 1024 samples (rank 0 / last rank)\n"
    );
    println!(
        "| method | ranks | messages | kB of sums | kB to rank 0 | kB gathered | kB told | kB \
         exchanged | model |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let work = Work::new("W1", RING_40, "density = 1", 1024);
    for method in ["dense-sr", "kernel-sr", "spring", "cg", "adam"] {
        for ranks in [1, 2, 4, 8] {
            let counted = threads::run(ranks, |comm| {
                let mine = share(1024, comm.rank(), ranks);
                let derivatives = work.derivatives.select(&mine.clone().collect::<Vec<_>>());
                let data = Residuals {
                    derivatives: &derivatives,
                    weights: &work.weights[mine.clone()],
                    residual: &work.energies[mine],
                    exact: false,
                };
                let comm = Counting::new(comm);
                let entry = OPTIMIZERS.iter().find(|e| e.kind == method).unwrap();
                let direction = (entry.build)(&toml::Table::new(), &options())
                    .unwrap()
                    .direction(&(&data).into(), 0, &comm)
                    .unwrap();
                (comm.take(), direction.iterations.map_or(0, |i| i.count))
            });
            let sizes = Sizes {
                ranks,
                ..work.sizes()
            };
            let equal =
                (0..ranks).all(|r| counted[r].0 == cost(method, &sizes, r, counted[r].1).traffic);
            let (first, last) = (counted[0].0, counted[ranks - 1].0);
            let kb = |f: fn(&Traffic) -> Load| {
                format!(
                    "{:.1}/{:.1}",
                    f(&first).bytes as f64 / 1e3,
                    f(&last).bytes as f64 / 1e3
                )
            };
            println!(
                "| {method} | {ranks} | {} | {} | {} | {} | {} | {} | {} |",
                first.total().messages,
                kb(|t| t.sum),
                kb(|t| t.sum_on_root),
                kb(|t| t.gather),
                kb(|t| t.broadcast),
                kb(|t| t.transpose),
                if equal { "equal" } else { "DIFFERENT" }
            );
        }
    }
}

/// Latency of a message, bytes per second of a rank, operations per second of a core.
const LATENCY: f64 = 2e-6;
const BANDWIDTH: f64 = 5e9;

/// Seconds of the collective calls of a direction on rank 0.
fn messages(traffic: &Traffic, ranks: usize, gathered: f64) -> f64 {
    let depth = (ranks as f64).log2().ceil();
    let call = |load: Load, stages: f64, copies: f64| {
        load.messages as f64 * stages * LATENCY + copies * load.bytes as f64 / BANDWIDTH
    };
    if ranks == 1 {
        return 0.0;
    }
    call(traffic.sum, 2.0 * depth, 4.0)
        + call(traffic.sum_on_root, depth, 2.0)
        + call(traffic.broadcast, depth, 2.0)
        + call(traffic.transpose, ranks as f64 / 2.0, 1.0)
        + call(traffic.gather, depth, 0.0)
        + gathered / BANDWIDTH
}

fn scaling() {
    println!("\n## Predicted scaling, seconds of a step (efficiency)\n");
    let work = [
        Work::new("W2symm", SQUARE, TIED, 1024),
        Work::new("W2dense", SQUARE, "density = 2", 1024),
    ];
    let rate = 1e9 * rates::<Complex64>(1024).herk;
    println!(
        "A core: {:.1} GFLOP/s; a sample: {:.1} µs (tied), {:.1} µs (dense).\n",
        rate / 1e9,
        work[0].sampling / 1024e-6,
        work[1].sampling / 1024e-6
    );
    let step = |work: &Work, method: &str, samples: usize, ranks: usize, shared: bool| {
        let shared_above = shared.then_some(8192);
        let sizes = Sizes {
            ranks,
            samples,
            shared_above,
            ..work.sizes()
        };
        let traffic = cost(method, &sizes, 0, 30).traffic;
        let order = cost(method, &sizes, 0, 0).order.unwrap_or(0) as f64;
        let c = 8.0 * sizes.parts() as f64;
        // Panels along rows and columns of the grid.
        let grid = match sizes.is_shared_out(order as usize) {
            true => {
                c * order * order * (ranks as f64).log2() / (ranks as f64).sqrt() / BANDWIDTH
                    + order / 64.0 * 4.0 * (ranks as f64).log2() * LATENCY
            }
            false => 0.0,
        };
        let gathered = if method == "kernel-sr" && grid == 0.0 {
            c * order * order / 2.0
        } else {
            0.0
        };
        let sampling = work.sampling / 1024.0 * sizes.samples_of(0) as f64;
        sampling
            + cost(method, &sizes, 0, 30).operations / rate
            + messages(&traffic, ranks, gathered)
            + grid
    };
    let all = [1, 16, 128, 1024, 10_000];
    let header: Vec<String> = all.iter().map(|r| format!("{r} ranks")).collect();
    println!(
        "| workload | {} |\n| --- |{}",
        header.join(" | "),
        " --- |".repeat(all.len())
    );
    for (name, work, method, shared, samples, weak) in [
        (
            "strong: tied, 2^17 samples, dense-sr",
            &work[0],
            "dense-sr",
            false,
            1 << 17,
            false,
        ),
        (
            "strong: dense, 2^14 samples, kernel-sr on the grid",
            &work[1],
            "kernel-sr",
            true,
            1 << 14,
            false,
        ),
        (
            "strong: dense, 2^17 samples, cg (30 iterations)",
            &work[1],
            "cg",
            false,
            1 << 17,
            false,
        ),
        (
            "weak: tied, 256 samples a rank, dense-sr",
            &work[0],
            "dense-sr",
            false,
            256,
            true,
        ),
        (
            "weak: dense, 256 samples a rank, cg (30 iterations)",
            &work[1],
            "cg",
            false,
            256,
            true,
        ),
    ] {
        let of = |ranks: usize| {
            step(
                work,
                method,
                if weak { samples * ranks } else { samples },
                ranks,
                shared,
            )
        };
        let alone = of(1);
        let cells: Vec<String> = all
            .iter()
            .map(|&r| {
                let seconds = of(r);
                let efficiency = if weak {
                    alone / seconds
                } else {
                    alone / seconds / r as f64
                };
                format!("{seconds:.3} ({:.0}%)", 100.0 * efficiency)
            })
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn evolution() {
    println!(
        "\n## The solve of an evolution, W4: N = 20, density 4, 1700 complex parameters, 1024 \
         samples, CPU seconds\n"
    );
    let work = Work::new("W4", RING_20, "density = 4", 1024);
    for (name, inverse) in [
        (
            "pseudo-inverse",
            MotionInverse::Spectral(Spectral {
                cut: 1e-8,
                signal_to_noise: 0.0,
            }),
        ),
        (
            "pseudo-inverse and signal to noise",
            MotionInverse::Spectral(Spectral {
                cut: 1e-8,
                signal_to_noise: 2.0,
            }),
        ),
        ("shift, Cholesky", MotionInverse::Shift(1e-3)),
    ] {
        let equation = Equation {
            axis: TimeAxis::Real,
            principle: Principle::Mclachlan,
            inverse,
        };
        let seconds = smallest(3, || {
            motion::solve(&equation, &work.data(), 0.0, false, &Serial).unwrap()
        });
        println!(
            "* {name}: {seconds:.3} (and {:.3} for samples and local energies)",
            work.sampling
        );
    }
    let n = 1024;
    let half = Array2::from_shape_fn((n, n), |(i, j)| {
        Complex64::cis(((i * i + 3 * j) % 101) as f64)
    });
    let kernel = multiply(half.view(), Op::Same, half.view(), Op::Adjoint);
    println!(
        "* the decomposition alone, order {n}: {:.3}",
        smallest(2, || Complex64::eigen(kernel.clone()).unwrap())
    );
}

fn main() {
    job::ensure_blas_kernel();
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let parts: [(&str, fn()); 7] = [
        ("floors", || {
            floors();
        }),
        ("steps", steps),
        ("sizes", sizes),
        ("memory", memory),
        ("traffic", traffic),
        ("scaling", scaling),
        ("evolution", evolution),
    ];
    for (name, part) in parts {
        let wanted = if chosen.is_empty() {
            name != "floors"
        } else {
            chosen.iter().any(|c| c == name)
        };
        if wanted {
            part();
        }
    }
}
