//! What this machine gives to a container. Outside the jail; nothing is changed, what can be tried is tried.

use crate::linux::cgroup::{self, CgroupError};
use crate::linux::ids::{self, Privilege};
use crate::linux::program::{self, read_bounded};
use serde::Serialize;
use std::path::Path;
use vnh1_sys::{landlock, seccomp, userns};

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// All that is wanted.
    Good,
    /// Containers run, with a weaker layer.
    Weaker,
    /// No container can run.
    Missing,
}

/// One line of the survey.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How good it is.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn good(name: &'static str, found: String) -> Self {
        Self { name, grade: Grade::Good, found, advice: None }
    }

    fn worse(name: &'static str, grade: Grade, found: String, advice: &str) -> Self {
        Self { name, grade, found, advice: Some(advice.to_owned()) }
    }
}

/// Looks at everything.
#[must_use]
pub fn survey() -> Vec<Finding> {
    vec![kernel(), user(), user_namespaces(), id_ranges(), cgroups(), seccomp_filters(), landlock_abi(), runner()]
}

fn kernel() -> Finding {
    let name = "kernel";
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let found = format!("Linux {release}");
    if version >= (5, 12) {
        return Finding::good(name, found);
    }
    Finding::worse(
        name,
        Grade::Missing,
        found,
        "Linux 5.12 or newer is needed: the runner is held read-only by mount_setattr(2)",
    )
}

fn user() -> Finding {
    let name = "user";
    match ids::privilege() {
        Ok(Privilege::Root) => {
            Finding::good(name, "root: each container gets an id of its own that nobody else has".into())
        }
        Ok(Privilege::Namespaced { container_id: 0 }) => Finding::worse(
            name,
            Grade::Weaker,
            "root of a user namespace with a single id: containers run under the id of its owner".into(),
            "map a range of ids into the namespace",
        ),
        Ok(Privilege::Namespaced { .. }) => Finding::good(name, "root of a user namespace with a range of ids".into()),
        Ok(Privilege::User) => Finding::good(name, format!("uid {}: rootless", rustix::process::geteuid().as_raw())),
        Err(error) => Finding::worse(name, Grade::Missing, error.to_string(), "mount /proc"),
    }
}

fn number(path: &str) -> Option<u64> {
    let text = read_bounded(Path::new(path), 64).ok()?;
    String::from_utf8(text).ok()?.trim().parse().ok()
}

fn user_namespaces() -> Finding {
    let name = "user namespaces";
    let unprivileged = matches!(ids::privilege(), Ok(Privilege::User));
    if number("/proc/sys/user/max_user_namespaces") == Some(0) {
        let advice = "as root: sysctl -w user.max_user_namespaces=15000";
        return Finding::worse(name, Grade::Missing, "user.max_user_namespaces is 0".into(), advice);
    }
    if unprivileged && number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        let advice = "as root: sysctl -w kernel.unprivileged_userns_clone=1";
        return Finding::worse(name, Grade::Missing, "kernel.unprivileged_userns_clone is 0".into(), advice);
    }
    if unprivileged && number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        let advice = "install an AppArmor profile for vnh1-runtime with the rule `userns,`, or as root: \
                      sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
        return Finding::worse(name, Grade::Missing, "AppArmor restricts unprivileged user namespaces".into(), advice);
    }
    if !Path::new("/proc/self/ns/user").exists() {
        return Finding::worse(name, Grade::Missing, "the kernel has none".into(), "build it with CONFIG_USER_NS");
    }
    match userns::rehearse() {
        Ok(()) => Finding::good(name, "available".into()),
        Err(error) => {
            let advice = "leave the chroot(2), if this is one (pivot_root instead); look at the limits and security \
                          modules of this machine or of the container around";
            Finding::worse(name, Grade::Missing, format!("none is given: {error}"), advice)
        }
    }
}

fn id_ranges() -> Finding {
    let name = "id ranges";
    if !matches!(ids::privilege(), Ok(Privilege::User)) {
        return Finding::good(name, "not needed".into());
    }
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    match ids::ranges(uid, gid) {
        Ok(Some(_)) => {
            Finding::good(name, "/etc/subuid and /etc/subgid name this user, newuidmap and newgidmap are there".into())
        }
        Ok(None) => Finding::worse(
            name,
            Grade::Weaker,
            "no range for this user, or newuidmap and newgidmap are missing: containers run under this user's own id"
                .into(),
            "apt install uidmap; as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
        ),
        Err(error) => Finding::worse(name, Grade::Weaker, error.to_string(), "make the table readable"),
    }
}

fn cgroups() -> Finding {
    let name = "cgroup limits";
    match cgroup::rehearse() {
        Ok(place) => Finding::good(name, format!("memory and pids can be limited below {place}")),
        Err(CgroupError::NoControllers) => Finding::worse(
            name,
            Grade::Weaker,
            "no cgroup with the controllers memory and pids; the runner bounds its memory by RLIMIT_DATA instead"
                .into(),
            "boot with cgroup v2 and systemd, or mount the controllers",
        ),
        Err(error) => Finding::worse(
            name,
            Grade::Weaker,
            format!("{error}; the runner bounds its memory by RLIMIT_DATA instead"),
            "with systemd and cgroup v2, run inside a delegated unit: systemd-run --user --scope -p Delegate=yes …; \
             or run as root",
        ),
    }
}

fn seccomp_filters() -> Finding {
    let name = "seccomp";
    if seccomp::can_kill_process() {
        return Finding::good(name, "filters can kill a process".into());
    }
    let advice = "build the kernel with CONFIG_SECCOMP_FILTER (Linux 4.14 or newer)";
    Finding::worse(name, Grade::Missing, "the kernel takes no filter that kills a process".into(), advice)
}

fn landlock_abi() -> Finding {
    let name = "landlock";
    match landlock::abi() {
        Ok(abi) => Finding::good(name, format!("ABI {abi}")),
        Err(error) => {
            Finding::worse(name, Grade::Weaker, error.to_string(), "boot with landlock in the parameter lsm=")
        }
    }
}

fn runner() -> Finding {
    let name = "runner";
    match program::own_folder() {
        Ok(folder) if folder.join(program::RUNNER).exists() => {
            Finding::good(name, folder.join(program::RUNNER).display().to_string())
        }
        Ok(folder) => Finding::worse(
            name,
            Grade::Missing,
            format!("there is no {} in {}", program::RUNNER, folder.display()),
            "install vnh1-runner into the folder of vnh1-runtime",
        ),
        Err(error) => Finding::worse(name, Grade::Missing, error.to_string(), "mount /proc"),
    }
}
