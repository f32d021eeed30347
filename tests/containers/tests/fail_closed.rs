//! Where the machine does not give a layer: it is said, or it is refused; never is the jail quietly weaker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;
use std::process::Command;
use vnh1_tests_containers::{Place, User};

/// Runs `launch --json` after `change`, a shell command in a mount namespace of its own.
fn launch_after(place: &Place, change: &str, options: &[&str], text: &str) -> (i32, String, String) {
    let script = place.script("main.js", text);
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &format!("{change} && exec \"$@\""), "-"])
        .arg(place.path.join("bin/vnh1-runtime"))
        .arg("--root")
        .arg(place.state())
        .args(["launch", "--json"])
        .args(options)
        .arg(script)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

const NO_CGROUP: &str = "umount -l /sys/fs/cgroup && mount -t tmpfs none /sys/fs/cgroup";
const READ_ONLY_CGROUP: &str = "for m in memory pids; do mount -o remount,bind,ro /sys/fs/cgroup/$m; done";

#[test]
fn without_a_usable_cgroup_the_report_says_so() {
    let Some(place) = Place::new(User::Root, "nocg") else { return };
    for change in [NO_CGROUP, READ_ONLY_CGROUP] {
        let (code, stdout, stderr) = launch_after(&place, change, &[], "console.log(1)");
        assert_eq!(code, 0, "{stderr}");
        let report: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(report["protections"]["cgroup-limits"]["status"], "absent", "{report}");
        assert!(stderr.contains("cgroup-limits: absent"), "{stderr}");
        place.assert_clean();
    }
}

#[test]
fn without_a_usable_cgroup_a_policy_that_requires_it_refuses() {
    let Some(place) = Place::new(User::Root, "nocg-required") else { return };
    let policy = place.script("policy.json", r#"{"require": ["cgroup-limits"]}"#);
    for change in [NO_CGROUP, READ_ONLY_CGROUP] {
        let options = ["--policy", policy.to_str().unwrap()];
        let (code, stdout, stderr) = launch_after(&place, change, &options, "console.log('must not run')");
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains("requires cgroup-limits, but it is absent"), "{stderr}");
        place.assert_clean();
    }
}

#[test]
fn without_user_namespaces_nothing_starts() {
    let Some(place) = Place::new(User::Single, "nouser") else { return };
    if !rustix::process::geteuid().is_root() {
        return vnh1_tests_containers::skip("needs root, to become another user");
    }
    // A user namespace in which no further one may be made: the limit is the namespace's own, not the machine's.
    let script = place.script("main.js", "console.log('must not run')");
    let command = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let output = Command::new("setpriv")
        .args(["--reuid", "vnh1-test-single", "--regid", "vnh1-test-single", "--init-groups", "--"])
        .args(["unshare", "--user", "--map-root-user", "sh", "-c", command, "-"])
        .arg(place.path.join("bin/vnh1-runtime"))
        .arg("--root")
        .arg(place.state())
        .arg("launch")
        .arg(script)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert_eq!(output.stdout, b"");
    assert!(stderr.contains("No space left"), "{stderr}");
    place.assert_clean();
}

#[test]
fn doctor_finds_out_that_there_are_no_user_namespaces() {
    let Some(place) = Place::new(User::Root, "nouser-doctor") else { return };
    let command = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", command, "-"])
        .arg(place.path.join("bin/vnh1-runtime"))
        .arg("--root")
        .arg(place.state())
        .arg("doctor")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.lines().any(|line| line.starts_with("MISSING") && line.contains("user namespaces")), "{stdout}");
}

#[test]
fn a_missing_runner_is_named() {
    let Some(place) = Place::new(User::Root, "norunner") else { return };
    std::fs::remove_file(place.path.join("bin/vnh1-runner")).unwrap();
    let ran = place.launch(&[], "1");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("vnh1-runner") && ran.stderr.contains("beside vnh1-runtime"), "{ran:?}");
    place.assert_clean();
}

#[test]
fn a_folder_of_states_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let Some(place) = Place::new(User::Root, "foreign") else { return };
    std::fs::set_permissions(place.state(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let ran = place.run(&["list"]);
    assert!(ran.code == 1 && ran.stderr.contains("others may write"), "{ran:?}");
    std::fs::set_permissions(place.state(), std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_full_disk_is_an_error_and_nothing_stays() {
    let Some(place) = Place::new(User::Root, "full") else { return };
    let state = place.state().display().to_string();
    let change =
        format!("mount -t tmpfs -o size=64k,mode=700 none {state} && head -c 61440 /dev/zero > {state}/.filler");
    let (code, stdout, stderr) = launch_after(&place, &change, &[], "console.log('must not run')");
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
    place.assert_clean();
}
