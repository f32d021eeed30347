//! What must hold of the filters whatever the profiles say: launch permits all that run permits, other tables of
//! numbers are dead, and each rule of a profile matters.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(linux_filters, target_arch = "x86_64"))]
#![forbid(unsafe_code)]

#[path = "../build/link.rs"]
mod link;
#[path = "../build/oci.rs"]
mod oci;
#[path = "../build/profiles.rs"]
mod profiles;

use proptest::prelude::*;
use serde_json::{Value, json};
use vnh1_seccomp::{
    Call, Instruction, NATIVE_ARCH, Verdict, describe, launch_filter, run_filter, syscall_number, verdict,
};

const LAUNCH: &str = include_str!("../../../seccomp-profiles/launch.json");
const RUN: &str = include_str!("../../../seccomp-profiles/run.json");

/// The three filters of a pair of profiles, as `build.rs` makes them.
fn compile(launch: &str, run: &str) -> Vec<Vec<Instruction>> {
    let programs = profiles::compile(launch, run, "x86_64").unwrap();
    programs
        .into_iter()
        .map(|(_, program)| {
            program.into_iter().map(|one| Instruction { code: one.code, jt: one.jt, jf: one.jf, k: one.k }).collect()
        })
        .collect()
}

/// Arguments near the values that rules compare with: small numbers, single bits, sums of a few, all ones.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..520,
        (0_u32..64).prop_map(|bit| 1 << bit),
        (0_u32..64, 0_u32..64, 0_u32..12).prop_map(|(a, b, c)| (1 << a) | (1 << b) | (1 << c)),
        Just(u64::MAX),
        Just(u64::from(u32::MAX)),
        Just(0x1000),
        Just(0x22),
        any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200_000))]

    #[test]
    fn launch_permits_all_that_run_permits(nr in 0_u32..480, args: [u64; 6], near in prop::array::uniform6(argument())) {
        for args in [args, near] {
            let call = Call::native(nr, args);
            for jitless in [false, true] {
                if verdict(run_filter(jitless), &call) == Verdict::Allow {
                    prop_assert_eq!(verdict(launch_filter(), &call), Verdict::Allow, "{:?}", call);
                }
            }
        }
    }

    #[test]
    fn without_a_compiler_no_more_is_permitted(nr in 0_u32..480, args in prop::array::uniform6(argument())) {
        let call = Call::native(nr, args);
        if verdict(run_filter(true), &call) == Verdict::Allow {
            prop_assert_eq!(verdict(run_filter(false), &call), Verdict::Allow);
        }
    }

    #[test]
    fn other_tables_of_numbers_are_dead(nr: u32, args: [u64; 6], arch in prop_oneof![Just(0x4000_0003_u32), any::<u32>()]) {
        for filter in [launch_filter(), run_filter(false), run_filter(true)] {
            let x32 = Call::native(nr | 0x4000_0000, args);
            prop_assert_eq!(verdict(filter, &x32), Verdict::Kill);
            if arch != NATIVE_ARCH {
                prop_assert_eq!(verdict(filter, &Call { nr: nr % 512, arch, args }), Verdict::Kill);
            }
        }
    }

    #[test]
    fn nothing_new_becomes_executable_after_the_seal(args in prop::array::uniform6(argument())) {
        for name in ["mmap", "mprotect", "pkey_mprotect"] {
            let mut args = args;
            args[2] |= 4;
            let call = Call::native(syscall_number(name).unwrap(), args);
            prop_assert_eq!(verdict(run_filter(true), &call), Verdict::Kill);
            // With a compiler, WebAssembly's code: below the runner's own, where no handler lies.
            if name != "mprotect" || args[0] >= OWN_CODE {
                prop_assert_eq!(verdict(run_filter(false), &call), Verdict::Kill);
            }
        }
    }
}

/// The runner's code lies above this address; V8 asks for memory below it.
const OWN_CODE: u64 = 1 << 46;

#[test]
fn webassembly_code_is_permitted_only_below_the_runners_own() {
    for (address, protection, expected) in [
        (0x14b0_a554_1000, 7, Verdict::Allow),
        (OWN_CODE - 4096, 7, Verdict::Allow),
        (OWN_CODE, 7, Verdict::Kill),
        (0x7f92_3248_8000, 7, Verdict::Kill),
        (u64::MAX, 7, Verdict::Kill),
        (0x14b0_a554_1000, 5, Verdict::Kill),
        (0x14b0_a554_1000, 0x100_0007, Verdict::Kill),
    ] {
        let args = [address, 8192, protection, 0, 0, 0];
        assert_eq!(says(run_filter(false), "mprotect", args), expected, "{address:x}");
        assert_eq!(says(run_filter(true), "mprotect", args), Verdict::Kill, "{address:x}");
    }
}

