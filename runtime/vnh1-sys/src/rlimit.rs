//! Resource limits of the calling process (setrlimit(2)). In the jail.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A limit that could not be set.
#[derive(Debug, thiserror::Error)]
#[error("cannot limit {what} to {value}: {cause}")]
pub struct RlimitError {
    what: &'static str,
    value: u64,
    cause: rustix::io::Errno,
}

/// What can be limited.
#[derive(Debug, Clone, Copy)]
pub enum Limited {
    /// Private writable memory in bytes (RLIMIT_DATA).
    Data,
    /// The greatest descriptor, plus one (RLIMIT_NOFILE).
    Descriptors,
    /// Size of a core file in bytes (RLIMIT_CORE).
    Core,
    /// CPU seconds; beyond them the kernel kills (RLIMIT_CPU).
    CpuSeconds,
}

impl Limited {
    fn resource(self) -> (Resource, &'static str) {
        match self {
            Limited::Data => (Resource::Data, "private memory"),
            Limited::Descriptors => (Resource::Nofile, "descriptors"),
            Limited::Core => (Resource::Core, "core files"),
            Limited::CpuSeconds => (Resource::Cpu, "CPU seconds"),
        }
    }
}

/// Lowers a limit, soft and hard; one that is stricter already stays.
///
/// # Errors
/// Those of setrlimit(2).
pub fn lower(what: Limited, value: u64) -> Result<(), RlimitError> {
    let (resource, name) = what.resource();
    let now = getrlimit(resource);
    let least = |old: Option<u64>| Some(old.map_or(value, |old| old.min(value)));
    let limit = Rlimit { current: least(now.current), maximum: least(now.maximum) };
    setrlimit(resource, limit).map_err(|cause| RlimitError { what: name, value, cause })
}

/// How far the main thread's stack may grow, in bytes; `None` without a bound.
#[must_use]
pub fn stack_bytes() -> Option<u64> {
    getrlimit(Resource::Stack).current
}

/// Lets the stack grow to `bytes` where the hard limit allows it, and says how far it may grow now.
#[must_use]
pub fn raise_stack(bytes: u64) -> Option<u64> {
    let now = getrlimit(Resource::Stack);
    if now.current.is_some_and(|current| current < bytes) {
        let wanted = now.maximum.map_or(bytes, |maximum| maximum.min(bytes));
        // Refused or not, what counts is what is in force afterwards.
        let _ = setrlimit(Resource::Stack, Rlimit { current: Some(wanted), maximum: now.maximum });
    }
    stack_bytes()
}
