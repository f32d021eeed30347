//! `harden` never permits what the caller's config or the operator's policy forbids. Tests only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use oci_spec::runtime::{LinuxNamespaceType, Spec};
use proptest::prelude::*;
use serde_json::{Value, json};
use vnh1_bundle::harden::HardenError;
use vnh1_bundle::{IdMapping, harden, native_spec};
use vnh1_spec::{Limits, Policy, Protection};

const IDS: IdMapping = IdMapping { uid: 700_000, gid: 700_001 };

fn spec(value: &Value) -> Spec {
    serde_json::from_value(value.clone()).unwrap()
}

/// A caller's config with anything in it that could open the jail.
fn any_config() -> impl Strategy<Value = Value> {
    let mounts = proptest::sample::subsequence(
        vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc"}),
            json!({"destination": "/sys", "type": "sysfs", "source": "sysfs"}),
            json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}),
            json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts"}),
            json!({"destination": "/dev/kvm", "type": "bind", "source": "/dev/kvm", "options": ["bind", "rw", "dev"]}),
            json!({"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["exec"]}),
            json!({"destination": "/app", "type": "bind", "source": "/srv/app", "options": ["rbind", "rw", "exec", "suid"]}),
            json!({"destination": "/data", "source": "/srv/data", "options": ["bind"]}),
            json!({"destination": "/proc/../proc", "type": "bind", "source": "/proc", "options": ["bind"]}),
        ],
        0..9,
    );
    let namespaces = proptest::sample::subsequence(
        vec![
            json!({"type": "pid", "path": "/proc/1/ns/pid"}),
            json!({"type": "network", "path": "/run/netns/pod"}),
            json!({"type": "ipc"}),
            json!({"type": "uts"}),
            json!({"type": "mount", "path": "/proc/1/ns/mnt"}),
            json!({"type": "cgroup"}),
        ],
        0..6,
    );
    let caps = proptest::sample::subsequence(vec!["CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_CHOWN"], 0..3);
    let limit = || proptest::option::of((20_u64 << 20)..(1 << 34));
    (mounts, namespaces, caps, limit(), proptest::option::of(4_u64..1000), any::<Option<bool>>(), any::<bool>())
        .prop_map(|(mounts, namespaces, caps, memory, pids, no_new_privileges, readonly)| {
            let mut config = serde_json::to_value(native_spec()).unwrap();
            config["mounts"] = json!(mounts);
            config["linux"]["namespaces"] = json!(namespaces);
            config["linux"]["devices"] = json!([{"path": "/dev/mem", "type": "c", "major": 1, "minor": 1}]);
            config["linux"]["sysctl"] = json!({"kernel.shm_rmid_forced": "0"});
            config["linux"]["resources"] = json!({"memory": {"limit": memory}, "pids": {"limit": pids.unwrap_or(0)}});
            config["process"]["args"] = json!(["/main.js", "a"]);
            config["process"]["env"] = json!(["PATH=/bin", "A=b=c"]);
            for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] {
                config["process"]["capabilities"][set] = json!(caps);
            }
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
            config["root"]["readonly"] = json!(readonly);
            config
        })
}

fn any_operator() -> impl Strategy<Value = Policy> {
    let size = || proptest::option::of((20_u64 << 20)..(1 << 34));
    let time = || proptest::option::of(1_u64..100_000);
    let require = proptest::collection::btree_set(proptest::sample::select(&Protection::ALL[..]), 0..3);
    (size(), time(), time(), require, any::<bool>(), proptest::option::of(0_u64..1 << 30)).prop_map(
        |(memory_bytes, wall_time_ms, cpu_time_ms, require, jitless, tmp_bytes)| Policy {
            limits: Limits { memory_bytes, wall_time_ms, cpu_time_ms, ..Limits::default() },
            require,
            jitless,
            tmp_bytes,
        },
    )
}

