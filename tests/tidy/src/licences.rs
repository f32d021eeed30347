//! Licences of everything that is built into a program of vnh1, held against a list of those that fit Apache-2.0.

use crate::crates::{list, metadata, text};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Licences under which code may be linked into an Apache-2.0 program. MPL-2.0 asks for more only where its own
/// files are changed, which vnh1 does not do.
const ALLOWED: [&str; 12] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "Unlicense",
];

/// Packages that name a file instead of a licence: what a person read in it, and a phrase that must stand there.
const READ_BY_HAND: [(&str, &str); 1] = [("rust-criu", "Permission is hereby granted, free of charge")];

/// Whether a package's licence is allowed, be it by name or by the file that it ships.
fn package_is_allowed(package: &Value) -> bool {
    let (name, folder) = (text(package, "name"), Path::new(text(package, "manifest_path")).parent());
    let file = folder.map(|folder| folder.join(text(package, "license_file"))).filter(|file| file.is_file());
    match (READ_BY_HAND.iter().find(|(read, _)| *read == name), file) {
        (Some((_, phrase)), Some(file)) => fs::read_to_string(file).is_ok_and(|licence| licence.contains(phrase)),
        _ => is_allowed(text(package, "license")),
    }
}

/// Whether an SPDX expression can be met with allowed licences: one side of OR, both sides of AND. AND binds closer.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.trim();
    if let Some(sides) = split(expression, " OR ").or_else(|| split(expression, "/")) {
        return sides.into_iter().any(is_allowed);
    }
    if let Some(sides) = split(expression, " AND ") {
        return sides.into_iter().all(is_allowed);
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner),
        None => ALLOWED.contains(&expression),
    }
}

/// The parts between a word that stands outside of all brackets, or `None` if it stands nowhere.
fn split<'a>(expression: &'a str, word: &str) -> Option<Vec<&'a str>> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, character) in expression.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && expression[at..].starts_with(word) => {
                parts.push(&expression[start..at]);
                start = at + word.len();
            }
            _ => {}
        }
    }
    parts.push(&expression[start..]);
    (parts.len() > 1).then_some(parts)
}

#[test]
fn expressions_are_understood() {
    for good in
        ["MIT", "MIT OR GPL-3.0", "GPL-3.0 OR (MIT AND ISC)", "MIT/Apache-2.0", "(MIT OR GPL-2.0) AND Unicode-3.0"]
    {
        assert!(is_allowed(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND LGPL-2.1", "Apache-2.0 WITH something"] {
        assert!(!is_allowed(bad), "{bad}");
    }
}

#[test]
fn every_licence_is_allowed() {
    let metadata = metadata();
    let packages = list(&metadata, "packages");
    let wrong: Vec<_> = packages
        .iter()
        .filter(|package| !package_is_allowed(package))
        .map(|package| {
            format!("{} {}: {:?}", text(package, "name"), text(package, "version"), text(package, "license"))
        })
        .collect();
    assert!(wrong.is_empty(), "not on the list of allowed licences: {wrong:#?}");
    assert!(packages.len() > 20, "too few packages were seen");
}
