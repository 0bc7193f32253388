//! Decides how the program talks to the BLAS library itself: which one it is, which kernels it
//! chose, and how many threads it may use.
//!
//! Any library with the Fortran interface serves. What is more than that interface belongs to a
//! family of libraries, and is looked for at run time.
//!
//! References: OpenBLAS, `openblas_config.h`; BLIS, `docs/BLISObjectAPI.md`; the developer
//! references of oneMKL (`mkl_service.h`) and FlexiBLAS (`flexiblas_api.h`).

use super::available_memory;
use super::products::{Op, multiply};
use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int, c_void};

/// A family of libraries, by what its members export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    FlexiBlas,
    Mkl,
    OpenBlas,
    Blis,
}

impl Family {
    /// FlexiBLAS comes first: another family works behind it.
    const ALL: [Family; 4] = [
        Family::FlexiBlas,
        Family::Mkl,
        Family::OpenBlas,
        Family::Blis,
    ];

    /// The functions that set and tell the number of threads.
    fn names(self) -> [&'static CStr; 2] {
        match self {
            Family::FlexiBlas => [c"flexiblas_set_num_threads", c"flexiblas_get_num_threads"],
            Family::Mkl => [c"MKL_Set_Num_Threads", c"MKL_Get_Max_Threads"],
            Family::OpenBlas => [c"openblas_set_num_threads", c"openblas_get_num_threads"],
            Family::Blis => [c"bli_thread_set_num_threads", c"bli_thread_get_num_threads"],
        }
    }

    /// Those that this process has loaded; the one that matrix products come from is the first.
    /// Where LAPACK belongs to another library, there may be two.
    fn loaded() -> impl Iterator<Item = Family> {
        let place = |f: &Family| symbol(f.names()[0]).map(file_of);
        let mut there: Vec<_> = Self::ALL
            .into_iter()
            .filter(|f| place(f).is_some())
            .collect();
        there.sort_by_key(|f| place(f) != Some(file()));
        there.into_iter()
    }

    fn set_threads(self, threads: c_int) {
        let Some(f) = symbol(self.names()[0]) else {
            return;
        };
        // SAFETY: the function of this name takes one integer, that of BLIS a long one, and
        // returns nothing.
        unsafe {
            if self == Family::Blis {
                std::mem::transmute::<Address, unsafe extern "C" fn(i64)>(f)(threads.into());
            } else {
                std::mem::transmute::<Address, unsafe extern "C" fn(c_int)>(f)(threads);
            }
        }
    }

    fn threads(self) -> Option<usize> {
        let f = symbol(self.names()[1])?;
        // SAFETY: the function of this name takes nothing and returns an integer, that of BLIS a
        // long one.
        let threads = unsafe {
            if self == Family::Blis {
                std::mem::transmute::<Address, unsafe extern "C" fn() -> i64>(f)()
            } else {
                std::mem::transmute::<Address, unsafe extern "C" fn() -> c_int>(f)().into()
            }
        };
        usize::try_from(threads).ok()
    }

    /// Version and build.
    fn version(self) -> Option<String> {
        match self {
            Family::OpenBlas => told(c"openblas_get_config"),
            Family::Blis => Some(format!("BLIS {}", told(c"bli_info_get_version_str")?)),
            Family::Mkl => filled(c"MKL_Get_Version_String"),
            Family::FlexiBlas => {
                let backend = filled(c"flexiblas_current_backend").unwrap_or_default();
                Some(format!("FlexiBLAS with {backend}"))
            }
        }
    }

    /// The processor generation whose kernels the library uses.
    fn kernels(self) -> Option<String> {
        match self {
            Family::OpenBlas => told(c"openblas_get_corename"),
            Family::Blis => {
                let (id, name) = (symbol(c"bli_arch_query_id")?, symbol(c"bli_arch_string")?);
                // SAFETY: the first function takes nothing and returns an enumerator, the second
                // one takes it and returns a static string.
                let name = unsafe {
                    let id = std::mem::transmute::<Address, unsafe extern "C" fn() -> c_int>(id)();
                    type Name = unsafe extern "C" fn(c_int) -> *const c_char;
                    kept(std::mem::transmute::<Address, Name>(name)(id))
                };
                Some(format!("BLIS {name}"))
            }
            Family::Mkl | Family::FlexiBlas => None,
        }
    }
}

