//! The layers of the jail, and what was really put in force of each. No quiet fallback: absent is said.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One layer of the jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// The container's ids are none of the host's privileged ones (user_namespaces(7)).
    UserNamespace,
    /// Own process tree (pid_namespaces(7)).
    PidNamespace,
    /// Own mount table (mount_namespaces(7)).
    MountNamespace,
    /// No network interface but its own loopback, which is down (network_namespaces(7)).
    NetworkNamespace,
    /// Own System V and POSIX message queues (ipc_namespaces(7)).
    IpcNamespace,
    /// Own host name (uts_namespaces(7)).
    UtsNamespace,
    /// Own view of the cgroup tree (cgroup_namespaces(7)).
    CgroupNamespace,
    /// The root file system cannot be written.
    ReadOnlyRoot,
    /// No capability in any set (capabilities(7)).
    NoCapabilities,
    /// execve(2) grants nothing (PR_SET_NO_NEW_PRIVS).
    NoNewPrivileges,
    /// The filter that holds from execve on (seccomp-profiles/launch.json).
    SeccompLaunch,
    /// The filter that holds from the script's first instruction on (seccomp-profiles/run.json).
    SeccompRun,
    /// No path of the file system can be opened (landlock(7)).
    Landlock,
    /// Memory and tasks are bounded by the kernel (cgroups(7)).
    CgroupLimits,
}

/// How far a protection is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status", content = "why")]
pub enum ProtectionStatus {
    /// In force.
    Enforced,
    /// In force with a gap, which the text names.
    Partial(String),
    /// Not in force; the text says why.
    Absent(String),
}

/// What was put in force, by layer.
pub type Protections = BTreeMap<Protection, ProtectionStatus>;

impl Protection {
    /// Every layer, outermost first.
    pub const ALL: [Protection; 14] = [
        Protection::UserNamespace,
        Protection::PidNamespace,
        Protection::MountNamespace,
        Protection::NetworkNamespace,
        Protection::IpcNamespace,
        Protection::UtsNamespace,
        Protection::CgroupNamespace,
        Protection::ReadOnlyRoot,
        Protection::NoCapabilities,
        Protection::NoNewPrivileges,
        Protection::SeccompLaunch,
        Protection::SeccompRun,
        Protection::Landlock,
        Protection::CgroupLimits,
    ];

    /// The name as policy and reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Protection::UserNamespace => "user-namespace",
            Protection::PidNamespace => "pid-namespace",
            Protection::MountNamespace => "mount-namespace",
            Protection::NetworkNamespace => "network-namespace",
            Protection::IpcNamespace => "ipc-namespace",
            Protection::UtsNamespace => "uts-namespace",
            Protection::CgroupNamespace => "cgroup-namespace",
            Protection::ReadOnlyRoot => "read-only-root",
            Protection::NoCapabilities => "no-capabilities",
            Protection::NoNewPrivileges => "no-new-privileges",
            Protection::SeccompLaunch => "seccomp-launch",
            Protection::SeccompRun => "seccomp-run",
            Protection::Landlock => "landlock",
            Protection::CgroupLimits => "cgroup-limits",
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ProtectionStatus {
    /// Whether the layer is in force without a gap.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        matches!(self, ProtectionStatus::Enforced)
    }
}

impl fmt::Display for ProtectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtectionStatus::Enforced => f.write_str("enforced"),
            ProtectionStatus::Partial(why) => write!(f, "partial ({why})"),
            ProtectionStatus::Absent(why) => write!(f, "absent ({why})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_what_serde_writes() {
        for protection in Protection::ALL {
            assert_eq!(serde_json::to_value(protection).unwrap(), protection.name());
        }
    }
}
