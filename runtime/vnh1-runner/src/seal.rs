//! The seal: from here on the runner can open, make and reach nothing new. In the jail, just before the script.
//!
//! Invariant: a layer that the kernel has and that cannot be put in force ends the runner; a layer that the
//! kernel lacks is reported. (landlock(7), seccomp(2))

use crate::ending::Record;
use std::os::fd::AsRawFd;
use vnh1_sys::epoll::{Epoll, EpollError};
use vnh1_sys::landlock::{self, LandlockError};
use vnh1_sys::seccomp::{self, Threads};
use vnh1_sys::{descriptors, privileges};

/// The epoll's descriptor after the seal; 3 and 4 stay for what the runtime passes.
pub const EPOLL_FD: i32 = 7;

/// Why the seal does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Epoll(#[from] EpollError),
    #[error("cannot close what the script must not have: {0}")]
    Close(#[source] std::io::Error),
    #[error("cannot give up new privileges: {0}")]
    NoNewPrivileges(#[source] std::io::Error),
    #[error(transparent)]
    Landlock(#[from] LandlockError),
    #[error(
        "the kernel mapped the runner where a script could change it: start it with a bounded stack (ulimit -s 8192)"
    )]
    Unguarded,
    #[error("cannot put the run filter in force")]
    RunFilter(#[source] seccomp::Error),
}

/// Closes every descriptor but stdio and a new epoll.
pub fn close_descriptors() -> Result<Epoll, SealError> {
    let epoll = Epoll::new(EPOLL_FD)?;
    let kept = u32::try_from(std::os::fd::AsFd::as_fd(&epoll).as_raw_fd()).unwrap_or(u32::MAX);
    descriptors::close(3, kept.saturating_sub(1)).map_err(SealError::Close)?;
    descriptors::close(kept.saturating_add(1), u32::MAX).map_err(SealError::Close)?;
    Ok(epoll)
}

/// Landlock without any right, then the run filter. Neither can be lifted.
pub fn seal(record: &Record, jitless: bool) -> Result<(), SealError> {
    privileges::give_up_new_ones().map_err(SealError::NoNewPrivileges)?;
    match landlock::deny_all() {
        Ok(abi) => record.update(|ending| ending.landlock_abi = abi),
        Err(LandlockError::Absent(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let filter = vnh1_seccomp::to_bytes(vnh1_seccomp::run_filter(jitless));
    if !seccomp::own_code_is_guarded() {
        return Err(SealError::Unguarded);
    }
    seccomp::load(&filter, Threads::All).map_err(SealError::RunFilter)?;
    record.update(|ending| ending.sealed = true);
    Ok(())
}
