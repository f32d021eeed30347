//! Many containers, and runtimes and runners killed at random moments: nothing fails, nothing stays behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;
use vnh1_tests_containers::{Place, User, cgroups};

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[test]
fn two_hundred_one_after_the_other() {
    let Some(place) = Place::new(User::Root, "serial") else { return };
    let before = cgroups();
    let script = place.script("main.js", "console.log(6 * 7)");
    for round in 0..200 {
        let ran = place.run(&["launch".as_ref(), script.as_os_str()]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "42\n"), "round {round}: {ran:?}");
    }
    place.assert_clean();
    assert_eq!(cgroups(), before);
}

#[test]
fn fifty_at_once() {
    let Some(place) = Place::new(User::Root, "parallel") else { return };
    let before = cgroups();
    let script = place.script("main.js", "setTimeout(() => console.log(6 * 7), 300)");
    let children: Vec<_> = (0..50).map(|_| place.start(&["launch".as_ref(), script.as_os_str()])).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"42\n");
    }
    place.assert_clean();
    assert_eq!(cgroups(), before);
}

/// Kills `wanted` runtimes somewhere between their start and their end; then the documented clean-up. Those that were
/// done before the signal came do not count.
fn kill_runtimes(user: User, name: &str, wanted: u32) {
    let Some(place) = Place::new(user, name) else { return };
    let before = cgroups();
    let script = place.script("main.js", "setTimeout(() => console.log(1), 5)");
    let bundle = place.bundle("b", &[], "setTimeout(() => {}, 60_000)");
    let short = place.bundle("short", &[], "setTimeout(() => console.log(1), 5)");
    // The usual time of a launch: the least of several, since the first ones find cold caches.
    let times = (0..10).map(|_| {
        let ran = place.run(&["launch".as_ref(), script.as_os_str()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.took
    });
    let usual = times.min().and_then(|time| u64::try_from(time.as_micros()).ok()).unwrap();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut killed, mut round) = (0, 0);
    while killed < wanted {
        assert!(round < 4 * wanted, "only {killed} of {round} runtimes could be killed before they were done");
        let (detached, from_bundle) = (round % 4 == 0, round % 4 == 1);
        let id = format!("k{round}");
        let mut child = if detached {
            place.start(&["run", "--detach", "-b", bundle.to_str().unwrap(), &id])
        } else if from_bundle {
            place.start(&["run", "-b", short.to_str().unwrap(), &id])
        } else {
            place.start(&["launch".as_ref(), script.as_os_str()])
        };
        std::thread::sleep(Duration::from_micros(dice.roll(usual)));
        let _ = kill_process(Pid::from_child(&child), Signal::KILL);
        let ended = child.wait().unwrap();
        killed += u32::from(ended.code().is_none());
        if detached {
            let cleaned = place.run(&["delete", "--force", &id]);
            assert_eq!(cleaned.code, 0, "round {round}: {cleaned:?}");
        }
        round += 1;
    }
    println!("{killed} of {round} runtimes were killed before they were done");
    let pruned = place.run(&["prune"]);
    assert_eq!(pruned.code, 0, "{pruned:?}");
    place.assert_clean();
    assert_eq!(cgroups(), before);
}

#[test]
fn runtimes_killed_at_random_leave_nothing_after_prune() {
    kill_runtimes(User::Root, "killed", 400);
}

#[test]
fn runtimes_killed_at_random_leave_nothing_after_prune_when_rootless() {
    kill_runtimes(User::Ranges, "killed-rootless", 100);
}

#[test]
fn runners_killed_at_random_leave_nothing() {
    let Some(place) = Place::new(User::Root, "runners") else { return };
    let before = cgroups();
    let bundle = place.bundle("b", &[], "for (;;);");
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    for round in 0..100 {
        let pid_file = place.path.join("pid");
        let _ = std::fs::remove_file(&pid_file);
        let args = ["run", "-b", bundle.to_str().unwrap(), "--pid-file", pid_file.to_str().unwrap(), "r"];
        let child = place.start(&args);
        let pid = loop {
            if let Some(pid) = std::fs::read_to_string(&pid_file).ok().and_then(|text| text.parse().ok()) {
                break pid;
            }
            std::thread::sleep(Duration::from_micros(200));
        };
        std::thread::sleep(Duration::from_micros(dice.roll(10_000)));
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(137), "round {round}: {output:?}");
    }
    place.assert_clean();
    assert_eq!(cgroups(), before);
}
