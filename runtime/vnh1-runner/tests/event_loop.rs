//! Timers, immediates, microtasks, ticks, stdin, process. Outside the jail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod common;

use common::{Run, stdout_of};
use std::io::{Read, Write};
use vnh1_spec::Reason;

#[test]
fn order_of_tasks() {
    let text = stdout_of(
        "setTimeout(() => { console.log('t1'); Promise.resolve().then(() => console.log('m of t1')); }, 1);
         setTimeout(() => console.log('t1b'), 1);
         setTimeout(() => console.log('t5'), 5);
         setTimeout(() => console.log('t3'), 3);
         queueMicrotask(() => { console.log('m1'); queueMicrotask(() => console.log('m2')); });
         Promise.resolve().then(() => console.log('p'));
         console.log('sync');
         const until = performance.now() + 8; while (performance.now() < until);",
    );
    assert_eq!(text, "sync\nm1\np\nm2\nt1\nm of t1\nt1b\nt3\nt5\n");
}

#[test]
fn immediates_and_ticks() {
    let text = stdout_of(
        "setTimeout(() => {
           setImmediate(() => { console.log('i1'); process.nextTick(() => console.log('tick')); Promise.resolve().then(() => console.log('micro')); setImmediate(() => console.log('i3')); });
           setImmediate(() => console.log('i2'));
           const never = setImmediate(() => console.log('never')); clearImmediate(never);
         }, 0);",
    );
    assert_eq!(text, "i1\ntick\nmicro\ni2\ni3\n");
}

#[test]
fn timers_can_be_cleared_repeated_and_passed_arguments() {
    let text = stdout_of(
        "const gone = setTimeout(() => console.log('never'), 1); clearTimeout(gone); clearTimeout(undefined); clearTimeout({});
         const byId = setTimeout(() => console.log('never'), 1); clearTimeout(+byId); clearTimeout(String(12345));
         let n = 0; const every = setInterval((a, b) => { console.log(++n, a, b); if (n === 3) clearInterval(every); }, 1, 'x', 'y');
         setTimeout(() => console.log('unref'), 1e6).unref();
         const t = setTimeout(() => {}, 1e6); console.log(t.hasRef()); t.unref(); console.log(t.hasRef(), typeof +t);
         const many = []; for (let i = 0; i < 1000; i++) many.push(setTimeout(() => console.log('never'), 2)); many.reverse().forEach(clearTimeout);
         try { setTimeout('code'); } catch (e) { console.log(e.code); }",
    );
    assert_eq!(text, "true\nfalse number\nERR_INVALID_ARG_TYPE\n1 x y\n2 x y\n3 x y\n");
}

#[test]
fn a_thousand_timers_run_in_order() {
    let text = stdout_of(
        "const seen = []; const delays = Array.from({ length: 1000 }, (_, i) => 1 + (i * 7919) % 40);
         const start = performance.now(); let early = 0;
         await Promise.all(delays.map((d, i) => new Promise((r) => setTimeout(() => { if (performance.now() - start < d - 0.01) early++; seen.push(d * 1000 + i); r(); }, d))));
         const ordered = seen.every((v, i) => i === 0 || Math.floor(seen[i - 1] / 1000) <= Math.floor(v / 1000));
         console.log(seen.length, early, ordered);",
    );
    assert!(text.starts_with("1000 0 "), "{text}");
}

#[test]
fn an_idle_wait_costs_no_cpu_time() {
    let ended = Run::script("setTimeout(() => {}, 600); setInterval(() => {}, 1e5).unref();").run();
    assert_eq!(ended.code, 0);
    assert!(ended.cpu.as_millis() < 200, "{:?}", ended.cpu);
}

#[test]
fn stdin_by_iteration_events_and_encoding() {
    let bytes = "äö€😀".repeat(40_000).into_bytes();
    let length = bytes.len();
    let by_iteration = "let n = 0, s = ''; for await (const c of process.stdin) { n += c.length; } console.log(n);";
    assert_eq!(Run::script(by_iteration).stdin(bytes.clone()).stdout(), format!("{length}\n"));
    let by_events = "let s = ''; process.stdin.setEncoding('utf8'); process.stdin.on('data', (c) => { s += c; }); process.stdin.on('end', () => console.log(s.length, s === 'äö€😀'.repeat(40000)));";
    assert_eq!(Run::script(by_events).stdin(bytes.clone()).stdout(), "200000 true\n");
    let as_text = "let s = ''; for await (const c of process.stdin) s += c; console.log(s);";
    assert_eq!(Run::script(as_text).stdin("line one\nline two").stdout(), "line one\nline two\n");
    assert_eq!(Run::script(by_iteration).stdout(), "0\n");
}

