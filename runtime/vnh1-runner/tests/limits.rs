//! Each limit ends a script whatever it does, with its code, its reason and one line. Outside the jail.
//!
//! Overshoot is measured by the process's own clocks: on a busy machine the CPU time that a loop got can only be
//! less than the wall time that passed, so it bounds how late the end came.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod common;

use common::{Ended, Run};
use std::time::Duration;
use vnh1_spec::{Limits, Reason};

const MIB: u64 = 1 << 20;
/// How late a time limit may come.
const LATE: Duration = Duration::from_millis(50);
/// Beyond this the machine was not slow: the limit did not work.
const FAR_TOO_LATE: Duration = Duration::from_secs(10);

/// Ways to keep a processor busy that JavaScript's own interrupts do not all reach.
const BUSY: [(&str, &str); 8] = [
    ("a loop", "for (;;);"),
    ("a regular expression", "/(a*)*b/.test('a'.repeat(64));"),
    ("sorting", "const a = Array.from({ length: 3e6 }, () => Math.random()); for (;;) new Float64Array(a).sort();"),
    ("JSON", "const o = Array(2e5).fill({ a: [1, 'x'] }); for (;;) JSON.parse(JSON.stringify(o));"),
    ("microtasks", "const f = () => Promise.resolve().then(f); f();"),
    ("ticks", "const f = () => process.nextTick(f); f();"),
    ("a huge number", "let n = 3n; for (;;) n = n ** 3n % (2n ** 2000000n);"),
    (
        "collections of a full heap",
        "const a = []; for (let i = 0; i < 6e5; i++) a.push({ i }); for (;;) { const b = []; for (let i = 0; i < 1e5; i++) b.push({}); }",
    ),
];

fn ended_by(ended: &Ended, code: i32, reason: Reason, line: &str) {
    assert_eq!((ended.code, ended.reason()), (code, Some(reason)), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert_eq!(last, format!("vnh1: the script was ended: {reason}: {line}"));
}

#[test]
fn wall_time_ends_whatever_is_busy() {
    for (name, script) in BUSY {
        let ended = Run::script(script).limits(Limits { wall_time_ms: Some(600), ..Limits::default() }).run();
        ended_by(&ended, 124, Reason::WallTime, "it ran longer than 600 ms");
        assert!(ended.cpu <= Duration::from_millis(600) + LATE, "{name}: {:?} of CPU time", ended.cpu);
        assert!(ended.wall < FAR_TOO_LATE, "{name}: {:?}", ended.wall);
    }
}

#[test]
fn wall_time_is_kept_by_the_scripts_own_clock() {
    // It writes its clock every millisecond, as far as it is let run; what it wrote last bounds the end.
    let script = "let next = 0; for (;;) { const now = performance.now(); if (now > next) { console.log(now); next = now + 1; } }";
    let ended = Run::script(script).limits(Limits { wall_time_ms: Some(1000), ..Limits::default() }).run();
    assert_eq!(ended.code, 124);
    let last: f64 = ended.stdout.lines().filter_map(|line| line.parse().ok()).next_back().unwrap();
    assert!(last < 1050.0, "the script saw {last} ms");
    assert!(ended.wall >= Duration::from_secs(1), "{:?}", ended.wall);
}

#[test]
fn wall_time_ends_waiting_too() {
    for script in [
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
        "setInterval(() => {}, 1e6);",
        "for await (const c of process.stdin);",
        "await new Promise((r) => setTimeout(r, 1e6));",
    ] {
        let run = Run::script(script).limits(Limits { wall_time_ms: Some(200), ..Limits::default() });
        let mut child = run.command().spawn().unwrap();
        let stdin = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(124), "{script}");
        drop(stdin);
    }
}

#[test]
fn wall_time_ends_a_script_whose_reader_sleeps() {
    let run = Run::script("for (;;) { console.log('x'.repeat(1e5)); console.error('y'.repeat(1e5)); }");
    let run = run.limits(Limits { wall_time_ms: Some(200), ..Limits::default() });
    let mut child = run.command().spawn().unwrap();
    // Nobody reads stdout or stderr: both pipes are full, and the end must not wait for them.
    assert_eq!(child.wait().unwrap().code(), Some(124));
}

#[test]
fn cpu_time_counts_work_and_not_waiting() {
    for (name, script) in BUSY.iter().take(3) {
        let ended = Run::script(script).limits(Limits { cpu_time_ms: Some(300), ..Limits::default() }).run();
        ended_by(&ended, 124, Reason::CpuTime, "it used more than 300 ms of CPU time");
        assert!(ended.cpu <= Duration::from_millis(300) + LATE, "{name}: {:?}", ended.cpu);
        assert!(ended.cpu >= Duration::from_millis(250), "{name}: {:?}", ended.cpu);
    }
    let limits = Limits { cpu_time_ms: Some(300), ..Limits::default() };
    let ended = Run::script("setTimeout(() => console.log('waited'), 500);").limits(limits).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "waited\n"));
}

