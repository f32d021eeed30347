//! Children that have ended, with what they used up. Outside the jail. wait4(2).

use std::io;
use std::time::Duration;

/// How a child ended and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, or the signal that killed it.
    pub by: EndedBy,
    /// User and system time.
    pub cpu: Duration,
    /// Greatest resident memory in bytes.
    pub peak_resident_bytes: u64,
}

/// The two ways for a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// exit_group(2) with this code.
    Code(u8),
    /// Killed by this signal.
    Signal(u8),
}

impl EndedBy {
    /// The code that a shell would see: the process's own, or 128+n.
    #[must_use]
    pub fn shell_code(self) -> u8 {
        match self {
            EndedBy::Code(code) => code,
            EndedBy::Signal(number) => 128_u8.saturating_add(number),
        }
    }
}

/// Reaps the child `pid`, waiting for its end.
///
/// # Errors
/// `ECHILD` if it is no child of this process.
pub fn reap(pid: i32) -> io::Result<Ended> {
    let mut status = 0;
    // SAFETY: rusage is plain data for which all-zero bytes are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live, writable locals of the right type.
        let reaped = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if reaped == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let by = if libc::WIFSIGNALED(status) {
        EndedBy::Signal(u8::try_from(libc::WTERMSIG(status)).unwrap_or(0))
    } else {
        EndedBy::Code(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX))
    };
    Ok(Ended {
        by,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak_resident_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::zombie_processes, reason = "reap() is what is tested")]
    fn tells_code_from_signal() {
        let exits = std::process::Command::new("/bin/sh").args(["-c", "exit 7"]).spawn().unwrap();
        assert_eq!(reap(exits.id().cast_signed()).unwrap().by, EndedBy::Code(7));
        let dies = std::process::Command::new("/bin/sh").args(["-c", "kill -9 $$"]).spawn().unwrap();
        let by = reap(dies.id().cast_signed()).unwrap().by;
        assert_eq!(by, EndedBy::Signal(9));
        assert_eq!(by.shell_code(), 137);
        assert!(reap(1).is_err());
    }
}
