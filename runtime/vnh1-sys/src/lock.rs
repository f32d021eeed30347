//! Two kinds of locks on files, for two questions. Outside the jail.
//!
//! "Is a runtime at work on this container?": flock(2), tied to the open file, gone when its holder dies.
//! "Which process waits in this container?": fcntl(2) record lock, which names its owner.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Waits for the exclusive lock.
///
/// # Errors
/// What flock(2) returns.
pub fn exclusive(file: impl AsFd) -> io::Result<()> {
    loop {
        match flock(&file, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Takes the exclusive lock if nobody holds it; `false` if somebody does.
///
/// # Errors
/// What flock(2) returns, but for "somebody holds it".
pub fn try_exclusive(file: impl AsFd) -> io::Result<bool> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Signs the file with this process: [`signer`] names it until it closes the file or ends.
///
/// # Errors
/// `EAGAIN` if another process has signed it; `EBADF` if the file is not open for writing.
pub fn sign(file: impl AsFd) -> io::Result<()> {
    let lock = whole_file(libc::F_WRLCK);
    // SAFETY: the descriptor is borrowed and open; the pointer is to a live flock structure.
    let done = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_SETLK, &raw const lock) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The process that signed the file, as a pid of this pid namespace.
///
/// # Errors
/// What fcntl(2) returns.
pub fn signer(file: impl AsFd) -> io::Result<Option<i32>> {
    let mut lock = whole_file(libc::F_WRLCK);
    // SAFETY: the descriptor is borrowed and open; the pointer is to a live, writable flock structure.
    let done = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_GETLK, &raw mut lock) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((i32::from(lock.l_type) != libc::F_UNLCK && lock.l_pid > 0).then_some(lock.l_pid))
}

fn whole_file(kind: libc::c_int) -> libc::flock {
    // SAFETY: flock is plain data for which all-zero bytes are a value: the whole file from its start.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(kind).unwrap_or_default();
    lock
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_held_lock_is_seen_by_others() {
        let path = std::env::temp_dir().join(format!("vnh1-lock-{}", std::process::id()));
        let first = File::create(&path).unwrap();
        assert!(try_exclusive(&first).unwrap());
        let second = File::open(&path).unwrap();
        assert!(!try_exclusive(&second).unwrap());
        drop(first);
        assert!(try_exclusive(&second).unwrap());
        assert_eq!(signer(&second).unwrap(), None);
        std::fs::remove_file(path).unwrap();
    }
}
