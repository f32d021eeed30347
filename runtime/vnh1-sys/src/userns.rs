//! The user namespace that an unprivileged runtime makes for itself before it may mount. Outside the jail.
//! user_namespaces(7), newuidmap(1).

use crate::pidfd::Pidfd;
use crate::reap::{EndedBy, reap};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

/// A line of uid_map or gid_map: `count` ids from `inside` on stand for those from `outside` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// First id inside the namespace.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The program that writes a map with ranges that were given to this user, and its map.
#[derive(Debug, Clone)]
pub struct MapTool {
    /// Path of newuidmap(1) or newgidmap(1).
    pub path: CString,
    /// What it is to write.
    pub ranges: Vec<IdRange>,
}

/// How the maps of the new namespace come to be.
#[derive(Debug, Clone)]
pub enum Mapping {
    /// Only this user and group, as 0: every user may do that.
    Single {
        /// This user's id.
        uid: u32,
        /// This user's group.
        gid: u32,
    },
    /// Ranges from /etc/subuid and /etc/subgid, written by the set-user-id tools.
    Ranges {
        /// newuidmap(1) and its ranges.
        uid: MapTool,
        /// newgidmap(1) and its ranges.
        gid: MapTool,
    },
}

/// Moves this process into new user and mount namespaces, in which it is root, and makes all mounts private.
///
/// # Errors
/// `EPERM` or `ENOSPC` where the machine refuses user namespaces; what the map tools report.
pub fn enter(mapping: &Mapping) -> io::Result<()> {
    let writer = match mapping {
        Mapping::Single { .. } => None,
        Mapping::Ranges { uid, gid } => Some(MapWriter::start(uid, gid)?),
    };
    // SAFETY: the runtime has one thread, so no other shares its credentials or file system view.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS) }?;
    match (mapping, writer) {
        (_, Some(writer)) => writer.finish()?,
        (Mapping::Single { uid, gid }, None) => {
            std::fs::write("/proc/self/setgroups", "deny")?;
            std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
            std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
        }
        (Mapping::Ranges { .. }, None) => return Err(io::ErrorKind::Unsupported.into()),
    }
    crate::mounts::make_private()
}

/// Tries in a child whether a user namespace is to be had, and changes nothing here.
///
/// # Errors
/// What unshare(2) says: `EPERM` also in a chroot(2), `ENOSPC` beyond user.max_user_namespaces.
pub fn rehearse() -> io::Result<()> {
    // SAFETY: the process has one thread; the child makes one system call and leaves by _exit.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid == 0 {
        // SAFETY: as above; the number of an error fits into an exit code.
        unsafe {
            let error = unshare_unsafe(UnshareFlags::NEWUSER).err().map_or(0, rustix::io::Errno::raw_os_error);
            libc::_exit(error)
        };
    }
    match reap(pid)?.by {
        EndedBy::Code(0) => Ok(()),
        EndedBy::Code(number) => Err(io::Error::from_raw_os_error(number.into())),
        EndedBy::Signal(_) => Err(io::Error::other("the child that tried was killed")),
    }
}

/// A child that stays in the old namespace and writes the maps from there.
struct MapWriter {
    pid: i32,
    go: OwnedFd,
}

impl MapWriter {
    fn start(uid: &MapTool, gid: &MapTool) -> io::Result<Self> {
        let parent = rustix::process::getpid().as_raw_nonzero().get();
        let uid_args = arguments(uid, parent)?;
        let gid_args = arguments(gid, parent)?;
        let watched = Pidfd::myself()?;
        let (wait, go) = pipe_with(PipeFlags::CLOEXEC)?;
        // SAFETY: the process has one thread, so the child may run ordinary code; it leaves by exec or _exit only.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            drop(go);
            let told = rustix::io::read(&wait, &mut [0_u8; 1]);
            let alive = !watched.has_ended(std::time::Duration::ZERO).unwrap_or(true);
            let done = matches!(told, Ok(1)) && alive && run(&uid.path, &uid_args) && run(&gid.path, &gid_args);
            // SAFETY: _exit leaves without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!done)) };
        }
        Ok(Self { pid, go })
    }

    fn finish(self) -> io::Result<()> {
        rustix::io::write(&self.go, b"x")?;
        drop(self.go);
        match reap(self.pid)?.by {
            EndedBy::Code(0) => Ok(()),
            _ => Err(io::Error::other("newuidmap or newgidmap refused the id ranges of /etc/subuid and /etc/subgid")),
        }
    }
}

fn arguments(tool: &MapTool, pid: i32) -> io::Result<Vec<CString>> {
    let mut args = vec![tool.path.clone(), CString::new(pid.to_string())?];
    for range in &tool.ranges {
        for number in [range.inside, range.outside, range.count] {
            args.push(CString::new(number.to_string())?);
        }
    }
    Ok(args)
}

/// Runs one tool with an empty environment and tells whether it succeeded.
fn run(path: &CStr, args: &[CString]) -> bool {
    let args: Vec<&CStr> = args.iter().map(CString::as_c_str).collect();
    // SAFETY: as in `start`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let _ = crate::exec::execve(path, &args, &[]);
        // SAFETY: as in `start`.
        unsafe { libc::_exit(127) };
    }
    pid > 0 && matches!(reap(pid), Ok(ended) if ended.by == EndedBy::Code(0))
}
