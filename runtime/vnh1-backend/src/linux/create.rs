//! `create`: from a config to a process that waits for `start`. The one place that calls libcontainer.
//!
//! libcontainer makes the namespaces, id maps, mounts and devices, and pivots. It never sees the seccomp profile and
//! the capabilities (our executor applies them) nor, for a script, the cgroup (it is entered here, from outside).

use crate::linux::cgroup::{self, CgroupError, Membership};
use crate::linux::executor::{CapabilitySets, Entry, NativeProgram, Program, ScriptProgram};
use crate::linux::ids::Rooted;
use crate::linux::program::{self, ProgramError};
use crate::linux::rootfs::RootfsError;
use crate::linux::seccomp::{self, SeccompError};
use crate::linux::stage::{self, Stage, StageError};
use crate::linux::{process, protections};
use crate::record::{CgroupRecord, Created, ProcessRecord};
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::notify_socket::NotifySocket;
use libcontainer::syscall::syscall::SyscallType;
use oci_spec::runtime::Spec;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use vnh1_spec::causes::in_one_line;
use vnh1_spec::ending::ENDING_BYTES;
use vnh1_spec::{Protections, Settings};
use vnh1_sys::pidfd::Pidfd;

/// Folder of the private bundle inside a container's folder.
pub const BUNDLE: &str = "bundle";
/// File that the container's first process signs until it has become its program.
pub const ALIVE: &str = "alive";
/// File that holds the runner's ending.
pub const ENDING: &str = "ending";
/// Folder that is libcontainer's own.
const LIBCONTAINER: &str = "oci";
/// Parts of a container's cgroup name.
const CGROUP_PREFIX: &str = "vnh1-";

/// What is to be created.
#[derive(Debug)]
pub struct Request<'a> {
    /// The container's id.
    pub id: &'a str,
    /// Its folder on the host, private to the runtime.
    pub dir: &'a Path,
    /// Its config: hardened for a script, the caller's own for a native container.
    pub spec: &'a Spec,
    /// Absolute path of its root file system.
    pub root: &'a Path,
    /// What runs in it.
    pub workload: Workload<'a>,
    /// How this process became root, if it had to (it is then in a mount namespace of its own).
    pub rooted: Option<Rooted>,
    /// stdin, stdout and stderr of the container; `None`: this process's.
    pub stdio: Option<[OwnedFd; 3]>,
    /// Socket that wants the terminal's descriptor.
    pub console_socket: Option<PathBuf>,
    /// Whether the container must not outlive this process.
    pub dies_with_maker: bool,
    /// Manage the cgroup of a native container through systemd.
    pub systemd_cgroup: bool,
}

/// What runs in a container.
#[derive(Debug, Clone, Copy)]
pub enum Workload<'a> {
    /// A script, by the runner in `runner_folder`.
    Script {
        /// What the runner is told.
        settings: &'a Settings,
        /// Where the runner is.
        runner_folder: &'a Path,
    },
    /// The config's own program.
    Native,
}

