//! A script on the host becomes the root file system of a container: the script and nothing else.

use crate::Failure;
use crate::bundle_dir::read_policy;
use crate::cli::ScriptOptions;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use vnh1_bundle::harden::MOUNT_POINTS;
use vnh1_bundle::{IdMapping, ScriptRequest};
use vnh1_spec::{ExitCode, Policy};

/// Largest script that is copied into a root file system, in bytes.
const MAX_SCRIPT_BYTES: u64 = 64 << 20;

/// Why a script cannot be put into a container.
#[derive(Debug, thiserror::Error)]
enum ScriptError {
    #[error("cannot open the script {0}")]
    Open(PathBuf, #[source] io::Error),
    #[error("the script {0} is no regular file")]
    NoFile(PathBuf),
    #[error("the script {0} has {1} bytes: at most {MAX_SCRIPT_BYTES} are taken")]
    TooLarge(PathBuf, u64),
    #[error("the script {0} has a name that is no UTF-8")]
    Name(PathBuf),
    #[error("{0} is TypeScript: this version runs .js and .mjs; strip the types first")]
    TypeScript(PathBuf),
    #[error("{0} is no script: the name must end in .js or .mjs")]
    Suffix(PathBuf),
    #[error("the script {0} does not lie in the root folder {1}")]
    Outside(PathBuf, PathBuf),
    #[error("cannot make the root file system {0}")]
    Root(PathBuf, #[source] io::Error),
    #[error("--env {0}: it must be NAME=VALUE")]
    Env(String),
    #[error("--cwd {0}: it must be an absolute path in the container")]
    Cwd(String),
}

/// The request for a bundle, and the root file system that it names. Without --root-dir one is made in `bundle`.
pub(crate) fn request(options: &ScriptOptions, bundle: &Path, ids: IdMapping) -> Result<ScriptRequest, Failure> {
    let operator = options.policy.as_deref().map(read_policy).transpose()?;
    let policy = options.tighten(operator);
    build(options, policy, bundle, ids).map_err(|error| {
        let code = match &error {
            ScriptError::Open(_, source) if source.kind() == io::ErrorKind::NotFound => ExitCode::NotFound,
            ScriptError::Open(..) | ScriptError::NoFile(_) => ExitCode::CannotExecute,
            ScriptError::Root(..) => ExitCode::Failure,
            _ => ExitCode::Usage,
        };
        Failure::usage(&error).with_code(code)
    })
}

fn build(options: &ScriptOptions, policy: Policy, bundle: &Path, ids: IdMapping) -> Result<ScriptRequest, ScriptError> {
    if !options.cwd.starts_with('/') {
        return Err(ScriptError::Cwd(options.cwd.clone()));
    }
    let env = environment(&options.env)?;
    check_suffix(options.file())?;
    let (entry, root) = match &options.root_dir {
        Some(folder) => entry_in(folder, options.file())?,
        None => (copy_alone(options.file(), &bundle.join("rootfs"))?, PathBuf::from("rootfs")),
    };
    Ok(ScriptRequest { entry, args: options.args(), env, cwd: options.cwd.clone(), policy, root, ids })
}

fn check_suffix(file: &Path) -> Result<(), ScriptError> {
    match file.extension().and_then(|suffix| suffix.to_str()) {
        Some("js" | "mjs") => Ok(()),
        Some("ts" | "mts") => Err(ScriptError::TypeScript(file.to_path_buf())),
        _ => Err(ScriptError::Suffix(file.to_path_buf())),
    }
}

fn environment(pairs: &[String]) -> Result<BTreeMap<String, String>, ScriptError> {
    pairs
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(ScriptError::Env(pair.clone())),
        })
        .collect()
}

/// Path of `file` inside `folder`, which becomes the root.
fn entry_in(folder: &Path, file: &Path) -> Result<(String, PathBuf), ScriptError> {
    let open = |path: &Path| fs::canonicalize(path).map_err(|e| ScriptError::Open(path.to_path_buf(), e));
    let root = fs::canonicalize(folder).map_err(|e| ScriptError::Root(folder.to_path_buf(), e))?;
    // FILE may be given as seen from here, or as the script will see it.
    let found = open(file).or_else(|error| match file.components().next() {
        Some(Component::RootDir) => open(&root.join(file.strip_prefix("/").unwrap_or(file))),
        _ => open(&root.join(file)).map_err(|_| error),
    })?;
    let inside = found.strip_prefix(&root).map_err(|_| ScriptError::Outside(found.clone(), root.clone()))?;
    let entry = inside.to_str().ok_or_else(|| ScriptError::Name(found.clone()))?;
    Ok((format!("/{entry}"), root))
}

/// Makes a root file system that holds a copy of `file` and the empty folders that mounts need; gives its path in it.
fn copy_alone(file: &Path, root: &Path) -> Result<String, ScriptError> {
    let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(|| ScriptError::Name(file.to_path_buf()))?;
    let mut source = File::open(file).map_err(|e| ScriptError::Open(file.to_path_buf(), e))?;
    let found = source.metadata().map_err(|e| ScriptError::Open(file.to_path_buf(), e))?;
    if !found.is_file() {
        return Err(ScriptError::NoFile(file.to_path_buf()));
    }
    if found.len() > MAX_SCRIPT_BYTES {
        return Err(ScriptError::TooLarge(file.to_path_buf(), found.len()));
    }
    let mut make = || {
        fs::create_dir_all(root)?;
        for folder in MOUNT_POINTS {
            fs::create_dir(root.join(folder.trim_start_matches('/')))?;
        }
        let path = root.join(name);
        let mut copy = File::create(&path)?;
        io::copy(&mut source, &mut copy)?;
        // Nobody in the container owns these files, so "others" must be able to read them.
        copy.set_permissions(fs::Permissions::from_mode(0o444))?;
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))
    };
    make().map_err(|e| ScriptError::Root(root.to_path_buf(), e))?;
    Ok(format!("/{name}"))
}
