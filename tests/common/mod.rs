//! What the tests of the program share: run it in a folder of its own, alone or under a real
//! mpirun.
#![allow(dead_code)]

pub mod broken;
pub mod mutation;
mod running;
pub mod sections;
#[allow(unused_imports)]
pub use running::*;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_nishina")
}

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh folder with an input file `x.toml`.
pub struct Case {
    pub folder: tempfile::TempDir,
}

impl Case {
    pub fn new(input: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.toml"), input).unwrap();
        Case { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn finish(mut command: Command, folder: &Path, arguments: &[&str]) -> Output {
        command
            .args(arguments)
            .current_dir(folder)
            .env("OPENBLAS_NUM_THREADS", "1");
        command.output().unwrap()
    }

    /// Runs the program as one rank, without a launcher.
    pub fn alone(&self, arguments: &[&str]) -> Output {
        Self::finish(Command::new(program()), self.folder.path(), arguments)
    }

    /// The same with variables of the environment.
    pub fn alone_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.envs(variables.iter().copied());
        Self::finish(command, self.folder.path(), arguments)
    }

    /// Runs the program on `ranks` ranks under mpirun.
    pub fn ranks(&self, ranks: usize, arguments: &[&str]) -> Output {
        self.ranks_with(&[], ranks, arguments)
    }

    /// The same with variables of the environment.
    pub fn ranks_with(
        &self,
        variables: &[(&str, &str)],
        ranks: usize,
        arguments: &[&str],
    ) -> Output {
        let mut command = Command::new("mpirun");
        command.envs(variables.iter().copied());
        command
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .args([
                "--oversubscribe",
                "--bind-to",
                "none",
                "-np",
                &ranks.to_string(),
                program(),
            ]);
        Self::finish(command, self.folder.path(), arguments)
    }

    /// The dataset `path` of a file, flattened.
    pub fn tree(&self, name: &str) -> nishina::io::tree::Tree {
        nishina::io::hdf5::read(&self.path(name)).unwrap()
    }

    /// The first segment of the samples.
    pub fn first_segment(&self) -> nishina::io::tree::Tree {
        let paths = nishina::io::output::OutputPaths::new(self.folder.path(), "x");
        self.tree(&paths.segment_files().unwrap()[0].name())
    }

    /// What the checkpoint holds of the section that was begun last.
    pub fn present(&self) -> nishina::io::tree::Tree {
        let checkpoint = self.tree("x.ckpt.h5");
        let begun = checkpoint.texts("run/sections").unwrap();
        checkpoint.group(begun.last().unwrap())
    }

    /// The final parameters and the energies of all steps of an optimisation.
    pub fn optimised(&self) -> (Vec<f64>, Vec<f64>) {
        let parameters = self.present().reals("parameters").unwrap();
        let energies = self.tree("x.h5").reals("optimize/history/energy").unwrap();
        (parameters, energies)
    }

    /// `info --json` of the results.
    pub fn info(&self) -> serde_json::Value {
        let out = self.alone(&["info", "x.h5", "--json"]);
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&out)))
    }
}

/// Everything that a command printed, for messages.
pub fn text(out: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

/// Fails unless the command ended with `code`.
pub fn expect_code(out: &Output, code: i32) {
    assert_eq!(out.status.code(), Some(code), "{}", text(out));
}

/// A sampled run of the transverse-field Ising ring of 10 sites, to be completed with [optimize]
/// and [measure].
pub const RING: &str = r#"
seed = 7
[lattice]
kind = "chain"
size = 10
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
kind = "rbm"
symmetry = "none"
density = 1
parameters = "complex"
[sampler]
chains = 8
samples = 256
"#;