/// Why a container could not be created. Whatever was made on the way is taken away again.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A file of the container's folder.
    #[error("cannot write {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The settings cannot be handed over.
    #[error("cannot hand the settings to the runner")]
    Settings(#[source] io::Error),
    /// A text for the program holds a NUL byte.
    #[error("an argument holds a NUL byte")]
    Argument(#[from] std::ffi::NulError),
    /// The root file system.
    #[error(transparent)]
    Rootfs(#[from] RootfsError),
    /// The runner.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The cgroup.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The caller's seccomp profile.
    #[error(transparent)]
    Seccomp(#[from] SeccompError),
    /// A descriptor of this very process.
    #[error("cannot open this process by descriptor (pidfd_open, Linux 5.3)")]
    Myself(#[source] io::Error),
    /// The record of the cgroup could not be kept.
    #[error("cannot record the cgroup")]
    Record(#[source] io::Error),
    /// libcontainer.
    #[error("{0}")]
    Libcontainer(String),
    /// The new process was gone before it could be recorded.
    #[error("the container's first process has died during create")]
    Identify(#[source] io::Error),
}

/// Creates the container. `record` is called with the cgroup before anything enters it.
///
/// # Errors
/// See [`CreateError`].
pub fn create(
    mut request: Request<'_>,
    record: &mut dyn FnMut(&CgroupRecord) -> io::Result<()>,
) -> Result<Created, CreateError> {
    let filters = match request.spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref()) {
        Some(profile) => seccomp::compile(profile)?.iter().map(bytes).collect(),
        None => Vec::new(),
    };
    match request.workload {
        Workload::Native => create_native(&mut request, filters, record),
        Workload::Script { settings, runner_folder } => {
            let mut stage = Stage::enter(request.rooted.is_some())?;
            let runner = program::open_runner(runner_folder);
            let created = runner.map_err(CreateError::from).and_then(|runner| {
                let program = Program::Script(ScriptProgram {
                    runner,
                    settings: settings_file(settings).map_err(CreateError::Settings)?,
                    ending: create_file(&request.dir.join(ENDING), ENDING_BYTES as u64)?,
                    args: runner_args(settings)?,
                    has_tmp: mount_folders(request.spec).contains(&"tmp"),
                    // The launch profile that vnh1 writes into its own bundles is compiled in: once is enough.
                    filters: if is_launch_profile(request.spec) { Vec::new() } else { filters },
                });
                create_script(&mut request, &mut stage, program, settings, record)
            });
            stage.leave()?;
            created
        }
    }
}

fn create_native(
    request: &mut Request<'_>,
    filters: Vec<Vec<[u8; 8]>>,
    record: &mut dyn FnMut(&CgroupRecord) -> io::Result<()>,
) -> Result<Created, CreateError> {
    let program = Program::Native(Box::new(NativeProgram {
        capabilities: capability_sets(request.spec),
        filters,
        no_new_privileges: no_new_privileges(request.spec),
    }));
    // libcontainer makes these; they are known before, so that they can be removed whatever happens.
    let path = request.spec.linux().as_ref().and_then(|linux| linux.cgroups_path().clone());
    let cgroup = path.filter(|_| !request.systemd_cgroup).map(|path| cgroup::everywhere(&path)).unwrap_or_default();
    record(&cgroup).map_err(CreateError::Record)?;
    let spec = private_spec(request.spec, request.root, None);
    let process = build(request, &spec, program, None).inspect_err(|_| {
        let _ = cgroup::remove(&cgroup);
    })?;
    Ok(Created { process, cgroup, protections: Protections::default() })
}

fn create_script(
    request: &mut Request<'_>,
    stage: &mut Stage,
    program: Program,
    settings: &Settings,
    record: &mut dyn FnMut(&CgroupRecord) -> io::Result<()>,
) -> Result<Created, CreateError> {
    let (cgroup, membership, absence) = match cgroup::make(&cgroup_name(request.dir), &settings.limits) {
        Ok((cgroup, membership)) => (cgroup, Some(membership), None),
        Err(error) if error.is_absence() => (CgroupRecord::default(), None, Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    record(&cgroup).map_err(CreateError::Record)?;
    let root = stage.set(request.root, &mount_folders(request.spec))?;
    let spec = private_spec(request.spec, &root, Some(stage::CGROUP));
    let process = build(request, &spec, program, membership.as_ref())?;
    let single_id = request.rooted == Some(Rooted::WithSingleId);
    Ok(Created { process, cgroup, protections: protections::of_script(&spec, single_id, absence.as_deref()) })
}

/// Folders of the root that file systems in memory are mounted on: `dev` for the way in, `tmp` if it was granted.
fn mount_folders(spec: &Spec) -> Vec<&str> {
    let mounts = spec.mounts().iter().flatten().filter(|mount| mount.typ().as_deref() == Some("tmpfs"));
    mounts.filter_map(|mount| mount.destination().to_str()?.strip_prefix('/')).collect()
}

/// Lets a created container run.
///
/// # Errors
/// If nobody waits at its socket any more.
pub fn start(dir: &Path, id: &str) -> io::Result<()> {
    let socket = dir.join(LIBCONTAINER).join(id).join("notify.sock");
    NotifySocket::new(socket).notify_container_start().map_err(|error| match error {
        libcontainer::notify_socket::NotifyListenerError::Connect { source, .. } => source,
        other => io::Error::other(other.to_string()),
    })
}

/// Name of the cgroup of the container with this folder. The same id may be in use below another folder of states, so
/// the name holds a number for that folder (FNV-1a).
#[must_use]
pub fn cgroup_name(dir: &Path) -> String {
    let fold = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let parent = dir.parent().unwrap_or(Path::new("/"));
    let hash = parent.as_os_str().as_bytes().iter().fold(0x811C_9DC5, fold);
    let id = dir.file_name().unwrap_or_default().to_string_lossy();
    format!("{CGROUP_PREFIX}{hash:08x}-{id}")
}

fn build(
    request: &mut Request<'_>,
    spec: &Spec,
    program: Program,
    membership: Option<&Membership>,
) -> Result<ProcessRecord, CreateError> {
    let bundle = request.dir.join(BUNDLE);
    let libcontainer = request.dir.join(LIBCONTAINER);
    for folder in [&bundle, &libcontainer] {
        make_folder(folder)?;
    }
    let config = bundle.join("config.json");
    let text = serde_json::to_vec(spec).map_err(|e| CreateError::Libcontainer(e.to_string()))?;
    fs::write(&config, text).map_err(|source| CreateError::File { path: config, source })?;

    let entry = Entry {
        program: Rc::new(program),
        alive: Rc::new(create_file(&request.dir.join(ALIVE), 0)?),
        maker: Rc::new(Pidfd::myself().map_err(CreateError::Myself)?),
        dies_with_maker: request.dies_with_maker,
    };
    if let Some(membership) = membership {
        membership.enter()?;
    }
    let built = run_builder(request, &libcontainer, &bundle, entry);
    if let Some(membership) = membership {
        membership.leave()?;
    }
    let pid = built?;
    process::identify(pid).map_err(CreateError::Identify)
}

fn run_builder(request: &mut Request<'_>, root: &Path, bundle: &Path, entry: Entry) -> Result<i32, CreateError> {
    let failed = |error: libcontainer::error::LibcontainerError| {
        // What libcontainer could not clean up on its stage goes with the stage: only the cause is told.
        let text = in_one_line(&error);
        let cause = text.split(" error during cleanup").next().unwrap_or(&text).trim_end_matches('.');
        CreateError::Libcontainer(cause.to_owned())
    };
    let mut builder = ContainerBuilder::new(request.id.to_owned(), SyscallType::default())
        .with_root_path(root)
        .map_err(failed)?
        .with_console_socket(request.console_socket.as_ref())
        .with_executor(entry);
    if let Some([stdin, stdout, stderr]) = request.stdio.take() {
        builder = builder.with_stdin(stdin).with_stdout(stdout).with_stderr(stderr);
    }
    let container = builder
        .as_init(bundle)
        .with_systemd(request.systemd_cgroup)
        .with_detach(request.console_socket.is_some())
        .build()
        .map_err(failed)?;
    container.pid().map(nix_pid).ok_or_else(|| CreateError::Libcontainer("no pid was told".to_owned()))
}

fn nix_pid<P: Into<i32>>(pid: P) -> i32 {
    pid.into()
}

/// The config that libcontainer reads.
fn private_spec(spec: &Spec, root: &Path, cgroup: Option<&str>) -> Spec {
    let mut spec = spec.clone();
    if let Some(the_root) = spec.root_mut() {
        the_root.set_path(root.to_path_buf());
    }
    if let Some(process) = spec.process_mut() {
        process.set_capabilities(None);
        if process.no_new_privileges() == Some(false) {
            process.set_no_new_privileges(None);
        }
    }
    if let Some(linux) = spec.linux_mut() {
        linux.set_seccomp(None);
        if linux.rootfs_propagation().as_deref() == Some("rprivate") {
            linux.set_rootfs_propagation(Some("private".to_owned()));
        }
        if let Some(cgroup) = cgroup {
            linux.set_cgroups_path(Some(PathBuf::from(cgroup)));
            linux.set_resources(None);
        }
    }
    for mount in spec.mounts_mut().iter_mut().flatten() {
        if mount.source().is_none() {
            let source = mount.typ().clone().unwrap_or_else(|| "none".to_owned());
            mount.set_source(Some(PathBuf::from(source)));
        }
    }
    spec
}

fn no_new_privileges(spec: &Spec) -> bool {
    spec.process().as_ref().and_then(oci_spec::runtime::Process::no_new_privileges) == Some(true)
}

fn is_launch_profile(spec: &Spec) -> bool {
    let launch: Option<oci_spec::runtime::LinuxSeccomp> = serde_json::from_str(vnh1_seccomp::LAUNCH_PROFILE).ok();
    launch.is_some() && spec.linux().as_ref().and_then(|linux| linux.seccomp().clone()) == launch
}

fn capability_sets(spec: &Spec) -> Option<CapabilitySets> {
    let given = spec.process().as_ref()?.capabilities().as_ref()?;
    let set = |names: &Option<oci_spec::runtime::Capabilities>| {
        let parse = |name: &oci_spec::runtime::Capability| format!("CAP_{name}").parse().ok();
        names.iter().flatten().filter_map(parse).collect()
    };
    Some(CapabilitySets {
        bounding: set(given.bounding()),
        effective: set(given.effective()),
        permitted: set(given.permitted()),
        inheritable: set(given.inheritable()),
        ambient: set(given.ambient()),
    })
}

/// `vnh1-runner --jail ENTRY ARGS…`
fn runner_args(settings: &Settings) -> Result<Vec<CString>, std::ffi::NulError> {
    let fixed = [program::RUNNER, "--jail", settings.entry.as_str()];
    fixed.into_iter().chain(settings.args.iter().map(String::as_str)).map(CString::new).collect()
}

/// The settings in memory: nothing of them stays on a disk, and nobody else can open them.
fn settings_file(settings: &Settings) -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("vnh1-settings", flags)?);
    file.write_all(&serde_json::to_vec(settings)?)?;
    file.rewind()?;
    use rustix::fs::SealFlags;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file)
}

fn create_file(path: &Path, bytes: u64) -> Result<File, CreateError> {
    let create = || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        file.set_len(bytes)?;
        Ok(file)
    };
    create().map_err(|source| CreateError::File { path: path.to_path_buf(), source })
}

fn make_folder(path: &Path) -> Result<(), CreateError> {
    match fs::create_dir(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(CreateError::File { path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

fn bytes(program: &seccompiler::BpfProgram) -> Vec<[u8; 8]> {
    let instruction =
        |i: &seccompiler::sock_filter| vnh1_seccomp::Instruction { code: i.code, jt: i.jt, jf: i.jf, k: i.k };
    program.iter().map(|i| instruction(i).to_bytes()).collect()
}
