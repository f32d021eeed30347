//! `console` against Node.js: the same values, the same text. Outside the jail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod common;

use common::{RUNNER, Run};
use std::process::Command;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js/console-corpus.mjs");

/// The text of each entry, by the `#N` lines between them.
fn entries(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.strip_prefix('#').is_some_and(|number| number == entries.len().to_string()) {
            entries.push(String::new());
        } else if let Some(entry) = entries.last_mut() {
            entry.push_str(line);
            entry.push('\n');
        }
    }
    entries
}

#[test]
fn values_look_as_in_node() {
    let node = match Command::new("node").arg("--version").output() {
        Ok(version) if version.stdout.starts_with(b"v20.") => Command::new("node").arg(CORPUS).output().unwrap(),
        _ if std::env::var_os("CI").is_some() => panic!("Node.js 20 is not installed, and CI needs it to compare with"),
        _ => {
            eprintln!("skipped: Node.js 20 is not installed");
            return;
        }
    };
    let ours = Command::new(RUNNER).arg(CORPUS).output().unwrap();
    assert!(ours.status.success(), "{}", String::from_utf8_lossy(&ours.stderr));
    let theirs = entries(std::str::from_utf8(&node.stdout).unwrap());
    let ours = entries(std::str::from_utf8(&ours.stdout).unwrap());
    assert!(theirs.len() >= 200, "the corpus has {} entries", theirs.len());
    let different: Vec<_> = theirs.iter().zip(&ours).enumerate().filter(|(_, (a, b))| a != b).collect();
    assert!(different.is_empty(), "{different:#?}");
    assert_eq!(theirs.len(), ours.len());
}

#[test]
fn each_method_has_its_stream() {
    let ended = Run::script(
        "console.log('l'); console.info('i'); console.debug('d'); console.warn('w'); console.error('e');
         const { log } = console; log('detached'); console.log();",
    )
    .run();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("l\ni\nd\ndetached\n\n", "w\ne\n"));
    assert_eq!(ended.ending.unwrap().output_bytes, 20);
}

#[test]
fn a_poisoned_language_does_not_reach_the_console() {
    let text = common::stdout_of(
        "const log = console.log, value = [1, { b: new Map([[1, new Set(['x'])]]) }];
         const bad = () => { throw new Error('poison'); };
         const protos = [Array, Map, Set, String, RegExp, Function, Date, Promise].map((c) => c.prototype);
         const all = [];
         for (const proto of protos) for (const key of Reflect.ownKeys(proto)) all.push([proto, key, Object.getOwnPropertyDescriptor(proto, key)]);
         for (let i = 0; i < all.length; i++) {
           const proto = all[i][0], key = all[i][1], descriptor = all[i][2];
           if (typeof descriptor.value === 'function' && key !== 'constructor' && descriptor.writable) proto[key] = bad;
         }
         Object.keys = Reflect.ownKeys = Object.getOwnPropertyNames = bad;
         Object.defineProperty(Object.prototype, 'depth', { get: bad, configurable: true });
         log('%s %d', 'a', 1, value, /r/, () => {}, 'it\\'s');",
    );
    assert_eq!(text, "a 1 [ 1, { b: Map(1) { 1 => [Set] } } ] /r/ [Function (anonymous)] it's\n");
}
