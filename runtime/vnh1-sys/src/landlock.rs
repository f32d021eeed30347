//! Landlock with no rights at all (landlock(7)). In the jail, last but one step before the script.
//!
//! Invariant: every right that the running kernel knows is handled, and no rule grants any of them back.

use std::io;

/// Why landlock is not in force.
#[derive(Debug, thiserror::Error)]
pub enum LandlockError {
    /// The kernel has none, or it is switched off.
    #[error("this kernel has no landlock: {0}")]
    Absent(#[source] io::Error),
    /// landlock_create_ruleset(2) failed.
    #[error("cannot make an empty landlock ruleset: {0}")]
    Create(#[source] io::Error),
    /// landlock_restrict_self(2) failed.
    #[error("cannot put the empty landlock ruleset in force: {0}")]
    Restrict(#[source] io::Error),
}

#[repr(C)]
struct Ruleset {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// Rights on files by the ABI that brought them: execute to make_sym, then refer, truncate, ioctl_dev.
const FS_BY_ABI: [(i64, u64); 4] = [(1, 0x1fff), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15)];
/// Binding and connecting TCP sockets.
const NET_BY_ABI: [(i64, u64); 1] = [(4, 0b11)];
/// Abstract unix sockets and signals to processes outside.
const SCOPES_BY_ABI: [(i64, u64); 1] = [(6, 0b11)];

const VERSION: u64 = 1;

/// The version of landlock's interface that this kernel offers.
///
/// # Errors
/// [`LandlockError::Absent`] where there is none.
pub fn abi() -> Result<u8, LandlockError> {
    // SAFETY: with a null ruleset of size 0 and the version flag, the call only returns a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Ruleset>(), 0_usize, VERSION) };
    match u8::try_from(version) {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(LandlockError::Absent(io::Error::last_os_error())),
    }
}

fn up_to(abi: u8, table: &[(i64, u64)]) -> u64 {
    table.iter().filter(|(since, _)| *since <= i64::from(abi)).fold(0, |all, (_, bits)| all | bits)
}

/// Takes every right that landlock knows from the calling thread, for ever. Needs no_new_privs. Returns the ABI.
///
/// # Errors
/// A kernel without landlock, or those of the two system calls.
pub fn deny_all() -> Result<u8, LandlockError> {
    let abi = abi()?;
    let ruleset = Ruleset {
        handled_access_fs: up_to(abi, &FS_BY_ABI),
        handled_access_net: up_to(abi, &NET_BY_ABI),
        scoped: up_to(abi, &SCOPES_BY_ABI),
    };
    // An older kernel takes the longer structure as long as the fields that it does not know are zero.
    // SAFETY: the pointer and the size are those of a complete, initialized structure.
    let fd = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, &raw const ruleset, std::mem::size_of::<Ruleset>(), 0_u64)
    };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(LandlockError::Create(io::Error::last_os_error()));
    }
    // SAFETY: `fd` is the ruleset just made; it belongs to this function, which closes it.
    let (result, error) = unsafe {
        let result = libc::syscall(libc::SYS_landlock_restrict_self, fd, 0_u64);
        let error = io::Error::last_os_error();
        libc::close(fd);
        (result, error)
    };
    if result == 0 { Ok(abi) } else { Err(LandlockError::Restrict(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_abi_handles_what_it_knows() {
        assert_eq!(up_to(1, &FS_BY_ABI), 0x1fff);
        assert_eq!(up_to(3, &FS_BY_ABI), 0x7fff);
        assert_eq!(up_to(7, &FS_BY_ABI), 0xffff);
        assert_eq!(up_to(3, &NET_BY_ABI), 0);
        assert_eq!(up_to(5, &SCOPES_BY_ABI), 0);
        assert_eq!(up_to(6, &SCOPES_BY_ABI), 3);
    }
}
