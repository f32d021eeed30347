//! A caller's config and a policy become a script's config that permits no more than either.
//!
//! Invariant, held by a property test: the result never permits what the config or the policy forbids.
//! What a script cannot use (terminals' devices, /proc, /sys, writable volumes) is not mounted at all.

use crate::annotation::{self, AnnotationError};
use crate::template::{empty_process, set_resources};
use oci_spec::runtime::{
    LinuxCapabilities, LinuxCapabilitiesBuilder, LinuxIdMapping, LinuxIdMappingBuilder, LinuxNamespace,
    LinuxNamespaceBuilder, LinuxNamespaceType, Mount, MountBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType,
    Spec,
};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use vnh1_spec::limits::LimitError;
use vnh1_spec::{Limits, Policy, Settings};

/// Which ids outside stand for root inside, where the caller's config names no user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMapping {
    /// User id outside.
    pub uid: u32,
    /// Group id outside.
    pub gid: u32,
}

/// A config that is safe to start, and what its runner is told.
#[derive(Debug, Clone)]
pub struct Hardened {
    /// For the runtime's private bundle.
    pub spec: Spec,
    /// For the runner.
    pub settings: Settings,
    /// The intersection of all policies.
    pub policy: Policy,
}

/// Why a config cannot be made safe.
#[derive(Debug, thiserror::Error)]
pub enum HardenError {
    /// The annotation holds no policy.
    #[error(transparent)]
    Annotation(#[from] AnnotationError),
    /// A limit cannot work.
    #[error("policy: {0}")]
    Limit(#[from] LimitError),
    /// Not a Linux config.
    #[error("config.json has no 'linux' object")]
    NoLinux,
    /// There is no script to run.
    #[error("process.args is empty: there is nothing to run")]
    NoArgs,
    /// The root file system is not named.
    #[error("config.json has no 'root' object")]
    NoRoot,
    /// A text that is not `KEY=VALUE`.
    #[error("process.env has '{0}': it must be NAME=VALUE")]
    Env(String),
    /// The container's first user is not root, and no user namespace maps it.
    #[error("process.user is {uid}:{gid}, which the user namespace does not map")]
    UserNotMapped {
        /// Asked-for user.
        uid: u32,
        /// Asked-for group.
        gid: u32,
    },
    /// A part of the config cannot be expressed.
    #[error("the config cannot be built")]
    Oci(#[from] oci_spec::OciSpecError),
}

/// Namespaces that every script gets for itself.
const NAMESPACES: [LinuxNamespaceType; 7] = [
    LinuxNamespaceType::User,
    LinuxNamespaceType::Pid,
    LinuxNamespaceType::Network,
    LinuxNamespaceType::Ipc,
    LinuxNamespaceType::Uts,
    LinuxNamespaceType::Mount,
    LinuxNamespaceType::Cgroup,
];

/// Empty folders that the root file system of a generated bundle has for what [`harden`] mounts.
pub const MOUNT_POINTS: [&str; 2] = ["/dev", "/tmp"];

/// Mount options that every volume of a script gets.
const VOLUME_OPTIONS: [&str; 4] = ["ro", "nosuid", "nodev", "noexec"];

/// Tightens `spec` by `operator` and by the policy in its own annotation.
///
/// # Errors
/// See [`HardenError`]. Nothing is bent to fit.
pub fn harden(spec: &Spec, operator: &Policy, ids: IdMapping) -> Result<Hardened, HardenError> {
    let carried = annotation::policy(spec)?;
    let policy = carried.map_or_else(|| operator.clone(), |carried| operator.intersect(&carried));
    let policy = Policy { limits: policy.limits.intersect(&stated_limits(spec)), ..policy };
    let limits = policy.limits.effective()?;

    let mut spec = spec.clone();
    let process = spec.process_mut().get_or_insert(empty_process()?);
    let settings = Settings {
        entry: absolute(
            process.cwd(),
            process.args().as_ref().and_then(|args| args.first()).ok_or(HardenError::NoArgs)?,
        ),
        args: process.args().iter().flatten().skip(1).cloned().collect(),
        env: environment(process.env().iter().flatten())?,
        cwd: process.cwd().to_string_lossy().into_owned(),
        limits,
        jitless: policy.jitless,
    };
    process.set_no_new_privileges(Some(true));
    process.set_capabilities(Some(no_capabilities()?));
    process.set_rlimits(Some(rlimits(process.rlimits().iter().flatten())?));
    process.set_env(Some(Vec::new()));
    let user = (process.user().uid(), process.user().gid());

    spec.root_mut().as_mut().ok_or(HardenError::NoRoot)?.set_readonly(Some(true));
    spec.set_mounts(Some(mounts(spec.mounts().iter().flatten(), policy.tmp_bytes)?));

    let linux = spec.linux_mut().as_mut().ok_or(HardenError::NoLinux)?;
    linux.set_namespaces(Some(namespaces()?));
    if linux.uid_mappings().is_none() || linux.gid_mappings().is_none() {
        linux.set_uid_mappings(Some(vec![one_id(ids.uid)?]));
        linux.set_gid_mappings(Some(vec![one_id(ids.gid)?]));
    }
    let maps = |ranges: &Option<Vec<LinuxIdMapping>>, id: u32| {
        ranges.iter().flatten().any(|m| id.checked_sub(m.container_id()).is_some_and(|offset| offset < m.size()))
    };
    if !maps(linux.uid_mappings(), user.0) || !maps(linux.gid_mappings(), user.1) {
        return Err(HardenError::UserNotMapped { uid: user.0, gid: user.1 });
    }
    linux.set_devices(None);
    linux.set_sysctl(None);
    set_resources(linux.resources_mut().get_or_insert_default(), &limits)?;
    Ok(Hardened { spec, settings, policy })
}

/// What `linux.resources` and `process.rlimits` already limit.
fn stated_limits(spec: &Spec) -> Limits {
    let resources = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
    let positive = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let rlimit = |kind| {
        let rlimits = spec.process().as_ref().and_then(|process| process.rlimits().as_ref());
        rlimits.into_iter().flatten().filter(|r| r.typ() == kind).map(|r| r.soft().min(r.hard())).min()
    };
    Limits {
        memory_bytes: positive(resources.and_then(|r| r.memory().as_ref()?.limit())),
        pids: positive(resources.and_then(|r| r.pids().as_ref().map(|p| p.limit()))),
        descriptors: rlimit(PosixRlimitType::RlimitNofile),
        cpu_time_ms: rlimit(PosixRlimitType::RlimitCpu).map(|seconds| seconds.saturating_mul(1000)),
        ..Limits::default()
    }
}

/// Absolute path of the entry, from the working directory if it is relative.
fn absolute(cwd: &Path, entry: &str) -> String {
    cwd.join(entry).to_string_lossy().into_owned()
}

fn environment<'a>(pairs: impl Iterator<Item = &'a String>) -> Result<BTreeMap<String, String>, HardenError> {
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(HardenError::Env(pair.clone())),
        })
        .collect()
}

