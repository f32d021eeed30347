//! The two timers that bound a script (setitimer(2)), and the clocks. In the jail.

use std::io;
use std::time::Duration;

/// Why a timer does not run.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the timer for {what}: {cause}")]
pub struct TimerError {
    what: &'static str,
    cause: io::Error,
}

/// After this much wall clock time the process gets [`crate::signal::WALL`].
///
/// # Errors
/// Those of setitimer(2).
pub fn wall(after: Duration) -> Result<(), TimerError> {
    start(libc::ITIMER_REAL, after).map_err(|cause| TimerError { what: "wall time", cause })
}

/// After this much CPU time, user and system together, the process gets [`crate::signal::CPU`].
///
/// # Errors
/// Those of setitimer(2).
pub fn cpu(after: Duration) -> Result<(), TimerError> {
    start(libc::ITIMER_PROF, after).map_err(|cause| TimerError { what: "CPU time", cause })
}

fn start(which: libc::c_int, after: Duration) -> io::Result<()> {
    let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
    let value = libc::timeval { tv_sec: seconds, tv_usec: i64::from(after.subsec_micros()) };
    let once = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: once, it_value: value };
    // SAFETY: `timer` is a complete itimerval; the old value is not asked for.
    match unsafe { libc::setitimer(which, &raw const timer, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Time since some fixed point in the past (CLOCK_MONOTONIC; read without a system call).
#[must_use]
pub fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
