//! Waiting for descriptors and time (epoll(7)). In the jail.

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Why the waiting cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EpollError {
    /// epoll_create1(2) or moving its descriptor failed.
    #[error("cannot make an epoll descriptor: {0}")]
    Create(#[source] Errno),
    /// epoll_ctl(2) failed.
    #[error("cannot watch a descriptor: {0}")]
    Watch(#[source] Errno),
    /// epoll_wait(2) failed.
    #[error("cannot wait for descriptors: {0}")]
    Wait(#[source] Errno),
}

/// An epoll descriptor.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

impl Epoll {
    /// Makes one whose descriptor is at least `least`.
    ///
    /// # Errors
    /// Those of epoll_create1(2) and fcntl(2).
    pub fn new(least: i32) -> Result<Self, EpollError> {
        let fd = epoll::create(CreateFlags::CLOEXEC).map_err(EpollError::Create)?;
        fcntl_dupfd_cloexec(&fd, least).map(Self).map_err(EpollError::Create)
    }

    /// Begins to watch for something to read. False: this kind of file never makes one wait (EPERM).
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn watch(&self, fd: BorrowedFd<'_>, name: u64) -> Result<bool, EpollError> {
        match epoll::add(&self.0, fd, EventData::new_u64(name), EventFlags::IN) {
            Ok(()) | Err(Errno::EXIST) => Ok(true),
            Err(Errno::PERM) => Ok(false),
            Err(other) => Err(EpollError::Watch(other)),
        }
    }

    /// Ends what [`Epoll::watch`] began.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn forget(&self, fd: BorrowedFd<'_>) -> Result<(), EpollError> {
        epoll::delete(&self.0, fd).map_err(EpollError::Watch)
    }

    /// Waits for one event and gives its name; `None` when the time is over. Without a time it waits for ever.
    ///
    /// # Errors
    /// Those of epoll_pwait2(2), or epoll_wait(2) on older kernels.
    pub fn wait(&self, at_most: Option<Duration>) -> Result<Option<u64>, EpollError> {
        // epoll_wait(2) counts in whole milliseconds: a timer must not come early, so round up.
        let at_most = at_most.map(|time| {
            let ms = time.as_nanos().div_ceil(1_000_000);
            let ms = i64::try_from(ms).unwrap_or(i64::MAX).min(i64::from(i32::MAX));
            Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }
        });
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 1];
        match epoll::wait(&self.0, &mut events, at_most.as_ref()) {
            Ok(0) | Err(Errno::INTR) => Ok(None),
            Ok(_) => {
                let [event] = events;
                Ok(Some(event.data.u64()))
            }
            Err(other) => Err(EpollError::Wait(other)),
        }
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
