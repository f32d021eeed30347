//! Files signed by a process: a record lock that names its owner and goes when its owner does. Outside the jail.
//!
//! Record locks, not flock(2): a flock belongs to the open file, which the first process of a container inherits from
//! the runtime, so the runtime's lock would stay until the container starts. fcntl(2), "Advisory record locking".
//! The price: closing *any* descriptor of the file in the owner gives the lock up, so each file is opened once.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Signs the file with this process, waiting for whoever has signed it.
///
/// # Errors
/// `EBADF` if the file is not open for writing, `EDEADLK`, `ENOLCK`.
pub fn wait_and_sign(file: impl AsFd) -> io::Result<()> {
    loop {
        match set(&file, libc::F_SETLKW) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Signs the file with this process: [`signer`] names it until it closes the file or ends.
///
/// # Errors
/// `EAGAIN` if another process has signed it; `EBADF` if the file is not open for writing.
pub fn sign(file: impl AsFd) -> io::Result<()> {
    set(&file, libc::F_SETLK)
}

fn set(file: &impl AsFd, how: libc::c_int) -> io::Result<()> {
    let lock = whole_file(libc::F_WRLCK);
    // SAFETY: the descriptor is borrowed and open; the pointer is to a live flock structure.
    let done = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), how, &raw const lock) };
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
    use std::fs::OpenOptions;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    /// Another process is needed: a process never stands in its own way.
    const SIGNER: &str = "import fcntl, sys, time\n\
                          f = open(sys.argv[1], 'r+')\n\
                          fcntl.lockf(f, fcntl.LOCK_EX)\n\
                          print('signed', flush=True)\n\
                          time.sleep(60)\n";

    #[test]
    fn the_signer_is_named_until_it_ends() {
        let path = std::env::temp_dir().join(format!("vnh1-lock-{}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        assert_eq!(signer(&file).unwrap(), None);
        let mut other =
            Command::new("python3").arg("-c").arg(SIGNER).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(other.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(signer(&file).unwrap(), Some(other.id().cast_signed()));
        assert!(sign(&file).is_err());
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(signer(&file).unwrap(), None);
        wait_and_sign(&file).unwrap();
        std::fs::remove_file(path).unwrap();
    }
}
