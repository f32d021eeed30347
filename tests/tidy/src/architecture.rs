//! docs/architecture.md against the checkout: its code map, and the test that it names for each invariant.

use crate::crates::{members, metadata};
use crate::{files, files_with, quoted, read, root, section};
use std::collections::BTreeSet;

fn document() -> String {
    read("docs/architecture.md")
}

#[test]
fn code_map_names_exactly_what_exists() {
    let document = document();
    let mapped: BTreeSet<_> = quoted(section(&document, "## Code map"))
        .into_iter()
        .filter_map(|word| word.strip_suffix('/'))
        .map(str::to_owned)
        .collect();
    let crates: BTreeSet<_> = members(&metadata()).into_values().collect();
    let top = files().into_iter().filter_map(|path| path.split_once('/').map(|(folder, _)| folder.to_owned()));
    // The folders of crates stand in the map by their crates.
    let folders = top.filter(|folder| !["runtime", "tests", ".cargo", ".config", ".ci"].contains(&folder.as_str()));
    let existing: BTreeSet<_> = crates.into_iter().chain(folders).collect();
    let missing: Vec<_> = existing.difference(&mapped).collect();
    let gone: Vec<_> = mapped.difference(&existing).filter(|path| !root().join(path).is_dir()).collect();
    assert!(missing.is_empty(), "not in the code map: {missing:?}");
    assert!(gone.is_empty(), "in the code map, but not there: {gone:?}");
}

#[test]
fn every_test_named_for_an_invariant_exists() {
    let document = document();
    let source: String = files_with(&["rs"]).iter().map(|path| read(path)).collect();
    let invariants = section(&document, "## Invariants");
    let lines: Vec<_> = invariants.lines().filter(|line| line.starts_with("- ")).collect();
    assert!(lines.len() > 8, "too few invariants were found");
    for line in lines {
        let (_, tests) = line.rsplit_once(" · ").unwrap_or_else(|| panic!("no test is named behind ' · ': {line}"));
        let names = quoted(tests);
        assert!(!names.is_empty(), "no test is named: {line}");
        for name in names {
            assert!(source.contains(&format!("fn {name}(")), "{name} is named, but there is no such test: {line}");
        }
    }
}
