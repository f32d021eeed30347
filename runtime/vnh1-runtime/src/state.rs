//! A container's folder and its state file.
//!
//! Invariant: the state file is always whole (written beside and renamed), and whoever changes a container holds the
//! lock of its folder. OCI runtime spec, runtime.md "State".

use crate::Failure;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use vnh1_backend::linux::create::{ALIVE, ENDING};
use vnh1_backend::linux::process::{self, Life};
use vnh1_backend::linux::program::read_bounded;
use vnh1_backend::linux::protections;
use vnh1_backend::{CgroupRecord, ProcessRecord};
use vnh1_spec::{ContainerId, Ending, Protections, Reason};
use vnh1_sys::lock;

const STATE: &str = "state.json";
const LOCK: &str = "lock";
/// Held by a foreground runtime for as long as it waits for its container.
const OWNER: &str = "owner";
/// Folders that are being made: `.new-<pid>-<id>`.
const UNBORN: &str = ".new-";
/// Longest state file that is read, in bytes.
const MAX_STATE_BYTES: usize = 16 << 20;
/// Longest ending that is read, in bytes.
const MAX_ENDING_BYTES: usize = 4096;

/// Why a container's state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("container {0} does not exist")]
    Missing(ContainerId),
    #[error("container with id {0} already exists")]
    Taken(ContainerId),
    #[error("cannot make the folder {0}")]
    Make(PathBuf, #[source] io::Error),
    #[error("cannot lock {0}")]
    Lock(PathBuf, #[source] io::Error),
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} is damaged; `vnh1-runtime delete --force` removes the container")]
    Damaged(PathBuf, #[source] serde_json::Error),
    #[error("cannot remove {0}")]
    Remove(PathBuf, #[source] io::Error),
    #[error("a random name could not be drawn")]
    Name(#[source] io::Error),
}

/// What is kept of a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// The caller's bundle.
    pub(crate) bundle: PathBuf,
    pub(crate) rootfs: PathBuf,
    /// RFC 3339.
    pub(crate) created: String,
    /// `js` or `native`.
    pub(crate) handler: String,
    pub(crate) annotations: HashMap<String, String>,
    /// `None` until the first process exists.
    pub(crate) process: Option<ProcessRecord>,
    pub(crate) cgroup: CgroupRecord,
    pub(crate) protections: Protections,
}

/// The states of the OCI runtime spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Creating,
    Created,
    Running,
    Stopped,
}

/// What `state` and `list` print.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    oci_version: &'static str,
    pub(crate) id: String,
    pub(crate) pid: i32,
    pub(crate) status: Status,
    pub(crate) bundle: PathBuf,
    rootfs: PathBuf,
    pub(crate) created: String,
    pub(crate) owner: String,
    annotations: HashMap<String, String>,
    handler: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    protections: Protections,
}

/// Version of the OCI runtime spec that this runtime follows.
pub(crate) const OCI_VERSION: &str = "1.2.0";

/// A container's folder, locked.
#[derive(Debug)]
pub(crate) struct ContainerDir {
    pub(crate) id: ContainerId,
    pub(crate) path: PathBuf,
    _lock: File,
}

impl ContainerDir {
    /// Makes the folder of a new container. It appears under its id at once and already locked.
    pub(crate) fn reserve(root: &Path, id: ContainerId) -> Result<Self, StateError> {
        let path = root.join(id.as_str());
        let unborn = root.join(format!("{UNBORN}{}-{id}", std::process::id()));
        let _ = fs::remove_dir_all(&unborn);
        DirBuilder::new().mode(0o700).create(&unborn).map_err(|e| StateError::Make(unborn.clone(), e))?;
        let reserved = lock_file(&unborn.join(LOCK)).and_then(|lock| match fs::rename(&unborn, &path) {
            Ok(()) => Ok(lock),
            Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty) => {
                Err(StateError::Taken(id.clone()))
            }
            Err(error) => Err(StateError::Make(path.clone(), error)),
        });
        match reserved {
            Ok(lock) => Ok(Self { id, path, _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir_all(&unborn);
                Err(error)
            }
        }
    }

    /// Locks the folder of an existing container, waiting for whoever works on it.
    pub(crate) fn open(root: &Path, id: ContainerId) -> Result<Self, StateError> {
        let path = root.join(id.as_str());
        if !path.is_dir() {
            return Err(StateError::Missing(id));
        }
        let lock = lock_file(&path.join(LOCK))?;
        // It may have been removed, and another made in its place, while this waited.
        if !path.join(LOCK).exists() {
            return Err(StateError::Missing(id));
        }
        Ok(Self { id, path, _lock: lock })
    }

    /// Marks this process as the one that waits for the container, for as long as the file is held.
    pub(crate) fn own(&self) -> Result<File, StateError> {
        lock_file(&self.path.join(OWNER))
    }

    /// Keeps the record, whole or not at all.
    pub(crate) fn save(&self, record: &Record) -> Result<(), StateError> {
        let path = self.path.join(STATE);
        let beside = self.path.join(".state.json");
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&beside)?;
            file.write_all(&serde_json::to_vec(record)?)?;
            fs::rename(&beside, &path)
        };
        write().map_err(|e| StateError::Write(path.clone(), e))
    }

    /// Removes the folder with everything in it.
    pub(crate) fn remove(self) -> Result<(), StateError> {
        // The name goes first and in one step, so that nobody finds half of a container.
        let gone = self.path.with_file_name(format!("{UNBORN}{}-gone-{}", std::process::id(), self.id));
        fs::rename(&self.path, &gone).map_err(|e| StateError::Remove(self.path.clone(), e))?;
        remove_tree(&gone)
    }

    /// The record; `None` if the runtime that made this folder died before it wrote one.
    pub(crate) fn record(&self) -> Result<Option<Record>, StateError> {
        read_record(&self.path)
    }
}

