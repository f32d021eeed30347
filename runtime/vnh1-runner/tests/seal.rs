//! The seal as the outside sees it, and what differs between two processes from one snapshot. Outside the jail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod common;

use common::{RUNNER, Run, stdout_of};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use vnh1_spec::{Ending, Limits};

/// A sealed runner that waits, and its pid.
struct Sealed {
    child: Child,
    run: Run,
    pid: String,
}

impl Sealed {
    fn new(jitless: bool) -> Self {
        let run = Run::script("process.stdout.write('up\\n'); setTimeout(() => {}, 2e4);");
        let run = if jitless { run.jitless() } else { run };
        let mut child = run.command().spawn().unwrap();
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        let pid =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap().trim().to_owned();
        Self { child, run, pid }
    }

    fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.pid)).unwrap()
    }

    fn status(&self) -> BTreeMap<String, String> {
        let status = self.proc("status");
        let pairs = status.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let _ = Command::new("sh").args(["-c", "kill -s TERM \"$1\"", "-", &self.pid]).status();
        let _ = self.child.wait();
    }
}

/// How many filters hold for this very process, which the runner inherits.
fn own_filters() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

#[test]
fn filter_privileges_threads_and_landlock() {
    for jitless in [false, true] {
        let sealed = Sealed::new(jitless);
        let status = sealed.status();
        assert_eq!(status["Seccomp"], "2");
        assert_eq!(status["Seccomp_filters"], (own_filters() + 1).to_string());
        assert_eq!(status["NoNewPrivs"], "1");
        assert_eq!(status["Threads"], "1");
        let ending = sealed.run.ending();
        assert!(ending.sealed);
        let kernel = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
        assert!(ending.landlock_abi > 0 || !kernel.contains("landlock"), "{kernel}");
    }
}

#[test]
fn only_stdio_and_the_epoll_are_open() {
    let sealed = Sealed::new(false);
    let mut open = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{}/fd", sealed.pid)).unwrap() {
        let entry = entry.unwrap();
        let target = std::fs::read_link(entry.path()).unwrap();
        open.insert(entry.file_name().into_string().unwrap().parse::<i32>().unwrap(), target.display().to_string());
    }
    assert_eq!(open.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 7], "{open:?}");
    assert!(open[&7].contains("eventpoll"), "{open:?}");
}

#[test]
fn limits_cannot_be_raised_and_the_environment_is_empty() {
    let sealed = Sealed::new(false);
    let limits = sealed.proc("limits");
    let value = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(value("Max open files"), ["256", "256"]);
    assert_eq!(value("Max core file size"), ["0", "0"]);
    let data = (256_u64 + 128 + 24) << 20;
    assert_eq!(value("Max data size"), [data.to_string(), data.to_string()]);
    // The shell of the test exports PWD; the runtime gives nothing at all.
    assert!(!sealed.proc("environ").contains("HOME"), "{}", sealed.proc("environ"));
}

#[test]
fn jitless_has_no_memory_that_is_writable_and_executable() {
    let sealed = Sealed::new(true);
    let maps = sealed.proc("maps");
    let wrong: Vec<_> = maps.lines().filter(|line| line.contains(" rwx")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let anonymous: Vec<_> = maps.lines().filter(|line| line.contains(" r-x") && line.ends_with(" 0 ")).collect();
    assert!(anonymous.is_empty(), "{anonymous:?}");
}

#[test]
fn jitless_runs_scripts_and_has_no_wasm() {
    let script = "function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); } console.log(fib(20), typeof WebAssembly, /a+b/.test('aab'), [3, 1, 2].sort().join(), JSON.stringify({ a: 1 }));";
    assert_eq!(Run::script(script).jitless().stdout(), "6765 undefined true 1,2,3 {\"a\":1}\n");
    let by_hand = Run::script("console.log(typeof WebAssembly);");
    let output = Command::new(RUNNER).args(["--jitless", &by_hand.entry_path()]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "undefined\n");
}

#[test]
fn an_idle_script_has_little_memory_of_its_own() {
    let sealed = Sealed::new(false);
    // Pages of the program's file that were never written to disk count as dirty; the script's are anonymous.
    let rollup = sealed.proc("smaps_rollup");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 4 * 1024, "{kib} KiB");
}

