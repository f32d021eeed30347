//! `bundle`: writes what `launch` would use, for other runtimes' users to see.

use crate::Failure;
use crate::cli;
use crate::verbs::script::request;
use crate::verbs::spec::write_new;
use std::fs;
use std::io;
use std::path::PathBuf;
use vnh1_backend::linux::ids;
use vnh1_bundle::{IdMapping, script_spec};

/// Why no bundle was written.
#[derive(Debug, thiserror::Error)]
enum BundleError {
    #[error("cannot make the bundle {0}; it must not exist yet")]
    Make(PathBuf, #[source] io::Error),
}

pub(crate) fn bundle(args: &cli::Bundle) -> Result<(), Failure> {
    fs::create_dir(&args.output).map_err(|error| BundleError::Make(args.output.clone(), error))?;
    let write = || {
        let id = ids::container_id(ids::privilege()?);
        let request = request(&args.script, &args.output, IdMapping { uid: id, gid: id })?;
        let spec = script_spec(&request).map_err(|error| Failure::usage(&error))?;
        write_new(&args.output.join("config.json"), &serde_json::to_string_pretty(&spec)?)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_dir_all(&args.output);
    })
}
