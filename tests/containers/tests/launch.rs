//! `launch`, as root: what a user sees of a script that ends well, badly, or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::json;
use std::process::Stdio;
use vnh1_tests_containers::{Place, User, feed, wait_until};

fn place(name: &str) -> Option<Place> {
    Place::new(User::Root, name)
}

#[test]
fn prints_a_line_and_leaves_nothing() {
    let Some(place) = place("line") else { return };
    let ran = place.launch(&[], "console.log('Hello from', import.meta.url)");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "Hello from file:///main.js\n", ""));
    place.assert_clean();
}

#[test]
fn gives_the_scripts_own_code_and_streams() {
    let Some(place) = place("code") else { return };
    let ran = place.launch(&[], "console.error('bad'); process.exit(42)");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (42, "", "bad\n"));
    let ran = place.launch(&[], "throw new TypeError('no')");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("main.js:1") && ran.stderr.contains("TypeError: no"), "{ran:?}");
    place.assert_clean();
}

#[test]
fn arguments_and_granted_environment_arrive_and_nothing_else() {
    let Some(place) = place("args") else { return };
    let script =
        place.script("main.js", "console.log(JSON.stringify([process.argv.slice(2), process.env, process.cwd()]))");
    let mut command = place.runtime(&["launch", "--env", "A=1=2", "-e", "B=", "--cwd", "/tmp"]);
    command.arg(script).args(["x y", "--json", "é"]).env("SECRET", "s");
    let output = command.output().unwrap();
    let got: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(got, json!([["x y", "--json", "é"], {"A": "1=2", "B": ""}, "/tmp"]));
}

