//! What a filter says of a call: an interpreter of the kernel's classic BPF, for tests and reports. Pure.
//!
//! Invariant: it understands what seccompiler writes and nothing else; anything else is [`Verdict::Malformed`],
//! never a guess (linux: Documentation/userspace-api/seccomp_filter.rst, kernel/seccomp.c).

use crate::Instruction;

/// `AUDIT_ARCH_*` of the architecture that this was built for.
pub const NATIVE_ARCH: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };

/// A system call as the kernel shows it to a filter (`struct seccomp_data`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Number.
    pub nr: u32,
    /// Architecture whose table the number belongs to.
    pub arch: u32,
    /// Arguments.
    pub args: [u64; 6],
}

impl Call {
    /// A call of this machine's own architecture.
    #[must_use]
    pub fn native(nr: u32, args: [u64; 6]) -> Self {
        Self { nr, arch: NATIVE_ARCH, args }
    }

    /// The 32-bit word at an offset of `struct seccomp_data`; the instruction pointer reads as zero.
    pub(crate) fn word(&self, offset: u32) -> Option<u32> {
        let argument = |at: usize, high: bool| {
            let [a, b, c, d, e, f, g, h] = self.args.get(at)?.to_le_bytes();
            Some(u32::from_le_bytes(if high { [e, f, g, h] } else { [a, b, c, d] }))
        };
        match offset {
            0 => Some(self.nr),
            4 => Some(self.arch),
            8 | 12 => Some(0),
            16..64 if offset.is_multiple_of(4) => argument(usize::try_from((offset - 16) / 8).ok()?, offset % 8 == 4),
            _ => None,
        }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel carries it out.
    Allow,
    /// The caller gets this errno, and nothing is carried out.
    Errno(u16),
    /// The process dies with SIGSYS; its parent sees 159.
    Kill,
    /// An action that vnh1 does not use.
    Other(u32),
    /// The program is none that the kernel would take, or none that seccompiler writes.
    Malformed,
}

pub(crate) const LOAD: u16 = 0x20;
pub(crate) const AND: u16 = 0x54;
pub(crate) const JUMP: u16 = 0x05;
pub(crate) const JUMP_EQUAL: u16 = 0x15;
pub(crate) const JUMP_GREATER: u16 = 0x25;
pub(crate) const JUMP_GREATER_EQUAL: u16 = 0x35;
pub(crate) const RETURN: u16 = 0x06;

/// The meaning of a `SECCOMP_RET_*` value.
pub(crate) fn meaning(value: u32) -> Verdict {
    match value & 0xffff_0000 {
        0x7fff_0000 => Verdict::Allow,
        0x8000_0000 => Verdict::Kill,
        0x0005_0000 => Verdict::Errno(u16::try_from(value & 0xffff).unwrap_or(u16::MAX)),
        _ => Verdict::Other(value),
    }
}

/// What the filter says of the call.
#[must_use]
pub fn verdict(filter: &[Instruction], call: &Call) -> Verdict {
    let mut accumulator = 0;
    let mut at = 0;
    // Jumps go forward only, so the program ends by itself.
    while let Some(one) = filter.get(at) {
        at += 1;
        let jump = |holds: bool| usize::from(if holds { one.jt } else { one.jf });
        match one.code {
            LOAD => match call.word(one.k) {
                Some(word) => accumulator = word,
                None => return Verdict::Malformed,
            },
            AND => accumulator &= one.k,
            JUMP => match usize::try_from(one.k) {
                Ok(by) => at = at.saturating_add(by),
                Err(_) => return Verdict::Malformed,
            },
            JUMP_EQUAL => at += jump(accumulator == one.k),
            JUMP_GREATER => at += jump(accumulator > one.k),
            JUMP_GREATER_EQUAL => at += jump(accumulator >= one.k),
            RETURN => return meaning(one.k),
            _ => return Verdict::Malformed,
        }
    }
    Verdict::Malformed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    #[test]
    fn words_are_where_the_kernel_puts_them() {
        let call = Call { nr: 7, arch: 9, args: [0x1_0000_0002, 3, 4, 5, 6, 0x7_0000_0008] };
        let words: Vec<_> = (0..64).step_by(4).map(|offset| call.word(offset).unwrap()).collect();
        assert_eq!(words, [7, 9, 0, 0, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 8, 7]);
        assert_eq!(call.word(64), None);
        assert_eq!(call.word(18), None);
    }

    #[test]
    fn comparisons_jump_as_the_kernel_does() {
        let filter = [
            one(LOAD, 0, 0, 16),
            one(AND, 0, 0, 0xf0),
            one(JUMP_EQUAL, 0, 1, 0x10),
            one(RETURN, 0, 0, 0x7fff_0000),
            one(JUMP_GREATER_EQUAL, 1, 0, 0x30),
            one(RETURN, 0, 0, 0x8000_0000),
            one(JUMP_GREATER, 1, 0, 0x30),
            one(JUMP, 0, 0, 1),
            one(RETURN, 0, 0, 0x0005_0026),
            one(RETURN, 0, 0, 0x7ffc_0000),
        ];
        let say = |argument| verdict(&filter, &Call::native(0, [argument, 0, 0, 0, 0, 0]));
        assert_eq!(say(0x1f), Verdict::Allow);
        assert_eq!(say(0x2f), Verdict::Kill);
        assert_eq!(say(0x40), Verdict::Errno(38));
        assert_eq!(say(0x30), Verdict::Other(0x7ffc_0000));
        assert_eq!(verdict(&filter[..1], &Call::native(0, [0; 6])), Verdict::Malformed);
    }

    proptest! {
        #[test]
        fn any_program_ends(program in proptest::collection::vec((0_u16..0x60, any::<u8>(), any::<u8>(), any::<u32>()), 0..64)) {
            let program: Vec<_> = program.into_iter().map(|(code, jt, jf, k)| one(code, jt, jf, k)).collect();
            let _ = verdict(&program, &Call::native(1, [1; 6]));
        }
    }
}
