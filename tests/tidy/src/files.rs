//! Rules for single files: length, first line, where `unsafe` and `cfg(target_os)` may stand.

use crate::{files, files_with, read};

/// Longest file in lines. A file has one noun or one verb; 300 is full.
const MOST_LINES: usize = 600;

/// Folders where `unsafe` may be written: the crate that calls the kernel, the files of the runner that call V8
/// or are called by it (held below), the attacker, who plays what an escaped V8 could do, and the benchmark's bare V8 program.
const UNSAFE_FENCE: [&str; 3] = ["runtime/vnh1-sys/", "tests/bench-bare/", "tests/escape/"];

/// Rust files in which the compiler is not told to forbid `unsafe`, directly or through their crate's root.
fn without_forbid() -> Vec<String> {
    let forbids = |path: &str| read(path).contains("#![forbid(unsafe_code)]");
    let forbidden_by_root = |path: &str| {
        path.split_once("/src/").is_some_and(|(folder, rest)| {
            let in_bin = rest.starts_with("bin/");
            !in_bin && ["lib.rs", "main.rs"].iter().any(|root| forbids(&format!("{folder}/src/{root}")))
        })
    };
    files_with(&["rs"]).into_iter().filter(|path| !forbids(path) && !forbidden_by_root(path)).collect()
}

#[test]
fn no_file_is_too_long() {
    let is_script = |path: &String| path.starts_with("hack/") || path.starts_with(".ci/");
    let mut checked = files_with(&["rs", "js", "mjs", "py", "toml", "md"]);
    checked.extend(files().into_iter().filter(is_script));
    let long: Vec<_> = checked
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "longer than {MOST_LINES} lines: {long:?}");
    assert!(checked.len() > 20, "too few files were found: {checked:?}");
}

#[test]
fn each_rust_file_says_first_what_it_is() {
    let silent: Vec<_> = files_with(&["rs"])
        .into_iter()
        .filter(|path| !read(path).lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 20))
        .collect();
    assert!(silent.is_empty(), "the first line is no `//!` sentence: {silent:#?}");
}

#[test]
fn each_script_says_first_what_it_is() {
    let scripts = files().into_iter().filter(|path| {
        path.starts_with("hack/") && !path.ends_with(".sha256") || path.starts_with(".ci/") || path.ends_with(".js")
    });
    let silent: Vec<_> = scripts
        .filter(|path| {
            let text = read(path);
            let mut lines = text.lines().filter(|line| !line.starts_with("#!") && !line.starts_with("# shellcheck"));
            !lines.next().is_some_and(|line| ["# ", "// ", "\"\"\"", "/**"].iter().any(|mark| line.starts_with(mark)))
        })
        .collect();
    assert!(silent.is_empty(), "the first line is no comment: {silent:#?}");
}

#[test]
fn unsafe_stands_only_behind_the_fence() {
    let outside: Vec<_> = without_forbid()
        .into_iter()
        .filter(|path| !UNSAFE_FENCE.iter().any(|folder| path.starts_with(folder)))
        .filter(|path| {
            let text = read(path);
            let calls_or_called = text.contains("v8::") || text.contains("#[unsafe(no_mangle)]");
            let touches_v8 = path.starts_with("runtime/vnh1-runner/") && calls_or_called;
            let has_unsafe = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains("unsafe ") || code.contains("unsafe(")
            });
            has_unsafe && !touches_v8
        })
        .collect();
    assert!(outside.is_empty(), "unsafe code outside of its fence: {outside:#?}");
}

#[test]
fn every_other_crate_forbids_unsafe() {
    let roots = files().into_iter().filter(|path| {
        let own_folder = UNSAFE_FENCE.iter().any(|folder| path.starts_with(folder));
        let runner = path.starts_with("runtime/vnh1-runner/");
        (path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")) && !own_folder && !runner
    });
    let open: Vec<_> = roots.filter(|path| !read(path).contains("#![forbid(unsafe_code)]")).collect();
    assert!(open.is_empty(), "without #![forbid(unsafe_code)]: {open:#?}");
}

#[test]
fn only_the_fence_and_the_backend_know_the_operating_system() {
    // The runner's main.rs says on other systems that there is no runner for them yet.
    let may = ["runtime/vnh1-sys/", "runtime/vnh1-backend/", "runtime/vnh1-runner/src/main.rs", "tests/tidy/"];
    let knowing: Vec<_> = files_with(&["rs"])
        .into_iter()
        .filter(|path| !may.iter().any(|folder| path.starts_with(folder)) && !path.ends_with("/build.rs"))
        .filter(|path| read(path).contains("target_os"))
        .collect();
    assert!(knowing.is_empty(), "cfg(target_os) where no system may be known: {knowing:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks = [["to", "do!("], ["unimpl", "emented!("], ["FIX", "ME"], ["#[ign", "ore"], ["dbg", "!("]]
        .map(|two| two.concat());
    let unfinished: Vec<_> = files_with(&["rs", "js", "py", "md", "toml"])
        .into_iter()
        .filter(|path| marks.iter().any(|mark| read(path).contains(mark.as_str())))
        .collect();
    assert!(unfinished.is_empty(), "unfinished: {unfinished:#?}");
}
