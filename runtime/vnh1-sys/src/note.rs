//! A few bytes of memory shared with a file outside the jail, and the last words of a process. In the jail.
//!
//! Invariant: everything here may run inside a signal handler, and is inlined into it ([`crate::bare`] says why): it
//! allocates nothing, takes no lock and never waits, not even for a full pipe (signal-safety(7)).

use crate::bare;
use rustix::mm::{MapFlags, ProtFlags};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

/// The shared bytes of this process; null until [`map`].
static SHARED: AtomicPtr<AtomicU8> = AtomicPtr::new(std::ptr::null_mut());

/// Most bytes of the line: a pipe that is ready takes so many without waiting (PIPE_BUF, pipe(7)).
const MAX_LINE_BYTES: usize = 4096;

/// How many bytes are shared.
pub const NOTE_BYTES: usize = 64;

/// Why the shared bytes could not be mapped.
#[derive(Debug, thiserror::Error)]
#[error("cannot map the ending's {NOTE_BYTES} bytes: {0}")]
pub struct MapError(#[from] rustix::io::Errno);

/// Maps the first [`NOTE_BYTES`] of a file for the rest of the process's life. The descriptor can be closed then.
///
/// # Errors
/// Those of mmap(2).
pub fn map(file: BorrowedFd<'_>) -> Result<(), MapError> {
    // SAFETY: a new mapping at an address of the kernel's choice aliases nothing. It is never unmapped.
    let start = unsafe {
        rustix::mm::mmap(
            std::ptr::null_mut(),
            NOTE_BYTES,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
            file,
            0,
        )
    }?;
    SHARED.store(start.cast(), Ordering::Release);
    Ok(())
}

/// Writes bytes into the shared memory, if there is any. What would stand beyond its end is left out.
#[inline(always)]
pub fn put(at: usize, bytes: &[u8]) {
    let start = SHARED.load(Ordering::Acquire);
    if start.is_null() {
        return;
    }
    for (byte, place) in bytes.iter().zip(at..NOTE_BYTES) {
        // SAFETY: `start` points to NOTE_BYTES mapped bytes that stay for ever; `place` is below that. Others
        // may write there at any time, hence the atomic. A file cut short would end the process by SIGBUS.
        unsafe { (*start.add(place)).store(*byte, Ordering::Relaxed) };
    }
}

/// How a process ends: what it leaves in the shared bytes, what it says and its exit code.
#[derive(Debug, Clone)]
pub struct LastWords {
    /// Where `note` stands in the shared bytes.
    pub at: usize,
    /// What to leave there.
    pub note: [u8; 2],
    /// One line for stderr, with its line feed; empty for none.
    pub line: Vec<u8>,
    /// The exit code.
    pub code: u8,
}

impl LastWords {
    /// The same end without the line.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.line.clear();
        self
    }

    /// Leaves the note, says the line and ends the process. Never waits: a stderr that takes nothing gets nothing.
    #[inline(always)]
    pub fn end(&self) -> ! {
        put(self.at, &self.note);
        if !self.line.is_empty() && bare::takes_output(2) {
            bare::write(2, self.line.as_ptr(), self.line.len().min(MAX_LINE_BYTES));
        }
        end(self.code)
    }
}

/// Ends the process at once, without teardown (exit_group(2)).
#[inline(always)]
pub fn end(code: u8) -> ! {
    bare::exit(code)
}
