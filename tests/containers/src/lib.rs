//! The means to run vnh1-runtime as a user would, and to see what it leaves on the host. Tests only.
#![forbid(unsafe_code)]
#![expect(clippy::panic, clippy::expect_used, clippy::missing_panics_doc, reason = "a test helper fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Who runs the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Root, with all ids.
    Root,
    /// An ordinary user with ranges in /etc/subuid and /etc/subgid.
    Ranges,
    /// An ordinary user without.
    Single,
}

impl User {
    fn name(self) -> Option<&'static str> {
        match self {
            User::Root => None,
            User::Ranges => Some("vnh1-test"),
            User::Single => Some("vnh1-test-single"),
        }
    }
}

/// A folder of its own with the programs, scripts and states of one test. It is emptied, and checked, at the end.
#[derive(Debug)]
pub struct Place {
    /// The folder.
    pub path: PathBuf,
    /// The user that root becomes for it.
    act_as: Option<&'static str>,
}

/// Says why a test does nothing; where nothing may be skipped that is a failure.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI may skip nothing, but: {why}");
    println!("skipped: {why}");
}

/// The folder with the built programs.
#[must_use]
pub fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("VNH1_BIN_DIR") {
        return PathBuf::from(folder);
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("a test lies in target/TRIPLE/PROFILE/deps").to_path_buf();
    for program in ["vnh1-runtime", "vnh1-runner"] {
        assert!(folder.join(program).exists(), "{program} is not in {}: run ./hack/test", folder.display());
    }
    folder
}

/// Name and id of the user that runs this test.
fn myself() -> (String, u32) {
    let uid = rustix::process::geteuid().as_raw();
    let table = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own = |line: &&str| line.split(':').nth(2) == Some(uid.to_string().as_str());
    let name = table.lines().find(own).and_then(|line| line.split(':').next()).unwrap_or_default();
    (name.to_owned(), uid)
}

/// Whether /etc/subuid gives the user that runs this test a range.
fn has_ranges() -> bool {
    let (name, uid) = myself();
    let table = fs::read_to_string("/etc/subuid").unwrap_or_default();
    table.lines().any(|line| line.starts_with(&format!("{name}:")) || line.starts_with(&format!("{uid}:")))
}

impl Place {
    /// Name of the user that the runtime runs as here.
    #[must_use]
    pub fn user_name(&self) -> String {
        self.act_as.map_or_else(|| myself().0, str::to_owned)
    }

