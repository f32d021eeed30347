//! Sends the attacker off and sees how it ends: alone under the filters, or by the real runtime in the real jail.
//! Outside the jail.
//!
//! Invariant: a test that lacks something says `skipped: …`, and fails instead where CI is set.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// SIGSYS, by which a filter kills.
const SIGSYS: i32 = 31;

/// Why the attacker could not be sent off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The programs are not built.
    #[error("{0} is not there: build the programs first, ./hack/test does (or say where they are with VNH1_BIN_DIR)")]
    NotBuilt(PathBuf),
    /// A file or folder of the test.
    #[error("cannot prepare {0}")]
    Prepare(PathBuf, #[source] io::Error),
    /// A process could not be started or waited for.
    #[error("cannot run {0}")]
    Run(PathBuf, #[source] io::Error),
    /// It neither ended nor said what was awaited.
    #[error("{0} took more than {1:?}")]
    TooLong(String, Duration),
}

/// How the attacker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code, 128+n for a signal: 159 is a filter's doing.
    pub code: i32,
    /// What it said.
    pub said: String,
    /// What it or the runtime complained of.
    pub complained: String,
    /// From the start to the end of the whole command.
    pub took: Duration,
}

impl Outcome {
    /// The kernel's answer to the first call, if the attacker lived to tell it.
    #[must_use]
    pub fn returned(&self) -> Option<i64> {
        self.answers().first().copied()
    }

    /// The kernel's answers to all calls.
    #[must_use]
    pub fn answers(&self) -> Vec<i64> {
        self.said.lines().filter_map(|line| line.strip_prefix("returned ")?.parse().ok()).collect()
    }

    /// A filter killed it.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        self.code == 128 + SIGSYS
    }

    fn new(output: &Output, took: Duration) -> Self {
        Self {
            code: code(output.status),
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            complained: String::from_utf8_lossy(&output.stderr).into_owned(),
            took,
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Starts a program. One that was copied a moment ago may still be open for writing in a child that another thread
/// of the tests has forked and that has not executed its own program yet: that passes.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

/// Starts a program, waits for its end and reads what it said; kills it when `at_most` is over.
fn outcome(command: &mut Command, at_most: Duration) -> Result<Outcome, Error> {
    let program = PathBuf::from(command.get_program());
    let run = |error| Error::Run(program.clone(), error);
    let start = Instant::now();
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).map_err(run)?;
    // The attacker says less than a pipe holds, so nothing is read before its end.
    let took = loop {
        if child.try_wait().map_err(run)?.is_some() {
            break start.elapsed();
        }
        if start.elapsed() > at_most {
            child.kill().map_err(run)?;
            break start.elapsed();
        }
        std::thread::sleep(Duration::from_micros(300));
    };
    Ok(Outcome::new(&child.wait_with_output().map_err(run)?, took))
}

/// Runs the attacker without a jail: it puts the launch filter in force itself, and seals itself if ordered. Whoever
/// is not done in two seconds is killed, which looks like a code of 137.
///
/// # Errors
/// [`Error::Run`].
pub fn alone(attacker: &Path, orders: &[String]) -> Result<Outcome, Error> {
    let mut command = Command::new(attacker);
    outcome(command.arg("--alone").args(orders).env_clear().stdin(Stdio::null()), Duration::from_secs(2))
}

/// The folder with vnh1's programs: `VNH1_BIN_DIR`, or the one that this test was built into.
///
/// # Errors
/// [`Error::NotBuilt`] if vnh1-runtime is not there.
pub fn bin_dir() -> Result<PathBuf, Error> {
    let beside = || std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.to_path_buf()));
    let folder = std::env::var_os("VNH1_BIN_DIR").map(PathBuf::from).or_else(beside).unwrap_or_default();
    let runtime = folder.join("vnh1-runtime");
    if runtime.is_file() { Ok(folder) } else { Err(Error::NotBuilt(runtime)) }
}

/// A copy of the runtime with the attacker beside it in the runner's place. It goes when this is dropped.
#[derive(Debug)]
pub struct Jail {
    folder: PathBuf,
}

