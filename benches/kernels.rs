//! What the kernels of sampling and local energies cost, in CPU time of one thread; the smallest of
//! many repeats.
//!
//! `cargo bench --bench kernels [-- proposals paths parts scaling stages network precision]`; the
//! figures and floors stand in docs/results.md.

mod common;

use common::smallest;
use nishina::ansatz::feedforward::{Activation, Feedforward, FeedforwardScratch, Shape};
use nishina::ansatz::field::Field;
use nishina::ansatz::rbm::{Kernel, Rbm};
use nishina::ansatz::{Ansatz, Asks};
use nishina::basis::Basis;
use nishina::ensemble::Request;
use nishina::linalg::functions::Elementary;
use nishina::linalg::simd::Simd;
use nishina::registry::Registry;
use nishina::rng::{Generator, Purpose, RngExt, stream};
use nishina::sampler::{Counts, Metropolis, Mixture, RULES, RuleContext, named};
use nishina::table::Shelf;
use nishina::{input, problem};
use num_complex::Complex64;

fn walkers(basis: &Basis, count: usize) -> Vec<i8> {
    let mut rng = stream(1, Purpose::Law, 0, 0);
    (0..count).flat_map(|_| basis.random(&mut rng)).collect()
}

/// Seconds per proposal of sixteen chains in lock step, accepted moves included, and the
/// acceptance.
fn walk<A: Ansatz>(ansatz: &A, exchange: bool, proposals: usize) -> (f64, f64) {
    let (n, chains) = (ansatz.sites(), 16);
    let basis = Basis::spin_half(n, exchange.then_some(0)).unwrap();
    let pairs: Vec<(u32, u32)> = (0..n as u32).map(|i| (i, (i + 1) % n as u32)).collect();
    let kind = if exchange { "exchange" } else { "flip" };
    let mixture = Mixture::new(
        &[named(kind)],
        &RuleContext {
            basis: &basis,
            pairs: &pairs,
            neighbours: &[],
        },
        Shelf::new(RULES),
    )
    .unwrap();
    let mut xs = walkers(&basis, chains);
    let mut rngs: Vec<Generator> = (0..chains)
        .map(|c| stream(1, Purpose::Law, c as u64, 1))
        .collect();
    let mut batch = ansatz.batch(&xs);
    let (mut metropolis, mut counts) = (Metropolis::default(), Counts::new(chains));
    let sweeps = (proposals / (n * chains)).max(1);
    let seconds = smallest(25, || {
        metropolis.sweep(
            ansatz,
            &mut batch,
            &mut xs,
            &mixture,
            &mut rngs,
            sweeps,
            &mut counts,
        );
    });
    let sum = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
    (
        seconds / (sweeps * n * chains) as f64,
        sum(&counts.accepted) / sum(&counts.proposed),
    )
}

fn machine<T: Kernel>(sites: usize, hidden: usize, init: f64) -> Rbm<T> {
    Rbm::dense(sites, hidden, true, true, init, 1)
}

fn proposal_line<T: Kernel>(name: &str, rbm: &Rbm<T>, hidden: usize, exchange: bool) -> f64 {
    let (seconds, acceptance) = walk(rbm, exchange, 4_000_000 / hidden);
    let (sites, kind) = (rbm.sites(), if exchange { "exchange" } else { "flip" });
    println!(
        "{name:8} N={sites} M={hidden} {kind:8} {:8.1} ns per proposal  {:6.3} ns per unit \
          acceptance {acceptance:.2}",
        seconds * 1e9,
        seconds * 1e9 / hidden as f64,
    );
    seconds
}

fn proposals() {
    println!("# proposals, accepted updates included");
    for (n, m) in [(40, 40), (40, 160), (100, 200), (100, 400), (100, 800)] {
        // Weights of this size give the acceptance of a state that has been optimised.
        let init = 0.5 / (m as f64).sqrt();
        for exchange in [false, true] {
            proposal_line("complex", &machine::<Complex64>(n, m, init), m, exchange);
            proposal_line("real", &machine::<f64>(n, m, init), m, exchange);
        }
    }
}

