//! Signals that end the process from a handler on its own stack (sigaction(2), sigaltstack(2)). In the jail.
//!
//! Invariant: no handler returns, and while one runs every other signal waits. So the script's code, wherever it
//! is caught (a loop, a regular expression, the collector), is not needed any more.

use crate::note::LastWords;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Size of the handlers' stack: enough for the largest register state that a processor saves there.
const STACK_BYTES: usize = 64 << 10;
const SIGNALS: usize = 65;

static LAST_WORDS: [AtomicPtr<LastWords>; SIGNALS] = [const { AtomicPtr::new(null_mut()) }; SIGNALS];

/// Why a handler is not in place.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// sigaltstack(2) failed.
    #[error("cannot set the stack of signal handlers: {0}")]
    Stack(#[source] io::Error),
    /// sigaction(2) failed.
    #[error("cannot set what signal {0} does: {1}")]
    Action(i32, #[source] io::Error),
}

/// The signals by which others ask a process to end.
pub const ENDING: [i32; 6] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];
/// The wall clock timer's signal.
pub const WALL: i32 = libc::SIGALRM;
/// The CPU timer's signal.
pub const CPU: i32 = libc::SIGPROF;
/// The soft RLIMIT_CPU's signal.
pub const CPU_SOFT: i32 = libc::SIGXCPU;
/// A breakpoint instruction.
pub const TRAP: i32 = libc::SIGTRAP;
/// Written to a pipe that nobody reads.
pub const PIPE: i32 = libc::SIGPIPE;

/// Gives handlers a stack of their own, for the calling thread.
///
/// # Errors
/// Those of sigaltstack(2).
pub fn own_stack() -> Result<(), SignalError> {
    let stack = Box::leak(vec![0_u8; STACK_BYTES].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: the memory is leaked, so it stays valid, and nothing else uses it.
    if unsafe { libc::sigaltstack(&raw const stack, null_mut()) } != 0 {
        return Err(SignalError::Stack(io::Error::last_os_error()));
    }
    Ok(())
}

/// From now on the signal ends the process with these last words.
///
/// # Errors
/// Those of sigaction(2).
pub fn end_on(signal: i32, words: LastWords) -> Result<(), SignalError> {
    let slot = usize::try_from(signal).ok().and_then(|n| LAST_WORDS.get(n));
    let slot = slot.ok_or_else(|| SignalError::Action(signal, io::ErrorKind::InvalidInput.into()))?;
    // What stood there is leaked: a handler may be reading it.
    slot.store(Box::into_raw(Box::new(words)), Ordering::Release);
    act(signal, on_signal as *const () as usize)
}

/// From now on the signal does nothing.
///
/// # Errors
/// Those of sigaction(2).
pub fn ignore(signal: i32) -> Result<(), SignalError> {
    act(signal, libc::SIG_IGN)
}

fn act(signal: i32, handler: usize) -> Result<(), SignalError> {
    // SAFETY: an all-zero sigaction is a valid value; sigfillset only writes into it.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigfillset(&raw mut action.sa_mask);
        action
    };
    // SAFETY: `action` is complete, and the handler touches nothing that is not async-signal-safe.
    if unsafe { libc::sigaction(signal, &raw const action, null_mut()) } != 0 {
        return Err(SignalError::Action(signal, io::Error::last_os_error()));
    }
    Ok(())
}

extern "C" fn on_signal(signal: i32) {
    let words = usize::try_from(signal).ok().and_then(|n| LAST_WORDS.get(n)).map(|slot| slot.load(Ordering::Acquire));
    match words {
        // SAFETY: `end_on` stores only pointers from Box::into_raw, and nothing ever frees them.
        Some(words) if !words.is_null() => unsafe { (*words).end() },
        _ => crate::note::end(128_u8.saturating_add(u8::try_from(signal).unwrap_or(127))),
    }
}

/// Lets every signal through, whatever the parent had blocked.
///
/// # Errors
/// Those of sigprocmask(2).
pub fn unblock_all() -> Result<(), SignalError> {
    // SAFETY: sigemptyset writes into the set it is given; sigprocmask only reads it.
    let result = unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, null_mut())
    };
    if result != 0 {
        return Err(SignalError::Action(0, io::Error::last_os_error()));
    }
    Ok(())
}
