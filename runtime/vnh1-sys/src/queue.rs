//! Signals to this process as something to wait for, beside a child's end. Outside the jail. signalfd(2).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The signals that a foreground runtime passes on to the container.
pub const FORWARDED: [i32; 7] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH];

/// Signals that wait in a queue from now on instead of acting.
#[derive(Debug)]
pub struct SignalQueue(OwnedFd);

/// What came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The watched descriptor is readable.
    Ready,
    /// This signal arrived.
    Signal(i32),
    /// Neither in time.
    TimedOut,
}

impl SignalQueue {
    /// Blocks `signals` and queues them. A child inherits the block: see [`crate::exec::unblock_signals`].
    ///
    /// # Errors
    /// What sigprocmask(2) or signalfd(2) return.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        // SAFETY: sigemptyset initialises the set before anything reads it; signalfd returns a new descriptor.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in signals {
                libc::sigaddset(&raw mut set, *signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(OwnedFd::from_raw_fd(fd))) }
        }
    }

    /// Waits for `watched` to be readable, a signal, or the end of `patience` (none: for ever).
    ///
    /// # Errors
    /// What poll(2) or read(2) return.
    pub fn wait(&self, watched: &[&dyn AsFdDyn], patience: Option<Duration>) -> io::Result<Woken> {
        let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
        let mut fds = vec![PollFd::new(&self.0, PollFlags::IN)];
        fds.extend(watched.iter().map(|fd| PollFd::from_borrowed_fd(fd.fd(), PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Ok(Woken::TimedOut),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(signal) = self.next()? {
            return Ok(Woken::Signal(signal));
        }
        Ok(Woken::Ready)
    }

    fn next(&self) -> io::Result<Option<i32>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is `size` bytes long and writable.
        let got = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if got < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
        }
        // SAFETY: all-zero bytes are a value of this plain structure, and the kernel wrote a whole one over them.
        let info = unsafe { info.assume_init() };
        Ok(i32::try_from(info.ssi_signo).ok().filter(|signal| *signal > 0))
    }
}

/// [`AsFd`] as an object.
pub trait AsFdDyn {
    /// The descriptor.
    fn fd(&self) -> std::os::fd::BorrowedFd<'_>;
}

impl<T: AsFd> AsFdDyn for T {
    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.as_fd()
    }
}
