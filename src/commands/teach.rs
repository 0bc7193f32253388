//! Decides what the program teaches without any other file: the reference of all keys, and worked
//! inputs to begin with.

use crate::error::{Error, Result};
use crate::io::atomic::Temporary;
use crate::table;
use std::path::Path;

/// All worked inputs: name and text.
const WORKED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/worked.rs"));

/// The name of the input with every key.
const REFERENCE: &str = "reference";

/// The input that holds every key with its default, unit and meaning.
pub fn reference() -> Result<String> {
    worked(REFERENCE)
}

/// The worked inputs, a line each: the name and what it calculates.
pub fn list() -> String {
    let longest = WORKED.iter().map(|(name, _)| name.len()).max();
    let width = longest.unwrap_or_default();
    let lines = WORKED.iter().filter(|(name, _)| *name != REFERENCE);
    let lines: Vec<_> = lines
        .map(|(name, text)| format!("{name:width$}  {}", sentence(text)))
        .collect();
    format!(
        "{}\n\nnishina new NAME FILE.toml writes one of them to a file",
        lines.join("\n")
    )
}

/// The worked input `name`.
pub fn worked(name: &str) -> Result<String> {
    let stem = name.strip_suffix(".toml").unwrap_or(name);
    let found = WORKED.iter().find(|(known, _)| *known == stem);
    found
        .map(|(_, text)| text.trim_end().to_string())
        .ok_or_else(|| {
            let names: Vec<_> = WORKED.iter().map(|(name, _)| *name).collect();
            let problem = format!("there is no worked input \"{name}\"");
            Error::input("nishina new", problem, table::known(stem, &names))
        })
}

/// Writes the worked input `name` to a new file.
pub fn write(name: &str, file: &Path) -> Result<String> {
    let text = worked(name)? + "\n";
    if file.exists() {
        return Err(Error::input(
            file.display().to_string(),
            "this file is there already",
            "choose another name, or remove it first",
        ));
    }
    let write = |at: &Path| std::fs::write(at, &text).map_err(|e| Error::output(at, e));
    Temporary::new(file, write)?.publish()?;
    let shown = file.display();
    let mut said = format!("{shown} is written: nishina check {shown}, then nishina run {shown}");
    if text.contains("data/") {
        said += "; the files that it names are in the folder configs/data of the project";
    }
    Ok(said)
}

/// The first sentence of the comment that opens an input.
fn sentence(text: &str) -> String {
    let comment = text.lines().map_while(|line| line.strip_prefix('#'));
    let comment: Vec<_> = comment.map(str::trim).collect();
    let comment = comment.join(" ");
    let end = comment.find(". ").or(comment.find(": "));
    comment[..end.unwrap_or(comment.len())].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worked_input_is_a_table_with_a_sentence() {
        assert!(WORKED.len() > 30, "{}", WORKED.len());
        for (name, text) in WORKED {
            assert!(text.parse::<toml::Table>().is_ok(), "{name}");
            assert!(sentence(text).len() > 10, "{name}: {}", sentence(text));
        }
        assert!(list().contains("quickstart"));
        assert!(reference().unwrap().contains("[hamiltonian]"));
        let error = worked("quickstrat").unwrap_err().to_string();
        assert!(error.contains("did you mean `quickstart`?"), "{error}");
    }

    #[test]
    fn a_file_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.toml");
        assert!(write("quickstart", &file).unwrap().contains("nishina run"));
        let before = std::fs::read(&file).unwrap();
        let error = write("dbm-tfim-8", &file).unwrap_err();
        assert_eq!(error.exit_code(), 64);
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}
