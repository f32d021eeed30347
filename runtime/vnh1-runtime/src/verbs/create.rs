//! `create`: a container that waits for `start`. `run` and `launch` go through here too.

use crate::Failure;
use crate::bundle_dir::{Bundle, read_policy};
use crate::cli::{self, Context};
use crate::log::now;
use crate::probe::probe;
use crate::state::{ContainerDir, Record};
use crate::verbs::delete::destroy;
use oci_spec::runtime::Spec;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use vnh1_backend::linux::create::{Request, Workload};
use vnh1_backend::linux::ids::{self, Privilege};
use vnh1_backend::linux::rootfs::Rootfs;
use vnh1_backend::linux::{create as backend, program, protections};
use vnh1_backend::{CgroupRecord, ProcessRecord};
use vnh1_bundle::handler::{self, HandlerError};
use vnh1_bundle::{Handler, IdMapping, harden};
use vnh1_spec::limits::EffectiveLimits;
use vnh1_spec::{ContainerId, ExitCode, Policy, Protection};

/// Why a container must not start.
#[derive(Debug, thiserror::Error)]
enum CreateError {
    #[error("the policy requires {0}, but it is {1}")]
    Required(Protection, String),
    #[error("cannot write the pid file {0}")]
    PidFile(PathBuf, #[source] io::Error),
}

/// What to make.
pub(crate) struct Order<'a> {
    pub(crate) id: ContainerId,
    /// The caller's bundle, for `state`.
    pub(crate) bundle: &'a Path,
    pub(crate) spec: &'a Spec,
    /// Absolute path of the root file system.
    pub(crate) root: PathBuf,
    pub(crate) operator: &'a Policy,
    pub(crate) stdio: Option<[OwnedFd; 3]>,
    pub(crate) console_socket: Option<PathBuf>,
    pub(crate) dies_with_maker: bool,
}

/// A container that waits for `start`; its folder is locked for as long as this is held.
pub(crate) struct Made {
    pub(crate) dir: ContainerDir,
    pub(crate) record: Record,
    pub(crate) process: ProcessRecord,
    /// For a script.
    pub(crate) limits: Option<EffectiveLimits>,
    /// Marks this process as the one that waits for the container, if it does.
    pub(crate) owner: Option<File>,
}

pub(crate) fn create(args: &cli::Create, context: &Context) -> Result<(), Failure> {
    let made = from_bundle(args, context, false)?;
    if let Some(path) = &args.pid_file
        && let Err(error) = write_pid_file(path, made.process.pid)
    {
        destroy(made.dir, Some(&made.record))?;
        return Err(Failure::new(&CreateError::PidFile(path.clone(), error)));
    }
    Ok(())
}

/// Makes a container from the bundle that the arguments name.
pub(crate) fn from_bundle(args: &cli::Create, context: &Context, dies_with_maker: bool) -> Result<Made, Failure> {
    let id = ContainerId::try_from(args.id.as_str()).map_err(|error| Failure::usage(&error))?;
    let bundle = Bundle::load(&args.bundle)?;
    let operator = args.policy.as_deref().map(read_policy).transpose()?.unwrap_or_default();
    let order = Order {
        id: id.clone(),
        bundle: &bundle.path,
        spec: &bundle.spec,
        root: bundle.root(),
        operator: &operator,
        stdio: None,
        console_socket: args.console_socket.clone(),
        dies_with_maker,
    };
    let dir = ContainerDir::reserve(&context.root, id)?;
    // From the first moment on: a runtime that is killed later must not look like one that went on purpose.
    let owner = dies_with_maker.then(|| dir.own()).transpose()?;
    Ok(Made { owner, ..make(order, dir, context)? })
}

/// Makes a container in a folder that was reserved for it. On failure nothing of it is left.
pub(crate) fn make(order: Order<'_>, dir: ContainerDir, context: &Context) -> Result<Made, Failure> {
    let mut record = Record {
        id: order.id.to_string(),
        bundle: order.bundle.to_path_buf(),
        rootfs: order.root.clone(),
        created: now(),
        handler: String::new(),
        annotations: order.spec.annotations().clone().unwrap_or_default(),
        process: None,
        cgroup: CgroupRecord::default(),
        protections: Default::default(),
    };
    match make_in(order, &dir, &mut record, context) {
        Ok((process, limits)) => Ok(Made { dir, record, process, limits, owner: None }),
        Err(failure) => {
            // What was recorded on the way is what there may be to take away.
            let kept = dir.record().ok().flatten().unwrap_or(record);
            destroy(dir, Some(&kept))?;
            Err(failure)
        }
    }
}