fn paths() {
    println!("# proposals on every set of vector instructions");
    for simd in Simd::available() {
        let init = 0.5 / 400f64.sqrt();
        proposal_line(
            &format!("{} c", simd.name()),
            &machine::<Complex64>(100, 400, init).with_simd(simd),
            400,
            true,
        );
        proposal_line(
            &format!("{} r", simd.name()),
            &machine::<f64>(100, 400, init).with_simd(simd),
            400,
            true,
        );
    }
}

/// The questions of a local energy: all single flips, or all exchanges of neighbours on a ring.
fn questions(xs: &[i8], n: usize, exchange: bool) -> Asks {
    let mut asks = Asks::default();
    for (k, x) in xs.chunks_exact(n).enumerate() {
        for i in 0..n {
            let j = (i + 1) % n;
            if !exchange {
                asks.flip(k, x, &[i as u32]);
            } else if x[i] != x[j] {
                asks.flip(k, x, &[i as u32, j as u32]);
            }
        }
    }
    asks
}

fn part<T: Kernel>(name: &str, n: usize, m: usize) {
    let basis = Basis::spin_half(n, Some(0)).unwrap();
    let xs = walkers(&basis, 64);
    let mut rbm = machine::<T>(n, m, 0.5 / (m as f64).sqrt());
    let batch = rbm.batch(&xs);
    let mut line = format!("{name:8} N={n} M={m}:");
    let mut put = |name: &str, seconds: f64, units: usize| {
        line += &format!("  {name} {:.3}", seconds * 1e9 / units as f64);
    };
    for (name, exchange) in [("flip", false), ("exchange", true)] {
        let asks = questions(&xs, n, exchange);
        let mut out = vec![Complex64::ZERO; asks.len()];
        let mut scratch = Default::default();
        put(
            name,
            smallest(25, || rbm.ratios(&batch, &asks, &mut scratch, &mut out)),
            asks.len() * m,
        );
        // There and back again.
        let (mut moving, mut first) = (rbm.batch(&xs), Asks::default());
        for k in 0..64 {
            let start = (0..asks.len()).find(|&at| asks.get(at).0 == k).unwrap();
            first.push(k, asks.get(start).1);
        }
        let mut ratios = vec![Complex64::ZERO; 64];
        let (mut back, taken) = (Default::default(), [true; 64]);
        rbm.ratios(&moving, &first, &mut scratch, &mut ratios);
        rbm.accept(&mut moving, &first, &taken, &mut scratch);
        rbm.ratios(&moving, &first, &mut back, &mut ratios);
        rbm.accept(&mut moving, &first, &taken, &mut back);
        let seconds = smallest(100, || {
            rbm.accept(&mut moving, &first, &taken, &mut scratch);
            rbm.accept(&mut moving, &first, &taken, &mut back);
        });
        put(&format!("accepted {name}"), seconds / 2.0, 64 * m);
    }
    put("fresh", smallest(25, || drop(rbm.batch(&xs))), 64 * m);
    put(
        "derivatives",
        smallest(25, || drop(rbm.derivatives(&batch))),
        64 * m,
    );
    let parameters = rbm.parameters();
    put(
        "tables per weight",
        smallest(10, || rbm.set_parameters(&parameters).unwrap()),
        n * m,
    );
    println!("{line}");
}

fn parts() {
    println!("# parts, ns per hidden unit and question or walker");
    for m in [200, 400, 800] {
        part::<Complex64>("complex", 100, m);
        part::<f64>("real", 100, m);
    }
}

fn scaling() {
    println!("# time per proposal against M, N = 100, exchanges");
    let sizes = [16, 64, 256, 1024, 4096, 16384];
    for complex in [true, false] {
        let mut seconds = Vec::new();
        for m in sizes {
            let init = 0.5 / (m as f64).sqrt();
            seconds.push(match complex {
                true => proposal_line("complex", &machine::<Complex64>(100, m, init), m, true),
                false => proposal_line("real", &machine::<f64>(100, m, init), m, true),
            });
        }
        // Slope of the straight line through (ln M, ln t).
        let slope = |from: usize| {
            let points: Vec<(f64, f64)> = (from..sizes.len())
                .map(|k| ((sizes[k] as f64).ln(), seconds[k].ln()))
                .collect();
            let mean =
                |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / points.len() as f64;
            let (x, y) = (mean(|p| p.0), mean(|p| p.1));
            points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
                / points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum::<f64>()
        };
        println!(
            "exponent {:.2} over all sizes, {:.2} from M = 256 on",
            slope(0),
            slope(2)
        );
    }
}

