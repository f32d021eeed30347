//! The descriptor table of the calling process. In the jail.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Closes every descriptor from `first` to `last`, both included (close_range(2)).
///
/// # Errors
/// Those of close_range(2).
pub fn close(first: u32, last: u32) -> std::io::Result<()> {
    // SAFETY: the callers own none of the descriptors in the range any more; nothing is read or written.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Takes over a descriptor that this process was started with.
///
/// # Errors
/// EBADF if it is not open.
pub fn inherited(fd: RawFd) -> std::io::Result<OwnedFd> {
    // SAFETY: F_GETFD only looks the number up.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: it is open, and by the agreement between runtime and runner nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
