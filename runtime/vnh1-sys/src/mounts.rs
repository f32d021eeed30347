//! Mount trees of the runtime's own: what `create` builds is never seen by the host. Outside the jail.
//! open_tree(2), mount_setattr(2), move_mount(2).

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change, move_mount,
    open_tree, unmount,
};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

const ATTR_RDONLY: u64 = 0x1;
const ATTR_NOSUID: u64 = 0x2;
const ATTR_NODEV: u64 = 0x4;
const ATTR_NOEXEC: u64 = 0x8;

/// A detached copy of the mount at `dir`, read-only, without set-user-id and devices. What is opened in it
/// cannot be written through /proc/self/exe (CVE-2019-5736).
///
/// # Errors
/// `EPERM` without the right to mount, `ENOENT`, `ENOSYS` before Linux 5.12.
pub fn read_only_clone(dir: &Path) -> io::Result<OwnedFd> {
    let tree = clone(dir, false)?;
    set_attributes(&tree, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV)?;
    Ok(tree)
}

/// Takes writing, programs, devices and set-user-id from the mount at `place` and all below it.
///
/// # Errors
/// `EPERM` without the right to mount.
pub fn tighten(place: &Path) -> io::Result<()> {
    let tree = open_tree(CWD, place, OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    set_attributes(&tree, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC)
}

/// Lets the one mount at `place` be written to again.
///
/// # Errors
/// `EPERM` without the right to mount, `EINVAL` if nothing is mounted there.
pub fn allow_writing(place: &Path) -> io::Result<()> {
    let tree = open_tree(CWD, place, OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    change_attributes(&tree, 0, ATTR_RDONLY, 0)
}

/// A detached copy of the mount at `dir` with everything that is mounted below it.
///
/// # Errors
/// As [`read_only_clone`].
pub fn clone_recursive(dir: &Path) -> io::Result<OwnedFd> {
    clone(dir, true)
}

fn clone(dir: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(open_tree(CWD, dir, flags)?)
}

fn set_attributes(tree: &OwnedFd, set: u64) -> io::Result<()> {
    change_attributes(tree, set, 0, libc::AT_RECURSIVE)
}

fn change_attributes(tree: &OwnedFd, set: u64, clear: u64, recursive: libc::c_int) -> io::Result<()> {
    let attr = MountAttr { set, clear, propagation: 0, userns: 0 };
    // SAFETY: the structure is the first version of the kernel's `struct mount_attr`, and its size is passed.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Moves this process into a mount namespace of its own from which nothing spreads to the host.
///
/// # Errors
/// `EPERM` without the right to mount.
pub fn enter_private_namespace() -> io::Result<()> {
    // SAFETY: the runtime has one thread; a new mount namespace changes no descriptor that is already open.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    make_private()
}

/// Moves this process into the mount namespace that `namespace` (/proc/PID/ns/mnt) holds open.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` in it.
pub fn enter_namespace(namespace: impl AsFd) -> io::Result<()> {
    let kind = Some(rustix::thread::LinkNameSpaceType::Mount);
    Ok(rustix::thread::move_into_link_name_space(namespace.as_fd(), kind)?)
}

/// Lets nothing spread from the mounts of this namespace, and nothing in.
///
/// # Errors
/// What mount(2) returns.
pub fn make_private() -> io::Result<()> {
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

/// Mounts an empty file system in memory at `dir`, of `bytes` at most.
///
/// # Errors
/// What mount(2) returns.
pub fn mount_memory(dir: &Path, bytes: u64) -> io::Result<()> {
    let data = std::ffi::CString::new(format!("mode=0755,size={bytes}"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(mount("tmpfs", dir, "tmpfs", flags, Some(data.as_c_str()))?)
}

/// Attaches a detached tree at `dir`.
///
/// # Errors
/// What move_mount(2) returns.
pub fn attach(tree: impl AsFd, dir: &Path) -> io::Result<()> {
    Ok(move_mount(tree, "", CWD, dir, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Takes away the mount at `dir` and all below it, at once even if something is in use.
///
/// # Errors
/// What umount2(2) returns.
pub fn detach(dir: &Path) -> io::Result<()> {
    Ok(unmount(dir, UnmountFlags::DETACH)?)
}
