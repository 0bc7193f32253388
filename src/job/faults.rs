//! Decides which fault a test has asked for: `NISHINA_FAULT = "<fault>@rank<r>:step<n>"` happens on
//! rank r after n blocks (steps, blocks of samples) of this attempt. Without the variable nothing
//! does.

use super::launch::environment;
use crate::error::{Error, Result};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A panic.
    Panic,
    /// SIGKILL.
    Kill,
    /// An exit without a word to the other ranks.
    Exit,
    /// More memory than there is.
    Allocate,
    /// An error that only this rank meets.
    Output,
    /// Ten seconds without a step: not a fault, but slow.
    Pause,
    /// SIGUSR1, which asks for a stop.
    Stop,
}

/// A fault that a test has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectedFault {
    what: What,
    rank: usize,
    step: usize,
}

/// The variable.
const NAME: &str = "NISHINA_FAULT";

impl InjectedFault {
    /// Reads the environment; `None` where nothing is asked for. Fails with `Error::Input` for
    /// anything else.
    pub fn asked() -> Result<Option<Self>> {
        environment(NAME).map(|text| Self::parse(&text)).transpose()
    }

    fn parse(text: &str) -> Result<Self> {
        let parts = || {
            let (what, place) = text.split_once("@rank")?;
            let (rank, step) = place.split_once(":step")?;
            let what = match what {
                "panic" => What::Panic,
                "kill" => What::Kill,
                "exit" => What::Exit,
                "allocate" => What::Allocate,
                "output" => What::Output,
                "pause" => What::Pause,
                "stop" => What::Stop,
                _ => return None,
            };
            Some(InjectedFault {
                what,
                rank: rank.parse().ok()?,
                step: step.parse().ok()?,
            })
        };
        parts().ok_or_else(|| {
            Error::input(
                NAME,
                format!("`{text}` names no fault"),
                "write panic@rank1:step3, or unset the variable",
            )
        })
    }

    /// Lets it happen where it belongs.
    pub fn strike(&self, rank: usize, blocks: usize) -> Result<()> {
        if (rank, blocks) != (self.rank, self.step) {
            return Ok(());
        }
        match self.what {
            What::Panic => panic!("{NAME} asks for a panic after {blocks} blocks"),
            What::Exit => std::process::exit(7),
            What::Allocate => {
                let much = std::hint::black_box(Vec::<u8>::with_capacity(isize::MAX as usize));
                Err(Error::numerical(
                    format!("{} bytes were there", much.capacity()),
                    "none",
                ))
            }
            What::Output => Err(Error::output(
                "nowhere",
                format!("{NAME} asks for an error after {blocks} blocks"),
            )),
            What::Pause => {
                std::thread::sleep(std::time::Duration::from_secs(10));
                Ok(())
            }
            What::Kill => send(libc::SIGKILL),
            What::Stop => send(libc::SIGUSR1),
        }
    }
}

/// A signal to this process.
fn send(signal: libc::c_int) -> Result<()> {
    // SAFETY: plain calls without pointers.
    unsafe { libc::kill(libc::getpid(), signal) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_its_rank_at_its_step_only() {
        let fault = InjectedFault::parse("output@rank1:step3").unwrap();
        assert_eq!(
            fault,
            InjectedFault {
                what: What::Output,
                rank: 1,
                step: 3
            }
        );
        assert!(
            fault.strike(0, 3).is_ok() && fault.strike(1, 2).is_ok() && fault.strike(1, 3).is_err()
        );
        for wrong in [
            "panic",
            "panic@rank1",
            "sleep@rank1:step3",
            "panic@rank-1:step0",
        ] {
            assert_eq!(InjectedFault::parse(wrong).unwrap_err().exit_code(), 64);
        }
    }
}
