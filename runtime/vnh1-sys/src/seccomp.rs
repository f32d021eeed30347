//! Seccomp filters: putting one in force, and asking whether any is. Used on both sides of the wall.
//!
//! Invariant: a filter that was loaded is never lifted; the kernel has no call for it (seccomp(2)).

use std::io;

/// Why the kernel did not take a filter.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is 1 to 4096 instructions long.
    #[error("a seccomp filter of {0} instructions: the kernel takes 1 to 4096")]
    Length(usize),
    /// The kernel refused. EACCES: neither no_new_privs nor `CAP_SYS_ADMIN`; EINVAL: not a valid program, or a kernel
    /// without `CONFIG_SECCOMP_FILTER`; ENOMEM: more than 32768 instructions in all filters together.
    #[error("cannot load a seccomp filter of {length} instructions")]
    Load {
        /// Instructions of the program.
        length: usize,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Another thread cannot take the filter over.
    #[error("cannot load a seccomp filter: the thread {0} has another one")]
    Thread(i64),
    /// The state cannot be read.
    #[error("cannot ask whether a seccomp filter is in force")]
    Mode(#[source] io::Error),
}

/// Which threads a filter is put in force for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The caller, and what it starts or executes from now on.
    This,
    /// Every thread of the process at once, or none (`SECCOMP_FILTER_FLAG_TSYNC`).
    All,
}

/// What is in force for the calling thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No filter.
    Disabled,
    /// The old strict mode.
    Strict,
    /// One filter or more.
    Filter,
}

/// Puts a filter in force, on top of those that are.
///
/// Each instruction is given as its eight bytes in memory (`struct sock_filter`, linux/filter.h), which
/// `vnh1_seccomp::to_bytes` makes: so neither crate needs a type of the other. It does not set no_new_privs:
/// without that the kernel demands `CAP_SYS_ADMIN` in the caller's user namespace.
///
/// # Errors
/// [`Error::Length`], [`Error::Load`], [`Error::Thread`]; then no filter was added anywhere.
pub fn load(program: &[[u8; 8]], threads: Threads) -> Result<(), Error> {
    let length = program.len();
    let len = u16::try_from(length).ok().filter(|len| (1..=4096).contains(len)).ok_or(Error::Length(length))?;
    let prog = libc::sock_fprog { len, filter: program.as_ptr().cast_mut().cast() };
    let flags = match threads {
        Threads::This => 0,
        Threads::All => libc::SECCOMP_FILTER_FLAG_TSYNC,
    };
    // SAFETY: SECCOMP_SET_MODE_FILTER reads the sock_fprog and `len` instructions of 8 bytes behind its pointer and
    // writes nothing: both live until the call returns, and `program` is `len` times 8 bytes. The kernel copies them,
    // so their alignment does not matter.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const prog) };
    match result {
        0 => Ok(()),
        thread if thread > 0 => Err(Error::Thread(thread)),
        _ => Err(Error::Load { length, source: io::Error::last_os_error() }),
    }
}

/// What is in force for the calling thread (`PR_GET_SECCOMP`). A filter that does not permit this call kills.
///
/// # Errors
/// [`Error::Mode`] if the kernel knows no seccomp at all.
pub fn mode() -> Result<Mode, Error> {
    // SAFETY: PR_GET_SECCOMP takes no further argument and touches no memory of the caller.
    match unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) } {
        0 => Ok(Mode::Disabled),
        1 => Ok(Mode::Strict),
        2 => Ok(Mode::Filter),
        _ => Err(Error::Mode(io::Error::last_os_error())),
    }
}

/// Whether the kernel knows filters with the action "kill the process" (Linux 4.14), without changing anything.
#[must_use]
pub fn can_kill_process() -> bool {
    let action = libc::SECCOMP_RET_KILL_PROCESS;
    // SAFETY: SECCOMP_GET_ACTION_AVAIL reads one u32 behind the pointer, which lives until the call returns.
    unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) == 0 }
}

/// The lowest address at which the run filter makes nothing executable any more; V8 asks for memory below it
/// (seccomp-profiles/run.json, section jit).
const GUARDED: usize = 1 << 46;

/// Whether the code of this program, and with it the handlers that end it at its time limits, lies where the run
/// filter lets nobody make memory executable. The kernel maps a static-pie there unless RLIMIT_STACK was unlimited
/// when it was executed.
#[must_use]
pub fn own_code_is_guarded() -> bool {
    let end: fn(u8) -> ! = crate::note::end;
    end as usize >= GUARDED
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ld [0]; ret ALLOW`
    fn allow_all() -> Vec<[u8; 8]> {
        let instruction = |code: u16, k: u32| {
            let ([a, b], [c, d, e, f]) = (code.to_ne_bytes(), k.to_ne_bytes());
            [a, b, 0, 0, c, d, e, f]
        };
        vec![instruction(0x20, 0), instruction(0x06, 0x7fff_0000)]
    }

    #[test]
    fn a_program_of_no_length_is_refused_before_the_kernel_sees_it() {
        assert!(matches!(load(&[], Threads::This), Err(Error::Length(0))));
        assert!(matches!(load(&vec![[0; 8]; 4097], Threads::This), Err(Error::Length(4097))));
    }

    #[test]
    fn a_filter_is_put_in_force_for_one_thread() {
        std::thread::spawn(|| {
            // SAFETY: sets one bit of this thread; no memory is touched.
            assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
            let before = mode().unwrap();
            load(&allow_all(), Threads::This).unwrap();
            assert_eq!(mode().unwrap(), Mode::Filter);
            assert!(before == Mode::Disabled || before == Mode::Filter);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_program_that_is_none_is_refused_with_the_kernels_word() {
        std::thread::spawn(|| {
            // SAFETY: sets one bit of this thread; no memory is touched.
            assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
            let error = load(&[[0xff; 8]], Threads::This).unwrap_err();
            let Error::Load { length: 1, source } = error else { panic!("{error:?}") };
            assert_eq!(source.raw_os_error(), Some(libc::EINVAL));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn this_programs_code_is_guarded() {
        assert!(own_code_is_guarded());
    }

    #[test]
    fn this_kernel_can_kill() {
        assert!(can_kill_process());
    }
}