/// Where a symbol is; never null.
type Address = *const c_void;

/// A symbol of this name in any library that the process has loaded.
fn symbol(name: &CStr) -> Option<Address> {
    // SAFETY: a lookup by a NUL-terminated name.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found.cast_const())
}

/// What a function without arguments says, which returns a static string.
fn told(name: &CStr) -> Option<String> {
    let f = symbol(name)?;
    // SAFETY: the functions that are asked for here have this signature.
    Some(unsafe {
        kept(std::mem::transmute::<
            Address,
            unsafe extern "C" fn() -> *const c_char,
        >(f)())
    })
}

/// What a function says that fills a buffer of a given length. MKL's takes an `int`, FlexiBLAS's a
/// `size_t`: in a register they are the same.
fn filled(name: &CStr) -> Option<String> {
    let f = symbol(name)?;
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer has one byte more than is announced, which stays zero.
    unsafe {
        type Fill = unsafe extern "C" fn(*mut c_char, usize);
        let length = buffer.len() - 1;
        std::mem::transmute::<Address, Fill>(f)(buffer.as_mut_ptr().cast(), length);
        Some(kept(buffer.as_ptr().cast()))
    }
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

/// The file that matrix products come from.
fn file() -> String {
    file_of(blas_sys::dgemm_ as Address)
}

/// The file that the code or data at an address was loaded from.
fn file_of(address: Address) -> String {
    // SAFETY: the structure is plain and filled by the call; its name stays as long as the library.
    unsafe {
        let mut found: libc::Dl_info = std::mem::zeroed();
        match libc::dladdr(address, &mut found) {
            0 => "unknown".into(),
            _ => kept(found.dli_fname),
        }
    }
}

/// The processor generation whose kernels the library uses, for example `SkylakeX`; `unknown` where
/// the library does not tell.
pub fn core_name() -> String {
    let told = Family::loaded().find_map(Family::kernels);
    told.unwrap_or_else(|| "unknown".into())
}

/// Version and build of the library where it tells, and the file that matrix products come from.
pub fn library() -> String {
    let mut parts: Vec<_> = Family::loaded().filter_map(Family::version).collect();
    parts.push(file());
    parts.join("; ")
}

/// Sets the number of threads of one BLAS call on this rank; at least one.
pub fn set_threads(threads: usize) {
    let threads = c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX);
    Family::loaded().for_each(|family| family.set_threads(threads));
}

/// The number of threads of one BLAS call on this rank; 1 where the library does not tell.
pub fn threads() -> usize {
    Family::loaded().find_map(Family::threads).unwrap_or(1)
}

/// Bytes that OpenBLAS maps for each of its threads at the first product.
const BUFFER: usize = 129 << 20;

/// Bytes of address space that the library takes for its buffers on so many threads; it touches as
/// much of them as its products need. Only OpenBLAS takes some.
pub fn buffer_bytes(threads: usize) -> f64 {
    match Family::loaded().any(|family| family == Family::OpenBlas) {
        true => BUFFER as f64 * threads as f64,
        false => 0.0,
    }
}

/// Lets the library take its buffers now.
///
/// Where OpenBLAS cannot get them, it tries again without end (before version 0.3.30); so they are
/// asked for here first. Fails with `Error::Memory`.
pub fn take_buffers() -> Result<()> {
    let length = buffer_bytes(threads()) as usize;
    // SAFETY: memory of nobody else, which is given back at once and never touched.
    let there = length == 0
        || unsafe {
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
        assert!(super::library().contains('/'), "{}", super::library());
        super::set_threads(1);
        assert_eq!(super::threads(), 1);
    }
}