/// The stages of an optimisation step before the solver.
fn stage(name: &str, text: &str) {
    let source = input::from_text(text, std::path::PathBuf::from(".")).unwrap();
    let problem = problem::problem(&source, &Registry::default()).unwrap();
    let mut ensemble = problem::ensemble(&source, &problem, 0, 1).unwrap();
    let request = |step| Request {
        purpose: Purpose::Optimize,
        step,
        burn_in: if step == 0 { 20 } else { 0 },
        per_chain: 64,
    };
    // Parameters as they are some way into an optimisation.
    let mut rng = stream(3, Purpose::Law, 0, 0);
    let parameters: Vec<f64> = ensemble
        .parameters()
        .iter()
        .map(|_| 0.06 * (rng.random::<f64>() - 0.5))
        .collect();
    ensemble.set_parameters(&parameters).unwrap();
    ensemble.sample(&request(0)).unwrap();
    ensemble.take_counts();
    let mut step = 1;
    let sample = smallest(8, || {
        ensemble.sample(&request(step)).unwrap();
        step += 1;
    });
    let counts = ensemble.take_counts();
    let proposals = counts.proposed.iter().sum::<u64>() as f64 / (step - 1) as f64;
    let local = smallest(8, || {
        drop(ensemble.local_values(&*problem.hamiltonian).unwrap())
    });
    let n = problem.lattice.sites;
    let (mut connected, mut asks, mut elements) = (0, Asks::default(), Vec::new());
    let connect = smallest(8, || {
        connected = 0;
        ensemble.configurations().chunks_exact(n).for_each(|x| {
            asks.clear();
            elements.clear();
            (problem.hamiltonian).connect(0, x, &mut asks, &mut elements);
            connected += asks.len();
        });
    });
    let derivatives = smallest(8, || drop(ensemble.derivatives()));
    let set = smallest(8, || ensemble.set_parameters(&parameters).unwrap());
    let acceptance =
        counts.accepted.iter().sum::<u64>() as f64 / counts.proposed.iter().sum::<u64>() as f64;
    println!(
        "{name:14} sample {:6.2} ms ({:.2e} proposals/s, acceptance {acceptance:.2}, table drift \
         {:.0e})  local energies {:6.2} ms \
         ({:.1} ns per connected configuration, {:.1} of them for finding it)  derivatives {:5.2} \
         ms  tables {:5.2} ms",
        sample * 1e3,
        proposals / sample,
        counts.table_drift,
        local * 1e3,
        local * 1e9 / connected as f64,
        connect * 1e9 / connected as f64,
        derivatives * 1e3,
        set * 1e3
    );
}

fn stages() {
    println!(
        "# stages of a step before the solver: 1024 samples, 16 chains, complex parameters, one \
         sweep between samples"
    );
    let rest =
        "[sampler]\nchains = 16\nsamples = 1024\n[optimize]\nsteps = 1\nlearning_rate = 0.01\n";
    let chain =
        "[lattice]\nkind = \"chain\"\nsize = [40]\n[hamiltonian]\nkind = \"ising\"\nhx = 1.0\n";
    let square = "[lattice]\nkind = \"square\"\nsize = [10, 10]\n[hamiltonian]\nkind = \
     \"heisenberg\"\nsector = { total_sz = 0 }\n\
                  sign_rule = \"marshall\"\n";
    for (name, system, density, symmetry) in [
        ("W1 alpha=1", chain, 1, "none"),
        ("W1 alpha=4", chain, 4, "none"),
        ("W2 dense 2", square, 2, "none"),
        ("W2 tied 4", square, 4, "translations"),
        ("W2 tied 8", square, 8, "translations"),
    ] {
        stage(
            name,
            &format!(
                "{system}[ansatz]\nkind = \"rbm\"\ndensity = {density}\nsymmetry = \
                 \"{symmetry}\"\n{rest}"
            ),
        );
    }
}

