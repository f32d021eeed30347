//! The cgroup of a script's container: memory and tasks, nothing else. Outside the jail. cgroups(7).
//!
//! Invariant: what is made here is recorded before anything enters it, and [`remove`] takes all of it away.

use crate::linux::program::read_bounded;
use crate::record::CgroupRecord;
use rustix::fs::{Mode, OFlags, open};
use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vnh1_spec::limits::EffectiveLimits;

/// Longest file of /proc or of a cgroup that is read, in bytes.
const MAX_FILE_BYTES: usize = 1 << 20;
/// How long [`remove`] waits for the kernel to let go of a process that has just ended.
const REMOVE_PATIENCE: Duration = Duration::from_secs(2);
/// Controllers that hold a script's limits.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
const UNIFIED: &str = "unified";

/// Why there is no cgroup. [`CgroupError::is_absence`] tells "there is none to be had" from a failure.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A table of the system cannot be read.
    #[error("cannot read {0}")]
    Read(&'static str, #[source] io::Error),
    /// Neither version has the controllers.
    #[error("this machine has no cgroup with the controllers memory and pids")]
    NoControllers,
    /// The caller may not make one.
    #[error("cannot make the cgroup {path}")]
    Make {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A limit was refused.
    #[error("cannot write {value} to {path}")]
    Limit {
        /// The file.
        path: PathBuf,
        /// The value.
        value: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process cannot be moved.
    #[error("cannot move this process into {path}")]
    Enter {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is still in use.
    #[error("cannot remove the cgroup {path}")]
    Remove {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl CgroupError {
    /// No cgroup is to be had here: rootless without delegation, a read-only tree, or none at all.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        let denied = |kind| matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
        match self {
            CgroupError::NoControllers => true,
            CgroupError::Make { source, .. } | CgroupError::Enter { source, .. } => denied(source.kind()),
            _ => false,
        }
    }
}

/// A hierarchy with a controller of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hierarchy {
    controller: &'static str,
    /// Where its part of the new cgroup is made.
    parent: PathBuf,
    /// Where this process is.
    own: PathBuf,
    /// The top of the tree that is in sight.
    top: PathBuf,
}

/// Makes the cgroup `name` below the one that this process is in (version 2: below the nearest one above it that
/// hands controllers down), with its limits set.
///
/// # Errors
/// See [`CgroupError`]; nothing is left behind.
pub fn make(name: &str, limits: &EffectiveLimits) -> Result<(CgroupRecord, Membership), CgroupError> {
    let hierarchies = hierarchies()?;
    let mut record = CgroupRecord::default();
    for hierarchy in &hierarchies {
        let path = hierarchy.parent.join(name);
        let made = fs::create_dir(&path).map_err(|source| CgroupError::Make { path: path.clone(), source });
        if made.is_ok() {
            record.folders.push((hierarchy.controller.to_owned(), path.clone()));
        }
        if let Err(error) = made.and_then(|()| set_limits(hierarchy.controller, &path, limits)) {
            let _ = remove(&record);
            return Err(error);
        }
    }
    match Membership::open(&hierarchies, &record) {
        Ok(membership) => Ok((record, membership)),
        Err(error) => {
            let _ = remove(&record);
            Err(error)
        }
    }
}

/// Takes a cgroup away. Its last process may still be on its way out: that is waited for.
///
/// # Errors
/// If it is still in use after two seconds.
pub fn remove(record: &CgroupRecord) -> Result<(), CgroupError> {
    let deadline = Instant::now() + REMOVE_PATIENCE;
    for (_, path) in &record.folders {
        let mut pause = Duration::from_micros(50);
        loop {
            match fs::remove_dir(path) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(20));
                }
                Err(source) => return Err(CgroupError::Remove { path: path.clone(), source }),
            }
        }
    }
    Ok(())
}

/// The folders of the cgroup `name` that exist now, for one whose record was lost.
#[must_use]
pub fn find(name: &str) -> CgroupRecord {
    let hierarchies = hierarchies().unwrap_or_default();
    let folders = hierarchies.iter().map(|hierarchy| (hierarchy.controller.to_owned(), hierarchy.parent.join(name)));
    CgroupRecord { folders: folders.filter(|(_, path)| path.exists()).collect() }
}

