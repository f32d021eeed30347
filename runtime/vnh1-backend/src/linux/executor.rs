//! The last step before exec, run by libcontainer in the container's first process: inside the new namespaces,
//! still with all capabilities there, one thread. What it leaves behind is the jail.
//!
//! Order matters and is the point of this file: take away what needs a capability, then the capabilities, then
//! load the filter, then become the program. libcontainer 0.7.0 sees neither `seccomp` nor `capabilities`.

use caps::{CapSet, CapsHashSet};
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use oci_spec::runtime::Spec;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use vnh1_sys::pidfd::Pidfd;
use vnh1_sys::{exec, lock, mounts, seccomp};

/// Number of the descriptor that holds the runner's settings.
const SETTINGS_FD: i32 = 5;
/// Number of the descriptor that holds the page for its ending.
const ENDING_FD: i32 = 6;
/// Exit codes of a container whose program cannot be started, as shells have them.
const CANNOT_EXECUTE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// What is executed in the end.
#[derive(Debug)]
pub enum Program {
    /// The runner, with its descriptors.
    Script(ScriptProgram),
    /// `process.args`, with the caller's capabilities and filters.
    Native(Box<NativeProgram>),
}

/// The runner and what it is handed.
#[derive(Debug)]
pub struct ScriptProgram {
    /// The runner, held open outside the root file system.
    pub runner: OwnedFd,
    /// Its settings, for reading.
    pub settings: File,
    /// The page for its ending.
    pub ending: File,
    /// `argv`.
    pub args: Vec<CString>,
    /// Whether a private `/tmp` was granted.
    pub has_tmp: bool,
    /// The caller's own filters, to be stacked under the launch filter.
    pub filters: Vec<Vec<[u8; 8]>>,
}

/// An ordinary program.
#[derive(Debug)]
pub struct NativeProgram {
    /// Capability sets that it is to have; `None`: all that the namespace gives.
    pub capabilities: Option<CapabilitySets>,
    /// The caller's filters.
    pub filters: Vec<Vec<[u8; 8]>>,
    /// Whether execve must grant nothing more.
    pub no_new_privileges: bool,
}

/// The five sets of capabilities(7).
#[derive(Debug, Clone, Default)]
pub struct CapabilitySets {
    /// Upper bound for all later programs.
    pub bounding: CapsHashSet,
    /// In force.
    pub effective: CapsHashSet,
    /// May be put in force.
    pub permitted: CapsHashSet,
    /// Kept across execve of a program that allows it.
    pub inheritable: CapsHashSet,
    /// Kept across execve of any program.
    pub ambient: CapsHashSet,
}

/// The container's first process, seen from its own inside.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What to become.
    pub program: Rc<Program>,
    /// The file to sign, so that whoever cleans up finds this process (see [`vnh1_sys::lock::signer`]).
    pub alive: Rc<File>,
    /// The runtime that makes this container.
    pub maker: Rc<Pidfd>,
    /// Whether the container must not outlive that runtime.
    pub dies_with_maker: bool,
}

/// A step that failed, with its name.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
struct StepError {
    step: &'static str,
    #[source]
    source: io::Error,
}

fn step<T, E: Into<io::Error>>(step: &'static str, result: Result<T, E>) -> Result<T, StepError> {
    result.map_err(|error| StepError { step, source: error.into() })
}

impl Executor for Entry {
    /// Runs before "created" is told: from here on the process waits for `start`, possibly alone.
    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        let refuse = |error: StepError| ExecutorValidationError::ArgValidationError(error.to_string());
        step("sign the file of the container's first process", lock::sign(&*self.alive)).map_err(refuse)?;
        self.tie_to_maker().map_err(refuse)?;
        if self.maker.has_ended(Duration::ZERO).unwrap_or(true) {
            return Err(ExecutorValidationError::ArgValidationError(
                "the runtime that made this container has died".into(),
            ));
        }
        match &*self.program {
            Program::Script(_) => Ok(()),
            Program::Native(_) => find_program(spec).map(|_| ()).map_err(ExecutorValidationError::ArgValidationError),
        }
    }

    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let failed = match &*self.program {
            Program::Script(program) => self.become_runner(program),
            Program::Native(program) => self.become_native(program, spec),
        };
        // Whoever asked for `start` has gone: only the container's own stderr and exit code are left to tell it.
        let Err(error) = failed;
        let _ =
            io::Write::write_all(&mut io::stderr(), format!("vnh1: cannot start the container: {error}\n").as_bytes());
        std::process::exit(if error.source.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_EXECUTE });
    }
}

/// A step that succeeds never comes back: the process has become another program.
type Never = std::convert::Infallible;

impl Entry {
    fn tie_to_maker(&self) -> Result<(), StepError> {
        if !self.dies_with_maker {
            return Ok(());
        }
        let signal = Some(rustix::process::Signal::KILL);
        step("tie the container to its runtime", rustix::process::set_parent_process_death_signal(signal))
    }

