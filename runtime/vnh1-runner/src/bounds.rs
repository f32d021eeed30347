//! The limits that the kernel enforces on the runner: timers, signals, resource limits. In the jail.
//!
//! Invariant: they are in force before V8 starts, and the run filter denies every call that could lift them.

use crate::ending::last_words;
use std::time::Duration;
use vnh1_spec::limits::EffectiveLimits;
use vnh1_spec::{ExitCode, Reason};
use vnh1_sys::rlimit::{self, Limited};
use vnh1_sys::{signal, timer};

/// V8's code range: reserved writable and executable once, before the script.
pub const CODE_RANGE_BYTES: usize = 128 << 20;
/// What the program itself and V8's tables need beyond the script's memory.
const OWN_BYTES: u64 = 24 << 20;
/// Stack that V8's and ICU's native code may use beyond the script's own limit.
const NATIVE_STACK_BYTES: u64 = 512 << 10;

/// Why a limit is not in force.
#[derive(Debug, thiserror::Error)]
pub enum BoundsError {
    #[error(transparent)]
    Signal(#[from] signal::SignalError),
    #[error(transparent)]
    Timer(#[from] timer::TimerError),
    #[error(transparent)]
    Rlimit(#[from] rlimit::RlimitError),
    #[error(
        "the stack may grow to {available} bytes only: lower stack_bytes below {stack_bytes} or raise RLIMIT_STACK"
    )]
    Stack { available: u64, stack_bytes: u64 },
}

/// Signals from outside end the runner even as pid 1 of a pid namespace, where the kernel's default does nothing.
pub fn end_on_signals() -> Result<(), BoundsError> {
    signal::own_stack()?;
    for number in signal::ENDING {
        let code = 128_u8.saturating_add(u8::try_from(number).unwrap_or(127));
        signal::end_on(number, last_words(Reason::Signal, code, &format!("it got signal {number}")).silent())?;
    }
    // The allocator of V8's archive stops at a breakpoint when the kernel gives no more memory.
    let gone = last_words(Reason::Memory, ExitCode::Killed.into(), "an allocation failed: its memory is used up");
    signal::end_on(signal::TRAP, gone)?;
    signal::ignore(signal::PIPE)?;
    signal::unblock_all()?;
    Ok(())
}

/// Arms the timers and sets the resource limits.
pub fn enforce(limits: &EffectiveLimits, jitless: bool) -> Result<(), BoundsError> {
    let time_limit = ExitCode::TimeLimit.into();
    if let Some(ms) = limits.wall_time_ms {
        let after = Duration::from_millis(ms);
        let why = format!("it ran longer than {}", human(after));
        signal::end_on(signal::WALL, last_words(Reason::WallTime, time_limit, &why))?;
        timer::wall(after)?;
    }
    if let Some(ms) = limits.cpu_time_ms {
        let after = Duration::from_millis(ms);
        let why = format!("it used more than {} of CPU time", human(after));
        for number in [signal::CPU, signal::CPU_SOFT] {
            signal::end_on(number, last_words(Reason::CpuTime, time_limit, &why))?;
        }
        timer::cpu(after)?;
        // The kernel's own kill, should the timer's signal ever not do: whole seconds, rounded up, and one more.
        rlimit::lower(Limited::CpuSeconds, ms.div_ceil(1000).saturating_add(1))?;
    }
    let code_range = if jitless { 0 } else { u64::try_from(CODE_RANGE_BYTES).unwrap_or(u64::MAX) };
    rlimit::lower(Limited::Data, limits.memory_bytes.saturating_add(code_range).saturating_add(OWN_BYTES))?;
    rlimit::lower(Limited::Descriptors, limits.descriptors)?;
    rlimit::lower(Limited::Core, 0)?;
    let wanted = limits.stack_bytes.saturating_add(NATIVE_STACK_BYTES);
    match rlimit::raise_stack(wanted) {
        Some(available) if available < wanted => Err(BoundsError::Stack { available, stack_bytes: limits.stack_bytes }),
        _ => Ok(()),
    }
}

/// `2 s`, `1.5 s`, `250 ms`.
fn human(time: Duration) -> String {
    let ms = time.as_millis();
    if ms < 1000 {
        return format!("{ms} ms");
    }
    let tenths = format!("{}.{:03}", ms / 1000, ms % 1000);
    format!("{} s", tenths.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        for (ms, text) in [(250, "250 ms"), (2000, "2 s"), (1500, "1.5 s"), (10_020, "10.02 s"), (100_000, "100 s")] {
            assert_eq!(human(Duration::from_millis(ms)), text);
        }
    }
}
