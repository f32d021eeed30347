//! Opening files below a folder without ever leaving it (openat2(2)). In the jail, before the seal.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// The folder that is the root of everything.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// Opens a folder as the root.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn open(path: &str) -> Result<Self, Errno> {
        rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map(Self)
    }

    /// Opens a file for reading; `..` and symbolic links end at the root.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn file(&self, path: &str) -> Result<OwnedFd, Errno> {
        let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        // O_NONBLOCK: a FIFO must not make the loader wait.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        rustix::fs::openat2(self.0.as_fd(), path, flags, Mode::empty(), how)
    }
}
