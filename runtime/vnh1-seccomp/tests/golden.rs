//! The verdict of each filter for every number, against the tables in seccomp-profiles/golden/. A change of the jail
//! is seen in review as a changed line. `VNH1_GOLDEN=write` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(linux_filters, target_arch = "x86_64"))]
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::path::Path;
use vnh1_seccomp::{Instruction, describe, launch_filter, run_filter, syscall_name};

fn table(filter: &[Instruction]) -> String {
    let mut text = String::from("# number name verdict; every number beyond this table, and every x32 number: kill\n");
    for nr in 0..=512 {
        writeln!(text, "{nr} {} {}", syscall_name(nr).unwrap_or("-"), describe(filter, nr)).unwrap();
    }
    text
}

fn check(name: &str, filter: &[Instruction]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../seccomp-profiles/golden").join(name);
    let now = table(filter);
    if std::env::var_os("VNH1_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, now).unwrap();
        return;
    }
    let then = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let changed: Vec<_> = now.lines().zip(then.lines()).filter(|(now, then)| now != then).collect();
    assert!(
        now == then,
        "{} is not what the filter does (left: now, right: the table): {changed:#?}\n\
         if the change is meant, run the test with VNH1_GOLDEN=write and commit the table",
        path.display()
    );
}

#[test]
fn launch() {
    check("launch.txt", launch_filter());
}

#[test]
fn run() {
    check("run.txt", run_filter(false));
}

#[test]
fn run_jitless() {
    check("run-jitless.txt", run_filter(true));
}

#[test]
fn the_table_is_whole() {
    // Beyond it no number is compared at all, so that "kill" holds for each of them.
    for filter in [launch_filter(), run_filter(false), run_filter(true)] {
        for nr in (513..0x1_0000).chain(0x4000_0000..0x4000_0400).chain(u32::MAX - 0x400..=u32::MAX) {
            assert_eq!(describe(filter, nr), "kill", "number {nr:#x}");
        }
    }
}