    fn become_runner(&self, program: &ScriptProgram) -> Result<Never, StepError> {
        step("take /dev away", mounts::detach(Path::new("/dev")))?;
        // libcontainer made the root itself read-only, but not what is mounted below it.
        step("tighten the root file system", mounts::tighten(Path::new("/")))?;
        if program.has_tmp {
            step("let /tmp be written to", mounts::allow_writing(Path::new("/tmp")))?;
        }
        forget_groups()?;
        step("set no_new_privs", rustix::thread::set_no_new_privs(true))?;
        drop_capabilities(&CapabilitySets::default())?;
        self.tie_to_maker()?;
        exec::unblock_signals();
        let runner = step("keep the runner open", rustix::io::fcntl_dupfd_cloexec(&program.runner, ENDING_FD + 1))?;
        let wanted = [(SETTINGS_FD, program.settings.as_fd()), (ENDING_FD, program.ending.as_fd())];
        step("arrange the descriptors", exec::arrange_descriptors(&wanted))?;
        let args: Vec<&CStr> = program.args.iter().map(CString::as_c_str).collect();
        let launch = vnh1_seccomp::to_bytes(vnh1_seccomp::launch_filter());
        load(&launch)?;
        program.filters.iter().try_for_each(|filter| load(filter))?;
        let error = exec::execveat(runner.as_fd(), &args, &[]);
        Err(StepError { step: "execute vnh1-runner", source: error })
    }

    fn become_native(&self, program: &NativeProgram, spec: &Spec) -> Result<Never, StepError> {
        let path = find_program(spec)
            .map_err(|text| StepError { step: "exec", source: io::Error::new(io::ErrorKind::NotFound, text) })?;
        let invalid = |error: std::ffi::NulError| io::Error::new(io::ErrorKind::InvalidInput, error);
        let path = step("process.args", CString::new(path).map_err(invalid))?;
        let args = spec.process().as_ref().and_then(|process| process.args().clone()).unwrap_or_default();
        let args: Result<Vec<_>, _> = args.into_iter().map(CString::new).collect();
        let args = step("process.args", args.map_err(invalid))?;
        let env: Result<Vec<_>, _> =
            std::env::vars().map(|(key, value)| CString::new(format!("{key}={value}"))).collect();
        let env = step("process.env", env.map_err(invalid))?;
        let load_all = || program.filters.iter().try_for_each(|filter| load(filter));
        exec::unblock_signals();
        step("arrange the descriptors", exec::arrange_descriptors(&[]))?;
        // Without no_new_privs a filter can only be loaded with a capability: so before they are dropped.
        if !program.no_new_privileges {
            load_all()?;
        }
        if let Some(sets) = &program.capabilities {
            drop_capabilities(sets)?;
        }
        if program.no_new_privileges {
            step("set no_new_privs", rustix::thread::set_no_new_privs(true))?;
            load_all()?;
        }
        self.tie_to_maker()?;
        let args: Vec<&CStr> = args.iter().map(CString::as_c_str).collect();
        let env: Vec<&CStr> = env.iter().map(CString::as_c_str).collect();
        let error = exec::execve(&path, &args, &env);
        Err(StepError { step: "exec", source: error })
    }
}

fn load(filter: &[[u8; 8]]) -> Result<(), StepError> {
    step("load a seccomp filter", seccomp::load(filter, seccomp::Threads::This).map_err(io::Error::other))
}

/// Gives up supplementary groups. In a namespace whose maker had no right to do so setgroups(2) is denied, and the
/// groups, not mapped, give access to nothing that the caller could not reach.
fn forget_groups() -> Result<(), StepError> {
    match rustix::thread::set_thread_groups(&[]) {
        Ok(()) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => step("drop supplementary groups", Err(error)),
    }
}

/// Leaves exactly `sets`. The bounding set goes first: it takes CAP_SETPCAP to lower it.
fn drop_capabilities(sets: &CapabilitySets) -> Result<(), StepError> {
    let other = |error: caps::errors::CapsError| io::Error::other(error.to_string());
    let bounded = step("read the bounding set", caps::read(None, CapSet::Bounding).map_err(other))?;
    for capability in bounded.difference(&sets.bounding) {
        step("lower the bounding set", caps::drop(None, CapSet::Bounding, *capability).map_err(other))?;
    }
    step("clear the ambient set", caps::clear(None, CapSet::Ambient).map_err(other))?;
    step("set the inheritable set", caps::set(None, CapSet::Inheritable, &sets.inheritable).map_err(other))?;
    step("set the effective set", caps::set(None, CapSet::Effective, &sets.effective).map_err(other))?;
    step("set the permitted set", caps::set(None, CapSet::Permitted, &sets.permitted).map_err(other))?;
    for capability in &sets.ambient {
        step("raise the ambient set", caps::raise(None, CapSet::Ambient, *capability).map_err(other))?;
    }
    Ok(())
}

/// The program that `process.args[0]` names, as execvp(3) finds it. Modes are checked by hand: this process still
/// has rights that the program will not have.
fn find_program(spec: &Spec) -> Result<String, String> {
    let process = spec.process().as_ref();
    let name = process.and_then(|process| process.args().as_ref()?.first()).ok_or("process.args is empty")?;
    let candidates: Vec<String> = if name.contains('/') {
        vec![name.clone()]
    } else {
        let env = process.and_then(|process| process.env().as_ref());
        let path = env.into_iter().flatten().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or_default();
        path.split(':').filter(|folder| !folder.is_empty()).map(|folder| format!("{folder}/{name}")).collect()
    };
    let mut denied = None;
    for candidate in candidates {
        match std::fs::metadata(&candidate) {
            Ok(found) if found.is_file() => {
                use std::os::unix::fs::PermissionsExt;
                if found.permissions().mode() & 0o111 != 0 {
                    return Ok(candidate);
                }
                denied = Some(candidate);
            }
            Ok(_) => denied = Some(candidate),
            Err(_) => {}
        }
    }
    Err(match denied {
        Some(path) => format!("exec: \"{path}\": permission denied"),
        None if name.contains('/') => format!("exec: \"{name}\": stat {name}: no such file or directory"),
        None => format!("exec: \"{name}\": executable file not found in $PATH"),
    })
}
