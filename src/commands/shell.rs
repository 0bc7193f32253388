//! Decides what the program gives a shell: completions of its commands, and man pages.

use crate::error::{Error, Result};
use clap::Command;
use clap_complete::{Shell, generate};
use std::path::Path;

/// The script of completions for a shell.
pub fn completions(mut command: Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_string();
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a man page for the program and one for each command into `folder`, which is made where it
/// is missing.
pub fn man_pages(command: Command, folder: &Path) -> Result<String> {
    let failed = |e: std::io::Error| Error::output(folder, format!("cannot be written: {e}"));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    Ok(format!("the pages are in {}", folder.display()))
}
