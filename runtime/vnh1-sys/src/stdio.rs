//! Reading stdin and writing stdout and stderr, whatever they are and however they were opened. In the jail.
//!
//! Invariant: a descriptor that somebody else set to O_NONBLOCK behaves like one that is not.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;

/// One of the three descriptors that every process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Descriptor 0.
    In,
    /// Descriptor 1.
    Out,
    /// Descriptor 2.
    Err,
}

impl Stdio {
    /// The descriptor. Where it is closed, each use of it fails with EBADF.
    #[must_use]
    pub fn fd(self) -> BorrowedFd<'static> {
        let raw = match self {
            Stdio::In => 0,
            Stdio::Out => 1,
            Stdio::Err => 2,
        };
        // SAFETY: nothing in this process closes or replaces 0, 1 or 2, so what they name stays the same.
        unsafe { BorrowedFd::borrow_raw(raw) }
    }
}

/// Writes everything, and waits where it must.
///
/// # Errors
/// Those of write(2), EPIPE among them; EAGAIN and EINTR are dealt with here.
pub fn write_all(to: Stdio, bytes: &[u8]) -> Result<(), Errno> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(to.fd(), rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // A failing poll shows again at the next write.
                let _ = poll(&mut [PollFd::new(&to.fd(), PollFlags::OUT)], None);
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// Reads what is there; 0 at the end; `None` if nothing is there yet.
///
/// # Errors
/// Those of read(2); EAGAIN and EINTR are `None`.
pub fn read(buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
    match rustix::io::read(Stdio::In.fd(), buffer) {
        Ok(count) => Ok(Some(count)),
        Err(Errno::INTR | Errno::AGAIN) => Ok(None),
        Err(other) => Err(other),
    }
}
