//! The filters alone, without a jail: each system call number, in each stage, as the kernel itself decides it.
//! This is the fast suite; verdicts.rs does the same in the real jail.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use vnh1_tests_escape::harness::alone;
use vnh1_tests_escape::orders::Stage;
use vnh1_tests_escape::probes::{self, Expected};

const ATTACKER: &str = env!("CARGO_BIN_EXE_vnh1-attacker");

fn every_number(stage: Stage) {
    let probes = probes::all(stage);
    let wrong: Vec<_> =
        probes.iter().filter_map(|probe| probe.judge(&alone(Path::new(ATTACKER), &probe.orders()).unwrap())).collect();
    let killed = probes.iter().filter(|probe| probe.expected() == Expected::Killed).count();
    println!("{stage:?}: {} attempts, {killed} killed as expected, {} wrong", probes.len(), wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_number_in_the_launch_stage() {
    every_number(Stage::Launch);
}

#[test]
fn every_number_in_the_run_stage() {
    every_number(Stage::Run);
}

#[test]
fn every_number_in_the_run_stage_without_a_compiler() {
    every_number(Stage::RunJitless);
}

#[test]
fn an_attacker_that_cannot_begin_is_no_verdict() {
    let outcome = alone(Path::new(ATTACKER), &["syscal 1".to_owned()]).unwrap();
    assert_eq!(outcome.code, 99);
    assert!(outcome.complained.contains("syscal 1"));
}