/// Removes a folder with everything in it. Others may be at the same work: what is gone is gone.
pub(crate) fn remove_tree(folder: &Path) -> Result<(), StateError> {
    loop {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder.exists() => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::Remove(folder.to_path_buf(), error));
            }
            _ => return Ok(()),
        }
    }
}

fn lock_file(path: &Path) -> Result<File, StateError> {
    let locked = || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        lock::wait_and_sign(&file)?;
        Ok(file)
    };
    locked().map_err(|e| StateError::Lock(path.to_path_buf(), e))
}

fn read_record(dir: &Path) -> Result<Option<Record>, StateError> {
    let path = dir.join(STATE);
    match read_bounded(&path, MAX_STATE_BYTES) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| StateError::Damaged(path, e)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::Read(path, error)),
    }
}

/// The record of a container, read without its lock: it is always whole.
pub(crate) fn load(root: &Path, id: &ContainerId) -> Result<Record, StateError> {
    let dir = root.join(id.as_str());
    if !dir.is_dir() {
        return Err(StateError::Missing(id.clone()));
    }
    read_record(&dir)?.ok_or_else(|| StateError::Missing(id.clone()))
}

/// The ids of all containers, sorted.
pub(crate) fn ids(root: &Path) -> Result<Vec<ContainerId>, StateError> {
    let entries = fs::read_dir(root).map_err(|e| StateError::Read(root.to_path_buf(), e))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut ids: Vec<_> = names
        .filter(|name| !name.starts_with('.'))
        .filter_map(|name| ContainerId::try_from(name.as_str()).ok())
        .collect();
    ids.sort();
    Ok(ids)
}

/// Folders that were never finished, or never quite removed, by runtimes that no longer live.
pub(crate) fn unborn(root: &Path) -> Result<Vec<PathBuf>, StateError> {
    let entries = fs::read_dir(root).map_err(|e| StateError::Read(root.to_path_buf(), e))?;
    let dead = |name: &str| {
        let maker = name.strip_prefix(UNBORN).and_then(|rest| rest.split('-').next()?.parse().ok());
        maker.is_some_and(|pid: i32| process::identify(pid).is_err())
    };
    Ok(entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(dead))
        .map(|entry| entry.path())
        .collect())
}

/// Whether nobody will ever come back to this container: its runtime died while it made it, or while it waited for it.
pub(crate) fn is_orphan(root: &Path, id: &ContainerId) -> bool {
    let dir = root.join(id.as_str());
    let signed = |name: &str| File::open(dir.join(name)).is_ok_and(|file| !matches!(lock::signer(&file), Ok(None)));
    if signed(LOCK) {
        return false;
    }
    let finished = matches!(read_record(&dir), Ok(Some(Record { process: Some(_), .. })));
    // A container of `create` has no owner: it is meant to be there once it is finished.
    if dir.join(OWNER).exists() { !signed(OWNER) } else { !finished }
}

/// The process that waits for `start` in a container, if one does. It is found even if nobody recorded it.
pub(crate) fn waiting_process(dir: &Path) -> Option<ProcessRecord> {
    let file = OpenOptions::new().read(true).write(true).open(dir.join(ALIVE)).ok()?;
    let pid = lock::signer(&file).ok()??;
    process::identify(pid).ok()
}

/// Waits until the process that waited for `start` has become its program, or has failed to: then its signature goes.
pub(crate) fn wait_until_gone(dir: &Path) -> Result<(), StateError> {
    lock_file(&dir.join(ALIVE)).map(drop)
}

/// What the runner said of its end, if it said anything.
pub(crate) fn ending(dir: &Path) -> Option<Ending> {
    Ending::decode(&read_bounded(&dir.join(ENDING), MAX_ENDING_BYTES).ok()?)
}

/// The status of a container, from what the kernel says now.
pub(crate) fn status(root: &Path, record: &Record) -> Status {
    let Some(process) = &record.process else { return Status::Creating };
    match process::life(process) {
        Life::Ended => Status::Stopped,
        Life::Alive if waiting_process(&root.join(&record.id)).is_some() => Status::Created,
        Life::Alive => Status::Running,
    }
}

/// What is told about a container.
pub(crate) fn show(root: &Path, record: Record) -> Shown {
    let status = status(root, &record);
    let ending = ending(&root.join(&record.id));
    let mut known = record.protections;
    if let Some(ending) = &ending {
        protections::add_seal(&mut known, ending.sealed, ending.landlock_abi);
    }
    let pid = record.process.filter(|_| status != Status::Stopped).map_or(0, |process| process.pid);
    Shown {
        oci_version: OCI_VERSION,
        id: record.id,
        pid,
        status,
        bundle: record.bundle,
        rootfs: record.rootfs,
        created: record.created,
        owner: owner(rustix::process::geteuid().as_raw()),
        annotations: record.annotations,
        handler: record.handler,
        reason: ending.filter(|_| status == Status::Stopped).and_then(|ending| ending.reason),
        protections: known,
    }
}

/// Name of a user, or the number where there is none.
fn owner(uid: u32) -> String {
    const MAX_PASSWD_BYTES: usize = 4 << 20;
    let table = read_bounded(Path::new("/etc/passwd"), MAX_PASSWD_BYTES).unwrap_or_default();
    let text = String::from_utf8_lossy(&table);
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| uid.to_string())
}

/// A name for a container that nobody named.
pub(crate) fn random_id(prefix: &str) -> Result<ContainerId, Failure> {
    let mut bytes = [0_u8; 6];
    let drawn = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    drawn.map_err(|e| StateError::Name(e.into()))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ContainerId::try_from(format!("{prefix}-{hex}").as_str())?)
}