    /// A place for `user`, or `None`, said aloud, if this process cannot act as that user.
    #[must_use]
    pub fn new(user: User, name: &str) -> Option<Self> {
        let act_as = match (rustix::process::geteuid().is_root(), user.name()) {
            (true, Some(name))
                if !fs::read_to_string("/etc/passwd").is_ok_and(|all| all.contains(&format!("{name}:"))) =>
            {
                skip(&format!("there is no user {name}; ./hack/test makes it"));
                return None;
            }
            (true, name) => name,
            // An ordinary user can be itself.
            (false, Some(_)) if (user == User::Ranges) == has_ranges() => None,
            (false, Some(_)) => {
                skip(&format!("needs root, to act as a user with other id ranges ({user:?})"));
                return None;
            }
            (false, None) => {
                skip("needs root");
                return None;
            }
        };
        let path = std::env::temp_dir().join(format!("vnh1-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("bin")).expect("the temporary folder is writable");
        fs::create_dir_all(path.join("state")).expect("as above");
        for program in ["vnh1-runtime", "vnh1-runner"] {
            fs::hard_link(programs().join(program), path.join("bin").join(program))
                .or_else(|_| fs::copy(programs().join(program), path.join("bin").join(program)).map(|_| ()))
                .expect("the programs can be linked or copied");
        }
        let place = Self { path, act_as };
        if let Some(name) = act_as {
            let owned = Command::new("chown").arg(name).arg(&place.path).arg(place.path.join("state")).status();
            assert!(owned.expect("chown is there").success());
        }
        Some(place)
    }

    /// Writes a script and tells its path.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, text).expect("the place is writable");
        path
    }

    /// Folder of the states.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// vnh1-runtime as this place's user, with this place's folder of states and an empty environment.
    #[must_use]
    pub fn runtime<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Command {
        let program = self.path.join("bin/vnh1-runtime");
        let mut command = match self.act_as {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", name, "--regid", name, "--init-groups", "--"]).arg(program);
                command
            }
        };
        command.env_clear().arg("--root").arg(self.state()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a verb to its end.
    #[must_use]
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Ran {
        // Files, not pipes: a container in the background keeps what it was given, and a pipe would never end.
        let file = |name: &str| self.path.join(name);
        let open = |name: &str| fs::File::create(file(name)).expect("the place is writable");
        let mut command = self.runtime(args);
        command.stdout(open(".out")).stderr(open(".err"));
        let began = Instant::now();
        let status = command.status().expect("vnh1-runtime can be started");
        let took = began.elapsed();
        let read = |name: &str| fs::read(file(name)).expect("it was made above");
        Ran::new(&Output { status, stdout: read(".out"), stderr: read(".err") }, took)
    }

    /// `launch` with options, of a script given as text.
    #[must_use]
    pub fn launch(&self, options: &[&str], script: &str) -> Ran {
        let path = self.script("main.js", script);
        let path = path.to_string_lossy();
        let args: Vec<&str> = ["launch"].iter().chain(options).copied().chain([path.as_ref()]).collect();
        self.run(&args)
    }

    /// `launch --json` with options; the report is parsed.
    #[must_use]
    pub fn report(&self, options: &[&str], script: &str) -> serde_json::Value {
        let options: Vec<&str> = ["--json"].iter().chain(options).copied().collect();
        let ran = self.launch(&options, script);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("no report ({error}): {ran:?}"))
    }

    /// Starts a verb and goes on.
    #[must_use]
    pub fn start<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Child {
        self.runtime(args).spawn().expect("vnh1-runtime can be started")
    }

    /// A bundle of the given script, made by the verb `bundle`.
    #[must_use]
    pub fn bundle(&self, name: &str, options: &[&str], script: &str) -> PathBuf {
        let bundle = self.path.join(name);
        let file = self.script(&format!("{name}-bundle.js"), script);
        let (bundle_text, file_text) = (bundle.to_string_lossy(), file.to_string_lossy());
        let args: Vec<&str> =
            ["bundle", "-o", &bundle_text].iter().chain(options).copied().chain([file_text.as_ref()]).collect();
        let ran = self.run(&args);
        assert_eq!(ran.code, 0, "{ran:?}");
        bundle
    }

    /// Everything of this place's that is on the host beside its files.
    #[must_use]
    pub fn left_behind(&self) -> Vec<String> {
        let mut found = Vec::new();
        let states = fs::read_dir(self.state()).expect("the folder of states is there");
        found.extend(states.flatten().map(|entry| format!("state {}", entry.path().display())));
        let place = self.path.to_string_lossy().into_owned();
        for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
            let exe = fs::read_link(entry.path().join("exe")).unwrap_or_default();
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            if exe.starts_with(&self.path) || command.contains(&place) {
                found.push(format!("process {} {command}", entry.path().display()));
            }
        }
        let cgroup = self.cgroup_prefix();
        let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&cgroup));
        found.extend(cgroups().iter().filter(|path| ours(path)).map(|path| format!("cgroup {}", path.display())));
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
        found.extend(mounts.lines().filter(|line| line.contains(&place)).map(|line| format!("mount {line}")));
        found
    }

    /// How the names of this place's cgroups begin: with a number for its folder of states (FNV-1a, 32 bits).
    fn cgroup_prefix(&self) -> String {
        use std::os::unix::ffi::OsStrExt;
        let state = fs::canonicalize(self.state()).expect("the folder of states is there");
        let fold = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        format!("vnh1-{:08x}-", state.as_os_str().as_bytes().iter().fold(0x811C_9DC5, fold))
    }

    /// Fails if anything of this place's is left on the host, waiting a moment for what is on its way out.
    pub fn assert_clean(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut found = self.left_behind();
        while !found.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            found = self.left_behind();
        }
        assert!(found.is_empty(), "left behind: {found:#?}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(entries) = fs::read_dir(self.state()) {
            for entry in entries.flatten() {
                let id = entry.file_name();
                let _ = self.runtime(&["delete".as_ref(), "--force".as_ref(), id.as_os_str()]).output();
            }
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What a verb said and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; 128+n for signal n.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    fn new(output: &Output, took: Duration) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr), took }
    }
}

/// The cgroups of vnh1's containers that exist now.
#[must_use]
pub fn cgroups() -> BTreeSet<PathBuf> {
    fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with("vnh1-") {
                    found.insert(entry.path());
                }
                walk(&entry.path(), found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(Path::new("/sys/fs/cgroup"), &mut found);
    found
}

/// Gives a child's stdin a text and closes it.
pub fn feed(child: &mut Child, text: &[u8]) {
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(text).expect("the child reads its stdin");
}

/// Waits until `condition` holds; fails after ten seconds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