#[test]
fn a_script_that_ignores_stdin_ends_while_it_is_open() {
    let run = Run::script("console.log('done');");
    let mut child = run.command().spawn().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn stdin_and_timers_take_turns() {
    let run = Run::script(
        "const seen = []; const t = setInterval(() => seen.push('t'), 2);
         for await (const c of process.stdin) seen.push(String(c)); clearInterval(t);
         console.log(seen.includes('t'), seen.filter((s) => s !== 't').join(''));",
    );
    let mut child = run.command().spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for part in ["a", "b", "c"] {
        stdin.write_all(part.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(stdin);
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(text, "true abc\n");
}

#[test]
fn breaking_out_of_stdin_lets_the_script_end() {
    let run =
        Run::script("for await (const c of process.stdin) { console.log(String(c)); break; } console.log('after');");
    let mut child = run.command().spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"first").unwrap();
    assert!(child.wait().unwrap().success());
    drop(stdin);
}

#[test]
fn process_knows_what_was_granted() {
    let run = Run::script(
        "console.log(process.argv.slice(2), process.env, process.cwd(), process.platform, process.argv[1] === import.meta.filename);
         process.stdout.write('raw'); process.stdout.write(new Uint8Array([0x20, 0xc3, 0xa4, 0x0a])); process.stderr.write('');",
    );
    let text = run.args(&["a", "--jail", "ü b"]).env("K", "v").env("__proto__", "p").stdout();
    assert_eq!(text, "[ 'a', '--jail', 'ü b' ] { K: 'v', ['__proto__']: 'p' } / linux true\nraw ä\n");
}

#[test]
fn exit_codes() {
    for (text, code) in [
        ("process.exit(3); console.log('never');", 3),
        ("process.exit();", 0),
        ("process.exitCode = 4;", 4),
        ("process.exitCode = 4; setTimeout(() => process.exit(), 1);", 4),
        ("process.exitCode = 4; process.exit(5);", 5),
        ("setTimeout(() => process.exit(6), 1); setInterval(() => {}, 1);", 6),
        ("process.exit(256 + 7);", 7),
        ("process.exitCode = '8';", 8),
        ("Promise.resolve().then(() => process.exit(9)); await new Promise(() => {});", 9),
    ] {
        let ended = Run::script(text).run();
        assert_eq!((ended.code, ended.reason(), ended.stdout.as_str()), (code, Some(Reason::Exited), ""), "{text}");
    }
    assert_eq!(Run::script("process.exit('x');").run().code, 1);
}

#[test]
fn text_encoding() {
    let text = stdout_of(
        "const e = new TextEncoder(), d = new TextDecoder();
         console.log(e.encode('aé€😀\\ud800'), d.decode(e.encode('aé€😀')), d.decode(new Uint8Array([0xff, 0x41])));
         const s = new TextDecoder('UTF-8', { fatal: true }); const b = e.encode('€😀'); let out = '';
         for (const byte of b) out += s.decode(new Uint8Array([byte]), { stream: true }); console.log(out + s.decode());
         try { s.decode(new Uint8Array([0xff])); } catch (x) { console.log(x.code); }
         try { new TextDecoder('latin1'); } catch (x) { console.log(x.code); }
         console.log(e.encodeInto('a€😀', new Uint8Array(6)), d.decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x41])).length);",
    );
    assert_eq!(
        text,
        "Uint8Array(13) [\n   97, 195, 169, 226,\n  130, 172, 240, 159,\n  152, 128, 239, 191,\n  189\n] aé€😀 \u{fffd}A\n€😀\nERR_ENCODING_INVALID_ENCODED_DATA\nERR_ENCODING_NOT_SUPPORTED\n{ read: 2, written: 4 } 1\n"
    );
}

#[test]
fn wasm_compiles_synchronously_and_asynchronously() {
    let text = stdout_of(
        "const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]);
         const { instance } = await WebAssembly.instantiate(bytes); console.log(instance.exports.add(2, 3));
         console.log(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.add(20, 22));
         await WebAssembly.instantiate(new Uint8Array(3)).catch((e) => console.log(e.name));",
    );
    assert_eq!(text, "5\n42\nCompileError\n");
}

#[test]
fn intl_and_time_have_their_data_and_the_zone_is_utc() {
    let text = stdout_of(
        "console.log(new Intl.NumberFormat('de').format(1234.5), new Intl.DateTimeFormat('ja', { dateStyle: 'full', timeZone: 'Asia/Tokyo' }).format(0),
           new Date(0).toString(), 'ß'.localeCompare('ss', 'de', { sensitivity: 'base' }), Intl.DateTimeFormat().resolvedOptions().timeZone);",
    );
    assert_eq!(
        text,
        "1.234,5 1970年1月1日木曜日 Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time) 0 UTC\n"
    );
}

#[test]
fn a_granted_time_zone_is_kept_and_an_unknown_one_is_utc() {
    for (zone, text) in [("America/New_York", "300\n"), ("Nowhere/Nothing", "0\n"), ("../../etc/passwd", "0\n")] {
        assert_eq!(
            Run::script("console.log(new Date(0).getTimezoneOffset());").env("TZ", zone).stdout(),
            text,
            "{zone}"
        );
    }
}
