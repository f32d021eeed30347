//! The runner as a program held open, out of reach of what runs in it (CVE-2019-5736). Outside the jail.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use vnh1_sys::mounts;

/// Name of the runner's file, beside the runtime's.
pub const RUNNER: &str = "vnh1-runner";

/// Why the runner cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The runtime does not know where it stands itself.
    #[error("cannot find the folder of this program through /proc/self/exe")]
    OwnPath(#[source] io::Error),
    /// It is not beside the runtime.
    #[error("cannot open the runner {path}: it belongs beside vnh1-runtime; install both into one folder")]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be opened.
        #[source]
        source: io::Error,
    },
    /// The kernel does not let its folder be held read-only.
    #[error("cannot hold the folder {path} read-only (open_tree, mount_setattr; Linux 5.12 or newer is needed)")]
    Clone {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The folder of this program.
///
/// # Errors
/// If /proc is not mounted.
pub fn own_folder() -> Result<PathBuf, ProgramError> {
    let exe = std::fs::read_link("/proc/self/exe").map_err(ProgramError::OwnPath)?;
    Ok(exe.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// Opens the runner through a detached, read-only copy of its folder's mount: whoever is root in the container
/// and reaches it as /proc/self/exe finds a read-only file system, while its pages stay shared.
///
/// # Errors
/// See [`ProgramError`].
pub fn open_runner(folder: &Path) -> Result<OwnedFd, ProgramError> {
    let clone =
        mounts::read_only_clone(folder).map_err(|source| ProgramError::Clone { path: folder.to_path_buf(), source })?;
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC | rustix::fs::OFlags::NOFOLLOW;
    let opened = rustix::fs::openat(&clone, RUNNER, flags, rustix::fs::Mode::empty());
    opened.map_err(|source| ProgramError::Open { path: folder.join(RUNNER), source: source.into() })
}

/// Reads a small file whole, but never more than `limit` bytes.
///
/// # Errors
/// What open(2) and read(2) return; `InvalidData` for a longer file.
pub fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let text = format!("{} is longer than {limit} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(bytes)
}
