//! What was put in force for a container, layer by layer, from the config that was really used.

use oci_spec::runtime::{LinuxNamespaceType, Spec};
use vnh1_spec::{Protection, ProtectionStatus, Protections};

/// The layers that stand once a script's container is created. Its runner adds the last two when it seals itself.
#[must_use]
pub fn of_script(spec: &Spec, single_id: bool, no_cgroup: Option<&str>) -> Protections {
    use ProtectionStatus::{Absent, Enforced, Partial};
    let namespaces = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
    let namespace = |kind| match namespaces.into_iter().flatten().find(|namespace| namespace.typ() == kind) {
        Some(namespace) => match namespace.path() {
            None => Enforced,
            Some(path) => Partial(format!("joined {}", path.display())),
        },
        None => Absent("the config has none".to_owned()),
    };
    let user = match namespace(LinuxNamespaceType::User) {
        Enforced if single_id => Partial(
            "this user has no range in /etc/subuid and /etc/subgid: the container runs under the caller's own id and groups"
                .to_owned(),
        ),
        other => other,
    };
    let cgroup = no_cgroup.map_or(Enforced, |why| {
        Absent(format!(
            "{why}; the runner bounds its memory by RLIMIT_DATA instead, which native code could get around"
        ))
    });
    Protections::from([
        (Protection::UserNamespace, user),
        (Protection::PidNamespace, namespace(LinuxNamespaceType::Pid)),
        (Protection::MountNamespace, namespace(LinuxNamespaceType::Mount)),
        (Protection::NetworkNamespace, namespace(LinuxNamespaceType::Network)),
        (Protection::IpcNamespace, namespace(LinuxNamespaceType::Ipc)),
        (Protection::UtsNamespace, namespace(LinuxNamespaceType::Uts)),
        (Protection::CgroupNamespace, namespace(LinuxNamespaceType::Cgroup)),
        (Protection::ReadOnlyRoot, Enforced),
        (Protection::NoCapabilities, Enforced),
        (Protection::NoNewPrivileges, Enforced),
        (Protection::SeccompLaunch, Enforced),
        (Protection::SeccompRun, Absent("the runner has not sealed itself yet".to_owned())),
        (Protection::Landlock, Absent("the runner has not sealed itself yet".to_owned())),
        (Protection::CgroupLimits, cgroup),
    ])
}

/// Adds what the runner says of itself in its ending. It can only say that a layer of its own stands: the layers
/// outside it are known better here.
pub fn add_seal(protections: &mut Protections, sealed: bool, landlock_abi: u8) {
    if sealed {
        protections.insert(Protection::SeccompRun, ProtectionStatus::Enforced);
    }
    if landlock_abi > 0 {
        protections.insert(Protection::Landlock, ProtectionStatus::Enforced);
    } else if sealed {
        let why = "the kernel has no landlock, or it is not enabled (CONFIG_LSM)".to_owned();
        protections.insert(Protection::Landlock, ProtectionStatus::Absent(why));
    }
}

/// The same, with the runner's two layers as this kernel lets expect them.
#[must_use]
pub fn with_expected_seal(protections: &Protections) -> Protections {
    let mut expected = protections.clone();
    add_seal(&mut expected, vnh1_sys::seccomp::can_kill_process(), vnh1_sys::landlock::abi().unwrap_or(0));
    expected
}

/// The first protection that `required` names and that is known not to be in force, with the reason.
#[must_use]
pub fn missing<'a>(
    required: impl IntoIterator<Item = &'a Protection>,
    protections: &Protections,
) -> Option<(Protection, String)> {
    required.into_iter().find_map(|required| match protections.get(required) {
        Some(ProtectionStatus::Enforced) => None,
        Some(status) => Some((*required, status.to_string())),
        None => Some((*required, "absent (the backend does not know it)".to_owned())),
    })
}
