//! Links BLAS and LAPACK: the system's OpenBLAS, or the libraries that `NISHINA_BLAS` names, with
//! the folders they are in. With the feature `scalapack` it links Debian's ScaLAPACK for OpenMPI
//! too, or the library that `NISHINA_SCALAPACK` names. Gathers the worked inputs of `configs`,
//! which the program carries with it.

use std::fmt::Write;
use std::path::Path;

fn main() {
    gather_worked_inputs();
    tell_origin();
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_SCALAPACK").is_some() {
        let library =
            std::env::var("NISHINA_SCALAPACK").unwrap_or_else(|_| "scalapack-openmpi".into());
        println!("cargo:rerun-if-env-changed=NISHINA_SCALAPACK");
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    link_blas();
}

/// Names of libraries and, beginning with a slash, folders; with blanks between them.
fn link_blas() {
    println!("cargo:rerun-if-env-changed=NISHINA_BLAS");
    let named = std::env::var("NISHINA_BLAS").unwrap_or_default();
    let mut words: Vec<&str> = named.split_whitespace().collect();
    if words.is_empty() {
        words.push("openblas");
    }
    for word in words {
        match word.starts_with('/') {
            true => println!("cargo:rustc-link-search=native={word}"),
            false => println!("cargo:rustc-link-lib=dylib={word}"),
        }
    }
}

/// Writes a list of pairs, name and text, of all inputs in `configs`.
fn gather_worked_inputs() {
    let (root, out) = (env("CARGO_MANIFEST_DIR"), env("OUT_DIR"));
    let folder = Path::new(&root).join("configs");
    println!("cargo:rerun-if-changed={}", folder.display());
    let entries = std::fs::read_dir(&folder).expect("the folder configs can be read");
    let paths = entries.map(|entry| entry.expect("an entry of configs can be read").path());
    let mut paths: Vec<_> = paths
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    let mut list = String::from("&[\n");
    for path in paths {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let path = path.to_string_lossy().into_owned();
        writeln!(list, "    ({name:?}, include_str!({path:?})),").expect("a text grows");
    }
    list.push_str("]\n");
    std::fs::write(Path::new(&out).join("worked.rs"), list).expect("OUT_DIR can be written");
}

fn env(name: &str) -> String {
    std::env::var(name).expect("cargo sets its variables")
}

/// Tells the program its compiler, and in a release the commit that it was built from.
fn tell_origin() {
    let said = |program: &str, arguments: &[&str]| {
        let out = std::process::Command::new(program)
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stdout).trim().to_string();
        (out.status.success() && !text.is_empty()).then_some(text)
    };
    let compiler = said(&env("RUSTC"), &["--version"]).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=NISHINA_RUSTC={compiler}");
    let mut commit = "unknown".to_string();
    if env("PROFILE") == "release" {
        let words = [
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ];
        commit = said("git", &words).unwrap_or(commit);
        if let Some(head) = said("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
            println!("cargo:rerun-if-changed={head}");
        }
    }
    println!("cargo:rustc-env=NISHINA_COMMIT={commit}");
}
