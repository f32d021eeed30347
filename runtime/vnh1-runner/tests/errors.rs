//! What nobody caught: place, source line, caret, stack, cause; exit code and reason. Outside the jail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod common;

use common::{Ended, Run, stdout_of};
use vnh1_spec::Reason;

/// Runs a script that must throw, and gives stderr with the folder's name taken out.
fn thrown(text: &str) -> String {
    let run = Run::script(text);
    let folder = run.folder.path().to_owned();
    let Ended { code, stderr, ending, .. } = run.run();
    assert_eq!((code, ending.and_then(|ending| ending.reason)), (1, Some(Reason::Threw)), "{stderr}");
    stderr.replace(&folder, "")
}

#[test]
fn an_error_has_place_caret_and_stack() {
    let text = "function inner() {\n  throw new TypeError('bad');\n}\ninner();\n";
    assert_eq!(
        thrown(text),
        "file:///main.js:2\n  throw new TypeError('bad');\n        ^\n\nTypeError: bad\n    at inner (file:///main.js:2:9)\n    at file:///main.js:4:1\n"
    );
}

#[test]
fn causes_and_properties_are_shown() {
    let text = "const e = new Error('outer', { cause: new RangeError('inner') });\ne.code = 'E_OUT';\nthrow e;";
    assert_eq!(
        thrown(text),
        "file:///main.js:1\nconst e = new Error('outer', { cause: new RangeError('inner') });\n          ^\n\nError: outer\n    at file:///main.js:1:11 {\n  code: 'E_OUT',\n  [cause]: RangeError: inner\n      at file:///main.js:1:39\n}\n"
    );
}

#[test]
fn syntax_errors_have_line_and_caret() {
    assert_eq!(
        thrown("let ok = 1;\nlet y = @;\n"),
        "file:///main.js:2\nlet y = @;\n        ^\n\nSyntaxError: Invalid or unexpected token\n"
    );
    assert!(thrown("const broken = {").starts_with("file:///main.js:1\nconst broken = {\n"));
}

#[test]
fn errors_of_timers_microtasks_and_immediates_end_the_script() {
    for (text, column) in [
        ("setTimeout(() => { throw new Error('late'); }, 1); setInterval(() => {}, 1);", 20),
        ("queueMicrotask(() => { throw new Error('late'); }); setTimeout(() => console.log('no'), 50);", 30),
        ("setImmediate(() => { throw new Error('late'); });", 22),
        ("process.nextTick(() => { throw new Error('late'); });", 26),
        ("process.stdin.on('end', () => { throw new Error('late'); }).resume();", 33),
    ] {
        let stderr = thrown(text);
        let caret = format!("\n{}^\n\nError: late\n", " ".repeat(column - 1));
        assert!(stderr.contains(&caret), "{text}\n{stderr}");
    }
}

#[test]
fn rejections_that_nobody_handles_end_the_script() {
    let stderr = thrown("Promise.reject(new TypeError('r'));\nsetTimeout(() => console.log('no'), 50);");
    assert!(
        stderr.starts_with(
            "file:///main.js:1\nPromise.reject(new TypeError('r'));\n               ^\n\nTypeError: r\n    at "
        ),
        "{stderr}"
    );
    let stderr = thrown("async function f() { await null; throw new Error('async'); }\nf();");
    assert!(stderr.contains("Error: async\n    at f (file:///main.js:1:40)"), "{stderr}");
    let stderr = thrown("Promise.reject({ a: 1 });");
    assert!(stderr.contains("UnhandledPromiseRejection: ") && stderr.contains("{ a: 1 }"), "{stderr}");
    let stderr = thrown("await Promise.reject(new Error('awaited'));");
    assert!(stderr.contains("Error: awaited"), "{stderr}");
}

#[test]
fn rejections_that_are_handled_in_time_are_none() {
    let text = stdout_of(
        "const p = Promise.reject(1); p.catch((v) => console.log('caught', v));
         const q = Promise.reject(2); queueMicrotask(() => q.catch((v) => console.log('in time', v)));
         await Promise.allSettled([Promise.reject(3)]);
         try { await Promise.reject(4); } catch (v) { console.log('tried', v); }",
    );
    assert_eq!(text, "caught 1\nin time 2\ntried 4\n");
}

#[test]
fn what_is_no_error_is_shown_as_a_value() {
    for (text, shown) in [
        ("throw 'text';", "Uncaught 'text'\n"),
        ("throw { a: { b: 1 } };", "Uncaught { a: { b: 1 } }\n"),
        ("throw undefined;", "Uncaught undefined\n"),
        ("throw null;", "Uncaught null\n"),
        ("setTimeout(() => { throw 5n; });", "Uncaught 5n\n"),
    ] {
        let stderr = thrown(text);
        assert!(stderr.ends_with(shown), "{text}\n{stderr}");
    }
}

#[test]
fn an_error_that_fights_back_ends_the_script_all_the_same() {
    for text in [
        "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw new Error('y'); } }); throw e;",
        "throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } });",
        "throw { get [Symbol.toStringTag]() { throw 1; } };",
        "throw { [Symbol.for('nodejs.util.inspect.custom')]() { for (;;) throw this; } };",
        "const e = new Error('x'); e.cause = e; throw e;",
        "Error.prepareStackTrace = () => { throw new Error('z'); }; throw new Error('x');",
        "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { Promise.reject(1); return 's'; } }); throw e;",
        "Object.defineProperty(Error.prototype, 'name', { get() { throw 1; } }); null.x;",
    ] {
        let stderr = thrown(text);
        assert!(!stderr.is_empty(), "{text}");
    }
}

#[test]
fn a_long_source_line_is_cut() {
    let stderr = thrown(&format!("/*{}*/ throw new Error('x');", "-".repeat(100_000)));
    assert!(stderr.len() < 2_000, "{}", stderr.len());
}

#[test]
fn a_stack_overflow_is_a_range_error() {
    let text = stdout_of(
        "const names = [];
         const attempt = (f) => { try { f(); names.push('none'); } catch (e) { names.push(e.name); } };
         const deep = () => deep(); attempt(deep);
         attempt(() => eval('['.repeat(1e6)));
         attempt(() => { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x; });
         attempt(() => { const a = []; a.toString = () => String(a); String(a); });
         attempt(() => new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('x'));
         console.log(names.join());
         class Rec { get x() { return this.x; } } attempt(() => new Rec().x); console.log(names.at(-1));",
    );
    assert_eq!(text.lines().last(), Some("RangeError"));
    assert!(!text.contains("none") && text.starts_with("RangeError,"), "{text}");
}

#[test]
fn the_stack_limit_is_the_settings_one() {
    let depth = |bytes| {
        let limits = vnh1_spec::Limits { stack_bytes: Some(bytes), ..Default::default() };
        let run = Run::script("let n = 0; const f = () => { n++; f(); }; try { f(); } catch {} console.log(n);");
        run.limits(limits).stdout().trim().parse::<u64>().unwrap()
    };
    let (small, large) = (depth(128 << 10), depth(4 << 20));
    assert!(large > 10 * small, "{small} calls with 128 KiB, {large} with 4 MiB");
}

#[test]
fn an_await_that_never_settles_is_13() {
    let ended = Run::script("await 0;\nawait new Promise(() => {});").run();
    assert_eq!((ended.code, ended.reason()), (13, Some(Reason::Exited)));
    assert!(ended.stderr.starts_with("Warning: Detected unsettled top-level await at "), "{}", ended.stderr);
    assert!(ended.stderr.contains("main.js:2\nawait new Promise(() => {});\n^\n"), "{}", ended.stderr);
}
