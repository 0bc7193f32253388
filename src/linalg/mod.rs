//! Decides how matrices are multiplied and systems solved; BLAS and LAPACK are named here alone.

pub mod blas;
pub mod dense;
pub mod functions;
pub mod lanczos;
pub mod lanes;
pub mod panels;
pub mod products;
pub mod simd;
pub mod vectors;

/// Memory in bytes that this process may still use, from the operating system.
pub fn available_memory() -> f64 {
    std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        })
        .map_or(f64::INFINITY, |kib| kib * 1024.0)
}