#[test]
fn stdin_is_empty_unless_asked_for() {
    let Some(place) = place("stdin") else { return };
    let text = "let n = 0; for await (const chunk of process.stdin) n += chunk.length; console.log(n)";
    let script = place.script("main.js", text);
    for (options, expected) in [(vec!["launch"], "0\n"), (vec!["launch", "--stdin"], "5\n")] {
        let mut child = place.runtime(&options).arg(&script).stdin(Stdio::piped()).spawn().unwrap();
        if expected == "0\n" {
            drop(child.stdin.take());
        } else {
            feed(&mut child, b"12345");
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[test]
fn one_report_says_everything() {
    let Some(place) = place("report") else { return };
    let report = place.report(&[], "console.log('out'); console.error('err'); new Uint8Array(1 << 20).fill(1)");
    assert_eq!(report["exit_code"], 0);
    assert_eq!(report["reason"], "exited");
    assert_eq!((&report["stdout"], &report["stderr"]), (&json!("out\n"), &json!("err\n")));
    let number = |path: &str| report.pointer(path).and_then(serde_json::Value::as_f64).unwrap_or(-1.0);
    assert!(number("/times/create_ms") > 0.0 && number("/times/run_ms") > 0.0 && number("/times/cpu_ms") > 0.0);
    assert!(number("/memory/peak_cgroup_bytes") > 1e6 && number("/memory/peak_resident_bytes") > 1e6, "{report}");
    assert!(number("/memory/peak_heap_bytes") > 1e5 && number("/memory/peak_external_bytes") >= 1048576.0, "{report}");
    let protections = report["protections"].as_object().unwrap();
    assert_eq!(protections.len(), 14);
    for (name, status) in protections {
        assert_eq!(status, &json!({"status": "enforced"}), "{name}");
    }
}

#[test]
fn a_flood_of_output_ends_a_report() {
    let Some(place) = place("flood") else { return };
    let report = place.report(&["--output-limit", "100KiB"], "for (;;) console.log('x'.repeat(1000))");
    assert_eq!((&report["exit_code"], &report["reason"]), (&json!(137), &json!("output")));
    assert!(report["stdout"].as_str().unwrap().len() <= 100 << 10);
    let ran = place.launch(&["--output-limit", "100KiB"], "for (;;) console.log('x'.repeat(1000))");
    assert_eq!(ran.code, 137);
    assert!(ran.stdout.len() <= 100 << 10 && ran.stderr.contains("output"), "{} {}", ran.stdout.len(), ran.stderr);
    place.assert_clean();
}

#[test]
fn signals_are_passed_on() {
    let Some(place) = place("signals") else { return };
    for (signal, code) in [(rustix::process::Signal::TERM, 143), (rustix::process::Signal::INT, 130)] {
        let script = place.script("main.js", "console.log('up'); setTimeout(() => {}, 60_000)");
        let mut child = place.runtime(&["launch"]).arg(script).spawn().unwrap();
        let mut first = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
    place.assert_clean();
}

#[test]
fn a_script_does_not_outlive_the_launch_that_waits_for_it() {
    for user in [User::Root, User::Ranges, User::Single] {
        let Some(place) = Place::new(user, "orphan") else { continue };
        let script = place.script("main.js", "console.log('up'); setTimeout(() => {}, 20_000)");
        let mut child = place.runtime(&["launch"]).arg(script).spawn().unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 3]).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        // The script's process holds the other end of this pipe: the end of it is the script's end.
        let (killed, mut rest) = (std::time::Instant::now(), Vec::new());
        std::io::Read::read_to_end(child.stdout.as_mut().unwrap(), &mut rest).unwrap();
        assert!(killed.elapsed().as_secs() < 10, "the script ended by itself");
        assert_eq!(place.run(&["prune"]).code, 0);
        place.assert_clean();
    }
}

#[test]
fn a_folder_can_be_the_root() {
    let Some(place) = place("folder") else { return };
    let root = place.path.join("app");
    std::fs::create_dir_all(root.join("lib")).unwrap();
    std::fs::write(
        root.join("main.mjs"),
        "import { f } from './lib/f.js'; import d from '/data.json' with { type: 'json' }; console.log(f(d.n))",
    )
    .unwrap();
    std::fs::write(root.join("lib/f.js"), "export const f = (n) => n + 1;").unwrap();
    std::fs::write(root.join("data.json"), r#"{"n": 41}"#).unwrap();
    let ran = place.run(&["launch", "--root-dir", root.to_str().unwrap(), "main.mjs"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "42\n"), "{ran:?}");
    let mut names: Vec<_> = std::fs::read_dir(&root).unwrap().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, ["data.json", "lib", "main.mjs"], "the user's folder is not written to");
    let outside = place.script("outside.js", "1");
    let ran = place.run(&["launch", "--root-dir", root.to_str().unwrap(), outside.to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{ran:?}");
    place.assert_clean();
}

#[test]
fn what_cannot_be_launched_says_why() {
    let Some(place) = place("why") else { return };
    let ts = place.script("a.ts", "1");
    let txt = place.script("a.txt", "1");
    let js = place.script("a.js", "1");
    let policy = place.script("policy.json", r#"{"limit": {}}"#);
    let of = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let cases: [(Vec<String>, i32, &str); 9] = [
        (vec!["/nowhere.js".into()], 127, "No such file or directory"),
        (vec![of(&ts)], 2, "TypeScript"),
        (vec![of(&txt)], 2, ".js or .mjs"),
        (vec![of(&place.path)], 2, ".js or .mjs"),
        (vec!["--memory".into(), "1MiB".into(), of(&js)], 2, "memory_bytes is 1048576: it must be at least"),
        (vec!["--wall-time".into(), "2".into(), of(&js)], 2, "unit"),
        (vec!["--env".into(), "A".into(), of(&js)], 2, "NAME=VALUE"),
        (vec!["--policy".into(), of(&policy), of(&js)], 2, "limit"),
        (vec!["--backend".into(), "process".into(), of(&js)], 2, "backend"),
    ];
    for (args, code, text) in cases {
        let ran = place.run(&[vec!["launch".to_owned()], args].concat());
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.stderr.contains(text), "{text:?} is not in {:?}", ran.stderr);
    }
    place.assert_clean();
}

#[test]
fn the_limits_hold_also_in_the_background_without_any_runtime() {
    let Some(place) = place("background") else { return };
    let bundle = place.bundle("b", &["--wall-time", "300ms"], "for (;;);");
    let bundle = bundle.to_str().unwrap();
    assert_eq!(place.run(&["run", "--detach", "-b", bundle, "bg"]).code, 0);
    let shown = || place.run(&["state", "bg"]).stdout;
    assert!(shown().contains("\"running\""));
    wait_until("the script to be ended by its own timer", || shown().contains("\"stopped\""));
    assert!(shown().contains("\"reason\": \"wall-time\""), "{}", shown());
    assert_eq!(place.run(&["delete", "bg"]).code, 0);
    place.assert_clean();
}