fn no_capabilities() -> Result<LinuxCapabilities, oci_spec::OciSpecError> {
    LinuxCapabilitiesBuilder::default()
        .bounding(HashSet::new())
        .effective(HashSet::new())
        .permitted(HashSet::new())
        .inheritable(HashSet::new())
        .ambient(HashSet::new())
        .build()
}

/// The caller's limits, less those that the runner sets itself, and no core files.
fn rlimits<'a>(given: impl Iterator<Item = &'a PosixRlimit>) -> Result<Vec<PosixRlimit>, oci_spec::OciSpecError> {
    let ours = [PosixRlimitType::RlimitCore, PosixRlimitType::RlimitNofile, PosixRlimitType::RlimitCpu];
    let mut rlimits: Vec<_> = given.filter(|rlimit| !ours.contains(&rlimit.typ())).copied().collect();
    let none = PosixRlimitBuilder::default().typ(PosixRlimitType::RlimitCore).hard(0_u64).soft(0_u64).build()?;
    rlimits.push(none);
    Ok(rlimits)
}

/// Only bind mounts stay, read-only; `/dev` is there for the way in and is taken away before the script starts.
fn mounts<'a>(given: impl Iterator<Item = &'a Mount>, tmp: Option<u64>) -> Result<Vec<Mount>, oci_spec::OciSpecError> {
    let memory = |path: &str, options: Vec<String>| {
        MountBuilder::default().destination(path).typ("tmpfs").source("tmpfs").options(options).build()
    };
    let options = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut mounts = vec![memory("/dev", options(&["nosuid", "noexec", "mode=755", "size=64k"]))?];
    if let Some(bytes) = tmp.filter(|bytes| *bytes > 0) {
        let mut tmp_options = options(&["nosuid", "nodev", "noexec", "mode=700"]);
        tmp_options.push(format!("size={bytes}"));
        mounts.push(memory("/tmp", tmp_options)?);
    }
    for mount in given.filter(|mount| is_volume(mount)) {
        let mut mount = mount.clone();
        let recursive = mount.options().iter().flatten().any(|option| option == "rbind");
        let mut tightened = vec![if recursive { "rbind" } else { "bind" }.to_owned()];
        tightened.extend(options(&VOLUME_OPTIONS));
        mount.set_options(Some(tightened));
        mounts.push(mount);
    }
    Ok(mounts)
}

/// A bind mount of the caller's that lies neither in `/dev`, `/proc` nor `/sys`.
fn is_volume(mount: &Mount) -> bool {
    let bind = mount.typ().as_deref() == Some("bind")
        || mount.options().iter().flatten().any(|option| option == "bind" || option == "rbind");
    bind && !["/dev", "/proc", "/sys"].iter().any(|place| mount.destination().starts_with(place))
}

/// A new namespace of each kind, whatever the caller joined: a script can use none of what it would find there, and
/// what is served to it from the caller's network is served from outside.
fn namespaces() -> Result<Vec<LinuxNamespace>, oci_spec::OciSpecError> {
    NAMESPACES.iter().map(|kind| LinuxNamespaceBuilder::default().typ(*kind).build()).collect()
}

fn one_id(outside: u32) -> Result<LinuxIdMapping, oci_spec::OciSpecError> {
    LinuxIdMappingBuilder::default().container_id(0_u32).host_id(outside).size(1_u32).build()
}

/// The root file system of a hardened config, as an absolute path.
#[must_use]
pub fn root_path(spec: &Spec, bundle: &Path) -> PathBuf {
    spec.root().as_ref().map_or_else(|| bundle.join("rootfs"), |root| bundle.join(root.path()))
}
