//! What is tried of each system call, and what must come of it. Outside the jail.
//!
//! Invariant: a call that is permitted with the arguments tried here neither blocks nor ends the attacker, except
//! exit_group. What must come of it is worked out from the compiled filters, whose verdicts stand for reading in
//! seccomp-profiles/golden/.

use crate::harness::Outcome;
use crate::orders::Stage;
use vnh1_seccomp::{Call, Verdict, launch_filter, run_filter, syscall_name, syscall_number, verdict};

/// Highest number that is tried; Linux 6.18 ends at 470.
pub const LAST: u32 = 470;
/// Bit that makes a number one of x32's table.
pub const X32: u32 = 0x4000_0000;
/// The code that the attacker ends with when it is exit_group's turn.
const OWN_END: u8 = 77;

const ENXIO: i64 = -6;
const SIGILL: i32 = 4;

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// When.
    pub stage: Stage,
    /// By `int 0x80` instead of `syscall`.
    pub int80: bool,
    /// Number.
    pub nr: u32,
    /// Arguments.
    pub args: [u64; 6],
}

/// What must come of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Dead at once, by the filter.
    Killed,
    /// The kernel carries it out, with whatever result.
    CarriedOut,
    /// The filter answers with this errno in the kernel's place.
    Refused(u16),
    /// It ends with this code, by itself.
    Ends(i32),
    /// The kernel shows it to no filter, and does nothing for whoever is not being probed.
    Harmless,
}

/// uretprobe and uprobe: whoever traces the machine plants them in programs, so newer kernels (6.14) let them pass
/// every filter (kernel/seccomp.c, `seccomp_uprobe_exception`). Called by hand, uretprobe is SIGILL and uprobe ENXIO.
const PAST_EVERY_FILTER: [u32; 2] = [335, 336];

/// Arguments that the filters compare, on both sides of each comparison: name and arguments.
const COMPARED: &[(&str, [u64; 6])] = &[
    ("read", [1, 0, 0, 0, 0, 0]),
    ("read", [0, 0, 0, 0, 0, 0]),
    ("write", [1, 0, 0, 0, 0, 0]),
    ("write", [2, 0, 0, 0, 0, 0]),
    ("write", [3, 0, 0, 0, 0, 0]),
    ("open", [0, 0o2_000_000, 0, 0, 0, 0]),
    ("open", [0, 0o1, 0, 0, 0, 0]),
    ("open", [0, 0o102, 0o600, 0, 0, 0]),
    ("poll", [0, 1, 0, 0, 0, 0]),
    ("mmap", [0, 4096, 3, 0x22, u64::MAX, 0]),
    ("mmap", [0, 4096, 5, 0x22, u64::MAX, 0]),
    ("mmap", [0, 4096, 7, 0x22, u64::MAX, 0]),
    ("mmap", [0, 4096, 3, 0x21, u64::MAX, 0]),
    ("mprotect", [0, 0, 3, 0, 0, 0]),
    ("mprotect", [0, 0, 4, 0, 0, 0]),
    ("mprotect", [0, 0, 7, 0, 0, 0]),
    ("mprotect", [0x7fff_0000_0000, 0, 7, 0, 0, 0]),
    ("madvise", [0, 0, 4, 0, 0, 0]),
    ("madvise", [0, 0, 8, 0, 0, 0]),
    ("madvise", [0, 0, 12, 0, 0, 0]),
    ("madvise", [0, 0, 100, 0, 0, 0]),
    ("ioctl", [0, 0x5401, 0, 0, 0, 0]),
    ("ioctl", [0, 0x5412, 0, 0, 0, 0]),
    ("ioctl", [0, 0x541c, 0, 0, 0, 0]),
    ("fcntl", [0, 0, 0, 0, 0, 0]),
    ("fcntl", [0, 1, 0, 0, 0, 0]),
    ("fcntl", [0, 3, 0, 0, 0, 0]),
    ("fcntl", [0, 8, 0, 0, 0, 0]),
    ("fcntl", [0, 1030, 0, 0, 0, 0]),
    ("prctl", [38, 1, 0, 0, 0, 0]),
    ("prctl", [4, 0, 0, 0, 0, 0]),
    ("prctl", [22, 2, 0, 0, 0, 0]),
    ("prctl", [35, 1, 0, 0, 0, 0]),
    ("prctl", [0x5356_4d41, 0, 0, 0, 0, 0]),
    ("prctl", [0x4155_5856, 0, 0, 0, 0, 0]),
    ("futex", [0, 128, 0, 0, 0, 0]),
    ("futex", [0, 129, 0, 0, 0, 0]),
    ("futex", [0, 6, 0, 0, 0, 0]),
    ("futex", [0, 134, 0, 0, 0, 0]),
    ("openat", [0, 0, 0o2_000_000, 0, 0, 0]),
    ("openat", [0, 0, 0o1, 0, 0, 0]),
    ("openat", [0, 0, 0o1000, 0, 0, 0]),
    ("openat", [0, 0, 0o20_200_002, 0, 0, 0]),
    ("epoll_pwait", [0, 0, 0, 0, 1, 8]),
    ("epoll_pwait2", [0, 0, 0, 0, 1, 8]),
    ("prlimit64", [0, 7, 0, 0, 0, 0]),
    ("prlimit64", [0, 7, 1, 0, 0, 0]),
    ("prlimit64", [1, 7, 0, 0, 0, 0]),
    ("seccomp", [1, 0, 0, 0, 0, 0]),
    ("seccomp", [1, 1, 0, 0, 0, 0]),
    ("seccomp", [1, 8, 0, 0, 0, 0]),
    ("execveat", [0, 0, 0, 0, 0, 0]),
    ("execveat", [0, 0, 0, 0, 0x1000, 0]),
    ("clone", [0x11, 0, 0, 0, 0, 0]),
    ("clone", [0x1000_0011, 0, 0, 0, 0, 0]),
];

