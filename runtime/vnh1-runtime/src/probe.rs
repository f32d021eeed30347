//! What stands at the container's entry: looked at in `create`, from outside, inside its root file system.

use oci_spec::runtime::Spec;
use std::io::{self, Read};
use vnh1_backend::linux::rootfs::Rootfs;
use vnh1_bundle::Probe;

/// How much of a file is looked at, in bytes: `#!` and a path, as the kernel reads it (BINPRM_BUF_SIZE).
const HEAD_BYTES: u64 = 256;

/// Looks at `entry` as execvp(3) would find it. What cannot be opened counts as missing.
pub(crate) fn probe(spec: &Spec, root: &Rootfs, entry: &str) -> Probe {
    candidates(spec, entry).iter().find_map(|path| look(root, path).ok()).unwrap_or(Probe::Missing)
}

fn candidates(spec: &Spec, entry: &str) -> Vec<String> {
    let process = spec.process().as_ref();
    if entry.starts_with('/') {
        return vec![entry.to_owned()];
    }
    let cwd = process.map(|process| process.cwd().to_string_lossy().into_owned()).unwrap_or_default();
    let beside = format!("{cwd}/{entry}");
    if entry.contains('/') {
        return vec![beside];
    }
    let env = process.and_then(|process| process.env().as_ref());
    let path = env.into_iter().flatten().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or_default();
    let on_path = path.split(':').filter(|folder| !folder.is_empty()).map(|folder| format!("{folder}/{entry}"));
    on_path.chain([beside]).collect()
}

fn look(root: &Rootfs, path: &str) -> io::Result<Probe> {
    let mut head = Vec::new();
    root.open_file(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    if head.starts_with(b"\x7fELF") {
        return Ok(Probe::Elf);
    }
    let Some(line) = head.strip_prefix(b"#!") else { return Ok(Probe::Other) };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let interpreter = text.split_whitespace().next().unwrap_or_default();
    Ok(if root.open_file(interpreter).is_ok() { Probe::Interpreted } else { Probe::Other })
}
