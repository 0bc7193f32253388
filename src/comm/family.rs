//! Decides to which family an MPI library belongs: handles are pointers in Open MPI, and integers
//! in MPICH and its descendants (Intel MPI, MVAPICH, Cray).
//!
//! Reference: the MPI ABI Compatibility Initiative, mpich.org/abi.

use crate::error::{Error, Result};

/// The name and version of a library from the text that it gives of itself: its first line up to a
/// comma, with the tabulators of MPICH as blanks.
pub(super) fn name(text: &str) -> String {
    let first = text
        .split([',', '\n', '\r', '\0'])
        .next()
        .unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    words.join(" ")
}

/// Whether a library, by what it says of itself, has the interface of MPICH.
pub fn is_mpich(library: &str) -> bool {
    let names = ["MPICH", "Intel(R) MPI", "MVAPICH", "CRAY MPICH"];
    names.iter().any(|name| library.starts_with(name))
}

/// An error where the library at run time is of another family than that of the build, whose
/// handles are `pointers` or integers: every call would go wrong.
pub(super) fn same(library: &str, pointers: bool) -> Result<()> {
    let (built, other) = match pointers {
        true => ("Open MPI", is_mpich(library)),
        false => ("MPICH or a descendant", library.starts_with("Open MPI")),
    };
    match other {
        false => Ok(()),
        true => Err(Error::Communication {
            what: format!(
                "the program was built with {built}, and the library at run time is {library}; \
                 load the module of the build, or build again: cargo clean --release -p mpi-sys \
                 -p mpi -p nishina, then cargo build --release"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_version() {
        for (text, short) in [
            (
                "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4",
                "Open MPI v4.1.4",
            ),
            (
                "MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7\n",
                "MPICH Version: 4.0.2",
            ),
            (
                "Intel(R) MPI Library 2021.9 for Linux* OS\n",
                "Intel(R) MPI Library 2021.9 for Linux* OS",
            ),
            ("", ""),
        ] {
            assert_eq!(name(text), short);
        }
    }

    #[test]
    fn a_library_of_another_family_is_refused() {
        assert_eq!(same("Open MPI v5.0.3", true), Ok(()));
        assert_eq!(same("MPICH Version: 4.0.2", false), Ok(()));
        assert_eq!(same("Some MPI 1.0", true), Ok(()));
        for (library, pointers) in [
            ("MPICH Version: 4.0.2", true),
            ("Intel(R) MPI Library 2021", true),
            ("Open MPI v4.1.4", false),
        ] {
            let told = same(library, pointers).unwrap_err().to_string();
            assert!(
                told.contains("cargo clean") && told.contains(library),
                "{told}"
            );
        }
    }
}
