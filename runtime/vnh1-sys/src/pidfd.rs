//! Processes by descriptor: a name that cannot be reused for another process. Outside the jail. pidfd_open(2).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A process, for as long as this is held.
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

impl Pidfd {
    /// Opens the process that has `pid` now.
    ///
    /// # Errors
    /// `ESRCH` if there is none, `EMFILE`, `ENOSYS` before Linux 5.3.
    pub fn open(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        Ok(Self(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// This very process.
    ///
    /// # Errors
    /// As [`Pidfd::open`].
    pub fn myself() -> io::Result<Self> {
        Ok(Self(pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?))
    }

    /// Sends the signal `number` (1 to 64).
    ///
    /// # Errors
    /// `ESRCH` if the process has ended, `EPERM`, `EINVAL` for a number that is no signal.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        if !(1..=64).contains(&number) {
            return Err(Errno::INVAL.into());
        }
        // SAFETY: the number is within the kernel's range; a real-time signal is only passed on, never interpreted.
        let signal = unsafe { Signal::from_raw_unchecked(number) };
        Ok(pidfd_send_signal(&self.0, signal)?)
    }

    /// Whether the process has ended, waiting for `patience` at most.
    ///
    /// # Errors
    /// What poll(2) returns, but never `EINTR`.
    pub fn has_ended(&self, patience: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(patience).ok();
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
