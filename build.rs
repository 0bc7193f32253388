//! Links BLAS and LAPACK: ndarray-linalg is used without a backend feature, so the symbols come
//! from the system's OpenBLAS. With the feature `scalapack` it links Debian's ScaLAPACK for OpenMPI
//! too, or the library that `NISHINA_SCALAPACK` names.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_SCALAPACK").is_some() {
        let library =
            std::env::var("NISHINA_SCALAPACK").unwrap_or_else(|_| "scalapack-openmpi".into());
        println!("cargo:rerun-if-env-changed=NISHINA_SCALAPACK");
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    println!("cargo:rustc-link-lib=dylib=openblas");
}