impl Jail {
    /// Copies both programs into a folder of its own, with a script of one line.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::Prepare`].
    pub fn new(attacker: &Path, script: &str) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("vnh1-escape-{}-{number}", std::process::id()));
        let runtime = bin_dir()?.join("vnh1-runtime");
        let prepare = |path: PathBuf, result: io::Result<()>| result.map_err(|error| Error::Prepare(path, error));
        prepare(folder.clone(), fs::create_dir_all(folder.join("state")))?;
        let jail = Self { folder };
        for (from, name) in [(runtime.as_path(), "vnh1-runtime"), (attacker, "vnh1-runner")] {
            let to = jail.folder.join(name);
            prepare(to.clone(), fs::copy(from, to).map(drop))?;
        }
        prepare(jail.script(), fs::write(jail.script(), script))?;
        Ok(jail)
    }

    /// The file that is given to `launch`.
    #[must_use]
    pub fn script(&self) -> PathBuf {
        self.folder.join("main.js")
    }

    /// The command `vnh1-runtime launch FLAGS main.js ORDERS`, with the caller's environment plus a canary.
    #[must_use]
    pub fn command(&self, flags: &[&str], orders: &[String]) -> Command {
        let mut command = Command::new(self.folder.join("vnh1-runtime"));
        command.arg("--root").arg(self.folder.join("state")).arg("launch").args(flags).arg(self.script());
        command.args(orders).env("VNH1_CANARY", "of the host").stdin(Stdio::null());
        command
    }

    /// Launches the attacker and waits for its end, twenty seconds at most.
    ///
    /// # Errors
    /// [`Error::Run`].
    pub fn launch(&self, flags: &[&str], orders: &[String]) -> Result<Outcome, Error> {
        outcome(&mut self.command(flags, orders), Duration::from_secs(20))
    }

    /// Launches the attacker and comes back when it has said `ready`; it must be ordered to say that and to wait.
    ///
    /// # Errors
    /// [`Error::Run`], and [`Error::TooLong`] if it is not ready within ten seconds.
    pub fn hold(&self, flags: &[&str], orders: &[String]) -> Result<Held, Error> {
        let token = format!("say token-{}", self.folder.display());
        let mut orders = orders.to_vec();
        orders.push(token.clone());
        let mut command = self.command(flags, &orders);
        let mut launch =
            spawn(command.stdout(Stdio::piped())).map_err(|error| Error::Run(self.folder.clone(), error))?;
        let stdout = launch.stdout.take();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut said = Vec::new();
            let mut byte = [0];
            if let Some(mut stdout) = stdout {
                while !said.ends_with(b"ready\n") && stdout.read(&mut byte).is_ok_and(|read| read == 1) {
                    said.push(byte[0]);
                }
                let _ = sender.send(said.ends_with(b"ready\n"));
            }
        });
        let long = Duration::from_secs(10);
        let ready = receiver.recv_timeout(long) == Ok(true);
        match find(&token).filter(|_| ready) {
            Some(pid) => Ok(Held { launch, pid }),
            None => {
                let _ = launch.kill();
                let _ = launch.wait();
                Err(Error::TooLong("the attacker".to_owned(), long))
            }
        }
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An attacker that waits in the jail while the test looks at it from outside.
#[derive(Debug)]
pub struct Held {
    launch: Child,
    /// Its number outside.
    pub pid: u32,
}

impl Held {
    /// A file of its folder in /proc.
    ///
    /// # Errors
    /// [`Error::Prepare`] if it cannot be read.
    pub fn proc(&self, name: &str) -> Result<String, Error> {
        let path = self.proc_path(name);
        let bytes = fs::read(&path).map_err(|error| Error::Prepare(path, error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The path of such a file.
    #[must_use]
    pub fn proc_path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.pid))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The attacker, not the runtime: which then sees the end and cleans up.
        let _ = Command::new("sh").args(["-c", "kill -KILL \"$1\"", "-", &self.pid.to_string()]).status();
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if matches!(self.launch.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.launch.kill();
        let _ = self.launch.wait();
    }
}

/// The process that was executed as the runner with this order.
fn find(order: &str) -> Option<u32> {
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        if words.nth(1) == Some(b"--jail") && words.any(|word| word == order.as_bytes()) {
            return Some(pid);
        }
    }
    None
}

/// Whether this test can go on. If not, it says why, and in CI it fails.
///
/// # Panics
/// Where CI is set.
pub fn needs(what: &str, there: bool) -> bool {
    if there {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "CI must not skip: {what} is missing");
    println!("skipped: {what} is missing");
    false
}

/// The jail that these tests look into from outside needs real privileges for that.
#[must_use]
pub fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
    })
}
