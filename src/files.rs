//! Decides how files are opened that somebody else has made: regular ones only, of a sensible size,
//! so that nothing is waited for; and how tables are written for other programs.
//!
//! A pipe would block, a device would never end, and files such as /proc/kmsg, whose length is 0,
//! do either: no more is read than the length that the system states.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file to be read.
pub fn open(path: &Path) -> Result<File> {
    let refuse = || Error::new(ErrorKind::InvalidInput, "it is not a regular file");
    // Looked at before it is opened, since opening a pipe waits, and after: it may be another.
    if !std::fs::metadata(path)?.is_file() {
        return Err(refuse());
    }
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(refuse()),
    }
}

/// The bytes of a regular file, of which there may be at most `most`.
pub fn bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > most {
        let what = format!("it has {length} bytes, and at most {most} are read");
        return Err(Error::new(ErrorKind::FileTooLarge, what));
    }
    let mut all = Vec::new();
    file.take(length).read_to_end(&mut all)?;
    Ok(all)
}

/// The text of a regular file, of which there may be at most `most` bytes.
pub fn text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(bytes(path, most)?).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        let what = format!(
            "it is not a text in UTF-8 (line {}); save it as UTF-8",
            line + 1
        );
        Error::new(ErrorKind::InvalidData, what)
    })
}

/// A table as comma-separated text, a line for each row, without the end of the last line.
///
/// Reference: RFC 4180.
pub fn comma_separated<R>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item: AsRef<[u8]>>,
{
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    let written = rows
        .into_iter()
        .try_for_each(|row| writer.write_record(row));
    let bytes = match (written, writer.into_inner()) {
        (Ok(()), Ok(bytes)) => bytes,
        _ => unreachable!("memory can be written, and rows may differ in length"),
    };
    String::from_utf8_lossy(&bytes)
        .trim_end_matches('\n')
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            let error = text(path, 100).unwrap_err().to_string();
            assert!(error.contains("regular file"), "{error}");
        }
        // Its length is 0, and reading it may wait for ever.
        let log = Path::new("/proc/kmsg");
        if log.exists() {
            assert!(bytes(log, 100).is_ok_and(|b| b.is_empty()) || open(log).is_err());
        }
    }

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        let rows = [["a", "[4, 4]", "say \"x\"", ""], ["1", "2", "3", "4"]];
        let text = "a,\"[4, 4]\",\"say \"\"x\"\"\",\n1,2,3,4";
        assert_eq!(comma_separated(rows), text);
    }

    #[test]
    fn sizes_and_encodings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "a\nb").unwrap();
        assert_eq!(text(&path, 3).unwrap(), "a\nb");
        assert!(text(&path, 2).unwrap_err().to_string().contains("3 bytes"));
        std::fs::write(&path, b"a\n\xe4").unwrap();
        let error = text(&path, 9).unwrap_err().to_string();
        assert!(
            error.contains("line 2") && error.contains("UTF-8"),
            "{error}"
        );
    }
}