/// The folders that a cgroup path stands for in every hierarchy that is mounted, whether they exist or not.
#[must_use]
pub fn everywhere(path: &Path) -> CgroupRecord {
    let below = path.strip_prefix("/").unwrap_or(path);
    let table = read_text(Path::new("/proc/self/mountinfo")).unwrap_or_default();
    let folders = table.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let kind = after.split(' ').next()?;
        let point = before.split(' ').nth(4)?;
        let controller = Path::new(point).file_name()?.to_string_lossy().into_owned();
        let controller = if kind == "cgroup2" { UNIFIED.to_owned() } else { controller };
        kind.starts_with("cgroup").then(|| (controller, Path::new(point).join(below)))
    });
    // A path that leads nowhere but to the mount itself is none that may be removed.
    let safe =
        below.components().all(|part| matches!(part, std::path::Component::Normal(_))) && !below.as_os_str().is_empty();
    CgroupRecord { folders: if safe { folders.collect() } else { Vec::new() } }
}

/// Makes an empty cgroup and takes it away again; tells where.
///
/// # Errors
/// As [`make`].
pub fn rehearse() -> Result<String, CgroupError> {
    let hierarchies = hierarchies()?;
    let mut places = Vec::new();
    for hierarchy in &hierarchies {
        let path = hierarchy.parent.join(format!("vnh1-doctor-{}", std::process::id()));
        fs::create_dir(&path).map_err(|source| CgroupError::Make { path: path.clone(), source })?;
        fs::remove_dir(&path).map_err(|source| CgroupError::Remove { path: path.clone(), source })?;
        places.push(hierarchy.parent.display().to_string());
    }
    Ok(places.join(" and "))
}

/// What a container used, and whether the kernel killed in it for want of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Greatest memory charged to it, in bytes; 0 if the kernel does not tell.
    pub peak_memory_bytes: u64,
    /// Processes killed because the limit was reached.
    pub out_of_memory_kills: u64,
}

/// Reads the usage of a cgroup. What cannot be read counts as nothing.
#[must_use]
pub fn usage(record: &CgroupRecord) -> Usage {
    let memory = record.folders.iter().find(|(controller, _)| controller == "memory" || controller == UNIFIED);
    let Some((controller, path)) = memory else { return Usage::default() };
    let (peak, events) = if controller == UNIFIED {
        ("memory.peak", "memory.events")
    } else {
        ("memory.max_usage_in_bytes", "memory.oom_control")
    };
    let text = |file| read_text(&path.join(file)).unwrap_or_default();
    let kills = text(events).lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
    Usage { peak_memory_bytes: text(peak).trim().parse().unwrap_or(0), out_of_memory_kills: kills.unwrap_or(0) }
}

/// The doors of the new cgroup and of the old one, held open: the tree may be out of sight in between.
#[derive(Debug)]
pub struct Membership {
    doors: Vec<Door>,
}

#[derive(Debug)]
struct Door {
    path: PathBuf,
    into: OwnedFd,
    back: OwnedFd,
}

impl Membership {
    fn open(hierarchies: &[Hierarchy], record: &CgroupRecord) -> Result<Self, CgroupError> {
        let door = |controller: &str, folder: &Path| {
            // A process with one thread may move itself as a thread. Version 1 then needs no lock over all threads of
            // the machine, for which cgroup.procs waits a whole RCU grace period (4 to 14 ms, each way).
            let path = folder.join(if controller == UNIFIED { "cgroup.procs" } else { "tasks" });
            let opened = open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
            opened.map_err(|source| CgroupError::Enter { path, source: source.into() })
        };
        let mut doors = Vec::new();
        for (hierarchy, (_, path)) in hierarchies.iter().zip(&record.folders) {
            let (into, back) = (door(hierarchy.controller, path)?, door(hierarchy.controller, &hierarchy.own)?);
            doors.push(Door { path: path.clone(), into, back });
        }
        Ok(Self { doors })
    }

    /// Moves this process in; its children are born there.
    ///
    /// # Errors
    /// What the kernel says to the move.
    pub fn enter(&self) -> Result<(), CgroupError> {
        self.doors.iter().try_for_each(|door| walk(&door.into, &door.path))
    }

    /// Moves this process back to where it came from.
    ///
    /// # Errors
    /// What the kernel says to the move.
    pub fn leave(&self) -> Result<(), CgroupError> {
        self.doors.iter().try_for_each(|door| walk(&door.back, &door.path))
    }
}

fn walk(door: &OwnedFd, path: &Path) -> Result<(), CgroupError> {
    match rustix::io::write(door, b"0") {
        Ok(_) => Ok(()),
        Err(source) => Err(CgroupError::Enter { path: path.to_path_buf(), source: source.into() }),
    }
}

