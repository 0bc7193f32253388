//! Decides how the program talks to the BLAS library itself: which kernels it chose, and how many
//! threads it may use.
//!
//! Reference: OpenBLAS, `openblas_config.h` (`openblas_get_corename`, `openblas_set_num_threads`).

use super::available_memory;
use super::products::{Op, multiply};
use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int};

unsafe extern "C" {
    fn openblas_get_corename() -> *const c_char;
    fn openblas_get_config() -> *const c_char;
    fn openblas_set_num_threads(threads: c_int);
    fn openblas_get_num_threads() -> c_int;
}

/// A text that the library keeps.
///
/// # Safety
/// `text` is null or a NUL-terminated string that stays.
unsafe fn kept(text: *const c_char) -> String {
    if text.is_null() {
        return "unknown".into();
    }
    // SAFETY: not null, and the caller holds to the rest.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .trim()
        .to_string()
}

/// The processor generation whose kernels OpenBLAS uses, for example `SkylakeX`.
pub fn core_name() -> String {
    // SAFETY: the library returns a static string, or a null pointer.
    unsafe { kept(openblas_get_corename()) }
}

/// Version and build of the library.
pub fn library() -> String {
    // SAFETY: the library returns a static string, or a null pointer.
    unsafe { kept(openblas_get_config()) }
}

/// Sets the number of threads of one BLAS call on this rank; at least one.
pub fn set_threads(threads: usize) {
    let threads = c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX);
    // SAFETY: a plain call without pointers; the library limits the number itself.
    unsafe { openblas_set_num_threads(threads) }
}

/// The number of threads of one BLAS call on this rank.
pub fn threads() -> usize {
    // SAFETY: a plain call without pointers.
    usize::try_from(unsafe { openblas_get_num_threads() }).unwrap_or(1)
}

/// Bytes that OpenBLAS maps for each of its threads at the first product.
const BUFFER: usize = 129 << 20;

/// Bytes of address space that the library takes for its buffers on so many threads; it touches as
/// much of them as its products need.
pub fn buffer_bytes(threads: usize) -> f64 {
    BUFFER as f64 * threads as f64
}

/// Lets the library take its buffers now.
///
/// Where it cannot get them, it tries again without end (before version 0.3.30); so they are asked
/// for here first. Fails with `Error::Memory`.
pub fn take_buffers() -> Result<()> {
    let length = BUFFER.saturating_mul(threads());
    // SAFETY: memory of nobody else, which is given back at once and never touched.
    let there = unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let own = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let place = libc::mmap(std::ptr::null_mut(), length, access, own, -1, 0);
        place != libc::MAP_FAILED && libc::munmap(place, length) == 0
    };
    if !there {
        return Err(Error::Memory {
            what: "the buffer of the BLAS library cannot fit in memory, under the limit of the \
                   address space (ulimit -v): it"
                .into(),
            needed: length as f64,
            available: available_memory(),
        });
    }
    // Too large for the kernels that do without.
    let a = ndarray::Array2::<f64>::zeros((ORDER, ORDER));
    std::hint::black_box(multiply(a.view(), Op::Same, a.view(), Op::Same));
    Ok(())
}

/// Order of a matrix whose product takes the buffer.
const ORDER: usize = 160;

#[cfg(test)]
mod tests {
    #[test]
    fn the_library_answers() {
        assert!(!super::core_name().is_empty());
        super::set_threads(1);
        assert_eq!(super::threads(), 1);
    }
}
