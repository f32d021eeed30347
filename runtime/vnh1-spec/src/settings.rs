//! What the runtime tells the runner. It crosses the wall inwards once, through a descriptor that the runner
//! reads and closes before any of the script's code runs.

use crate::limits::EffectiveLimits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest settings text in bytes: arguments and environment together are bounded as by execve(2).
pub const MAX_SETTINGS_BYTES: usize = 4 << 20;

/// The runner's orders, as one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Absolute path of the main module inside the root file system.
    pub entry: String,
    /// Arguments of the script.
    pub args: Vec<String>,
    /// The environment that the script was granted; the process itself has none.
    pub env: BTreeMap<String, String>,
    /// Working directory inside the root file system, for what resolves relative paths.
    pub cwd: String,
    /// Limits in force.
    pub limits: EffectiveLimits,
    /// No just-in-time compiler and no WebAssembly.
    pub jitless: bool,
}
