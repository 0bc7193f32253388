//! Decides how matrices are multiplied and systems solved; BLAS and LAPACK are named here alone.

pub mod blas;
pub mod dense;
mod factors;
pub mod fourier;
pub mod functions;
pub mod gathered;
mod general;
pub mod hyperbolic;
mod krylov;
pub mod lanczos;
pub mod lanes;
pub mod lapack;
pub mod pairs;
pub mod panels;
pub mod products;
pub mod rotations;
#[cfg(feature = "scalapack")]
pub mod scalapack;
pub mod sheets;
pub mod simd;
pub mod vectors;
pub mod windowed;

/// Memory in bytes that this process may still use, from the operating system: what is free, within
/// the limits of the process (`ulimit -v`, `ulimit -d`).
pub fn available_memory() -> f64 {
    memory("MemAvailable:").min(limit_left())
}

/// Bytes up to the limits of address space and data; infinite without limits.
fn limit_left() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Vec<f64> = pages.split(' ').filter_map(|n| n.parse().ok()).collect();
    // SAFETY: plain calls; the structure is written by the second one.
    let (page, limit) = unsafe {
        let limit = |resource| {
            let mut limit: libc::rlimit = std::mem::zeroed();
            match libc::getrlimit(resource, &mut limit) == 0
                && limit.rlim_cur != libc::RLIM_INFINITY
            {
                true => limit.rlim_cur as f64,
                false => f64::INFINITY,
            }
        };
        let limits = [limit(libc::RLIMIT_AS), limit(libc::RLIMIT_DATA)];
        (libc::sysconf(libc::_SC_PAGESIZE) as f64, limits)
    };
    let used = [0, 5].map(|k| pages.get(k).map_or(0.0, |n| n * page));
    (limit[0] - used[0]).min(limit[1] - used[1]).max(0.0)
}

/// Memory in bytes of this machine; it does not change while a run is away.
pub fn total_memory() -> f64 {
    memory("MemTotal:")
}

fn memory(entry: &str) -> f64 {
    std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with(entry))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        })
        .map_or(f64::INFINITY, |kib| kib * 1024.0)
}

/// Floating-point operations a second of a matrix product on this machine, in this process; takes
/// some milliseconds.
pub fn product_rate() -> f64 {
    const ORDER: usize = 320;
    let a =
        ndarray::Array2::from_shape_fn((ORDER, ORDER), |(i, j)| (i + 2 * j) as f64 / ORDER as f64);
    let once = || {
        let clock = std::time::Instant::now();
        std::hint::black_box(products::multiply(
            a.view(),
            products::Op::Same,
            a.view(),
            products::Op::Same,
        ));
        clock.elapsed().as_secs_f64()
    };
    2.0 * (ORDER as f64).powi(3) / (0..5).map(|_| once()).fold(f64::INFINITY, f64::min)
}
