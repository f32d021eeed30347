//! Joins programs of seccompiler into one: a call that a section does not speak of goes on to the next section.
//! Runs where vnh1 is built.
//!
//! Invariant: every section kills what it does not match, so whatever is left out by a mistake here is killed.

use seccompiler::{BpfProgram, sock_filter};

/// What seccompiler writes at the front of every program: load the architecture, compare, kill.
const ARCH_CHECK: usize = 3;
const RETURN: u16 = 0x06;
const JUMP: u16 = 0x05;
/// `SECCOMP_RET_KILL_PROCESS`.
const KILL_PROCESS: u32 = 0x8000_0000;
/// The kernel's `BPF_MAXINSNS`.
const MAX_INSTRUCTIONS: usize = 4096;

/// Why programs cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to join.
    #[error("a filter needs at least one section")]
    Empty,
    /// The program is not what seccompiler writes.
    #[error("section {0} does not begin with the check of the architecture")]
    NoArchCheck(usize),
    /// The section's default is something else than to kill.
    #[error("section {0} does not kill what it does not match")]
    DoesNotKill(usize),
    /// Too long for the kernel.
    #[error("the filter has {0} instructions, the kernel takes 4096")]
    TooLong(usize),
}

/// One program out of several: the check of the architecture once, then section after section.
pub fn link(sections: &[BpfProgram]) -> Result<BpfProgram, Error> {
    let mut out = sections.first().ok_or(Error::Empty)?.get(..ARCH_CHECK).ok_or(Error::NoArchCheck(0))?.to_vec();
    for (number, section) in sections.iter().enumerate() {
        if section.get(..ARCH_CHECK) != Some(&out[..ARCH_CHECK]) {
            return Err(Error::NoArchCheck(number));
        }
        let body = &section[ARCH_CHECK..];
        if body.last().is_none_or(|last| !is_kill(last)) {
            return Err(Error::DoesNotKill(number));
        }
        let last = number + 1 == sections.len();
        // A section without a rule is its default alone.
        if body.len() == 1 && !last {
            continue;
        }
        for (at, one) in body.iter().enumerate() {
            let goes_on = !last && is_kill(one);
            // Jumps forward by whole instructions: from the one after this one to the next section's first.
            let k = u32::try_from(body.len() - at - 1).map_err(|_| Error::TooLong(body.len()))?;
            out.push(if goes_on { sock_filter { code: JUMP, jt: 0, jf: 0, k } } else { one.clone() });
        }
    }
    if out.len() > MAX_INSTRUCTIONS { Err(Error::TooLong(out.len())) } else { Ok(out) }
}

fn is_kill(one: &sock_filter) -> bool {
    one.code == RETURN && one.k == KILL_PROCESS
}
