//! A private mount namespace in which a script's container is built: the host never sees one of its mounts, the
//! path to its root file system needs no rights on the way, and libcontainer finds no cgroup to meddle with.

use crate::linux::program::read_bounded;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use vnh1_sys::mounts;

/// Where the stage is set: every Linux with cgroups has this folder, and nothing else is expected in it.
const STAGE: &str = "/sys/fs/cgroup";
/// What the stage itself may hold: empty folders and files, on which others are mounted.
const STAGE_BYTES: u64 = 8 << 20;
/// Most entries of a root file system that are brought on stage one by one.
const MAX_ENTRIES: usize = 1000;
/// The cgroup path that libcontainer is given. Nothing stands behind it: the container's own cgroup is entered from
/// outside ([`crate::linux::cgroup`]).
pub const CGROUP: &str = "/";
/// Longest mount table that is read, in bytes.
const MAX_MOUNTS_BYTES: usize = 4 << 20;

/// Why the stage cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// No mount namespace.
    #[error("cannot make a mount namespace")]
    Namespace(#[source] io::Error),
    /// The root file system cannot be taken.
    #[error("cannot open the root file system {path}")]
    Take {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No memory file system at the place.
    #[error("cannot mount a stage at {STAGE}")]
    Mount(#[source] io::Error),
    /// The way back is barred.
    #[error("cannot leave the mount namespace of the stage")]
    Leave(#[source] io::Error),
    /// The root file system cannot be attached.
    #[error("cannot attach the root file system at {path}")]
    Attach {
        /// Where it should go.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A mount namespace of this process's own. Leave it with [`Stage::leave`].
#[derive(Debug)]
pub struct Stage {
    /// The mount namespace that this process came from; `None` if it was in one of its own before.
    home: Option<OwnedFd>,
    /// Whether something was mounted over the cgroups.
    covered: bool,
}

impl Stage {
    /// Enters a new mount namespace, unless this process is in one of its own already.
    ///
    /// # Errors
    /// [`StageError::Namespace`].
    pub fn enter(in_own_namespace: bool) -> Result<Self, StageError> {
        if in_own_namespace {
            return Ok(Self { home: None, covered: false });
        }
        let home = File::open("/proc/self/ns/mnt").map_err(StageError::Namespace)?;
        mounts::enter_private_namespace().map_err(StageError::Namespace)?;
        Ok(Self { home: Some(home.into()), covered: false })
    }

    /// Brings the tree at `root` on stage and tells where it stands there. From here on no cgroup is in sight.
    ///
    /// `needed` are names of folders that must be in it for mounts. Where one is missing, the root on stage is made of
    /// what lies in `root`, entry by entry, beside the missing ones: `root` itself is never written to.
    ///
    /// # Errors
    /// See [`StageError`].
    pub fn set(&mut self, root: &Path, needed: &[&str]) -> Result<PathBuf, StageError> {
        let take = |path: &Path, source| StageError::Take { path: path.to_path_buf(), source };
        let whole = needed.iter().all(|name| root.join(name).is_dir());
        let parts = if whole { vec![Part::read(root, PathBuf::new())] } else { Part::read_all(root) };
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>().map_err(|source| take(root, source))?;
        if self.home.is_some() {
            // In a namespace that an unprivileged user made, the mounts of the host are locked: there they stay, below.
            let _ = mounts::detach(Path::new(STAGE));
        }
        mounts::mount_memory(Path::new(STAGE), STAGE_BYTES).map_err(StageError::Mount)?;
        self.covered = true;
        let place = Path::new(STAGE).join("rootfs");
        let attach = |source| StageError::Attach { path: place.clone(), source };
        std::fs::create_dir(&place).map_err(attach)?;
        if !whole {
            mounts::mount_memory(&place, STAGE_BYTES).map_err(StageError::Mount)?;
        }
        parts.into_iter().try_for_each(|part| part.put(&place)).map_err(attach)?;
        for name in needed {
            match std::fs::create_dir(place.join(name)) {
                Err(source) if source.kind() != io::ErrorKind::AlreadyExists => return Err(attach(source)),
                _ => {}
            }
        }
        stand_in_for_cgroups().map_err(StageError::Mount)?;
        Ok(place)
    }

    /// Goes back to where this process came from. The container keeps its own copy of the stage's mounts until it has
    /// pivoted; nothing of it is left after that.
    ///
    /// # Errors
    /// [`StageError::Leave`].
    pub fn leave(self) -> Result<(), StageError> {
        // Root of a user namespace with a foreign mount namespace cannot go back; it takes the cover away instead.
        match self.home.as_ref().map(mounts::enter_namespace) {
            Some(Ok(())) => Ok(()),
            _ if self.covered => mounts::detach(Path::new(STAGE)).map_err(StageError::Leave),
            _ => Ok(()),
        }
    }
}

/// Something that lies in a root file system, on its way to the stage.
enum Part {
    /// A folder or a file, with all that is mounted below it, and its name; the root itself has none.
    Tree(OwnedFd, PathBuf, bool),
    /// A symbolic link and where it leads.
    Link(PathBuf, PathBuf),
}

impl Part {
    fn read(path: &Path, name: PathBuf) -> io::Result<Self> {
        let kind = std::fs::symlink_metadata(path)?.file_type();
        if kind.is_symlink() {
            return Ok(Self::Link(std::fs::read_link(path)?, name));
        }
        Ok(Self::Tree(mounts::clone_recursive(path)?, name, kind.is_dir()))
    }

    fn read_all(root: &Path) -> Vec<io::Result<Self>> {
        let entries = match std::fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) => return vec![Err(error)],
        };
        let read = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry?;
            Self::read(&entry.path(), PathBuf::from(entry.file_name()))
        };
        let mut parts: Vec<_> = entries.take(MAX_ENTRIES + 1).map(read).collect();
        if parts.len() > MAX_ENTRIES {
            let text = format!("it has more than {MAX_ENTRIES} entries and no folder dev; make one");
            parts.push(Err(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        parts
    }

    fn put(self, place: &Path) -> io::Result<()> {
        match self {
            Self::Link(target, name) => std::os::unix::fs::symlink(target, place.join(name)),
            Self::Tree(tree, name, _) if name.as_os_str().is_empty() => mounts::attach(tree, place),
            Self::Tree(tree, name, is_folder) => {
                let path = place.join(name);
                if is_folder {
                    std::fs::create_dir(&path)?
                } else {
                    drop(File::create_new(&path)?)
                }
                mounts::attach(tree, &path)
            }
        }
    }
}

/// libcgroups still reads the covered mounts of cgroup version 1 from the mount table and insists on writing a pid
/// into each: it finds /dev/null there.
fn stand_in_for_cgroups() -> io::Result<()> {
    let table = read_bounded(Path::new("/proc/self/mountinfo"), MAX_MOUNTS_BYTES)?;
    for point in covered(&String::from_utf8_lossy(&table)) {
        let folder = Path::new(point);
        std::fs::create_dir_all(folder)?;
        match std::os::unix::fs::symlink("/dev/null", folder.join("cgroup.procs")) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Mount points of cgroup version 1 below the stage.
fn covered(mountinfo: &str) -> impl Iterator<Item = &str> {
    mountinfo.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?;
        (after.starts_with("cgroup ") && point.starts_with(STAGE)).then_some(point)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_1_below_the_stage_is_covered() {
        let table = "1 0 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                     2 1 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                     3 1 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                     4 1 0:4 / /elsewhere rw - cgroup cgroup rw,pids\n";
        assert_eq!(covered(table).collect::<Vec<_>>(), ["/sys/fs/cgroup/memory"]);
    }
}