fn network() {
    println!("# dense layers, N = 100, two layers of lncosh and tanh");
    for width in [100, 200] {
        let layers = vec![(width, Activation::LnCosh), (width, Activation::Tanh)];
        let shape = Shape {
            sites: 100,
            layers,
            phase: true,
            visible_bias: true,
            hidden_bias: true,
            output_weights: true,
        };
        let flops = |parts: usize| 2 * parts * parts * (width * width + width);
        let basis = Basis::spin_half(100, Some(0)).unwrap();
        let xs = walkers(&basis, 64);
        let asks = questions(&xs, 100, true);
        let mut out = vec![Complex64::ZERO; asks.len()];
        let mut line = |name: &str, network: &dyn Fn(&mut [Complex64]), parts: usize| {
            let seconds = smallest(15, || network(&mut out)) / asks.len() as f64;
            let rate = flops(parts) as f64 / seconds * 1e-9;
            println!(
                "{name:8} width {width}: {:.2} us per connected configuration, {rate:.1} GFLOP/s \
                 in products",
                seconds * 1e6
            );
        };
        let real = Feedforward::<f64>::new(shape.clone(), 1.0, 1);
        let batch = real.batch(&xs);
        let ask = |out: &mut [Complex64]| {
            real.ratios(&batch, &asks, &mut FeedforwardScratch::default(), out)
        };
        line("real", &ask, 1);
        let complex = Feedforward::<Complex64>::new(shape, 1.0, 1);
        let batch = complex.batch(&xs);
        let ask = |out: &mut [Complex64]| {
            complex.ratios(&batch, &asks, &mut FeedforwardScratch::default(), out)
        };
        line("complex", &ask, 2);
    }
}

/// Seconds per ratio and per ln ψ.
fn evaluate<T: Field, R: Elementary>(shape: &Shape, xs: &[i8]) -> [f64; 2] {
    let network = Feedforward::<T, R>::new(shape.clone(), 1.0, 1);
    let (batch, asks) = (network.batch(xs), questions(xs, shape.sites, true));
    let mut out = vec![Complex64::ZERO; asks.len()];
    let scratch = &mut FeedforwardScratch::<R>::default();
    let ratio = smallest(5, || network.ratios(&batch, &asks, scratch, &mut out));
    let log_psi = smallest(5, || drop(std::hint::black_box(network.batch(xs))));
    [
        ratio / asks.len() as f64,
        log_psi / (xs.len() / shape.sites) as f64,
    ]
}

fn precision() {
    println!("# single and double precision in turn, N = 64, 256 + 256 units");
    let basis = Basis::spin_half(64, Some(0)).unwrap();
    let xs = walkers(&basis, 64);
    for (name, g) in Activation::ALL {
        let shape = Shape {
            sites: 64,
            layers: vec![(256, g), (256, g)],
            phase: false,
            visible_bias: true,
            hidden_bias: true,
            output_weights: true,
        };
        let mut least = [[f64::INFINITY; 2]; 4];
        let mut take = |at: usize, figures: [f64; 2]| {
            for (least, figure) in least[at].iter_mut().zip(figures) {
                *least = least.min(figure);
            }
        };
        for _ in 0..7 {
            take(0, evaluate::<f64, f64>(&shape, &xs));
            take(1, evaluate::<f64, f32>(&shape, &xs));
            if g.is_holomorphic() {
                take(2, evaluate::<Complex64, f64>(&shape, &xs));
                take(3, evaluate::<Complex64, f32>(&shape, &xs));
            }
        }
        for (numbers, pair) in ["real", "complex"].iter().zip(least.chunks(2)) {
            for (what, at) in [("ratio", 0), ("ln psi", 1)] {
                let (double, single) = (pair[0][at] * 1e6, pair[1][at] * 1e6);
                if double.is_finite() {
                    println!(
                        "{name:6} {numbers:7} {what:6}: {double:.2} us in double, {single:.2} us \
                         in single precision, {:.2} times faster",
                        double / single
                    );
                }
            }
        }
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    println!("vector instructions: {}", Simd::chosen().name());
    let all: [(&str, fn()); 7] = [
        ("proposals", proposals),
        ("paths", paths),
        ("parts", parts),
        ("scaling", scaling),
        ("stages", stages),
        ("network", network),
        ("precision", precision),
    ];
    for (name, run) in all {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            run();
        }
    }
}
