//! `kill`: a signal to a container's first process, and to no other that got its number since.

use crate::Failure;
use crate::cli::{self, Context};
use crate::state::{ContainerDir, Status, status};
use std::io;
use vnh1_backend::linux::process;
use vnh1_spec::ContainerId;

/// Why no signal was sent. Callers look for "container not running".
#[derive(Debug, thiserror::Error)]
enum KillError {
    #[error("container not running")]
    NotRunning,
    #[error("'{0}' is no signal: give a number from 1 to 64 or a name like SIGTERM")]
    Signal(String),
    #[error("cannot send signal {0}")]
    Send(i32, #[source] io::Error),
}

pub(crate) fn kill(args: &cli::Kill, context: &Context) -> Result<(), Failure> {
    let id = ContainerId::try_from(args.id.as_str()).map_err(|error| Failure::usage(&error))?;
    let signal = parse(&args.signal).ok_or_else(|| Failure::usage(&KillError::Signal(args.signal.clone())))?;
    let dir = ContainerDir::open(&context.root, id)?;
    let record = dir.record()?.ok_or(KillError::NotRunning)?;
    let process = record.process.as_ref().filter(|_| status(&context.root, &record) != Status::Stopped);
    let process = process.ok_or(KillError::NotRunning)?;
    // A script is one process. In a native container the first process's end takes all others with it, since it is
    // the init of their pid namespace: so --all matters only for signals that do not kill, and reaches the first.
    if process::signal(process, signal).map_err(|error| KillError::Send(signal, error))? {
        Ok(())
    } else {
        Err(Failure::new(&KillError::NotRunning))
    }
}

/// Names of the signals 1 to 31, in order (signal(7), x86 and ARM).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// A signal by number or by name, with or without `SIG`.
fn parse(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return offset.parse::<i32>().ok().filter(|offset| (0..=30).contains(offset)).map(|offset| 34 + offset);
    }
    (1..).zip(NAMES).find(|(_, known)| *known == name).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_number_and_by_name() {
        for (text, number) in [("9", 9), ("KILL", 9), ("SIGTERM", 15), ("sigsys", 31), ("RTMIN+3", 37), ("64", 64)] {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in ["0", "65", "-9", "SIG", "NOPE", "", "RTMIN+31"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
