//! The verbs of the OCI runtime spec (runtime.md "Operations"), as root: scripts and an ordinary program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use vnh1_tests_containers::{Place, Ran, User, wait_until};

fn place(name: &str) -> Option<Place> {
    Place::new(User::Root, name)
}

fn state(place: &Place, id: &str) -> serde_json::Value {
    serde_json::from_str(&place.run(&["state", id]).stdout).unwrap_or_default()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_script_goes_through_all_its_states() {
    let Some(place) = place("states") else { return };
    let bundle = place.bundle("b", &[], "setTimeout(() => {}, 60_000)");
    let pid_file = place.path.join("pid");
    let ran = place.run(&["create", "-b", text(&bundle), "--pid-file", text(&pid_file), "one"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let shown = state(&place, "one");
    assert_eq!(shown["status"], "created");
    assert_eq!(shown["ociVersion"], "1.2.0");
    assert_eq!(shown["bundle"], text(&bundle));
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), shown["pid"].to_string());

    assert_eq!(place.run(&["create", "-b", text(&bundle), "one"]).code, 1, "an id is unique");
    let refused = place.run(&["delete", "one"]);
    assert!(refused.code == 1 && refused.stderr.contains("not stopped"), "{refused:?}");
    assert_eq!(place.run(&["start", "one"]).code, 0);
    assert_eq!(state(&place, "one")["status"], "running");
    assert_eq!(place.run(&["start", "one"]).code, 1, "a running container cannot be started");
    let list: serde_json::Value = serde_json::from_str(&place.run(&["list", "--format", "json"]).stdout).unwrap();
    assert_eq!((&list[0]["id"], &list[0]["status"]), (&"one".into(), &"running".into()));

    // The runner needs a moment until it hears signals; a signal before that is not lost but ends it later.
    assert_eq!(place.run(&["kill", "one", "TERM"]).code, 0);
    wait_until("the script to stop", || state(&place, "one")["status"] == "stopped");
    assert_eq!(state(&place, "one")["pid"], 0);
    let refused = place.run(&["kill", "one", "9"]);
    assert!(refused.code == 1 && refused.stderr.contains("container not running"), "{refused:?}");
    assert_eq!(place.run(&["delete", "one"]).code, 0);
    let missing = place.run(&["state", "one"]);
    assert!(missing.code == 1 && missing.stderr.contains("does not exist"), "{missing:?}");
    place.assert_clean();
}

#[test]
fn an_ignored_term_before_start_does_not_spoil_the_start() {
    let Some(place) = place("d7") else { return };
    let bundle = place.bundle("b", &[], "console.log('ran')");
    assert_eq!(place.run(&["create", "-b", text(&bundle), "d7"]).code, 0);
    assert_eq!(place.run(&["kill", "d7", "TERM"]).code, 0);
    assert_eq!(state(&place, "d7")["status"], "created", "pid 1 of a namespace ignores it (libcontainer D7)");
    assert_eq!(place.run(&["start", "d7"]).code, 0);
    assert_eq!(place.run(&["delete", "--force", "d7"]).code, 0);
    place.assert_clean();
}

#[test]
fn force_deletes_whatever_state_it_is_in() {
    let Some(place) = place("force") else { return };
    let bundle = place.bundle("b", &[], "for (;;);");
    for started in [false, true] {
        assert_eq!(place.run(&["create", "-b", text(&bundle), "f"]).code, 0);
        if started {
            assert_eq!(place.run(&["start", "f"]).code, 0);
        }
        assert_eq!(place.run(&["delete", "--force", "f"]).code, 0);
        place.assert_clean();
    }
    assert_eq!(place.run(&["delete", "--force", "nobody"]).code, 0, "runc has it so, and callers count on it");
    assert_eq!(place.run(&["delete", "nobody"]).code, 1);
    // A damaged state file, and none at all.
    for text_of_state in [Some("{\"id\": "), None] {
        let dir = place.state().join("broken");
        fs::create_dir(&dir).unwrap();
        if let Some(damage) = text_of_state {
            fs::write(dir.join("state.json"), damage).unwrap();
            let shown = place.run(&["state", "broken"]);
            assert!(shown.code == 1 && shown.stderr.contains("damaged"), "{shown:?}");
        }
        assert_eq!(place.run(&["delete", "--force", "broken"]).code, 0);
    }
    place.assert_clean();
}

#[test]
fn a_pid_file_that_cannot_be_written_leaves_no_container() {
    let Some(place) = place("pidfile") else { return };
    let bundle = place.bundle("b", &[], "setTimeout(() => {}, 60_000)");
    for verb in [&["create"][..], &["run"], &["run", "--detach"]] {
        let rest = ["-b", text(&bundle), "--pid-file", "/nowhere/pid", "p"];
        let ran = place.run(&[verb, &rest].concat());
        assert!(ran.code == 1 && ran.stderr.contains("cannot write the pid file /nowhere/pid"), "{ran:?}");
        place.assert_clean();
    }
}

#[test]
fn a_reused_pid_is_not_signalled() {
    let Some(place) = place("d8") else { return };
    let bundle = place.bundle("b", &[], "for (;;);");
    assert_eq!(place.run(&["run", "--detach", "-b", text(&bundle), "d8"]).code, 0);
    let file = place.state().join("d8/state.json");
    let mut kept: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let own = kept["process"]["pid"].clone();
    // As if the container had ended and its number had passed to this very test.
    kept["process"]["pid"] = std::process::id().into();
    fs::write(&file, kept.to_string()).unwrap();
    let ran = place.run(&["kill", "d8", "9"]);
    assert!(ran.stderr.contains("container not running"), "{ran:?}");
    assert_eq!(state(&place, "d8")["status"], "stopped");
    kept["process"]["pid"] = own;
    fs::write(&file, kept.to_string()).unwrap();
    assert_eq!(place.run(&["delete", "--force", "d8"]).code, 0);
    place.assert_clean();
}

/// A bundle for an ordinary program: a statically linked one of the project's own, since nothing else is sure to be.
fn native(place: &Place, change: impl FnOnce(&mut serde_json::Value)) -> PathBuf {
    let bundle = place.path.join("native");
    fs::create_dir_all(bundle.join("rootfs/bin")).unwrap();
    assert_eq!(place.run(&["spec", "-b", text(&bundle)]).code, 0);
    fs::copy(place.path.join("bin/vnh1-runner"), bundle.join("rootfs/bin/tool")).unwrap();
    fs::write(bundle.join("rootfs/main.js"), "console.log('native', process.argv[2])").unwrap();
    let file = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    config["process"]["args"] = serde_json::json!(["/bin/tool", "/main.js", "program"]);
    config["process"]["terminal"] = false.into();
    change(&mut config);
    fs::write(&file, config.to_string()).unwrap();
    bundle
}

#[test]
fn an_ordinary_program_runs_as_the_config_says() {
    let Some(place) = place("native") else { return };
    let bundle = native(&place, |_| {});
    let ran = place.run(&["run", "-b", text(&bundle), "n"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "native program\n"), "{ran:?}");
    place.assert_clean();
}

#[test]
fn a_callers_seccomp_profile_is_in_force_and_never_ignored() {
    let Some(place) = place("d10") else { return };
    let run = |change: &dyn Fn(&mut serde_json::Value)| -> Ran {
        let bundle = place.path.join("native");
        let _ = fs::remove_dir_all(&bundle);
        let bundle = native(&place, change);
        place.run(&["run", "-b", text(&bundle), "s"])
    };
    let kill_getrandom = serde_json::json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["getrandom"], "action": "SCMP_ACT_KILL_PROCESS"}]});
    // With no_new_privs, and without it said and unsaid (libcontainer D9: "false" made create fail).
    for no_new_privileges in [Some(true), Some(false), None] {
        let ran = run(&|config| {
            config["linux"]["seccomp"] = kill_getrandom.clone();
            config["process"]["noNewPrivileges"] = serde_json::json!(no_new_privileges);
            if no_new_privileges.is_none() {
                config["process"].as_object_mut().unwrap().remove("noNewPrivileges");
            }
        });
        assert_eq!(ran.code, 159, "{no_new_privileges:?}: {ran:?}");
    }
    let refused = run(&|config| config["linux"]["seccomp"] = serde_json::json!({"defaultAction": "SCMP_ACT_NOTIFY"}));
    assert!(refused.code == 1 && refused.stderr.contains("not supported"), "{refused:?}");
    place.assert_clean();
}

