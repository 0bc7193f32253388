//! Decides how the program talks to the BLAS library itself: which kernels it chose, and how many
//! threads it may use.
//!
//! Reference: OpenBLAS, `openblas_config.h` (`openblas_get_corename`, `openblas_set_num_threads`).

use std::ffi::{CStr, c_char, c_int};

unsafe extern "C" {
    fn openblas_get_corename() -> *const c_char;
    fn openblas_set_num_threads(threads: c_int);
    fn openblas_get_num_threads() -> c_int;
}

/// The processor generation whose kernels OpenBLAS uses, for example `SkylakeX`.
pub fn core_name() -> String {
    // SAFETY: the library returns a static, NUL-terminated string, or a null pointer.
    unsafe {
        let name = openblas_get_corename();
        if name.is_null() {
            "unknown".into()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_library_answers() {
        assert!(!super::core_name().is_empty());
        super::set_threads(1);
        assert_eq!(super::threads(), 1);
    }
}
