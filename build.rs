//! Links BLAS and LAPACK: ndarray-linalg is used without a backend feature, so the symbols come from the system's OpenBLAS.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-lib=dylib=openblas");
}
