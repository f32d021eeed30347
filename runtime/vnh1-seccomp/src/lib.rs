//! The system calls that the jail permits, as the kernel takes them. Used on both sides of the wall.
//!
//! Invariant: the filters are constants, compiled from seccomp-profiles/*.json when this crate is built; nothing at
//! run time adds to them, and no build profile changes them (seccomp(2), seccomp-profiles/README.md). Where the
//! target is not Linux there are none, and the crate is empty.
#![forbid(unsafe_code)]
#![cfg(linux_filters)]

mod explain;
mod names;
mod verdict;

pub use explain::{describe, verdict_of};
pub use names::{syscall_name, syscall_number};
pub use verdict::{Call, NATIVE_ARCH, Verdict, verdict};

include!(concat!(env!("OUT_DIR"), "/filters.rs"));

/// The launch profile in OCI form, as it stands in `linux.seccomp` of a config.json: without the reasons.
pub const LAUNCH_PROFILE: &str = LAUNCH_OCI;

/// One instruction of a filter: the kernel's `struct sock_filter` (linux/filter.h).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip if the comparison holds.
    pub jt: u8,
    /// How many to skip if it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

impl Instruction {
    /// The instruction as it lies in memory, which is how the kernel reads it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        let ([c0, c1], [k0, k1, k2, k3]) = (self.code.to_ne_bytes(), self.k.to_ne_bytes());
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

/// The filter that holds from execve on, until the runner seals itself.
#[must_use]
pub fn launch_filter() -> &'static [Instruction] {
    &LAUNCH
}

/// The filter that holds from the script's first instruction on.
#[must_use]
pub fn run_filter(jitless: bool) -> &'static [Instruction] {
    if jitless { &RUN_JITLESS } else { &RUN }
}

/// A filter as `vnh1_sys::seccomp::load` takes it.
#[must_use]
pub fn to_bytes(filter: &[Instruction]) -> Vec<[u8; 8]> {
    filter.iter().map(|one| one.to_bytes()).collect()
}
