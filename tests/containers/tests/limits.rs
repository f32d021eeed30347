//! Every limit in the real jail: the documented code and reason, and nothing disturbed outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use vnh1_tests_containers::{Place, User};

fn report(name: &str, options: &[&str], script: &str) -> Option<Value> {
    let place = Place::new(User::Root, name)?;
    let report = place.report(options, script);
    place.assert_clean();
    Some(report)
}

#[track_caller]
fn ends(report: Option<Value>, code: i32, reason: &str) -> Value {
    let Some(report) = report else { return Value::Null };
    assert_eq!((&report["exit_code"], &report["reason"]), (&json!(code), &json!(reason)), "{report}");
    report
}

/// Wall time measured by the runtime, in milliseconds.
fn run_ms(report: &Value) -> f64 {
    report.pointer("/times/run_ms").and_then(Value::as_f64).unwrap_or(f64::NAN)
}

const LOOPS: [(&str, &str); 6] = [
    ("plain", "for (;;);"),
    ("regex", "/^(a+)+$/.test('a'.repeat(40) + 'b')"),
    ("sort", "const a = Array.from({ length: 3e6 }, () => Math.random()); for (;;) { a.sort(); a.reverse(); }"),
    ("json", "const s = JSON.stringify(Array(3e5).fill({ a: [1, 2, { b: 'c' }] })); for (;;) JSON.parse(s);"),
    ("microtasks", "const f = () => Promise.resolve().then(f); f();"),
    ("wait", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"),
];

#[test]
fn wall_time_ends_whatever_it_does_within_50_ms() {
    for (name, script) in LOOPS {
        let Some(place) = Place::new(User::Root, &format!("wall-{name}")) else { return };
        let report = ends(Some(place.report(&["--wall-time", "700ms"], script)), 124, "wall-time");
        let over = run_ms(&report) - 700.0;
        println!("{name}: {over:.1} ms over the limit");
        assert!((0.0..50.0).contains(&over), "{name}: {over} ms over the limit");
    }
}

#[test]
fn cpu_time_ends_whatever_it_does_within_50_ms() {
    for (name, script) in LOOPS.iter().filter(|(name, _)| *name != "wait") {
        let Some(place) = Place::new(User::Root, &format!("cpu-{name}")) else { return };
        let report = ends(Some(place.report(&["--cpu-time", "500ms"], script)), 124, "cpu-time");
        let cpu = report.pointer("/times/cpu_ms").and_then(Value::as_f64).unwrap_or(f64::NAN);
        println!("{name}: {:.1} ms over the limit", cpu - 500.0);
        // The kernel looks at its ticks; and what the runtime's own steps inside the container took before the runner began counts as the container's.
        assert!((490.0..550.0).contains(&cpu), "{name}: {cpu} ms of CPU time");
    }
}

#[test]
fn the_heap_limit_has_its_reason() {
    let script = "const a = []; for (;;) a.push({ x: Math.random() })";
    let report = ends(report("heap", &["--memory", "128MiB", "--heap", "32MiB"], script), 137, "heap");
    assert!(report["stderr"].as_str().unwrap_or("heap").contains("heap"), "{report}");
}

/// Memory of the whole container may not exceed its limit, whatever the script does with it.
fn bomb(name: &str, script: &str) -> Option<Value> {
    let report = report(name, &["--memory", "96MiB", "--wall-time", "60s"], script)?;
    let peak = report.pointer("/memory/peak_cgroup_bytes").and_then(Value::as_u64).unwrap_or(u64::MAX);
    println!("{name}: {} {} at {} MiB", report["exit_code"], report["reason"], peak >> 20);
    assert!(peak <= 96 << 20, "{name} reached {peak} bytes");
    Some(report)
}

#[test]
fn a_bomb_of_array_buffers_is_a_range_error_first() {
    let script = "const a = []; try { for (;;) a.push(new Uint8Array(1 << 20).fill(1)) } catch (e) { \
                  a.length = 0; console.log(e instanceof RangeError) }";
    let caught = bomb("buffers", script);
    if let Some(report) = caught {
        assert_eq!((&report["exit_code"], &report["stdout"]), (&json!(0), &json!("true\n")), "{report}");
    }
    ends(bomb("buffers-uncaught", "const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1))"), 1, "threw");
}

#[test]
fn bombs_of_strings_and_promises_end_with_the_heap() {
    ends(
        bomb("strings", "const a = []; for (let i = 0; ; i++) a.push(('x' + i).repeat(1000).toUpperCase())"),
        137,
        "heap",
    );
    let script = "const a = []; for (let i = 0; i < 1e7; i++) a.push(new Promise(() => {}).then(() => i))";
    ends(bomb("promises", script), 137, "heap");
}

#[test]
fn a_bomb_of_webassembly_memory_is_bounded() {
    let script = "const all = []; let full = 0; for (let i = 0; i < 50; i++) { try { const m = new WebAssembly.Memory({ initial: 1 }); \
                  for (;;) { m.grow(16); new Uint8Array(m.buffer).fill(1); all.push(m); } } catch (e) { full++; } } \
                  console.log(full > 0)";
    if let Some(report) = bomb("wasm", script) {
        let orderly = report["exit_code"] == 0 && report["stdout"] == "true\n";
        assert!(orderly || report["reason"] == "memory", "{report}");
    }
}

#[test]
fn a_stack_overflow_is_a_range_error() {
    let script = "const f = () => f() + 1; try { f() } catch (e) { console.log(e instanceof RangeError) }";
    let Some(report) = report("stack", &[], script) else { return };
    assert_eq!((&report["exit_code"], &report["stdout"]), (&json!(0), &json!("true\n")), "{report}");
}

#[test]
fn jitless_runs_without_webassembly() {
    let script = "let s = 0; for (let i = 0; i < 1e5; i++) s += i; console.log(s, typeof WebAssembly)";
    let Some(report) = report("jitless", &["--jitless"], script) else { return };
    assert_eq!((&report["exit_code"], &report["stdout"]), (&json!(0), &json!("4999950000 undefined\n")), "{report}");
}
