//! What the kernels of sampling and local energies cost: `cargo bench --bench kernels`.
use nishina::ansatz::Ansatz;
use nishina::ansatz::rbm::Rbm;
use nishina::basis::SpinBasis;
use nishina::rng::{Generator, Purpose, stream};
use nishina::sampler::{Counts, Metropolis, Mixture, RuleContext};
use num_complex::Complex64;

fn cpu() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 + 1e-9 * t.tv_nsec as f64
}

fn walk<A: Ansatz>(name: &str, ansatz: &A, hidden: usize, exchange: bool) {
    let (n, chains) = (ansatz.sites(), 16);
    let basis = SpinBasis::new(n, exchange.then_some(0)).unwrap();
    let pairs: Vec<(u32, u32)> = (0..n as u32).map(|i| (i, (i + 1) % n as u32)).collect();
    let kind = if exchange { "exchange" } else { "flip" };
    let mixture = Mixture::new(&[(kind.into(), 1.0)], &RuleContext { basis: &basis, pairs: &pairs }).unwrap();
    let mut rng = stream(1, Purpose::Law, 0, 0);
    let mut xs: Vec<i8> = (0..chains).flat_map(|_| basis.random(&mut rng)).collect();
    let mut rngs: Vec<Generator> = (0..chains).map(|c| stream(1, Purpose::Law, c as u64, 1)).collect();
    let mut batch = ansatz.batch(&xs);
    let mut metropolis = Metropolis::default();
    let mut best = f64::INFINITY;
    let mut counts = Counts::new(chains);
    for _ in 0..15 {
        let sweeps = (20_000_000 / (n * chains * (hidden + 40))).max(1);
        let start = cpu();
        metropolis.sweep(ansatz, &mut batch, &mut xs, &mixture, &mut rngs, sweeps, &mut counts);
        best = best.min((cpu() - start) / (sweeps * n * chains) as f64);
    }
    let acc = counts.accepted.iter().sum::<u64>() as f64 / counts.proposed.iter().sum::<u64>() as f64;
    println!(
        "{name} N={n} M={hidden} {kind}: {:.1} ns per proposal, {:.3} ns per unit, acceptance {acc:.2}",
        best * 1e9,
        best * 1e9 / hidden as f64
    );
}

fn main() {
    for m in [40, 160] {
        walk("complex", &Rbm::<Complex64>::dense(40, m, true, true, 0.01, 1), m, false);
    }
    for m in [200, 400, 800] {
        for exchange in [false, true] {
            walk("complex", &Rbm::<Complex64>::dense(100, m, true, true, 0.01, 1), m, exchange);
            walk("real", &Rbm::<f64>::dense(100, m, true, true, 0.01, 1), m, exchange);
        }
    }
}
