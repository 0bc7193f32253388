//! Decides what a program says of how it was built and with which libraries it runs.

use crate::comm::mpi;
use crate::io::hdf5;
use crate::linalg::blas;

/// Name and value of each: source, compiler, features, MPI, HDF5, BLAS.
pub fn versions() -> Vec<(&'static str, String)> {
    let all = [
        ("scalapack", cfg!(feature = "scalapack")),
        ("tools", cfg!(feature = "tools")),
    ];
    let features: Vec<_> = all.iter().filter(|f| f.1).map(|f| f.0).collect();
    let features = match features.is_empty() {
        true => "none".to_string(),
        false => features.join(" "),
    };
    vec![
        ("commit", env!("NISHINA_COMMIT").to_string()),
        ("compiler", env!("NISHINA_RUSTC").to_string()),
        ("features", features),
        ("mpi", mpi::library()),
        ("hdf5", hdf5::library()),
        ("blas", blas::library()),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_library_has_a_version() {
        for (name, value) in super::versions() {
            assert!(!value.is_empty(), "{name}");
            let one_line = !value.contains('\n') && !value.contains('\0');
            assert!(one_line, "{name}: {value:?}");
        }
        let (_, compiler) = &super::versions()[1];
        assert!(compiler.starts_with("rustc 1."), "{compiler}");
    }
}