#[test]
fn everything_v8_does_after_the_seal_is_permitted() {
    let text = stdout_of(
        "const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2)); fib(27);
         let a = []; for (let i = 0; i < 2e5; i++) a.push({ i, s: `x${i}` }); a.sort((x, y) => (x.s < y.s ? -1 : 1)); JSON.parse(JSON.stringify(a)); a = null;
         for (let i = 0; i < 30; i++) { const b = new ArrayBuffer(3e6); new Uint8Array(b).fill(1); structured(b); }
         function structured(b) { return b.slice(0, 10); }
         let s = ''; for (let i = 0; i < 1e5; i++) s += 'ab'; [...s.matchAll(/a(b)/g)].length; s.replace(/(?<=a)b/g, 'c');
         new Intl.Segmenter('ja').segment('日本語').containing(0); (1e6).toLocaleString('de'); 'I'.toLocaleLowerCase('tr'); new Intl.Collator('sv');
         Temporal.Now.zonedDateTimeISO().toString(); new Date().toLocaleString('en-US', { timeZone: 'America/New_York' }); new Date(2026, 1, 1).getTimezoneOffset();
         Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 20); Atomics.notify(new Int32Array(new SharedArrayBuffer(8)), 0);
         new FinalizationRegistry(() => {}).register({}, 1); new WeakRef({}); eval('1'); new Function('return 1')();
         const deep = (n) => { try { return deep(n + 1); } catch { return n; } }; deep(0);
         await Promise.all(Array.from({ length: 2e4 }, (_, i) => new Promise((r) => setTimeout(r, i % 5))));
         3n ** 50000n % 7n; Math.random(); performance.now(); Date.now(); new Error().stack.length; Array.fromAsync([1]); await null;
         const big = []; for (let i = 0; i < 20; i++) big.push(new Array(1e5).fill(i)); big.length = 0; for (let i = 0; i < 5e5; i++) ({ i });
         console.log('alive');",
    );
    assert_eq!(text, "alive\n");
}

#[test]
fn randomness_and_hashes_are_fresh_in_each_process() {
    let script = "const r = [Math.random(), Math.random()]; console.log(r.join());";
    let (one, two) = (stdout_of(script), stdout_of(script));
    assert_ne!(one, two);
    // Without a fresh seed per process, three runs would agree as well.
    assert_ne!(two, stdout_of(script));
}

#[test]
fn a_run_by_hand_seals_itself_and_takes_arguments() {
    let run = Run::script("console.log(process.argv.slice(2), process.env);");
    let output =
        Command::new(RUNNER).args([&run.entry_path(), "x"]).env("SECRET", "s").stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "[ 'x' ] {}\n");
    let usage = Command::new(RUNNER).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8(usage.stderr).unwrap().starts_with("vnh1: usage: "));
    let no_settings = Command::new(RUNNER).arg("--jail").output().unwrap();
    assert_eq!(no_settings.status.code(), Some(2));
}

#[test]
fn settings_that_are_wrong_are_refused() {
    for text in ["", "{}", "[1]", "{\"entry\":\"/x\",\"extra\":1}"] {
        let folder = common::Folder::new();
        let (settings, ending) = (folder.file("s", text), folder.file("e", [0; 64]));
        let output = Command::new("/bin/sh")
            .args(["-c", "\"$0\" --jail x 5<\"$1\" 6<>\"$2\"", RUNNER, &settings, &ending])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("vnh1: the settings on descriptor 5 "), "{stderr}");
    }
}

#[test]
fn the_note_is_true_at_the_end() {
    let ended = Run::script("console.log('x'.repeat(99)); new ArrayBuffer(1e6);").limits(Limits::default()).run();
    let Ending { sealed, output_bytes, peak_external_bytes, peak_heap_bytes, code, .. } = ended.ending.unwrap();
    assert!(sealed && code == 0);
    assert_eq!(output_bytes, 100);
    assert!(peak_external_bytes >= 1_000_000 && peak_heap_bytes > 100_000);
}
