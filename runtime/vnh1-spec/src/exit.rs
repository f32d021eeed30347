//! How a container ends: the code that a caller sees and the reason behind it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Exit codes of every vnh1 program. 128+n stands for "killed by signal n".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// The script ended, or the verb is done.
    Success = 0,
    /// The script threw, or the verb failed.
    Failure = 1,
    /// Bad arguments, policy or bundle.
    Usage = 2,
    /// The broker is gone.
    BrokerGone = 69,
    /// A time limit was reached, wall or CPU.
    TimeLimit = 124,
    /// Found, but cannot be executed.
    CannotExecute = 126,
    /// Not found.
    NotFound = 127,
    /// Killed, or out of memory: 128 + SIGKILL.
    Killed = 137,
    /// A system call that the jail denies: 128 + SIGSYS.
    Seccomp = 159,
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> u8 {
        code as u8
    }
}

/// Why a container ended. `state`, the report and the log name it beside the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The script ended by itself, with whatever code it chose.
    Exited,
    /// An error or a rejected promise that nobody caught. Code 1.
    Threw,
    /// The wall clock limit. Code 124.
    WallTime,
    /// The CPU time limit. Code 124.
    CpuTime,
    /// The V8 heap limit. Code 137.
    Heap,
    /// The memory limit of the whole container. Code 137.
    Memory,
    /// More output than the limit allows. Code 137.
    Output,
    /// A system call that the jail denies. Code 159.
    Seccomp,
    /// Any other signal. Code 128+n.
    Signal,
}

impl Reason {
    /// Every reason, in the order of [`Reason::to_byte`].
    pub const ALL: [Reason; 9] = [
        Reason::Exited,
        Reason::Threw,
        Reason::WallTime,
        Reason::CpuTime,
        Reason::Heap,
        Reason::Memory,
        Reason::Output,
        Reason::Seccomp,
        Reason::Signal,
    ];

    /// The byte that stands for this reason in an [`crate::Ending`]; 0 is kept for "none yet".
    #[must_use]
    pub fn to_byte(self) -> u8 {
        self as u8 + 1
    }

    /// The reason for a byte, or `None` for 0 and for bytes that stand for nothing.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }

    /// The name as it is written in `state` and in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Exited => "exited",
            Reason::Threw => "threw",
            Reason::WallTime => "wall-time",
            Reason::CpuTime => "cpu-time",
            Reason::Heap => "heap",
            Reason::Memory => "memory",
            Reason::Output => "output",
            Reason::Seccomp => "seccomp",
            Reason::Signal => "signal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_names_go_there_and_back() {
        assert_eq!(Reason::from_byte(0), None);
        assert_eq!(Reason::from_byte(200), None);
        for reason in Reason::ALL {
            assert_eq!(Reason::from_byte(reason.to_byte()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
