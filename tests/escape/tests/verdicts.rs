//! The native attacker in the runner's place, in the real jail: each system call number and each named attack, in
//! both stages, against what is documented. About a minute on two cores.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vnh1_tests_escape::attacks::{AFTER_THE_SEAL, ATTACKS, ON_THE_TIME_LIMIT, order};
use vnh1_tests_escape::harness::{Jail, Outcome, needs};
use vnh1_tests_escape::orders::Stage;
use vnh1_tests_escape::probes;

const ATTACKER: &str = env!("CARGO_BIN_EXE_vnh1-attacker");
/// Launches at the same time.
const AT_ONCE: usize = 2;

/// Launches each of the orders and collects what `judge` has to complain of.
fn each<T: Sync>(
    what: &str,
    all: &[T],
    orders: impl Fn(&T) -> Vec<String> + Sync,
    judge: impl Fn(&T, &Outcome) -> Option<String> + Sync,
) {
    let jail = Jail::new(Path::new(ATTACKER), "").unwrap();
    let (next, wrong, start) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = jail.launch(&[], &orders(one)).unwrap();
                    wrong.lock().unwrap().extend(judge(one, &outcome));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    println!("{what}: {} launches in {:.1?}, {} wrong", all.len(), start.elapsed(), wrong.len());
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

#[test]
fn every_number_in_the_launch_stage() {
    each("launch", &probes::all(Stage::Launch), probes::Probe::orders, probes::Probe::judge);
}

#[test]
fn every_number_in_the_run_stage() {
    each("run", &probes::all(Stage::Run), probes::Probe::orders, probes::Probe::judge);
}

#[test]
fn every_named_attack() {
    let stages = ["stage=launch", "stage=run"];
    let always = ATTACKS.iter().flat_map(|attack| stages.map(|stage| (stage, attack)));
    let attacks: Vec<_> = always.chain(AFTER_THE_SEAL.iter().map(|attack| ("stage=run", attack))).collect();
    each(
        "named attacks",
        &attacks,
        |(stage, attack)| vec![(*stage).to_owned(), order(**attack)],
        |attack, outcome| {
            let dead = outcome.was_killed() && outcome.said.is_empty();
            (!dead).then(|| format!("{attack:?} was not killed: {outcome:?}"))
        },
    );
}

#[test]
fn nothing_outlives_the_time_limit_alone() {
    // pid 1 of a namespace gets only the signals that it has a handler for, so this is not what attacks.rs sees.
    const LIMIT: Duration = Duration::from_millis(150);
    let limit = format!("wall={}", LIMIT.as_millis());
    let calls = ON_THE_TIME_LIMIT.iter().map(|attack| order(*attack));
    let attacks: Vec<_> = calls.chain(["cancel", "redirect"].map(str::to_owned)).collect();
    each(
        "against the clock",
        &attacks,
        |attack| ["stage=run", &limit, "early 291 0", attack, "spin"].map(str::to_owned).to_vec(),
        |attack, outcome| {
            let dead = [124, 159, 139].contains(&outcome.code) && outcome.took < LIMIT + Duration::from_millis(1500);
            (!dead).then(|| format!("{attack}: {outcome:?}"))
        },
    );
}

#[test]
fn memory_is_bounded_whatever_the_attacker_does() {
    // What RLIMIT_DATA does not count: pages that cannot be written any more, and page tables. The cgroup counts both.
    let jail = Jail::new(Path::new(ATTACKER), "").unwrap();
    for attack in ["hoard 400", "tables 200"] {
        let flags = ["--memory", "64MiB", "--json"];
        let outcome = jail.launch(&flags, &["stage=run".to_owned(), attack.to_owned()]).unwrap();
        let report: serde_json::Value = serde_json::from_str(&outcome.said).unwrap();
        let limited = report["protections"]["cgroup-limits"]["status"] == "enforced";
        if !needs("a memory cgroup that may be used", limited) {
            return;
        }
        assert_eq!((outcome.code, report["reason"].as_str()), (137, Some("memory")), "{attack}: {outcome:?}");
        assert!(report["memory"]["peak_cgroup_bytes"].as_u64().unwrap() <= 64 << 20, "{attack}: {outcome:?}");
    }
}
