//! The command line: what runc and podman users know, and `launch`. Parsing only; checks follow in the verbs.

use crate::Failure;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vnh1_spec::{Limits, Policy};

/// Run untrusted JavaScript, each V8 in its own OCI container.
#[derive(Debug, Parser)]
#[command(name = "vnh1-runtime", version, about, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Args)]
pub(crate) struct Globals {
    /// Folder of the containers' states [default: /run/vnh1, or $XDG_RUNTIME_DIR/vnh1 for an ordinary user]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// File to write an error to
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Form of what is written to --log
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Say more on stderr
    #[arg(long)]
    pub(crate) debug: bool,
    /// Let systemd make the cgroups of native containers
    #[arg(long)]
    pub(crate) systemd_cgroup: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a script in a container of its own and wait for it
    Launch(Box<Launch>),
    /// Create a container from an OCI bundle; `start` lets it run
    Create(Create),
    /// Let a created container run
    Start(Id),
    /// Print the state of a container as JSON
    State(Id),
    /// Send a signal to a container's first process
    Kill(Kill),
    /// Remove a container that has ended
    Delete(Delete),
    /// Create a container from an OCI bundle, run it and wait for it
    Run(Run),
    /// List the containers
    List(List),
    /// Write a config.json for an ordinary container
    Spec(Spec),
    /// Write the OCI bundle that `launch` would use
    Bundle(Box<Bundle>),
    /// Tell what this machine gives, and what to do where something is missing
    Doctor(Doctor),
    /// Remove what runtimes that were killed have left behind
    Prune,
}

#[derive(Debug, Args)]
pub(crate) struct Id {
    /// The container's id
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Folder with config.json
    #[arg(long, short, default_value = ".", value_name = "DIR")]
    pub(crate) bundle: PathBuf,
    /// File to write the first process's pid to
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Unix socket that receives the terminal's descriptor
    #[arg(long, value_name = "SOCKET")]
    pub(crate) console_socket: Option<PathBuf>,
    /// The operator's policy; the effective one is its intersection with the bundle's
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The container's id
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) create: Create,
    /// Do not wait for the container's end
    #[arg(long, short)]
    pub(crate) detach: bool,
    /// Leave the container's state behind when it has ended
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// Send it to every process in the container
    #[arg(long, short)]
    pub(crate) all: bool,
    /// The container's id
    pub(crate) id: String,
    /// Number or name: 15, TERM, SIGTERM
    #[arg(default_value = "SIGTERM")]
    pub(crate) signal: String,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Kill it first if it runs; a container that does not exist is no error
    #[arg(long, short)]
    pub(crate) force: bool,
    /// The container's id
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// table or json
    #[arg(long, short, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
    /// Only ids
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Spec {
    /// Folder to write config.json into
    #[arg(long, short, default_value = ".", value_name = "DIR")]
    pub(crate) bundle: PathBuf,
    /// For an unprivileged user: with a user namespace that maps this user to root
    #[arg(long)]
    pub(crate) rootless: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScriptOptions {
    /// Wall clock limit, e.g. 2s or 250ms; reaching it ends the script with 124
    #[arg(long, value_name = "TIME", value_parser = vnh1_spec::units::parse_duration)]
    pub(crate) wall_time: Option<Duration>,
    /// CPU time limit, e.g. 1s; reaching it ends the script with 124
    #[arg(long, value_name = "TIME", value_parser = vnh1_spec::units::parse_duration)]
    pub(crate) cpu_time: Option<Duration>,
    /// Memory of the whole container, e.g. 64MiB [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = vnh1_spec::units::parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// V8's JavaScript heap, e.g. 32MiB [default: half of the memory]
    #[arg(long, value_name = "SIZE", value_parser = vnh1_spec::units::parse_bytes)]
    pub(crate) heap: Option<u64>,
    /// JavaScript stack, e.g. 1MiB [default: 984KiB]
    #[arg(long, value_name = "SIZE", value_parser = vnh1_spec::units::parse_bytes)]
    pub(crate) stack: Option<u64>,
    /// Tasks in the container's cgroup [default: 8]
    #[arg(long, value_name = "N")]
    pub(crate) pids: Option<u64>,
    /// Open descriptors [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) descriptors: Option<u64>,
    /// Bytes on stdout and stderr together, e.g. 1MiB [default: 1GiB; with --json 8MiB]
    #[arg(long, value_name = "SIZE", value_parser = vnh1_spec::units::parse_bytes)]
    pub(crate) output_limit: Option<u64>,
    /// A private, empty /tmp of this size
    #[arg(long, value_name = "SIZE", value_parser = vnh1_spec::units::parse_bytes)]
    pub(crate) tmp: Option<u64>,
    /// No just-in-time compiler, no WebAssembly, no executable memory
    #[arg(long)]
    pub(crate) jitless: bool,
    /// Policy as a JSON file; flags can only tighten it
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Grant an environment variable; may be given more than once
    #[arg(long, short = 'e', value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Working directory in the container
    #[arg(long, default_value = "/", value_name = "DIR")]
    pub(crate) cwd: String,
    /// Use this folder, read-only, as the script's root file system; FILE must lie in it
    #[arg(long, value_name = "DIR")]
    pub(crate) root_dir: Option<PathBuf>,
    /// The script (.js or .mjs) and its arguments: whatever follows FILE is the script's
    #[arg(trailing_var_arg = true, required = true, value_names = ["FILE", "ARGS"], num_args = 1..)]
    line: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Launch {
    /// Let the script read this program's stdin
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Print one JSON report, with the script's output in it, instead of streaming
    #[arg(long)]
    pub(crate) json: bool,
    /// What makes the container
    #[arg(long, default_value = "linux", value_name = "NAME")]
    pub(crate) backend: String,
    #[command(flatten)]
    pub(crate) script: ScriptOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// Folder to make the bundle in
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) script: ScriptOptions,
}

impl ScriptOptions {
    /// The script.
    pub(crate) fn file(&self) -> &Path {
        self.line.first().map(Path::new).unwrap_or(Path::new(""))
    }

    /// Its arguments; what is no UTF-8 in them is replaced, since JavaScript has no other strings.
    pub(crate) fn args(&self) -> Vec<String> {
        self.line.iter().skip(1).map(|text| text.to_string_lossy().into_owned()).collect()
    }

    /// The policy of the file, if there is one, tightened by the flags.
    ///
    /// Without a file the flags are the operator's policy themselves, so `--tmp` grants; with one they only tighten.
    pub(crate) fn tighten(&self, operator: Option<Policy>) -> Policy {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let flags = Policy {
            limits: Limits {
                wall_time_ms: self.wall_time.map(ms),
                cpu_time_ms: self.cpu_time.map(ms),
                memory_bytes: self.memory,
                heap_bytes: self.heap,
                stack_bytes: self.stack,
                pids: self.pids,
                descriptors: self.descriptors,
                output_bytes: self.output_limit,
            },
            jitless: self.jitless,
            tmp_bytes: self.tmp,
            ..Policy::default()
        };
        match operator {
            None => flags,
            Some(operator) => {
                let unasked = flags.tmp_bytes.is_none().then_some(operator.tmp_bytes).flatten();
                Policy { tmp_bytes: flags.tmp_bytes.or(unasked), ..flags }.intersect(&operator)
            }
        }
    }
}

/// What of the environment matters.
#[derive(Debug)]
pub(crate) struct Surroundings {
    runtime_dir: Option<PathBuf>,
}

impl Surroundings {
    pub(crate) fn read() -> Self {
        Self { runtime_dir: std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) }
    }
}