/// Every attempt of one stage: each number with zeros and with ones, those whose arguments are compared with more,
/// and a few numbers of the other tables.
#[must_use]
pub fn all(stage: Stage) -> Vec<Probe> {
    let exit_group = syscall_number("exit_group");
    let mut probes = Vec::new();
    for nr in 0..=LAST {
        let probe = |args| Probe { stage, int80: false, nr, args };
        if Some(nr) == exit_group {
            probes.push(probe([u64::from(OWN_END), 0, 0, 0, 0, 0]));
            continue;
        }
        probes.push(probe([0; 6]));
        probes.push(probe([u64::MAX; 6]));
        let compared = COMPARED.iter().filter(|(name, _)| syscall_name(nr) == Some(*name));
        probes.extend(compared.map(|(_, args)| probe(*args)));
    }
    // x32: read, write, mmap, getpid, exit, and its own execve and ptrace; the bit alone; numbers from the sky.
    let others = [0, 1, 9, 39, 60, 520, 521, 0x3fff_ffff].map(|nr| nr | X32);
    let sky = [0x8000_0000, 0xffff_ffff, 0x1000, 0x7fff_ffff];
    probes.extend(others.into_iter().chain(sky).map(|nr| Probe { stage, int80: false, nr, args: [0; 6] }));
    // 32-bit x86: exit, fork, read, write, open, execve, getpid, mmap, clone, mprotect.
    let i386 = [1, 2, 3, 4, 5, 11, 20, 90, 120, 125];
    probes.extend(i386.map(|nr| Probe { stage, int80: true, nr, args: [0; 6] }));
    probes
}

impl Probe {
    /// The order for the attacker.
    #[must_use]
    pub fn orders(&self) -> Vec<String> {
        let stage = match self.stage {
            Stage::Launch => "launch",
            Stage::Run => "run",
            Stage::RunJitless => "run-jitless",
        };
        let by = if self.int80 { "int80" } else { "syscall" };
        let args = self.args.map(|arg| arg.to_string()).join(" ");
        vec![format!("stage={stage}"), format!("{by} {} {args}", self.nr)]
    }

    /// What the filters in force at this stage make of it. The strictest of them decides (seccomp(2)).
    #[must_use]
    pub fn expected(&self) -> Expected {
        const I386: u32 = 0x4000_0003;
        let mut call = Call::native(self.nr, self.args);
        if self.int80 {
            call.arch = I386;
        }
        if !self.int80 && PAST_EVERY_FILTER.contains(&self.nr) {
            return Expected::Harmless;
        }
        let mut verdicts = vec![verdict(launch_filter(), &call)];
        match self.stage {
            Stage::Launch => {}
            Stage::Run => verdicts.push(verdict(run_filter(false), &call)),
            Stage::RunJitless => verdicts.push(verdict(run_filter(true), &call)),
        }
        let mut errno = None;
        for verdict in verdicts {
            match verdict {
                Verdict::Allow => {}
                Verdict::Errno(number) => errno = Some(number),
                Verdict::Kill | Verdict::Other(_) | Verdict::Malformed => return Expected::Killed,
            }
        }
        match errno {
            Some(errno) => Expected::Refused(errno),
            None if syscall_name(self.nr) == Some("exit_group") => Expected::Ends(OWN_END.into()),
            None => Expected::CarriedOut,
        }
    }

    /// Says what is wrong with this outcome, if anything is.
    #[must_use]
    pub fn judge(&self, outcome: &Outcome) -> Option<String> {
        let expected = self.expected();
        let as_expected = match expected {
            Expected::Killed => outcome.was_killed() && outcome.said.is_empty(),
            Expected::CarriedOut => outcome.code == 0 && outcome.returned().is_some(),
            Expected::Refused(errno) => outcome.code == 0 && outcome.returned() == Some(-i64::from(errno)),
            Expected::Harmless => match outcome.code {
                0 => outcome.returned() == Some(ENXIO),
                code => outcome.said.is_empty() && (outcome.was_killed() || code == 128 + SIGILL),
            },
            Expected::Ends(code) => outcome.code == code && outcome.said.is_empty(),
        };
        let name = if self.int80 { "of 32-bit x86" } else { syscall_name(self.nr).unwrap_or("without a name") };
        (!as_expected).then(|| {
            format!(
                "{:?}: {} ({name}) with {:x?}: {expected:?} was expected, but code {}, said {:?}, complained {:?}",
                self.stage, self.nr, self.args, outcome.code, outcome.said, outcome.complained
            )
        })
    }
}
