//! Tests of the project's own shape: crates, files, licences, documents. Reads the checkout; runs nothing of vnh1.
//!
//! Invariant: each rule that a document of this project states about the project itself is held here, by name.
#![forbid(unsafe_code)]

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod crates;
#[cfg(test)]
mod files;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod readme;

use std::fs;
use std::path::{Path, PathBuf};

/// The project's folder.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The text of a file, its path taken from the project's folder. Empty if there is no such file.
#[must_use]
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Every file of the project, as paths from its folder; not what git ignores, nor git's own.
#[must_use]
pub fn files() -> Vec<String> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let ignored = ["target", "build", ".git"].contains(&path.as_str());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !ignored => walk(&entry.path(), &format!("{path}/"), found),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

/// Files of the project with one of these extensions.
#[must_use]
pub fn files_with(extensions: &[&str]) -> Vec<String> {
    let has_one = |path: &String| path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension));
    files().into_iter().filter(has_one).collect()
}

/// What stands under a heading of a Markdown text, up to the next heading of the same or a higher level.
#[must_use]
pub fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let level = heading.chars().take_while(|c| *c == '#').count();
    let Some(start) = text.find(&format!("\n{heading}\n")) else { return "" };
    let body = &text[start + heading.len() + 2..];
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let hashes = line.chars().take_while(|c| *c == '#').count();
        if (1..=level).contains(&hashes) && line[hashes..].starts_with(' ') {
            break;
        }
        at += line.len();
    }
    &body[..at]
}

/// Everything between single backticks in a Markdown text.
#[must_use]
pub fn quoted(text: &str) -> Vec<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}