/// What every verb needs.
#[derive(Debug)]
pub(crate) struct Context {
    /// Folder of the containers' states; it exists and nobody else can write to it.
    pub(crate) root: PathBuf,
    /// Say more on stderr.
    pub(crate) debug: bool,
    /// Let systemd make cgroups of native containers.
    pub(crate) systemd_cgroup: bool,
}

/// Why the folder of states cannot be used.
#[derive(Debug, thiserror::Error)]
enum RootError {
    #[error("cannot make the folder of states {0}; choose another with --root")]
    Make(PathBuf, #[source] io::Error),
    #[error("the folder of states {0} belongs to somebody else, or others may write to it; choose another with --root")]
    Foreign(PathBuf),
}

impl Context {
    pub(crate) fn new(globals: Globals, surroundings: Surroundings) -> Result<Self, Failure> {
        let root = globals.root.unwrap_or_else(|| default_root(surroundings.runtime_dir.as_deref()));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)
            .and_then(|()| std::fs::canonicalize(&root))
            .map_err(|source| RootError::Make(root, source))
            .and_then(|root| {
                let found = std::fs::metadata(&root).map_err(|source| RootError::Make(root.clone(), source))?;
                let ours = found.uid() == rustix::process::geteuid().as_raw();
                let private = found.mode() & 0o022 == 0;
                if ours && private { Ok(root) } else { Err(RootError::Foreign(root)) }
            })
            .map(|root| Self { root, debug: globals.debug, systemd_cgroup: globals.systemd_cgroup })
            .map_err(|error| Failure::new(&error))
    }
}

fn default_root(runtime_dir: Option<&Path>) -> PathBuf {
    let uid = rustix::process::geteuid();
    match runtime_dir {
        _ if uid.is_root() => PathBuf::from("/run/vnh1"),
        Some(dir) if dir.is_absolute() => dir.join("vnh1"),
        _ => std::env::temp_dir().join(format!("vnh1-{}", uid.as_raw())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    fn launch(args: &[&str]) -> Launch {
        let line = ["vnh1-runtime", "launch"].iter().chain(args);
        match Cli::try_parse_from(line).unwrap().verb {
            Verb::Launch(launch) => *launch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_after_the_script_are_the_scripts() {
        let launch = launch(&["--wall-time", "2s", "a.js", "--json", "-x", "--wall-time", "3"]);
        assert_eq!(launch.script.args(), ["--json", "-x", "--wall-time", "3"]);
        assert!(!launch.json);
        assert_eq!(launch.script.tighten(None).limits.wall_time_ms, Some(2000));
    }

    #[test]
    fn flags_only_tighten_a_policy_file() {
        let file = Policy {
            limits: Limits { wall_time_ms: Some(1000), heap_bytes: Some(1 << 24), ..Limits::default() },
            tmp_bytes: Some(4096),
            ..Policy::default()
        };
        let policy = launch(&["--wall-time", "5s", "--heap", "8MiB", "a.js"]).script.tighten(Some(file.clone()));
        assert_eq!(policy.limits.wall_time_ms, Some(1000));
        assert_eq!(policy.limits.heap_bytes, Some(1 << 23));
        assert_eq!(policy.tmp_bytes, Some(4096));
        assert_eq!(launch(&["--tmp", "1KiB", "a.js"]).script.tighten(Some(file)).tmp_bytes, Some(1024));
        assert_eq!(launch(&["--tmp", "1KiB", "a.js"]).script.tighten(Some(Policy::default())).tmp_bytes, None);
    }
}