#[test]
fn heap_bombs_end_with_heap() {
    for script in [
        "const a = []; for (;;) a.push({});",
        "const a = []; for (let i = 0; i < 1e7; i++) a.push(new Promise(() => {}));",
        "let s = 'x'; const a = []; for (let i = 0; ; i++) a.push((s.repeat(1e5) + i).split('').join(''));",
        "const m = new Map(); for (let i = 0; ; i++) m.set(`key ${i}`, [i]);",
        "const f = (n) => Promise.resolve(n).then(() => Promise.all([f(n + 1), f(n + 1)])); await f(0);",
        "const a = []; for (;;) a.push(() => a);",
    ] {
        let limits = Limits { heap_bytes: Some(32 * MIB), ..Limits::default() };
        let ended = Run::script(script).limits(limits).run();
        ended_by(&ended, 137, Reason::Heap, "its heap outgrew 33554432 bytes");
        let peak = ended.ending.unwrap().peak_heap_bytes;
        assert!((24 * MIB..40 * MIB).contains(&peak), "{script}: peak {peak}");
    }
}

#[test]
fn one_allocation_beyond_the_heap_ends_with_heap() {
    let limits = Limits { heap_bytes: Some(32 * MIB), ..Limits::default() };
    let ended = Run::script("const a = new Array(3e7); a.fill(1.5);").limits(limits).run();
    assert_eq!((ended.code, ended.reason()), (137, Some(Reason::Heap)), "{}", ended.stderr);
}

#[test]
fn buffers_are_counted_and_refused_before_the_memory_is_full() {
    let limits = Limits { memory_bytes: Some(64 * MIB), ..Limits::default() };
    let script = "const a = []; let error; try { for (;;) a.push(new ArrayBuffer(1 << 20)); } catch (e) { error = e; }
        console.log(a.length, error.name, error.message); a.length = 0;
        for (let i = 0; i < 300; i++) new Uint8Array(1 << 20).fill(1); console.log('freed memory counts no more');
        try { new Uint8Array(1e10); } catch (e) { console.log(e.name); }
        try { new ArrayBuffer(8, { maxByteLength: 1 << 28 }).resize(1 << 28); } catch (e) { console.log(e.name); }";
    let ended = Run::script(script).limits(limits).run();
    let expected =
        "56 RangeError Array buffer allocation failed\nfreed memory counts no more\nRangeError\nRangeError\n";
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str(), ended.code), (expected, "", 0));
    assert_eq!(ended.ending.unwrap().peak_external_bytes, 56 * MIB);
}

#[test]
fn wasm_memory_is_refused_beyond_the_memory() {
    let limits = Limits { memory_bytes: Some(64 * MIB), ..Limits::default() };
    let script = "const m = new WebAssembly.Memory({ initial: 1 }); let pages = 1;
        try { for (;;) { m.grow(16); pages += 16; new Uint8Array(m.buffer).fill(1); } } catch (e) { console.log(e.name, pages > 64, pages <= 896); }
        const all = []; try { for (;;) { const x = new WebAssembly.Memory({ initial: 100 }); all.push(x); } } catch (e) { console.log(e.name, all.length < 20); }";
    assert_eq!(Run::script(script).limits(limits).stdout(), "RangeError true true\nRangeError true\n");
}

#[test]
fn memory_that_the_kernel_refuses_ends_with_memory() {
    let limits = Limits { memory_bytes: Some(24 * MIB), heap_bytes: Some(512 * MIB), ..Limits::default() };
    for script in ["JSON.parse('['.repeat(2e7));", "const a = []; for (let i = 0; ; i++) a.push('y'.repeat(1000) + i);"]
    {
        let ended = Run::script(script).limits(limits.clone()).run();
        assert_eq!((ended.code, ended.reason()), (137, Some(Reason::Memory)), "{script}\n{}", ended.stderr);
    }
}

#[test]
fn the_least_limits_still_run_a_script() {
    let limits = Limits {
        memory_bytes: Some(16 * MIB),
        heap_bytes: Some(4 * MIB),
        stack_bytes: Some(64 << 10),
        descriptors: Some(16),
        ..Limits::default()
    };
    assert_eq!(Run::script("console.log([1, { a: 2 }]);").limits(limits).stdout(), "[ 1, { a: 2 } ]\n");
}

#[test]
fn output_is_cut_at_its_limit() {
    let limits = Limits { output_bytes: Some(1000), ..Limits::default() };
    let ended = Run::script("for (;;) { console.log('x'.repeat(89)); console.error('y'.repeat(9)); }")
        .limits(limits.clone())
        .run();
    ended_by(&ended, 137, Reason::Output, "it wrote more than 1000 bytes");
    let mine = ended.stderr.lines().filter(|line| line.starts_with('y')).count() * 10;
    assert_eq!(ended.stdout.len() + mine, 1000);
    assert_eq!(ended.ending.unwrap().output_bytes, 1000);
    let exact = Run::script("process.stdout.write('x'.repeat(1000));").limits(limits).run();
    assert_eq!((exact.code, exact.stdout.len()), (0, 1000));
}

#[test]
fn signals_from_outside_end_it_with_their_number() {
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("QUIT", 3), ("USR1", 10), ("USR2", 12)] {
        let script = "process.stdout.write('up\\n'); for (;;);";
        let run = Run::script(script).limits(Limits { wall_time_ms: Some(20_000), ..Limits::default() });
        let mut child = run.command().spawn().unwrap();
        let mut up = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
        let runner = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let kill = ["-c", "kill -s \"$1\" \"$2\"", "-", name, runner.trim()];
        let status = std::process::Command::new("sh").args(kill).status().unwrap();
        assert!(status.success());
        assert_eq!(child.wait().unwrap().code(), Some(128 + number), "{name}");
    }
}

#[test]
fn a_reader_that_went_away_ends_nothing() {
    let run = Run::script("for (let i = 0; i < 100; i++) console.log('x'.repeat(1e4)); process.exitCode = 5;");
    let mut child = run.command().spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(5));
}