proptest! {
    #[test]
    fn the_result_permits_no_more_than_either(config in any_config(), operator in any_operator(), carried in any_operator()) {
        let mut config = config;
        config["annotations"] = json!({"dev.vnh1.policy": serde_json::to_string(&carried).unwrap()});
        let before = spec(&config);
        let hardened = harden(&before, &operator, IDS).unwrap();
        let spec = &hardened.spec;

        let process = spec.process().as_ref().unwrap();
        prop_assert_eq!(process.no_new_privileges(), Some(true));
        let caps = process.capabilities().as_ref().unwrap();
        for set in [caps.bounding(), caps.effective(), caps.permitted(), caps.inheritable(), caps.ambient()] {
            prop_assert!(set.as_ref().is_some_and(|set| set.is_empty()));
        }
        prop_assert!(process.env().iter().flatten().next().is_none(), "the process has no environment");
        prop_assert_eq!(hardened.settings.env.get("A").map(String::as_str), Some("b=c"), "the script has what was granted");
        prop_assert_eq!(spec.root().as_ref().unwrap().readonly(), Some(true));

        for mount in spec.mounts().iter().flatten() {
            let place = mount.destination().to_str().unwrap();
            let options: Vec<_> = mount.options().iter().flatten().map(String::as_str).collect();
            match mount.typ().as_deref() {
                Some("tmpfs") => prop_assert!(place == "/dev" || (place == "/tmp" && operator.tmp_bytes > Some(0))),
                _ => {
                    prop_assert!(place == "/app" || place == "/data", "{} came through", place);
                    for option in ["ro", "nosuid", "nodev", "noexec"] {
                        prop_assert!(options.contains(&option), "{} lacks {}", place, option);
                    }
                    for option in ["rw", "exec", "suid", "dev"] {
                        prop_assert!(!options.contains(&option), "{} has {}", place, option);
                    }
                }
            }
        }

        let linux = spec.linux().as_ref().unwrap();
        prop_assert!(linux.devices().is_none() && linux.sysctl().is_none());
        let namespaces = linux.namespaces().as_ref().unwrap();
        for kind in [LinuxNamespaceType::User, LinuxNamespaceType::Pid, LinuxNamespaceType::Network, LinuxNamespaceType::Ipc,
                     LinuxNamespaceType::Uts, LinuxNamespaceType::Mount, LinuxNamespaceType::Cgroup] {
            let new = namespaces.iter().filter(|namespace| namespace.typ() == kind && namespace.path().is_none());
            prop_assert_eq!(new.count(), 1, "each namespace is new, whatever the caller joined");
        }
        prop_assert_eq!(namespaces.len(), 7);
        let map = &linux.uid_mappings().as_ref().unwrap()[0];
        prop_assert_eq!((map.container_id(), map.host_id(), map.size()), (0, IDS.uid, 1));

        let limits = hardened.settings.limits;
        let stated = config["linux"]["resources"]["memory"]["limit"].as_u64();
        for most in [operator.limits.memory_bytes, carried.limits.memory_bytes, stated].into_iter().flatten() {
            prop_assert!(limits.memory_bytes <= most);
        }
        for most in [operator.limits.wall_time_ms, carried.limits.wall_time_ms].into_iter().flatten() {
            prop_assert!(limits.wall_time_ms.is_some_and(|time| time <= most));
        }
        prop_assert_eq!(hardened.settings.jitless, operator.jitless || carried.jitless);
        prop_assert!(hardened.policy.require.is_superset(&operator.require));
        prop_assert!(hardened.policy.require.is_superset(&carried.require));
    }

    #[test]
    fn to_harden_twice_changes_nothing(config in any_config(), operator in any_operator()) {
        let once = harden(&spec(&config), &operator, IDS).unwrap();
        let twice = harden(&once.spec, &operator, IDS).unwrap();
        prop_assert_eq!(twice.spec, once.spec);
    }
}

#[test]
fn what_cannot_be_made_safe_is_refused() {
    let base = || serde_json::to_value(native_spec()).unwrap();
    let refused = |config: Value| harden(&spec(&config), &Policy::default(), IDS).unwrap_err();
    let mut config = base();
    config["process"]["args"] = json!([]);
    assert!(matches!(refused(config), HardenError::NoArgs));
    let mut config = base();
    config["process"]["env"] = json!(["NOVALUE"]);
    assert!(matches!(refused(config), HardenError::Env(_)));
    let mut config = base();
    config["annotations"] = json!({"dev.vnh1.policy": r#"{"unknown": 1}"#});
    assert!(matches!(refused(config), HardenError::Annotation(_)));
    let mut config = base();
    config["process"]["user"] = json!({"uid": 5, "gid": 0});
    assert!(matches!(refused(config), HardenError::UserNotMapped { uid: 5, .. }));
    let mut config = base();
    config.as_object_mut().unwrap().remove("linux");
    assert!(matches!(refused(config), HardenError::NoLinux));
    let mut config = base();
    config["linux"]["resources"]["memory"] = json!({"limit": 4096});
    assert!(matches!(refused(config), HardenError::Limit(_)));
}
