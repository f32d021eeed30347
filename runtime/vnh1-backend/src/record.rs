//! What a backend hands back, and what stands about it in `state.json`. Plain data.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vnh1_spec::Protections;

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessRecord {
    /// Its number in the runtime's pid namespace.
    pub pid: i32,
    /// When it started, in clock ticks since boot (proc_pid_stat(5), field 22).
    pub start_ticks: u64,
}

/// The cgroup that was made for a container: one folder for each hierarchy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CgroupRecord {
    /// Folders with their controller: `memory`, `pids` (version 1) or `unified` (version 2).
    pub folders: Vec<(String, PathBuf)>,
}

/// A container that waits for `start`.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its first process.
    pub process: ProcessRecord,
    /// Its cgroup, if there is one.
    pub cgroup: CgroupRecord,
    /// What was put in force so far; the runner adds its own two layers when it seals itself.
    pub protections: Protections,
}
