//! The annotations that vnh1 reads from a config.json. Everything else in there is the caller's own.

use oci_spec::runtime::Spec;
use vnh1_spec::Policy;
use vnh1_spec::policy::MAX_POLICY_BYTES;

/// A policy as JSON; it can only tighten what the operator allows.
pub const POLICY: &str = "dev.vnh1.policy";
/// `auto`, `js` or `native`: see [`crate::handler`].
pub const HANDLER: &str = "dev.vnh1.handler";
/// containerd's mark of a pod's pause container.
pub const CRI_CONTAINER_TYPE: &str = "io.kubernetes.cri.container-type";
/// CRI-O's mark of a pod's pause container.
pub const CRIO_CONTAINER_TYPE: &str = "io.kubernetes.cri-o.ContainerType";

/// Why a policy annotation cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnnotationError {
    /// Longer than any policy needs to be.
    #[error("annotation {POLICY} has {0} bytes: at most {MAX_POLICY_BYTES} are read")]
    TooLong(usize),
    /// No policy.
    #[error("annotation {POLICY} is no policy: {0}")]
    Policy(#[source] serde_json::Error),
}

/// The value of an annotation.
#[must_use]
pub fn get<'a>(spec: &'a Spec, key: &str) -> Option<&'a str> {
    spec.annotations().as_ref()?.get(key).map(String::as_str)
}

/// The policy that the config carries, or `None` if it carries none.
///
/// # Errors
/// A text that is no policy, has an unknown key, or is longer than [`MAX_POLICY_BYTES`].
pub fn policy(spec: &Spec) -> Result<Option<Policy>, AnnotationError> {
    let Some(text) = get(spec, POLICY) else { return Ok(None) };
    if text.len() > MAX_POLICY_BYTES {
        return Err(AnnotationError::TooLong(text.len()));
    }
    read_policy(text.as_bytes()).map(Some).map_err(AnnotationError::Policy)
}

/// Reads a policy: one JSON object. (serde would take an array for the fields in their order, too.)
///
/// # Errors
/// What is no object, has an unknown key, or a value out of its range.
pub fn read_policy(text: &[u8]) -> Result<Policy, serde_json::Error> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text)?;
    serde_json::from_value(object.into())
}
