//! From what the kernel and the runner say about an end to one code and one reason. Pure.

use vnh1_spec::limits::EffectiveLimits;
use vnh1_spec::{Ending, ExitCode, Reason};
use vnh1_sys::reap::{Ended, EndedBy};

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit code for the caller.
    pub(crate) code: u8,
    /// Why.
    pub(crate) reason: Reason,
}

/// Everything that is known about an end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// From the kernel.
    pub(crate) ended: Ended,
    /// From the runner, which may lie: it only explains a code that the kernel reported.
    pub(crate) ending: Option<Ending>,
    /// From the cgroup.
    pub(crate) out_of_memory_kills: u64,
    /// The runtime killed it because its wall clock limit was over.
    pub(crate) overran: bool,
    /// For a script.
    pub(crate) limits: Option<&'a EffectiveLimits>,
}

const SIGKILL: u8 = 9;
const SIGXCPU: u8 = 24;
const SIGSYS: u8 = 31;

impl Outcome {
    pub(crate) fn judge(evidence: &Evidence<'_>) -> Self {
        let time_limit = |reason| Self { code: ExitCode::TimeLimit.into(), reason };
        let code = evidence.ended.by.shell_code();
        match evidence.ended.by {
            EndedBy::Signal(SIGKILL) if evidence.overran => time_limit(Reason::WallTime),
            EndedBy::Signal(SIGKILL) if evidence.out_of_memory_kills > 0 => Self { code, reason: Reason::Memory },
            EndedBy::Signal(SIGKILL | SIGXCPU) if evidence.spent_its_cpu_time() => time_limit(Reason::CpuTime),
            EndedBy::Signal(SIGSYS) => Self { code, reason: Reason::Seccomp },
            EndedBy::Signal(_) => Self { code, reason: Reason::Signal },
            EndedBy::Code(_) => match evidence.ending {
                Some(Ending { reason: Some(reason), code: said, .. }) if said == code => Self { code, reason },
                _ => Self { code, reason: Reason::Exited },
            },
        }
    }
}

impl Evidence<'_> {
    fn spent_its_cpu_time(&self) -> bool {
        let limit = self.limits.and_then(|limits| limits.cpu_time_ms);
        limit.is_some_and(|limit| self.ended.cpu.as_millis() >= u128::from(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use vnh1_spec::Limits;

    fn judged(by: EndedBy, change: impl FnOnce(&mut Evidence<'_>)) -> (u8, Reason) {
        let ended = Ended { by, cpu: Duration::from_millis(10), peak_resident_bytes: 0 };
        let mut evidence = Evidence { ended, ending: None, out_of_memory_kills: 0, overran: false, limits: None };
        change(&mut evidence);
        let outcome = Outcome::judge(&evidence);
        (outcome.code, outcome.reason)
    }

    #[test]
    fn every_end_has_its_code_and_reason() {
        let says = |reason, code| Some(Ending { reason: Some(reason), code, ..Ending::default() });
        assert_eq!(judged(EndedBy::Code(0), |_| {}), (0, Reason::Exited));
        assert_eq!(judged(EndedBy::Code(1), |e| e.ending = says(Reason::Threw, 1)), (1, Reason::Threw));
        assert_eq!(judged(EndedBy::Code(124), |e| e.ending = says(Reason::WallTime, 124)), (124, Reason::WallTime));
        assert_eq!(judged(EndedBy::Code(137), |e| e.ending = says(Reason::Heap, 137)), (137, Reason::Heap));
        assert_eq!(judged(EndedBy::Signal(9), |_| {}), (137, Reason::Signal));
        assert_eq!(judged(EndedBy::Signal(9), |e| e.overran = true), (124, Reason::WallTime));
        assert_eq!(judged(EndedBy::Signal(9), |e| e.out_of_memory_kills = 1), (137, Reason::Memory));
        assert_eq!(judged(EndedBy::Signal(31), |_| {}), (159, Reason::Seccomp));
        assert_eq!(judged(EndedBy::Signal(15), |_| {}), (143, Reason::Signal));
        let limits = Limits { cpu_time_ms: Some(10), ..Limits::default() }.effective().unwrap();
        let over = |e: Evidence<'static>| Outcome::judge(&Evidence { limits: Some(&limits), ..e }).reason;
        let ended = Ended { by: EndedBy::Signal(9), cpu: Duration::from_millis(10), peak_resident_bytes: 0 };
        let evidence = Evidence { ended, ending: None, out_of_memory_kills: 0, overran: false, limits: None };
        assert_eq!(over(evidence), Reason::CpuTime);
    }

    #[test]
    fn a_note_that_does_not_fit_the_kernels_word_is_not_believed() {
        let lie = Some(Ending { reason: Some(Reason::WallTime), code: 124, ..Ending::default() });
        assert_eq!(judged(EndedBy::Code(0), |e| e.ending = lie), (0, Reason::Exited));
        assert_eq!(judged(EndedBy::Signal(31), |e| e.ending = lie), (159, Reason::Seccomp));
    }
}
