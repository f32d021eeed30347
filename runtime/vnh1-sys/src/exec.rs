//! Becoming another program by descriptor, with exactly the descriptors and the environment that are meant.
//! The last step on the way into the jail. execveat(2).

use std::ffi::{CStr, c_char};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::ptr;

/// Replaces this process by the program that `program` holds open. Returns only if that failed.
#[must_use]
pub fn execveat(program: BorrowedFd<'_>, args: &[&CStr], env: &[&CStr]) -> io::Error {
    let args = pointers(args);
    let env = pointers(env);
    // SAFETY: both arrays end with a null pointer and point to NUL-terminated texts that outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            args.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}

/// Replaces this process by the program at `path`. Returns only if that failed.
#[must_use]
pub fn execve(path: &CStr, args: &[&CStr], env: &[&CStr]) -> io::Error {
    let args = pointers(args);
    let env = pointers(env);
    // SAFETY: as above.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

fn pointers(texts: &[&CStr]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

/// Leaves exactly these descriptors open across the next exec: `wanted[i].1` under the number `wanted[i].0`.
/// 0, 1 and 2 stay as they are; everything else is marked close-on-exec first.
///
/// # Errors
/// What fcntl(2), dup3(2) or close_range(2) return.
pub fn arrange_descriptors(wanted: &[(RawFd, BorrowedFd<'_>)]) -> io::Result<()> {
    let above = wanted.iter().map(|(number, _)| number + 1).max().unwrap_or(3).max(3);
    // SAFETY: close_range with CLOEXEC closes nothing now; it only sets a flag.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) })?;
    // A source may sit on a number that is wanted for another: move all of them out of the way first.
    let mut moved = Vec::with_capacity(wanted.len());
    for (number, source) in wanted {
        // SAFETY: the source is borrowed and open; F_DUPFD_CLOEXEC makes a new descriptor.
        let copy = unsafe { libc::fcntl(source.as_raw_fd(), libc::F_DUPFD_CLOEXEC, above) };
        check(copy.into())?;
        moved.push((*number, copy));
    }
    for (number, copy) in moved {
        // SAFETY: whatever the number held is meant to be replaced: this process is about to become another.
        check(unsafe { libc::dup3(copy, number, 0) }.into())?;
    }
    Ok(())
}

/// Lets all signals through: what was blocked for a wait must not be blocked in the program that follows.
pub fn unblock_signals() {
    // SAFETY: sigemptyset initialises the set before it is used.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// The number of a descriptor, for messages.
#[must_use]
pub fn number(fd: impl AsFd) -> RawFd {
    fd.as_fd().as_raw_fd()
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
