//! A container's first process, from outside: is it there, is it still the same one, signal it. Outside the jail.
//!
//! Invariant: no signal is ever sent by number alone; a pidfd is opened and the start time compared first.

use crate::record::ProcessRecord;
use std::io;
use std::time::Duration;
use vnh1_sys::pidfd::Pidfd;

/// Longest /proc/PID/stat that is read, in bytes.
const MAX_STAT_BYTES: usize = 4096;

/// What is known of a process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs, waits or is frozen.
    Alive,
    /// It has ended (a zombie that nobody reaped has ended too).
    Ended,
}

/// Describes the process that has `pid` now.
///
/// # Errors
/// `ENOENT` or `ESRCH` if there is none.
pub fn identify(pid: i32) -> io::Result<ProcessRecord> {
    Ok(ProcessRecord { pid, start_ticks: stat(pid)?.start_ticks })
}

/// Whether the recorded process lives.
#[must_use]
pub fn life(record: &ProcessRecord) -> Life {
    match stat(record.pid) {
        Ok(stat) if stat.start_ticks == record.start_ticks && !matches!(stat.state, b'Z' | b'X') => Life::Alive,
        _ => Life::Ended,
    }
}

/// Sends a signal to the recorded process and to no other. `false` if it has ended.
///
/// # Errors
/// What pidfd_open(2) and pidfd_send_signal(2) return, but for "no such process".
pub fn signal(record: &ProcessRecord, number: i32) -> io::Result<bool> {
    match open(record)? {
        None => Ok(false),
        Some(pidfd) => match pidfd.signal(number) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(ESRCH) => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// Kills the recorded process and waits for its end. `true` once it has ended.
///
/// # Errors
/// As [`signal`].
pub fn kill_and_wait(record: &ProcessRecord, patience: Duration) -> io::Result<bool> {
    const SIGKILL: i32 = 9;
    let Some(pidfd) = open(record)? else { return Ok(true) };
    match pidfd.signal(SIGKILL) {
        Err(error) if error.raw_os_error() == Some(ESRCH) => return Ok(true),
        other => other?,
    }
    pidfd.has_ended(patience)
}

/// A descriptor of the recorded process; `None` if it has ended.
fn open(record: &ProcessRecord) -> io::Result<Option<Pidfd>> {
    let pidfd = match Pidfd::open(record.pid) {
        Err(error) if error.raw_os_error() == Some(ESRCH) => return Ok(None),
        other => other?,
    };
    // The descriptor is held while the start time is read, so the number cannot pass to another in between.
    Ok((life(record) == Life::Alive).then_some(pidfd))
}

const ESRCH: i32 = 3;

struct Stat {
    state: u8,
    start_ticks: u64,
}

fn stat(pid: i32) -> io::Result<Stat> {
    let text = crate::linux::program::read_bounded(format!("/proc/{pid}/stat").as_ref(), MAX_STAT_BYTES)?;
    parse(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat has an unknown form")))
}

/// The name of a process stands in parentheses and may hold anything, so fields are counted from the last one.
fn parse(text: &[u8]) -> Option<Stat> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let start_ticks = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_another_with_its_number_does_not() {
        let pid = std::process::id().cast_signed();
        let record = identify(pid).unwrap();
        assert_eq!(life(&record), Life::Alive);
        let reused = ProcessRecord { start_ticks: record.start_ticks + 1, ..record };
        assert_eq!(life(&reused), Life::Ended);
        assert!(!signal(&reused, 15).unwrap(), "a reused number must not be signalled");
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = b"7 (a) b) R) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 9 9";
        let stat = parse(text).unwrap();
        assert_eq!((stat.state, stat.start_ticks), (b'S', 4242));
        assert!(parse(b"").is_none());
    }
}
