//! The crate table of docs/architecture.md, held against what cargo resolves.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// One line of the table: a crate, ours that it may depend on, and what it must never pull in by any way.
struct Row {
    name: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

const fn row(name: &'static str, ours: &'static [&'static str], never: &'static [&'static str]) -> Row {
    Row { name, ours, never }
}

const TABLE: &[Row] = &[
    row("vnh1-spec", &[], &["tokio", "mio", "rustix", "libc", "nix", "v8", "libcontainer"]),
    row("vnh1-seccomp", &[], &["tokio", "rustix", "v8", "libcontainer"]),
    row("vnh1-sys", &[], &["tokio", "v8", "libcontainer"]),
    row("vnh1-bundle", &["vnh1-spec"], &["libcontainer", "v8", "tokio"]),
    row("vnh1-backend", &["vnh1-seccomp", "vnh1-spec", "vnh1-sys"], &["v8", "tokio"]),
    row(
        "vnh1-runtime",
        &["vnh1-backend", "vnh1-bundle", "vnh1-seccomp", "vnh1-spec", "vnh1-sys"],
        &["v8", "tokio", "rayon", "crossbeam-channel"],
    ),
    row("vnh1-runner", &["vnh1-seccomp", "vnh1-spec", "vnh1-sys"], &["tokio", "libcontainer", "oci-spec"]),
];

/// What cargo says of the workspace, for Linux.
pub(crate) fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(crate::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Crates of the workspace: name to folder, seen from the project's own folder.
pub(crate) fn members(metadata: &Value) -> BTreeMap<String, String> {
    let root = format!("{}/", text(metadata, "workspace_root"));
    let ids = list(metadata, "workspace_members");
    let ours = list(metadata, "packages").iter().filter(|package| ids.contains(&package["id"]));
    ours.map(|package| {
        let folder = text(package, "manifest_path").trim_start_matches(&root).trim_end_matches("/Cargo.toml");
        (text(package, "name").to_owned(), folder.to_owned())
    })
    .collect()
}

/// Everything that a package pulls in for its programs: dependencies of dependencies too, but none for tests only.
fn pulled_in(metadata: &Value, name: &str) -> BTreeSet<String> {
    let name_of = |id: &Value| {
        let package = list(metadata, "packages").iter().find(|package| package["id"] == *id);
        package.map(|package| text(package, "name").to_owned()).unwrap_or_default()
    };
    let nodes = list(&metadata["resolve"], "nodes");
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<&Value> = nodes.iter().map(|node| &node["id"]).filter(|id| name_of(id) == name).collect();
    while let Some(id) = waiting.pop() {
        let Some(node) = nodes.iter().find(|node| node["id"] == *id) else { continue };
        for dependency in list(node, "deps") {
            let for_the_program = list(dependency, "dep_kinds").iter().any(|kind| text(kind, "kind").is_empty());
            if for_the_program && seen.insert(name_of(&dependency["pkg"])) {
                waiting.push(&dependency["pkg"]);
            }
        }
    }
    seen
}

#[test]
fn crate_table_holds() {
    let metadata = metadata();
    let members = members(&metadata);
    let mut broken = Vec::new();
    for (name, folder) in members.iter().filter(|(_, folder)| folder.starts_with("runtime/")) {
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            broken.push(format!("{name} ({folder}) stands in no line of the crate table"));
            continue;
        };
        let pulled = pulled_in(&metadata, name);
        let bad = pulled.iter().filter(|other| {
            members.contains_key(*other) && !row.ours.contains(&other.as_str()) || row.never.contains(&other.as_str())
        });
        broken.extend(bad.map(|other| format!("{name} pulls in {other}")));
    }
    assert!(broken.is_empty(), "{broken:#?}");
    let missing: Vec<_> = TABLE.iter().map(|row| row.name).filter(|name| !members.contains_key(*name)).collect();
    assert!(missing.is_empty(), "the crate table names crates that do not exist: {missing:?}");
}

#[test]
fn crate_table_of_the_document_is_the_one_held_here() {
    let document = crate::read("docs/architecture.md");
    let table = crate::section(&document, "## Crates");
    for row in TABLE {
        let line = table.lines().find(|line| line.starts_with(&format!("| {} |", row.name)));
        let Some(line) = line else { panic!("docs/architecture.md has no line for {}", row.name) };
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let documented: BTreeSet<_> =
            cells[2].split(", ").filter(|name| *name != "–").map(|name| format!("vnh1-{name}")).collect();
        let held: BTreeSet<_> = row.ours.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(documented, held, "{}", row.name);
        for never in cells[3].split(", ").filter(|word| ["tokio", "v8", "libcontainer"].contains(word)) {
            assert!(row.never.contains(&never), "{}: {never} is documented, but not held", row.name);
        }
    }
}

#[test]
fn what_only_linux_has_is_asked_for_on_linux_only() {
    let metadata = metadata();
    let only_linux = ["v8", "libcontainer", "caps", "seccompiler"];
    let runtime = members(&metadata);
    let mut everywhere = Vec::new();
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        if !runtime.get(name).is_some_and(|folder| folder.starts_with("runtime/")) {
            continue;
        }
        for dependency in list(package, "dependencies") {
            let plain = dependency["kind"].is_null() && dependency["target"].is_null();
            if plain && only_linux.contains(&text(dependency, "name")) {
                everywhere.push(format!("{name} → {}", text(dependency, "name")));
            }
        }
    }
    assert!(everywhere.is_empty(), "not under cfg(target_os = \"linux\"): {everywhere:?}");
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for folder in members(&metadata()).into_values() {
        let manifest = crate::read(&format!("{folder}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{folder}/Cargo.toml has its own lints or none");
    }
}

#[test]
fn vnh1_runtime_makes_no_thread() {
    let threads: Vec<_> = crate::files_with(&["rs"])
        .into_iter()
        .filter(|path| path.starts_with("runtime/vnh1-runtime/src/") || path.starts_with("runtime/vnh1-backend/src/"))
        .filter(|path| crate::read(path).contains("thread::spawn") || crate::read(path).contains("thread::Builder"))
        .collect();
    assert!(threads.is_empty(), "libcontainer's raw clone3 must be called with one thread: {threads:?}");
}

#[test]
fn the_nouns_do_no_io() {
    for path in crate::files_with(&["rs"]).iter().filter(|path| path.starts_with("runtime/vnh1-spec/src/")) {
        for outside in
            ["std::fs", "std::net", "std::env", "std::process", "std::io", "std::os", "SystemTime", "Instant"]
        {
            assert!(!crate::read(path).contains(outside), "{path} uses {outside}");
        }
    }
}
