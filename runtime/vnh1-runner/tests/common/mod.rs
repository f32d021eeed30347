//! Runs the real runner on a script, as the runtime does (settings on 5, ending on 6) or by hand. Outside the jail.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)] // Each test program uses its part.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use vnh1_spec::ending::ENDING_BYTES;
use vnh1_spec::{Ending, Limits, Reason, Settings};

pub const RUNNER: &str = env!("CARGO_BIN_EXE_vnh1-runner");

/// A folder of a test's own, removed with its content at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("runner-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; 128+n for a signal, as a shell says it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub ending: Option<Ending>,
    /// CPU time of the runner, user and system.
    pub cpu: Duration,
    /// From before the start until it was gone.
    pub wall: Duration,
}

impl Ended {
    pub fn reason(&self) -> Option<Reason> {
        self.ending.and_then(|ending| ending.reason)
    }
}

/// A run in the making.
pub struct Run {
    pub folder: Folder,
    entry: String,
    limits: Limits,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Vec<u8>,
    jitless: bool,
}

impl Run {
    /// With this text as the main module.
    pub fn script(text: &str) -> Self {
        let folder = Folder::new();
        let entry = folder.file("main.js", text);
        Self { folder, entry, limits: Limits::default(), args: vec![], env: vec![], stdin: vec![], jitless: false }
    }

    /// With another module beside it.
    pub fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.folder.file(name, text);
        self
    }

    pub fn entry(mut self, path: &str) -> Self {
        self.entry = path.to_owned();
        self
    }

    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(|&arg| arg.to_owned()).collect();
        self
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub fn jitless(mut self) -> Self {
        self.jitless = true;
        self
    }

    /// The command, with everything in place. A shell opens the descriptors and tells the CPU time.
    pub fn command(&self) -> Command {
        let settings = Settings {
            entry: self.entry.clone(),
            args: self.args.clone(),
            env: self.env.iter().cloned().collect(),
            cwd: "/".into(),
            limits: self.limits.effective().unwrap(),
            jitless: self.jitless,
        };
        let settings = self.folder.file(".settings", serde_json::to_vec(&settings).unwrap());
        let ending = self.folder.file(".ending", [0; ENDING_BYTES]);
        let times = self.folder.file(".times", "");
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(r#""$1" --jail "$2" 5<"$3" 6<>"$4"; code=$?; times >"$5"; exit $code"#)
            .args(["sh", RUNNER, &self.entry, &settings, &ending, &times])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Where the main module is.
    pub fn entry_path(&self) -> String {
        self.entry.clone()
    }

    /// The note as it stands now.
    pub fn ending(&self) -> Ending {
        Ending::decode(&fs::read(self.folder.0.join(".ending")).unwrap()).unwrap()
    }

    /// Runs it to its end.
    pub fn run(self) -> Ended {
        let begun = Instant::now();
        let mut child = self.command().spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = self.stdin.clone();
        let writer = std::thread::spawn(move || {
            // A script that does not read its stdin to the end is no failure of the test.
            let _ = stdin.write_all(&bytes);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let wall = begun.elapsed();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            ending: Ending::decode(&fs::read(self.folder.0.join(".ending")).unwrap()),
            cpu: cpu_time(&fs::read_to_string(self.folder.0.join(".times")).unwrap()),
            wall,
        }
    }

    /// Runs it, expects success, and gives its stdout.
    pub fn stdout(self) -> String {
        let ended = self.run();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
        assert_eq!(ended.reason(), Some(Reason::Exited));
        ended.stdout
    }
}

/// The second line of `times`: `0m0.290s 0m0.004s`, the children's user and system time.
fn cpu_time(times: &str) -> Duration {
    let line = times.lines().nth(1).unwrap_or_else(|| panic!("no times: {times:?}"));
    let seconds: f64 = line
        .split_whitespace()
        .map(|time| {
            let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
            minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
        })
        .sum();
    Duration::from_secs_f64(seconds)
}

/// Runs a script and gives its stdout.
pub fn stdout_of(text: &str) -> String {
    Run::script(text).stdout()
}
