//! Which ids outside stand for root inside a container. Outside the jail. user_namespaces(7), subuid(5).
//!
//! Invariant: a container's root is never a privileged user of the host, and where ids are to be had it is not
//! the caller either.

use crate::linux::program::read_bounded;
use std::ffi::CString;
use std::io;
use std::path::Path;
use vnh1_sys::userns::{self, IdRange, MapTool, Mapping};

/// First of the host ids that a runtime with all ids gives to its containers, one after the other by pid. It lies
/// above what useradd, subuid(5) and systemd-nspawn give out by default.
pub const FIRST_CONTAINER_ID: u32 = 0x7000_0000;
/// How many there are.
pub const CONTAINER_IDS: u32 = 1 << 22;

/// Longest /etc/subuid, /etc/passwd or id map that is read, in bytes.
const MAX_TABLE_BYTES: usize = 4 << 20;
const TOOL_FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"];

/// How this process stands to the host's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Root with all ids: containers get ids that nobody else has.
    Root,
    /// Root in a user namespace that somebody made (podman rootless, or this runtime by [`become_root`]).
    Namespaced {
        /// An id in it that is not root's, for containers; 0 if there is only root's.
        container_id: u32,
    },
    /// Anybody else: [`become_root`] comes first.
    User,
}

/// How a user came to be root in a namespace of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rooted {
    /// With ranges of /etc/subuid and /etc/subgid.
    WithRanges,
    /// With the user's own id alone: the container runs under it.
    WithSingleId,
}

/// Why no user namespace is to be had.
#[derive(Debug, thiserror::Error)]
pub enum IdsError {
    /// A table of the system cannot be read.
    #[error("cannot read {0}")]
    Read(&'static str, #[source] io::Error),
    /// The kernel or the machine's owner says no.
    #[error(
        "cannot make a user namespace: run `vnh1-runtime doctor`; common causes are user.max_user_namespaces = 0, \
         AppArmor's restriction of unprivileged user namespaces, and a chroot"
    )]
    Enter(#[source] io::Error),
    /// The caller's supplementary groups stay.
    #[error("cannot drop the supplementary groups")]
    Groups(#[source] io::Error),
    /// A path with a NUL byte.
    #[error("a path holds a NUL byte")]
    Path(#[from] std::ffi::NulError),
}

/// Looks at this process's ids.
///
/// # Errors
/// If /proc/self/uid_map cannot be read.
pub fn privilege() -> Result<Privilege, IdsError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Privilege::User);
    }
    let read = |path| read_bounded(Path::new(path), MAX_TABLE_BYTES).map_err(|e| IdsError::Read(path, e));
    let uids = String::from_utf8_lossy(&read("/proc/self/uid_map")?).into_owned();
    let gids = String::from_utf8_lossy(&read("/proc/self/gid_map")?).into_owned();
    let last = highest(&uids).min(highest(&gids));
    if last >= FIRST_CONTAINER_ID + CONTAINER_IDS {
        return Ok(Privilege::Root);
    }
    let pid = std::process::id();
    Ok(Privilege::Namespaced { container_id: if last == 0 { 0 } else { 1 + pid % last } })
}

/// The id outside for a container's root.
#[must_use]
pub fn container_id(privilege: Privilege) -> u32 {
    match privilege {
        Privilege::Root => FIRST_CONTAINER_ID + std::process::id() % CONTAINER_IDS,
        Privilege::Namespaced { container_id } => container_id,
        Privilege::User => rustix::process::geteuid().as_raw(),
    }
}

/// Makes this unprivileged process root in new user and mount namespaces of its own.
///
/// # Errors
/// See [`IdsError`].
pub fn become_root() -> Result<Rooted, IdsError> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let single = Mapping::Single { uid, gid };
    match ranges(uid, gid)? {
        None => userns::enter(&single).map(|()| Rooted::WithSingleId).map_err(IdsError::Enter),
        Some(mapping) => {
            userns::enter(&mapping).map_err(IdsError::Enter)?;
            // The caller's groups shall give the container nothing. Only the tools' map leaves the right to drop them.
            rustix::thread::set_thread_groups(&[]).map_err(|error| IdsError::Groups(error.into()))?;
            Ok(Rooted::WithRanges)
        }
    }
}

/// The mapping that /etc/subuid and /etc/subgid allow, if both name this user and both tools are there.
///
/// # Errors
/// A table that is there but cannot be read.
pub fn ranges(uid: u32, gid: u32) -> Result<Option<Mapping>, IdsError> {
    let (Some(uid_tool), Some(gid_tool)) = (tool("newuidmap"), tool("newgidmap")) else { return Ok(None) };
    let name = table("/etc/passwd")?.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    let uids = first_range(&table("/etc/subuid")?, name.as_deref(), uid);
    let gids = first_range(&table("/etc/subgid")?, name.as_deref(), uid);
    let (Some(uids), Some(gids)) = (uids, gids) else { return Ok(None) };
    let map = |own, (outside, count)| {
        vec![IdRange { inside: 0, outside: own, count: 1 }, IdRange { inside: 1, outside, count }]
    };
    Ok(Some(Mapping::Ranges {
        uid: MapTool { path: CString::new(uid_tool)?, ranges: map(uid, uids) },
        gid: MapTool { path: CString::new(gid_tool)?, ranges: map(gid, gids) },
    }))
}

fn tool(name: &str) -> Option<String> {
    TOOL_FOLDERS.iter().map(|folder| format!("{folder}/{name}")).find(|path| Path::new(path).exists())
}

fn table(path: &'static str) -> Result<String, IdsError> {
    match read_bounded(Path::new(path), MAX_TABLE_BYTES) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(IdsError::Read(path, error)),
    }
}

/// First range of a table in the form of subuid(5) for this user, by name or by number.
fn first_range(table: &str, name: Option<&str>, uid: u32) -> Option<(u32, u32)> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let ours = Some(owner) == name || owner.parse() == Ok(uid);
        let start: u32 = fields.next()?.trim().parse().ok()?;
        let count: u32 = fields.next()?.trim().parse().ok()?;
        (ours && count > 0 && start > 0).then_some((start, count))
    })
}

/// Highest id that a map gives a meaning to, counted from the inside; 0 if there is only root's.
fn highest(map: &str) -> u32 {
    let last = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let inside: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.nth(1)?.parse().ok()?;
        Some(inside.saturating_add(count - 1))
    };
    map.lines().filter_map(last).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let table = "root:1:1\nada:100000:65536\n1001:200000:1000\nbroken\nada:300000:5\n";
        assert_eq!(first_range(table, Some("ada"), 1000), Some((100_000, 65_536)));
        assert_eq!(first_range(table, Some("bob"), 1001), Some((200_000, 1000)));
        assert_eq!(first_range(table, None, 1002), None);
    }

    #[test]
    fn the_highest_id_of_a_map() {
        assert_eq!(highest("         0          0 4294967295\n"), u32::MAX - 1);
        assert_eq!(highest("0 1000 1\n1 100000 65536\n"), 65_536);
        assert_eq!(highest("0 1000 1\n"), 0);
        assert_eq!(highest(""), 0);
    }
}
