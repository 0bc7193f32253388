//! Decides whether the process was given a standard output.
//!
//! Where a standard stream is closed (`>&-`) the language's start puts /dev/null in its place, so
//! that no file that is opened later gets its number. What is printed vanishes then without an
//! error; so this looks before that start, in a function that the system's loader calls.
//!
//! Reference: System V ABI, section `.init_array`.

use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    // SAFETY: a plain call that changes nothing; no other thread exists.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    CLOSED.store(flags == -1, Ordering::Relaxed);
}

// SAFETY: the section holds pointers to functions of this kind, and `look` needs nothing of the
// language's run time.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[used]
static LOOK: extern "C" fn() = look;

/// Whether standard output was closed when the process was started. Always `false` on systems
/// other than Linux.
pub fn stdout_was_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}
