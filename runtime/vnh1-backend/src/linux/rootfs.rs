//! Looks into a root file system from outside without being led out of it. Outside the jail. openat2(2).

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, statat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// Folders of a root file system that libcontainer 0.7.0 writes into by path: it would follow a link there.
const GUARDED: [&str; 3] = ["dev", "proc", "sys"];

/// Why a root file system cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootfsError {
    /// Not there, or no folder.
    #[error("cannot open the root file system {path}")]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The image tries to lead the runtime somewhere else (the class of CVE-2026-41579).
    #[error(
        "root file system {path}: /{folder} is a symbolic link; refused, because mounts on the host would follow it"
    )]
    Link {
        /// Where.
        path: PathBuf,
        /// Which.
        folder: &'static str,
    },
    /// A mount has no place in the image, and none can be made.
    #[error("cannot make the mount point {place} in the root file system {root}")]
    MountPoint {
        /// Where in the container.
        place: PathBuf,
        /// The root file system.
        root: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A root file system, held open.
#[derive(Debug)]
pub struct Rootfs {
    path: PathBuf,
    folder: OwnedFd,
}

impl Rootfs {
    /// Opens the folder at `path` and refuses an image that sets traps for the runtime.
    ///
    /// # Errors
    /// See [`RootfsError`].
    pub fn open(path: &Path) -> Result<Self, RootfsError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, path, flags, Mode::empty())
            .map_err(|source| RootfsError::Open { path: path.to_path_buf(), source: source.into() })?;
        for guarded in GUARDED {
            let kind =
                statat(&folder, guarded, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode));
            if kind == Ok(FileType::Symlink) {
                return Err(RootfsError::Link { path: path.to_path_buf(), folder: guarded });
            }
        }
        Ok(Self { path: path.to_path_buf(), folder })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the place at which something will be mounted, if it is not there: a folder, or an empty file for a file.
    /// Whoever sets up the container may have no right to do so later.
    ///
    /// # Errors
    /// [`RootfsError::MountPoint`].
    pub fn make_mount_point(&self, place: &Path, source: Option<&Path>) -> Result<(), RootfsError> {
        let is_file = source.is_some_and(|source| source.is_absolute() && source.is_file());
        self.make_place(place, is_file).map_err(|source| RootfsError::MountPoint {
            place: place.to_path_buf(),
            root: self.path.clone(),
            source,
        })
    }

    fn make_place(&self, place: &Path, is_file: bool) -> io::Result<()> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        if openat2(&self.folder, place, flags, Mode::empty(), resolve).is_ok() {
            return Ok(());
        }
        let mut parent = openat2(&self.folder, "/", flags, Mode::empty(), resolve)?;
        let names: Vec<_> = place.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        for (index, name) in names.iter().enumerate() {
            let name = name.as_os_str();
            let last = index + 1 == names.len();
            // Existing links are followed inside the root; what is new is made below a folder held open.
            let so_far: PathBuf = names[..=index].iter().collect();
            if let Ok(found) = openat2(&self.folder, &so_far, flags, Mode::empty(), resolve) {
                parent = found;
            } else if last && is_file {
                let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                openat(&parent, name, create, Mode::from_raw_mode(0o444))?;
            } else {
                mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
                parent = openat(&parent, name, flags | OFlags::NOFOLLOW | OFlags::DIRECTORY, Mode::empty())?;
            }
        }
        Ok(())
    }

    /// Opens a regular file in it for reading; links are followed inside it as if it were `/`.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `ELOOP`; `EISDIR` or `EINVAL` for what is no regular file.
    pub fn open_file(&self, path: &str) -> io::Result<File> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        // Without NONBLOCK a FIFO in an image would hold the runtime until somebody writes.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = loop {
            match openat2(&self.folder, path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => break File::from(other?),
            }
        };
        let kind = file.metadata()?.file_type();
        match kind {
            kind if kind.is_file() => Ok(file),
            kind if kind.is_dir() => Err(Errno::ISDIR.into()),
            _ => Err(Errno::INVAL.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("vnh1-rootfs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn links_are_followed_inside_only() {
        let path = folder("links");
        std::fs::write(path.join("main.js"), "1").unwrap();
        symlink("/main.js", path.join("inside.js")).unwrap();
        symlink("../../../../../../../etc/hostname", path.join("outside.js")).unwrap();
        symlink("loop", path.join("loop")).unwrap();
        let root = Rootfs::open(&path).unwrap();
        assert!(root.open_file("/main.js").is_ok());
        assert!(root.open_file("inside.js").is_ok());
        for bad in ["outside.js", "/etc/hostname", "../etc/hostname", "loop", "/", "."] {
            assert!(root.open_file(bad).is_err(), "{bad}");
        }
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_link_at_dev_proc_or_sys_is_refused() {
        for guarded in GUARDED {
            let path = folder(guarded);
            symlink("/tmp", path.join(guarded)).unwrap();
            let error = Rootfs::open(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("/{guarded} is a symbolic link")), "{error}");
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}