fn says(filter: &[Instruction], name: &str, args: [u64; 6]) -> Verdict {
    verdict(filter, &Call::native(syscall_number(name).unwrap(), args))
}

#[test]
fn the_constants_are_the_profiles() {
    let filters = compile(LAUNCH, RUN);
    assert_eq!(filters, [launch_filter(), run_filter(false), run_filter(true)]);
}

#[test]
fn files_are_opened_for_reading_only() {
    for flags in [0_u64, 0o2_000_000, 0o200_000, 0o10_000_000] {
        assert_eq!(says(launch_filter(), "openat", [0, 0, flags, 0, 0, 0]), Verdict::Allow, "{flags:o}");
    }
    for flags in [0o1_u64, 0o2, 0o3, 0o100, 0o1000, 0o20_200_000, 0o2_000_001] {
        assert_eq!(says(launch_filter(), "openat", [0, 0, flags, 0, 0, 0]), Verdict::Kill, "{flags:o}");
    }
}

#[test]
fn the_runner_is_executed_by_descriptor_only() {
    assert_eq!(says(launch_filter(), "execveat", [9, 1, 1, 1, 0x1000, 0]), Verdict::Allow);
    for flags in [0, 0x100, 0x1100, 0x1_0000_1000] {
        assert_eq!(says(launch_filter(), "execveat", [9, 1, 1, 1, flags, 0]), Verdict::Kill);
    }
    assert_eq!(says(run_filter(false), "execveat", [9, 1, 1, 1, 0x1000, 0]), Verdict::Kill);
}

#[test]
fn a_filter_may_be_added_but_no_supervisor() {
    assert_eq!(says(launch_filter(), "seccomp", [1, 0, 1, 0, 0, 0]), Verdict::Allow);
    assert_eq!(says(launch_filter(), "seccomp", [1, 1, 1, 0, 0, 0]), Verdict::Allow);
    assert_eq!(says(launch_filter(), "seccomp", [1, 8, 1, 0, 0, 0]), Verdict::Kill);
    assert_eq!(says(launch_filter(), "seccomp", [0, 0, 0, 0, 0, 0]), Verdict::Kill);
}

#[test]
fn a_wait_cannot_put_off_the_time_limit() {
    for name in ["epoll_pwait", "epoll_pwait2"] {
        assert_eq!(says(run_filter(false), name, [3, 1, 1, 1, 0, 8]), Verdict::Allow);
        for mask in [0x7000_0000, 0x7_0000_0000] {
            assert_eq!(says(run_filter(false), name, [3, 1, 1, 1, mask, 8]), Verdict::Kill);
            assert_eq!(says(launch_filter(), name, [3, 1, 1, 1, mask, 8]), Verdict::Kill);
        }
    }
}

#[test]
fn launch_permits_every_rule_of_run() {
    let profile: Value = serde_json::from_str(RUN).unwrap();
    for rule in [&profile["run"], &profile["jit"]].into_iter().flat_map(|section| section["filter"].as_array().unwrap())
    {
        let mut args = [u64::MAX; 6];
        for condition in rule["args"].as_array().into_iter().flatten() {
            // The datum alone satisfies a comparison for equality, masked or not.
            let less = u64::from(condition["op"] == "lt");
            let value = condition["val"].as_u64().unwrap() - less;
            args[usize::try_from(condition["index"].as_u64().unwrap()).unwrap()] = value;
        }
        let name = rule["syscall"].as_str().unwrap();
        assert_eq!(says(run_filter(false), name, args), Verdict::Allow, "{rule}");
        assert_eq!(says(launch_filter(), name, args), Verdict::Allow, "{rule}");
    }
}

/// Everything that the filters say, rule by rule: what a mutation must change.
fn everything(filters: &[Vec<Instruction>]) -> Vec<String> {
    filters.iter().flat_map(|filter| (0..=512).map(|nr| describe(filter, nr))).collect()
}

#[test]
fn every_entry_of_launch_matters() {
    let before = everything(&compile(LAUNCH, RUN));
    let profile: Value = serde_json::from_str(LAUNCH).unwrap();
    let entries = profile["syscalls"].as_array().unwrap();
    assert!(entries.len() > 20);
    for (at, entry) in entries.iter().enumerate() {
        for (name, text) in entry["names"].as_array().unwrap().iter().enumerate() {
            let mut less = profile.clone();
            less["syscalls"][at]["names"].as_array_mut().unwrap().remove(name);
            assert_ne!(before, everything(&compile(&less.to_string(), RUN)), "without {text}");
        }
        for argument in 0..entry["args"].as_array().map_or(0, Vec::len) {
            let mut looser = profile.clone();
            looser["syscalls"][at]["args"].as_array_mut().unwrap().remove(argument);
            match profiles::compile(&looser.to_string(), RUN, "x86_64") {
                Ok(_) => assert_ne!(before, everything(&compile(&looser.to_string(), RUN)), "entry {at}"),
                // One of several alternatives without its condition would swallow the others: refused.
                Err(error) => assert!(matches!(error, profiles::Error::Launch(oci::Error::Twice(_))), "{error}"),
            }
        }
    }
}

