//! The bundles that vnh1 writes, to the letter. After a change that is meant: `VNH1_BLESS=1 cargo test -p vnh1-bundle`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use vnh1_bundle::{IdMapping, ScriptRequest, harden, native_spec, script_spec};
use vnh1_spec::{Limits, Policy, Protection};

fn check(name: &str, value: &impl serde::Serialize) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    // By way of a Value, so that the keys of maps stand in order.
    let ordered = serde_json::to_value(value).unwrap();
    let text = format!("{}\n", serde_json::to_string_pretty(&ordered).unwrap());
    if std::env::var_os("VNH1_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs from what is made now:\n{text}", path.display());
}

fn request() -> ScriptRequest {
    ScriptRequest {
        entry: "/main.js".to_owned(),
        args: vec!["a".to_owned(), "b c".to_owned()],
        env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
        cwd: "/".to_owned(),
        policy: Policy {
            limits: Limits { wall_time_ms: Some(2000), memory_bytes: Some(64 << 20), ..Limits::default() },
            require: [Protection::SeccompRun, Protection::Landlock].into(),
            jitless: true,
            tmp_bytes: Some(1 << 20),
        },
        root: PathBuf::from("rootfs"),
        ids: IdMapping { uid: 0x7000_0001, gid: 0x7000_0001 },
    }
}

#[test]
fn the_bundle_of_a_script() {
    check("script.json", &script_spec(&request()).unwrap());
}

#[test]
fn the_same_hardened_and_its_settings() {
    let request = request();
    let hardened = harden(&script_spec(&request).unwrap(), &request.policy, request.ids).unwrap();
    check("script-hardened.json", &hardened.spec);
    check("script-settings.json", &hardened.settings);
}

#[test]
fn the_config_of_spec_hardened() {
    let mut spec = native_spec();
    spec.process_mut().as_mut().unwrap().set_args(Some(vec!["/main.js".to_owned()]));
    let ids = IdMapping { uid: 100_000, gid: 100_000 };
    check("native-hardened.json", &harden(&spec, &Policy::default(), ids).unwrap().spec);
}