fn set_limits(controller: &str, path: &Path, limits: &EffectiveLimits) -> Result<(), CgroupError> {
    let memory = limits.memory_bytes.to_string();
    let pids = limits.pids.to_string();
    let must = |file: &str, value: &str| write(&path.join(file), value);
    // Swap is not counted on every kernel; where its file is there it is bounded too.
    let may = |file: &str, value: &str| if path.join(file).exists() { must(file, value) } else { Ok(()) };
    match controller {
        "memory" => {
            must("memory.limit_in_bytes", &memory)?;
            may("memory.memsw.limit_in_bytes", &memory)
        }
        "pids" => must("pids.max", &pids),
        _ => {
            must("memory.max", &memory)?;
            may("memory.swap.max", "0")?;
            must("pids.max", &pids)
        }
    }
}

fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    let written = fs::OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(value.as_bytes()));
    written.map_err(|source| CgroupError::Limit { path: path.to_path_buf(), value: value.to_owned(), source })
}

/// The hierarchies that hold our controllers: two of version 1, or the one of version 2.
fn hierarchies() -> Result<Vec<Hierarchy>, CgroupError> {
    let read = |path: &'static str| read_text(Path::new(path)).map_err(|source| CgroupError::Read(path, source));
    let found = locate(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?);
    match found.as_slice() {
        [one] if one.controller == UNIFIED => {
            // Version 2 lets no process sit beside children with controllers, so the place is mostly further up.
            let mut above = one.own.ancestors().take_while(|folder| folder.starts_with(&one.top));
            let parent =
                above.find(|folder| gives_controllers(folder)).ok_or(CgroupError::NoControllers)?.to_path_buf();
            Ok(vec![Hierarchy { parent, ..one.clone() }])
        }
        [_, _] => Ok(found),
        _ => Err(CgroupError::NoControllers),
    }
}

/// Whether a version 2 folder hands memory and tasks down to its children.
fn gives_controllers(folder: &Path) -> bool {
    let handed_down = read_text(&folder.join("cgroup.subtree_control")).unwrap_or_default();
    CONTROLLERS.iter().all(|controller| handed_down.split_whitespace().any(|word| word == *controller))
}

/// Pure part of [`hierarchies`]: from the texts of /proc/self/mountinfo and /proc/self/cgroup.
fn locate(mountinfo: &str, own: &str) -> Vec<Hierarchy> {
    let own_path = |controller: &str| {
        own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let number = fields.next()?;
            let controllers = fields.next()?;
            let path = fields.next()?;
            let ours =
                if controller == UNIFIED { number == "0" } else { controllers.split(',').any(|c| c == controller) };
            ours.then(|| path.to_owned())
        })
    };
    let mount_of = |controller: &str| {
        mountinfo.lines().rev().find_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut after = after.split(' ');
            let kind = after.next()?;
            let options = after.nth(1).unwrap_or_default();
            let ours = match controller {
                UNIFIED => kind == "cgroup2",
                _ => kind == "cgroup" && options.split(',').any(|option| option == controller),
            };
            let mut before = before.split(' ');
            let root = before.nth(3)?;
            let point = before.next()?;
            ours.then(|| (root.to_owned(), PathBuf::from(point)))
        })
    };
    let find = |controller: &'static str| {
        let (root, point) = mount_of(controller)?;
        let path = own_path(controller)?;
        let below = Path::new(&path).strip_prefix(&root).ok()?;
        let own = point.join(below);
        Some(Hierarchy { controller, parent: own.clone(), own, top: point })
    };
    let version_1: Vec<_> = CONTROLLERS.iter().filter_map(|controller| find(controller)).collect();
    if version_1.len() == CONTROLLERS.len() { version_1 } else { find(UNIFIED).into_iter().collect() }
}

fn read_text(path: &Path) -> io::Result<String> {
    read_bounded(path, MAX_FILE_BYTES).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1_MOUNTS: &str = "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                             31 25 0:27 / /sys/fs/cgroup/pids rw shared:7 - cgroup cgroup rw,pids\n\
                             32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn finds_both_hierarchies_of_version_1() {
        let own = "4:memory:/outer\n3:pids:/\n0::/\n";
        let found = locate(V1_MOUNTS, own);
        let paths: Vec<_> = found.iter().map(|h| (h.controller, h.own.to_str().unwrap())).collect();
        assert_eq!(paths, [("memory", "/sys/fs/cgroup/memory/outer"), ("pids", "/sys/fs/cgroup/pids/")]);
    }

    #[test]
    fn finds_version_2_and_minds_the_root_of_the_mount() {
        let mounts = "32 25 0:28 /pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = locate(mounts, "0::/pod/inner\n");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].controller, found[0].own.to_str().unwrap()), ("unified", "/sys/fs/cgroup/inner"));
        assert!(locate(mounts, "0::/elsewhere\n").is_empty(), "a mount that does not show this process is of no use");
        assert!(locate("", "").is_empty());
    }
}