#[test]
fn what_stands_at_the_entry_decides() {
    let Some(place) = place("entry") else { return };
    let cases = [
        (serde_json::json!(["/gone"]), 127, "no such file or directory"),
        (serde_json::json!(["gone"]), 127, "no such file or directory"),
        (serde_json::json!(["/data.txt"]), 126, "exec format error"),
        (serde_json::json!([]), 2, "process.args"),
    ];
    for (args, code, expected) in cases {
        let bundle = place.path.join("native");
        let _ = fs::remove_dir_all(&bundle);
        let bundle = native(&place, |config| config["process"]["args"] = args.clone());
        fs::write(bundle.join("rootfs/data.txt"), "text").unwrap();
        let ran = place.run(&["run", "-b", text(&bundle), "e"]);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
    // A script in an image: no annotation, no execute bit, arguments from the config.
    let bundle = place.path.join("native");
    let _ = fs::remove_dir_all(&bundle);
    let bundle = native(&place, |config| config["process"]["args"] = serde_json::json!(["/main.js", "script"]));
    let ran = place.run(&["run", "-b", text(&bundle), "e"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "native script\n"), "{ran:?}");
    place.assert_clean();
}

#[test]
fn a_link_in_the_image_leads_nobody_to_the_host() {
    let Some(place) = place("d4") else { return };
    for folder in ["dev", "proc", "sys"] {
        let target = place.path.join("victim");
        let _ = fs::remove_dir_all(&target);
        fs::create_dir(&target).unwrap();
        fs::write(target.join("ptmx"), "precious").unwrap();
        for script in [false, true] {
            let bundle = place.path.join("native");
            let _ = fs::remove_dir_all(&bundle);
            let bundle = native(&place, |config| {
                if script {
                    config["process"]["args"] = serde_json::json!(["/main.js"]);
                }
            });
            symlink(&target, bundle.join("rootfs").join(folder)).unwrap();
            let ran = place.run(&["run", "-b", text(&bundle), "d4"]);
            assert!(ran.code == 1 && ran.stderr.contains("symbolic link"), "{ran:?}");
            let names: Vec<_> = fs::read_dir(&target).unwrap().flatten().map(|entry| entry.file_name()).collect();
            assert_eq!(
                (names, fs::read_to_string(target.join("ptmx")).unwrap()),
                (vec!["ptmx".into()], "precious".into())
            );
        }
    }
    place.assert_clean();
}

#[test]
fn a_policy_in_the_bundle_only_tightens_and_a_wrong_one_refuses() {
    let Some(place) = place("policy") else { return };
    let run = |annotation: &str, operator: &str| {
        let bundle = place.path.join("native");
        let _ = fs::remove_dir_all(&bundle);
        let bundle = native(&place, |config| {
            config["process"]["args"] = serde_json::json!(["/main.js", "x"]);
            config["annotations"] = serde_json::json!({"dev.vnh1.policy": annotation});
        });
        fs::write(bundle.join("rootfs/main.js"), "for (;;);").unwrap();
        let file = place.path.join("operator.json");
        fs::write(&file, operator).unwrap();
        place.run(&["run", "-b", text(&bundle), "--policy", text(&file), "p"])
    };
    let short = r#"{"limits": {"wall_time_ms": 100}}"#;
    let long = r#"{"limits": {"wall_time_ms": 60000}}"#;
    for (annotation, operator) in [(short, long), (long, short)] {
        let ran = run(annotation, operator);
        assert_eq!(ran.code, 124, "{ran:?}");
        assert!(ran.took.as_secs() < 10);
    }
    for (annotation, expected) in
        [(r#"{"limit": {}}"#, "unknown field"), ("nonsense", "no policy"), ("[]", "no policy")]
    {
        let ran = run(annotation, long);
        assert!(ran.code == 2 && ran.stderr.contains(expected), "{ran:?}");
    }
    let ran =
        run(r#"{"require": ["cgroup-limits", "landlock", "seccomp-run"], "limits": {"wall_time_ms": 100}}"#, long);
    assert_eq!(ran.code, 124, "what is required is there: {ran:?}");
    place.assert_clean();
}

#[test]
fn a_script_shares_no_namespace_even_if_the_config_joins_one() {
    let Some(place) = place("join") else { return };
    let bundle = native(&place, |config| {
        config["process"]["args"] = serde_json::json!(["/main.js", "alone"]);
        for namespace in config["linux"]["namespaces"].as_array_mut().unwrap() {
            let kind = namespace["type"].as_str().unwrap().replace("network", "net").replace("mount", "mnt");
            namespace["path"] = format!("/proc/self/ns/{kind}").into();
        }
    });
    fs::write(bundle.join("rootfs/main.js"), "setTimeout(() => {}, 60_000)").unwrap();
    assert_eq!(place.run(&["run", "--detach", "-b", text(&bundle), "j"]).code, 0);
    let pid = state(&place, "j")["pid"].to_string();
    for kind in ["user", "pid", "net", "ipc", "uts", "mnt", "cgroup"] {
        let of = |who: &str| fs::read_link(format!("/proc/{who}/ns/{kind}")).unwrap();
        assert_ne!(of(&pid), of("self"), "{kind}");
    }
    assert_eq!(place.run(&["delete", "--force", "j"]).code, 0);
    place.assert_clean();
}

#[test]
fn the_root_gives_no_program_no_device_and_no_identity() {
    let Some(place) = place("rootflags") else { return };
    // Once as `bundle` makes it, once with a root that has to be put together because /dev is missing, once with /tmp.
    for (name, options, put_together) in [("b1", &[][..], false), ("b2", &[], true), ("b3", &["--tmp", "1MiB"], false)]
    {
        let bundle = place.bundle(name, options, "setTimeout(() => {}, 60_000)");
        if put_together {
            fs::remove_dir(bundle.join("rootfs/dev")).unwrap();
        }
        let policy = place.script("operator.json", r#"{"tmp_bytes": 1048576}"#);
        let args = ["run", "--detach", "--policy", text(&policy), "-b", text(&bundle), "f"];
        assert_eq!(place.run(&args).code, 0);
        let pid = state(&place, "f")["pid"].to_string();
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        let places: Vec<&str> = mounts.lines().map(|line| line.split(' ').nth(4).unwrap()).collect();
        // The empty folder tmp of the bundle is an entry like any other where the root is put together.
        assert_eq!(places.contains(&"/tmp"), !options.is_empty() || put_together, "{mounts}");
        assert!(!put_together || places.len() > 2, "{mounts}");
        let granted = !options.is_empty();
        for line in mounts.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let options: Vec<&str> = fields[5].split(',').collect();
            assert_eq!(options.contains(&"ro"), !(granted && fields[4] == "/tmp"), "{line}");
            for option in ["nosuid", "nodev", "noexec"] {
                assert!(options.contains(&option), "{option} is missing: {line}");
            }
        }
        assert_eq!(place.run(&["delete", "--force", "f"]).code, 0);
        place.assert_clean();
    }
}

#[test]
fn neither_the_runtime_nor_the_runner_can_be_overwritten_from_inside() {
    let Some(place) = place("cve") else { return };
    // CVE-2019-5736: the runner is executed from a read-only clone of its folder's mount.
    let bundle = place.bundle("b", &[], "setTimeout(() => {}, 60_000)");
    assert_eq!(place.run(&["run", "--detach", "-b", text(&bundle), "c"]).code, 0);
    let pid = state(&place, "c")["pid"].to_string();
    let exe = PathBuf::from(format!("/proc/{pid}/exe"));
    wait_until("the runner to be there", || fs::read_link(&exe).is_ok_and(|path| path.ends_with("vnh1-runner")));
    // A running program is "text file busy" for everybody; what lasts is that its mount is read-only.
    assert!(fs::OpenOptions::new().write(true).open(&exe).is_err());
    let flags = rustix::fs::statvfs(&exe).unwrap().f_flag;
    use rustix::fs::StatVfsMountFlags as Flags;
    assert!(flags.contains(Flags::RDONLY | Flags::NOSUID), "{flags:?}");
    assert_eq!(place.run(&["delete", "--force", "c"]).code, 0);
    let mode = fs::metadata(place.path.join("bin/vnh1-runner")).unwrap().permissions().mode();
    assert_ne!(mode & 0o111, 0);
    place.assert_clean();
}
