//! A caller's bundle: config.json and where its root file system is.

use crate::Failure;
use oci_spec::runtime::Spec;
use std::io;
use std::path::{Path, PathBuf};
use vnh1_backend::linux::program::read_bounded;
use vnh1_spec::Policy;
use vnh1_spec::policy::MAX_POLICY_BYTES;

/// Longest config.json that is read, in bytes.
const MAX_CONFIG_BYTES: usize = 16 << 20;

/// Why a bundle or a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error("cannot find the bundle {0}")]
    Folder(PathBuf, #[source] io::Error),
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} is no OCI config")]
    Config(PathBuf, #[source] serde_json::Error),
    #[error("{0}: ociVersion is {1:?}; this runtime knows 1.0 to 1.2")]
    Version(PathBuf, String),
    #[error("{0} is no policy")]
    Policy(PathBuf, #[source] serde_json::Error),
}

/// A bundle as it lies on disk.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Absolute path of its folder.
    pub(crate) path: PathBuf,
    /// Its config.
    pub(crate) spec: Spec,
}

impl Bundle {
    /// Reads the bundle in `folder`.
    pub(crate) fn load(folder: &Path) -> Result<Self, Failure> {
        Self::read(folder).map_err(|error| Failure::usage(&error))
    }

    fn read(folder: &Path) -> Result<Self, BundleError> {
        let path = std::fs::canonicalize(folder).map_err(|e| BundleError::Folder(folder.to_path_buf(), e))?;
        let config = path.join("config.json");
        let text = read_bounded(&config, MAX_CONFIG_BYTES).map_err(|e| BundleError::Read(config.clone(), e))?;
        let spec: Spec = serde_json::from_slice(&text).map_err(|e| BundleError::Config(config.clone(), e))?;
        let known = spec.version().split('.').next() == Some("1");
        if !known {
            return Err(BundleError::Version(config, spec.version().clone()));
        }
        Ok(Self { path, spec })
    }

    /// Absolute path of the root file system.
    pub(crate) fn root(&self) -> PathBuf {
        vnh1_bundle::harden::root_path(&self.spec, &self.path)
    }
}

/// Reads an operator's policy.
pub(crate) fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let read = || {
        let text = read_bounded(path, MAX_POLICY_BYTES).map_err(|e| BundleError::Read(path.to_path_buf(), e))?;
        vnh1_bundle::annotation::read_policy(&text).map_err(|e| BundleError::Policy(path.to_path_buf(), e))
    };
    read().map_err(|error| Failure::usage(&error))
}
