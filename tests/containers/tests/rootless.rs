//! `launch` and the verbs by ordinary users, with and without ranges of ids.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;
use std::fs;
use vnh1_tests_containers::{Place, User, wait_until};

fn map_of(place: &Place, which: &str) -> Option<String> {
    let bundle = place.bundle("b", &[], "setTimeout(() => {}, 60_000)");
    let ran = place.run(&["run", "--detach", "-b", bundle.to_str()?, "m"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown: Value = serde_json::from_str(&place.run(&["state", "m"]).stdout).ok()?;
    let map = fs::read_to_string(format!("/proc/{}/{which}", shown["pid"])).ok()?;
    assert_eq!(place.run(&["delete", "--force", "m"]).code, 0);
    Some(map.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn id_of(user: &str, table: &str, column: usize) -> u32 {
    let table = fs::read_to_string(table).unwrap();
    let line = table.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap();
    line.split(':').nth(column).unwrap().parse().unwrap()
}

#[test]
fn a_user_with_ranges_runs_a_script_under_none_of_its_own_ids() {
    let Some(place) = Place::new(User::Ranges, "ranges") else { return };
    let ran = place.launch(&[], "console.log('rootless')");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "rootless\n"), "{ran:?}");
    let map = map_of(&place, "uid_map").unwrap();
    let outside: u32 = map.split(' ').nth(1).unwrap().parse().unwrap();
    let first = id_of(&place.user_name(), "/etc/subuid", 1);
    assert!((first..first + 65536).contains(&outside), "{map}");
    place.assert_clean();
}

#[test]
fn the_callers_supplementary_groups_are_dropped() {
    for (user, name) in [(User::Root, "groups-root"), (User::Ranges, "groups-ranges")] {
        let Some(place) = Place::new(user, name) else { return };
        if !rustix::process::geteuid().is_root() {
            return vnh1_tests_containers::skip("needs root, to give the caller further groups");
        }
        let bundle = place.bundle("b", &[], "setTimeout(() => {}, 60_000)");
        // The caller is in a group of its own and in one more.
        let mut command = std::process::Command::new("setpriv");
        match user {
            User::Ranges => command.args(["--reuid", "vnh1-test", "--regid", "vnh1-test", "--groups", "4,20"]),
            _ => command.args(["--groups", "4,20"]),
        };
        let runtime = place.runtime(&["run", "--detach", "-b", bundle.to_str().unwrap(), "g"]);
        let words: Vec<_> = runtime.get_args().map(std::ffi::OsStr::to_os_string).collect();
        let program = place.path.join("bin/vnh1-runtime");
        let from = words.iter().position(|word| word == "--root").unwrap();
        assert!(
            command
                .arg("--")
                .arg(program)
                .args(&words[from..])
                .stdin(std::process::Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        let shown: Value = serde_json::from_str(&place.run(&["state", "g"]).stdout).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", shown["pid"])).unwrap();
        let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap().trim();
        assert_eq!(groups, "", "{user:?}");
        assert_eq!(place.run(&["delete", "--force", "g"]).code, 0);
        place.assert_clean();
    }
}

#[test]
fn a_user_with_a_single_id_is_told_what_that_means() {
    let Some(place) = Place::new(User::Single, "single") else { return };
    let ran = place.launch(&[], "console.log('rootless')");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "rootless\n"), "{ran:?}");
    assert!(ran.stderr.contains("user-namespace: partial"), "{ran:?}");
    assert_eq!(map_of(&place, "uid_map").unwrap(), format!("0 {} 1", id_of(&place.user_name(), "/etc/passwd", 2)));
    place.assert_clean();
}

#[test]
fn without_a_cgroup_it_says_so_and_memory_is_bounded_all_the_same() {
    for (user, name) in [(User::Ranges, "bound-ranges"), (User::Single, "bound-single")] {
        let Some(place) = Place::new(user, name) else { return };
        let script =
            "const a = []; try { for (;;) a.push(new Uint8Array(1 << 20).fill(1)) } catch { console.log(a.length) }";
        let report = place.report(&["--memory", "64MiB"], script);
        let said = &report["protections"]["cgroup-limits"];
        let absent = said["status"] == "absent" && said["why"].as_str().unwrap_or_default().contains("RLIMIT_DATA");
        assert!(absent || said["status"] == "enforced", "{report}");
        let held: u32 = report["stdout"].as_str().unwrap_or_default().trim().parse().unwrap_or(u32::MAX);
        assert!((8..=64).contains(&held), "{report}");
        place.assert_clean();
    }
}

#[test]
fn all_other_layers_stand_and_limits_hold() {
    for (user, name) in [(User::Ranges, "layers-ranges"), (User::Single, "layers-single")] {
        let Some(place) = Place::new(user, name) else { continue };
        let report = place.report(&["--wall-time", "200ms"], "for (;;);");
        assert_eq!((&report["exit_code"], &report["reason"]), (&124.into(), &"wall-time".into()), "{report}");
        for (layer, status) in report["protections"].as_object().unwrap() {
            let excused = layer == "cgroup-limits" || (user == User::Single && layer == "user-namespace");
            assert!(excused || status["status"] == "enforced", "{layer}: {status}");
        }
        let bundle = place.bundle("b", &[], "for (;;);");
        assert_eq!(place.run(&["create", "-b", bundle.to_str().unwrap(), "v"]).code, 0);
        assert_eq!(place.run(&["start", "v"]).code, 0);
        wait_until("the script to run", || place.run(&["state", "v"]).stdout.contains("running"));
        // Signals reach it only once the runner hears them; KILL always does.
        assert_eq!(place.run(&["kill", "v", "KILL"]).code, 0);
        wait_until("the script to stop", || place.run(&["state", "v"]).stdout.contains("stopped"));
        assert_eq!(place.run(&["delete", "v"]).code, 0);
        place.assert_clean();
    }
}

#[test]
fn what_is_required_and_missing_refuses() {
    let Some(place) = Place::new(User::Single, "refuse") else { return };
    let policy = place.script("policy.json", r#"{"require": ["user-namespace"]}"#);
    let ran = place.launch(&["--policy", policy.to_str().unwrap()], "console.log('must not run')");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("requires user-namespace"), "{ran:?}");
    place.assert_clean();
}

#[test]
fn doctor_advises() {
    let Some(place) = Place::new(User::Single, "doctor") else { return };
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("weaker") && ran.stdout.contains("usermod --add-subuids"), "{ran:?}");
}
