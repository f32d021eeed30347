//! `spec`: a config.json for an ordinary container, to start from.

use crate::Failure;
use crate::cli::{self, Context};
use oci_spec::runtime::{LinuxIdMappingBuilder, LinuxNamespaceBuilder, LinuxNamespaceType};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use vnh1_bundle::native_spec;

/// Why no config was written.
#[derive(Debug, thiserror::Error)]
enum SpecError {
    #[error("cannot write {0}: it exists; remove it first")]
    Exists(PathBuf),
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
}

pub(crate) fn spec(args: &cli::Spec, _context: &Context) -> Result<(), Failure> {
    let mut spec = native_spec();
    if args.rootless
        && let Some(linux) = spec.linux_mut()
    {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let map =
            |outside: u32| LinuxIdMappingBuilder::default().container_id(0_u32).host_id(outside).size(1_u32).build();
        linux.set_uid_mappings(Some(vec![map(uid)?]));
        linux.set_gid_mappings(Some(vec![map(gid)?]));
        let user = LinuxNamespaceBuilder::default().typ(LinuxNamespaceType::User).build()?;
        linux.namespaces_mut().get_or_insert_default().push(user);
        linux.set_resources(None);
    }
    write_new(&args.bundle.join("config.json"), &serde_json::to_string_pretty(&spec)?)
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(&SpecError::Exists(path.to_path_buf())),
        _ => Failure::new(&SpecError::Write(path.to_path_buf(), error)),
    })
}
