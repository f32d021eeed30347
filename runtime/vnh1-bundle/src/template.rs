//! Bundles that vnh1 generates, from the templates in bundle-templates/.

use crate::annotation;
use oci_spec::runtime::{
    LinuxIdMappingBuilder, LinuxMemoryBuilder, LinuxPidsBuilder, LinuxSeccomp, ProcessBuilder, Spec,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use vnh1_spec::Policy;
use vnh1_spec::limits::{EffectiveLimits, LimitError};

use crate::harden::IdMapping;

const SCRIPT: &str = include_str!("../../../bundle-templates/script.json");
const NATIVE: &str = include_str!("../../../bundle-templates/native.json");
const LAUNCH_PROFILE: &str = include_str!("../../../seccomp-profiles/launch.json");

/// A script to be wrapped in a bundle.
#[derive(Debug, Clone)]
pub struct ScriptRequest {
    /// Absolute path of the main module in the root file system.
    pub entry: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, as granted.
    pub env: BTreeMap<String, String>,
    /// Its working directory in the root file system.
    pub cwd: String,
    /// What it may have.
    pub policy: Policy,
    /// Path of the root file system: relative to the bundle, or absolute.
    pub root: PathBuf,
    /// Ids outside for root inside.
    pub ids: IdMapping,
}

/// Why no bundle can be made.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A limit cannot work.
    #[error("policy: {0}")]
    Limit(#[from] LimitError),
    /// A part of the config cannot be expressed.
    #[error("the config cannot be built")]
    Oci(#[from] oci_spec::OciSpecError),
    /// The policy cannot be written down.
    #[error("the policy cannot be written into an annotation")]
    Policy(#[source] serde_json::Error),
}

/// A complete config.json for one script; any OCI runtime can read it, vnh1-runtime runs it.
///
/// # Errors
/// A limit that cannot work.
pub fn script_spec(request: &ScriptRequest) -> Result<Spec, TemplateError> {
    let limits = request.policy.limits.effective()?;
    let mut spec = parse(SCRIPT);
    if let Some(root) = spec.root_mut() {
        root.set_path(request.root.clone());
    }
    if let Some(process) = spec.process_mut() {
        process.set_args(Some([std::slice::from_ref(&request.entry), &request.args].concat()));
        process.set_env(Some(request.env.iter().map(|(key, value)| format!("{key}={value}")).collect()));
        process.set_cwd(PathBuf::from(&request.cwd));
    }
    if let Some(linux) = spec.linux_mut() {
        let map = |outside| LinuxIdMappingBuilder::default().container_id(0_u32).host_id(outside).size(1_u32).build();
        linux.set_uid_mappings(Some(vec![map(request.ids.uid)?]));
        linux.set_gid_mappings(Some(vec![map(request.ids.gid)?]));
        linux.set_seccomp(Some(launch_profile()));
        if let Some(resources) = linux.resources_mut() {
            set_resources(resources, &limits)?;
        }
    }
    let policy = serde_json::to_string(&request.policy).map_err(TemplateError::Policy)?;
    let annotations = spec.annotations_mut().get_or_insert_default();
    annotations.insert(annotation::POLICY.to_owned(), policy);
    Ok(spec)
}

/// The config that `spec` writes: an ordinary container, as runc has it.
#[must_use]
pub fn native_spec() -> Spec {
    parse(NATIVE)
}

/// The launch filter in OCI form.
#[must_use]
pub fn launch_profile() -> LinuxSeccomp {
    parse_as(LAUNCH_PROFILE)
}

/// Memory and tasks, as OCI resources.
pub(crate) fn set_resources(
    resources: &mut oci_spec::runtime::LinuxResources,
    limits: &EffectiveLimits,
) -> Result<(), oci_spec::OciSpecError> {
    let memory = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
    let pids = i64::try_from(limits.pids).unwrap_or(i64::MAX);
    resources.set_memory(Some(LinuxMemoryBuilder::default().limit(memory).build()?));
    resources.set_pids(Some(LinuxPidsBuilder::default().limit(pids).build()?));
    Ok(())
}

/// An empty process, for configs that carry none.
pub(crate) fn empty_process() -> Result<oci_spec::runtime::Process, oci_spec::OciSpecError> {
    ProcessBuilder::default().args(Vec::<String>::new()).env(Vec::<String>::new()).build()
}

fn parse(template: &str) -> Spec {
    parse_as(template)
}

#[expect(clippy::expect_used, reason = "the text is compiled in, and a test reads every template")]
fn parse_as<T: serde::de::DeserializeOwned>(template: &str) -> T {
    serde_json::from_str(template).expect("a template of the project is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        assert!(native_spec().process().is_some());
        assert!(launch_profile().syscalls().is_some());
    }
}
