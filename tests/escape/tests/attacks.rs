//! Named ways out of a jail, against the filters alone; verdicts.rs does the same in the real jail. Each rule that
//! guards the time limit is also taken away, to see that the attack then succeeds: so the test can fail.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../runtime/vnh1-seccomp/build/link.rs"]
mod link;
#[allow(dead_code)]
#[path = "../../../runtime/vnh1-seccomp/build/oci.rs"]
mod oci;
#[path = "../../../runtime/vnh1-seccomp/build/profiles.rs"]
mod profiles;

use std::path::{Path, PathBuf};
use std::time::Duration;
use vnh1_tests_escape::attacks::{AFTER_THE_SEAL, ATTACKS, Attack, ON_THE_TIME_LIMIT, order};
use vnh1_tests_escape::harness::{Outcome, alone};

const ATTACKER: &str = env!("CARGO_BIN_EXE_vnh1-attacker");
const LAUNCH: &str = include_str!("../../../seccomp-profiles/launch.json");
const RUN: &str = include_str!("../../../seccomp-profiles/run.json");
const LIMIT: Duration = Duration::from_millis(120);

fn send(orders: &[&str]) -> Outcome {
    alone(Path::new(ATTACKER), &orders.iter().map(|order| (*order).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn survivors(stage: &str, attacks: &[Attack]) -> Vec<String> {
    let tried = attacks.iter().map(|attack| (attack, send(&[stage, &order(*attack)])));
    tried
        .filter(|(_, outcome)| !outcome.was_killed() || !outcome.said.is_empty())
        .map(|(attack, outcome)| format!("{attack:?} was not killed: {outcome:?}"))
        .collect()
}

#[test]
fn every_named_attack_is_killed_in_every_stage() {
    for stage in ["stage=launch", "stage=run", "stage=run-jitless"] {
        let alive = survivors(stage, ATTACKS);
        assert!(alive.is_empty(), "{stage}: {alive:#?}");
    }
}

#[test]
fn what_only_the_start_needs_is_killed_after_the_seal() {
    for stage in ["stage=run", "stage=run-jitless"] {
        let alive = survivors(stage, AFTER_THE_SEAL);
        assert!(alive.is_empty(), "{stage}: {alive:#?}");
    }
}

/// The attack with the time running, then an endless loop.
fn against_the_clock(attack: Attack, more: &[&str]) -> Outcome {
    let limit = format!("wall={}", LIMIT.as_millis());
    let mut orders = vec!["stage=run", &limit, "early 291 0"];
    orders.extend(more);
    let attack = order(attack);
    orders.extend([attack.as_str(), "spin"]);
    send(&orders)
}

#[test]
fn nothing_outlives_the_time_limit() {
    for attack in ON_THE_TIME_LIMIT {
        let outcome = against_the_clock(*attack, &[]);
        // By the handler, by the filter, or by its own broken memory: dead in time.
        assert!([124, 159, 139].contains(&outcome.code), "{attack:?}: {outcome:?}");
        assert!(outcome.took < LIMIT + Duration::from_millis(1000), "{attack:?}: {outcome:?}");
    }
}

/// The run filter with one more call permitted, in a file. The profile's own rules for that call are taken out.
fn permitting(call: &str) -> PathBuf {
    let mut profile: serde_json::Value = serde_json::from_str(RUN).unwrap();
    for section in profile.as_object_mut().unwrap().values_mut() {
        section["filter"].as_array_mut().unwrap().retain(|rule| rule["syscall"] != call);
    }
    profile["run"]["filter"].as_array_mut().unwrap().push(serde_json::json!({ "syscall": call }));
    let programs = profiles::compile(LAUNCH, &profile.to_string(), "x86_64").unwrap();
    let (_, program) = programs.into_iter().find(|(name, _)| *name == "RUN").unwrap();
    let bytes: Vec<u8> = program
        .into_iter()
        .flat_map(|one| vnh1_seccomp::Instruction { code: one.code, jt: one.jt, jf: one.jf, k: one.k }.to_bytes())
        .collect();
    let path = std::env::temp_dir().join(format!("vnh1-escape-{}-{call}.bpf", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn with_filter(path: &Path) -> String {
    format!("run-filter={}", path.display())
}

#[test]
fn each_rule_that_guards_the_time_limit_is_needed() {
    // Permitted by the launch filter, so that the run filter alone stands in the way.
    for call in ["rt_sigaction", "rt_sigprocmask", "setitimer", "mremap"] {
        let attack = ON_THE_TIME_LIMIT.iter().find(|(_, name, _)| *name == call).unwrap();
        let filter = permitting(call);
        let outcome = against_the_clock(*attack, &[&with_filter(&filter)]);
        std::fs::remove_file(&filter).unwrap();
        assert_eq!(outcome.code, 137, "{attack:?} should have outlived the limit without its rule: {outcome:?}");
        assert!(against_the_clock(*attack, &[]).returned().unwrap_or(-1) < 0, "{attack:?}");
    }
}

#[test]
fn the_handler_stays_what_it_is() {
    let limit = format!("wall={}", LIMIT.as_millis());
    let writable = "syscall 10 @handler 4096 7";
    let rewrite = ["stage=run", &limit, writable, "trample", "spin"];
    assert!(send(&rewrite).was_killed());
    // The rule is needed: without it the handler is overwritten by loops, and the limit is gone.
    let filter = permitting("mprotect");
    let outcome = send(&[&rewrite[..], &[&with_filter(&filter)]].concat());
    std::fs::remove_file(&filter).unwrap();
    assert_eq!(outcome.code, 137, "{outcome:?}");
}

#[test]
fn the_handler_asks_nothing_that_lies_in_writable_memory() {
    // The C library's cancellation points and the global offset table belong to whoever has taken over V8.
    let limit = format!("wall={}", LIMIT.as_millis());
    for attack in ["cancel", "redirect"] {
        let outcome = send(&["stage=run", &limit, attack, "spin"]);
        assert_eq!(outcome.code, 124, "{attack}: {outcome:?}");
        assert!(outcome.took < LIMIT + Duration::from_millis(1000), "{attack}: {outcome:?}");
    }
}

#[test]
fn no_file_is_there_after_the_seal() {
    const ENOENT: i64 = -2;
    for call in ["syscall 257 -100 @text:/ 0 0", "syscall 89 @text:/proc/self/exe @scratch 100"] {
        assert!(send(&["stage=launch", call]).returned().unwrap() >= 0, "{call}");
        for stage in ["stage=run", "stage=run-jitless"] {
            assert_eq!(send(&[stage, call]).returned(), Some(ENOENT), "{stage} {call}");
        }
    }
}

#[test]
fn landlock_holds_without_the_filter() {
    let filter = permitting("openat");
    let read = "syscall 257 -100 @text:/ 0 0";
    let outcome = send(&["stage=run", &with_filter(&filter), read]);
    std::fs::remove_file(&filter).unwrap();
    const EACCES: i64 = -13;
    assert_eq!(outcome.returned(), Some(EACCES), "{outcome:?}");
    // The same call before the seal, so that the errno is landlock's doing.
    assert!(send(&["stage=launch", read]).returned().unwrap() >= 0);
}

#[test]
fn cpu_time_ends_it_as_well() {
    let outcome = send(&["stage=run", "cpu=100", "spin"]);
    assert_eq!(outcome.code, 124, "{outcome:?}");
}
