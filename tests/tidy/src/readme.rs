//! The two READMEs say the same, and say all that they must.

use crate::{files_with, quoted, read, root};
use vnh1_spec::{Protection, Reason};

/// Heading levels and code blocks, in order: what must be the same in every language.
fn shape(text: &str) -> (Vec<usize>, Vec<String>) {
    let (mut headings, mut blocks) = (Vec::new(), Vec::new());
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line.starts_with("```")) {
            (Some(_), true) => blocks.extend(block.take()),
            (None, true) => block = Some(format!("{line}\n")),
            (Some(open), false) => {
                open.push_str(line);
                open.push('\n');
            }
            (None, false) if line.starts_with('#') => headings.push(line.chars().take_while(|c| *c == '#').count()),
            (None, false) => {}
        }
    }
    (headings, blocks)
}

#[test]
fn both_readmes_have_the_same_headings_and_code_blocks() {
    let (english, german) = (shape(&read("README.md")), shape(&read("README_DE.md")));
    assert_eq!(english.0, german.0, "levels of the headings");
    assert_eq!(english.1, german.1, "code blocks");
    assert!(english.0.len() > 5 && english.1.len() > 2, "too little was found: {english:?}");
}

#[test]
fn both_readmes_name_every_protection_and_reason() {
    for path in ["README.md", "README_DE.md"] {
        let text = read(path);
        let words = quoted(&text);
        for name in Protection::ALL.iter().map(|p| p.name()).chain(Reason::ALL.iter().map(|r| r.name())) {
            assert!(words.contains(&name), "{path} does not name `{name}`");
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for path in files_with(&["md"]) {
        let folder = root().join(&path).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        for (_, rest) in read(&path).match_indices("](").map(|(at, _)| (at, read(&path)[at + 2..].to_owned())) {
            let link = rest.split([')', '#']).next().unwrap_or_default().to_owned();
            if !link.is_empty() && !link.contains("://") && !folder.join(&link).exists() {
                broken.push(format!("{path} → {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn commands_of_the_readme_exist() {
    let text = read("README.md");
    let commands = text.split_whitespace().filter_map(|word| word.trim_matches('`').strip_prefix("./"));
    for command in commands.filter(|command| command.starts_with("hack/")) {
        let command = command.trim_end_matches(|c: char| !c.is_alphanumeric());
        assert!(root().join(command).is_file(), "README.md names {command}, which does not exist");
    }
}