#[test]
fn every_rule_of_run_matters() {
    let before = everything(&compile(LAUNCH, RUN));
    let profile: Value = serde_json::from_str(RUN).unwrap();
    for (section, filter) in profile.as_object().unwrap() {
        for (at, rule) in filter["filter"].as_array().unwrap().iter().enumerate() {
            assert!(rule["comment"].as_str().is_some_and(|why| !why.trim().is_empty()), "{rule} has no reason");
            let mut less = profile.clone();
            less[section]["filter"].as_array_mut().unwrap().remove(at);
            assert_ne!(before, everything(&compile(LAUNCH, &less.to_string())), "{section} without {rule}");
            for argument in 0..rule["args"].as_array().map_or(0, Vec::len) {
                let mut looser = profile.clone();
                let args = looser[section]["filter"][at]["args"].as_array_mut().unwrap();
                args.remove(argument);
                if args.is_empty() {
                    looser[section]["filter"][at].as_object_mut().unwrap().remove("args");
                }
                match profiles::compile(LAUNCH, &looser.to_string(), "x86_64") {
                    Ok(_) => assert_ne!(before, everything(&compile(LAUNCH, &looser.to_string())), "{section}: {rule}"),
                    Err(error) => assert!(matches!(error, profiles::Error::Ambiguous { .. }), "{error}"),
                }
            }
        }
    }
}

fn refuses_launch(change: impl FnOnce(&mut Value)) -> profiles::Error {
    let mut profile: Value = serde_json::from_str(LAUNCH).unwrap();
    change(&mut profile);
    profiles::compile(&profile.to_string(), RUN, "x86_64").unwrap_err()
}

#[test]
fn a_profile_that_is_not_understood_fails_the_build() {
    use profiles::Error::Launch;
    let error = refuses_launch(|profile| profile["defaultAction"] = json!("SCMP_ACT_ALLOW"));
    assert!(matches!(error, Launch(oci::Error::Default)), "{error}");
    let error = refuses_launch(|profile| profile["syscalls"][0]["names"][0] = json!("opne"));
    assert!(matches!(error, Launch(oci::Error::Name(_))), "{error}");
    let error = refuses_launch(|profile| profile["syscalls"][0]["comment"] = json!(" "));
    assert!(matches!(error, Launch(oci::Error::NoReason(_))), "{error}");
    let error = refuses_launch(|profile| profile["flags"] = json!(["SECCOMP_FILTER_FLAG_LOG"]));
    assert!(matches!(error, Launch(oci::Error::Shape(_))), "{error}");
    let error = refuses_launch(|profile| profile["syscalls"][0]["action"] = json!("SCMP_ACT_LOG"));
    assert!(matches!(error, Launch(oci::Error::Shape(_))), "{error}");
    let error = profiles::compile(LAUNCH, RUN, "aarch64").unwrap_err();
    assert!(matches!(error, Launch(oci::Error::Architecture(_))), "{error}");
    let unused = RUN.replacen("\"jit\":", "\"jti\":", 1);
    let error = profiles::compile(LAUNCH, &unused, "x86_64").unwrap_err();
    assert!(matches!(error, profiles::Error::UnusedSection(_) | profiles::Error::NoSection(_)), "{error}");
}

#[test]
fn masks_stand_where_the_specification_puts_them() {
    // value is the mask and valueTwo the datum (libseccomp, SCMP_CMP_MASKED_EQ); swapped, this would permit 0x42.
    let profile = json!({
        "defaultAction": "SCMP_ACT_KILL_PROCESS", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{ "comment": "test", "names": ["clone"], "action": "SCMP_ACT_ALLOW",
            "args": [{ "index": 0, "value": 0x7e02_0000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" }] }]
    });
    let filter = &compile(&profile.to_string(), RUN)[0];
    assert_eq!(says(filter, "clone", [0x11, 0, 0, 0, 0, 0]), Verdict::Allow);
    assert_eq!(says(filter, "clone", [0x1000_0000, 0, 0, 0, 0, 0]), Verdict::Kill);
}

#[test]
fn the_embedded_profile_is_the_same_without_its_reasons() {
    assert_eq!(vnh1_seccomp::LAUNCH_PROFILE, oci::without_comments(LAUNCH).unwrap());
    let embedded: Value = serde_json::from_str(vnh1_seccomp::LAUNCH_PROFILE).unwrap();
    let mut profile: Value = serde_json::from_str(LAUNCH).unwrap();
    for entry in profile["syscalls"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().remove("comment").unwrap();
    }
    assert_eq!(embedded, profile);
}
