//! Decides how benches time a call: CPU seconds of one thread, the smallest of many repeats.

/// CPU seconds of this thread.
pub fn cpu() -> f64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 + 1e-9 * t.tv_nsec as f64
}

/// The smallest CPU time of one call over `repeats` calls.
pub fn smallest<T>(repeats: usize, mut work: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let start = cpu();
        std::hint::black_box(work());
        cpu() - start
    };
    (0..repeats).map(once).fold(f64::INFINITY, f64::min)
}