fn make_in(
    order: Order<'_>,
    dir: &ContainerDir,
    record: &mut Record,
    context: &Context,
) -> Result<(ProcessRecord, Option<EffectiveLimits>), Failure> {
    let rootfs = Rootfs::open(&order.root)?;
    let decided = handler::decide(order.spec, |entry| probe(order.spec, &rootfs, entry)).map_err(|error| {
        let failure = Failure::usage(&error);
        match error {
            HandlerError::NotFound(_) => failure.with_code(ExitCode::NotFound),
            HandlerError::NoFormat(_) => failure.with_code(ExitCode::CannotExecute),
            _ => failure,
        }
    })?;
    match decided {
        Handler::Script => make_script(order, &rootfs, dir, record),
        Handler::Native => make_native(order, dir, record, context),
    }
}

fn make_script(
    order: Order<'_>,
    rootfs: &Rootfs,
    dir: &ContainerDir,
    record: &mut Record,
) -> Result<(ProcessRecord, Option<EffectiveLimits>), Failure> {
    "js".clone_into(&mut record.handler);
    let rooted = match ids::privilege()? {
        Privilege::User => Some(ids::become_root()?),
        _ => None,
    };
    let mut spec = order.spec.clone();
    if let Some(linux) = spec.linux_mut().as_mut().filter(|_| rooted.is_some()) {
        // Ids of the host mean nothing in the namespace that this process made for itself.
        linux.set_uid_mappings(None);
        linux.set_gid_mappings(None);
    }
    let id = ids::container_id(ids::privilege()?);
    let hardened =
        harden(&spec, order.operator, IdMapping { uid: id, gid: id }).map_err(|error| Failure::usage(&error))?;
    // Volumes want their place in the image, as every runtime makes it; what is ours is mounted on the stage.
    for mount in hardened.spec.mounts().iter().flatten().filter(|mount| mount.typ().as_deref() != Some("tmpfs")) {
        rootfs.make_mount_point(mount.destination(), mount.source().as_deref())?;
    }
    let runner_folder = program::own_folder()?;
    let request = Request {
        id: dir.id.as_str(),
        dir: &dir.path,
        spec: &hardened.spec,
        root: rootfs.path(),
        workload: Workload::Script { settings: &hardened.settings, runner_folder: &runner_folder },
        rooted,
        stdio: order.stdio,
        console_socket: order.console_socket,
        dies_with_maker: order.dies_with_maker,
        systemd_cgroup: false,
    };
    let before = record.clone();
    let created = backend::create(request, &mut |cgroup| {
        let record = Record { cgroup: cgroup.clone(), ..before.clone() };
        dir.save(&record).map_err(io::Error::other)
    })?;
    record.cgroup = created.cgroup;
    record.protections = created.protections;
    record.process = Some(created.process.clone());
    dir.save(record)?;
    let expected = protections::with_expected_seal(&record.protections);
    if let Some((required, status)) = protections::missing(&hardened.policy.require, &expected) {
        return Err(Failure::usage(&CreateError::Required(required, status)));
    }
    Ok((created.process, Some(hardened.settings.limits)))
}

fn make_native(
    order: Order<'_>,
    dir: &ContainerDir,
    record: &mut Record,
    context: &Context,
) -> Result<(ProcessRecord, Option<EffectiveLimits>), Failure> {
    "native".clone_into(&mut record.handler);
    let mut spec = order.spec.clone();
    if let Some(linux) = spec.linux_mut().as_mut().filter(|_| !context.systemd_cgroup) {
        let path = linux.cgroups_path().clone().unwrap_or_else(|| PathBuf::from(backend::cgroup_name(&dir.path)));
        linux.set_cgroups_path(Some(Path::new("/").join(path)));
    }
    let request = Request {
        id: dir.id.as_str(),
        dir: &dir.path,
        spec: &spec,
        root: &order.root,
        workload: Workload::Native,
        rooted: None,
        stdio: order.stdio,
        console_socket: order.console_socket,
        dies_with_maker: order.dies_with_maker,
        systemd_cgroup: context.systemd_cgroup,
    };
    let before = record.clone();
    let created = backend::create(request, &mut |cgroup| {
        let record = Record { cgroup: cgroup.clone(), ..before.clone() };
        dir.save(&record).map_err(io::Error::other)
    })?;
    record.process = Some(created.process.clone());
    record.cgroup = created.cgroup;
    dir.save(record)?;
    Ok((created.process, None))
}

/// Writes the pid so that a reader finds all of it or nothing.
pub(crate) fn write_pid_file(path: &Path, pid: i32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, pid.to_string())?;
    std::fs::rename(&beside, path)
}
