//! Decides how one run at a time writes the files of a name. Reference: flock(2).

use super::OutputPaths;
use crate::error::{Error, Result};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

/// The right to write the files of a run; ends when dropped, and with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl OutputPaths {
    /// Takes the right to write these files, waiting up to two seconds for another run to end.
    ///
    /// Fails with `Error::Output` while another run writes. On a file system without locks it goes
    /// on, with a warning.
    pub fn lock(&self) -> Result<Lock> {
        self.lock_within(Duration::from_secs(2))
    }

    fn lock_within(&self, patience: Duration) -> Result<Lock> {
        let path = self.file("lock");
        let open = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path);
        let file = open.map_err(|e| Error::output(&path, format!("cannot be opened: {e}")))?;
        let start = Instant::now();
        loop {
            // SAFETY: a plain call on a descriptor that `file` keeps open.
            if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
                return Ok(Lock { _file: file });
            }
            let error = std::io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EWOULDBLOCK) if start.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(50))
                }
                Some(libc::EWOULDBLOCK) => {
                    return Err(Error::output(
                        path,
                        "another run is writing; choose another name or wait for its end",
                    ));
                }
                Some(libc::EINTR) => {}
                _ => {
                    log::warn!(
                        "{}: no lock on this file system ({error}); start one run per name only",
                        path.display()
                    );
                    return Ok(Lock { _file: file });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "x");
        let lock = paths.lock().unwrap();
        assert!(matches!(
            paths.lock_within(Duration::from_millis(120)),
            Err(Error::Output { .. })
        ));
        OutputPaths::new(folder.path(), "y")
            .lock_within(Duration::ZERO)
            .unwrap();
        let waiting = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(lock);
        });
        assert!(paths.lock().is_ok());
        waiting.join().unwrap();
    }
}
