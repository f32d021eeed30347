//! ES modules: resolution, links, cycles, JSON, import.meta, import(). Outside the jail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod common;

use common::{Run, stdout_of};
use vnh1_spec::Reason;

#[test]
fn static_imports_relative_and_absolute() {
    let folder = common::Folder::new();
    let absolute = folder.file("deep/abs.js", "export default 'abs';");
    let text = format!(
        "import d, {{ a as x }} from './lib/a.js'; import * as ns from '../{}/lib/a.js'; import abs from '{absolute}';
         import encoded from './lib/with%20space.js';
         console.log(d, x, ns.a === x, abs, encoded);",
        "lib/.."
    );
    let run = Run::script(&text.replace("../lib/../", "./lib/../"))
        .with("lib/a.js", "export const a = 1; export { default } from './b.mjs';")
        .with("lib/b.mjs", "export default 'd';")
        .with("lib/with space.js", "export default import.meta.url.slice(-16);");
    assert_eq!(run.stdout(), "d 1 true abs with%20space.js\n".replace("with%20", "/with%20").replace("//", "/"));
}

#[test]
fn cycles_live_bindings_and_order() {
    let run = Run::script("import { even } from './even.js'; console.log(even(10)); import './last.js';")
        .with(
            "even.js",
            "import { odd } from './odd.js'; console.log('even'); export const even = (n) => n === 0 || odd(n - 1);",
        )
        .with(
            "odd.js",
            "import { even } from './even.js'; console.log('odd'); export const odd = (n) => n !== 0 && even(n - 1);",
        )
        .with("last.js", "console.log('last');");
    assert_eq!(run.stdout(), "odd\neven\nlast\ntrue\n");
}

#[test]
fn top_level_await_holds_the_importer() {
    let run = Run::script("import v from './slow.js'; console.log(v);")
        .with("slow.js", "const v = await new Promise((r) => setTimeout(r, 5, 'slow')); export default v;");
    assert_eq!(run.stdout(), "slow\n");
}

#[test]
fn json_modules() {
    let run = Run::script("import d from './d.json' with { type: 'json' }; import e from './d.json' with { type: 'json' }; console.log(d, d === e);")
        .with("d.json", "\u{feff}{\"a\": [1, {\"__proto__\": 2}]}");
    assert_eq!(run.stdout(), "{ a: [ 1, { ['__proto__']: 2 } ] } true\n");
}

#[test]
fn meta_says_where_and_whether_main() {
    let run = Run::script("import './sub/m.js'; const m = import.meta; console.log(m.main, m.filename.endsWith('/main.js'), m.url === 'file://' + m.filename);")
        .with("sub/m.js", "console.log(import.meta.main, import.meta.dirname.endsWith('/sub'));");
    assert_eq!(run.stdout(), "false true\ntrue true true\n");
}

#[test]
fn a_query_makes_a_module_of_its_own() {
    let run = Run::script("import { o as a } from './m.js?1'; import { o as b } from './m.js?2'; import { o as c } from './m.js?1'; console.log(a === b, a === c);")
        .with("m.js", "export const o = {};");
    assert_eq!(run.stdout(), "false true\n");
}

#[test]
fn dynamic_import_finds_what_is_loaded_and_nothing_else() {
    let run = Run::script(
        "import './known.js'; import j from './j.json' with { type: 'json' };
         const known = await import('./known.js'); console.log(known.v);
         console.log((await import('./j.json', { with: { type: 'json' } })).default === j);
         for (const name of ['./unknown.js', 'lodash', 'node:fs', 'https://x.org/a.js']) {
           await import(name).catch((e) => console.log(e.code));
         }
         console.log(await eval(\"import('./known.js')\") === known);",
    )
    .with("known.js", "export const v = 7;")
    .with("j.json", "{}")
    .with("unknown.js", "export {};");
    let expected = "7\ntrue\nERR_MODULE_AFTER_SEAL\nERR_MODULE_NOT_FOUND\nERR_UNKNOWN_BUILTIN_MODULE\nERR_UNSUPPORTED_ESM_URL_SCHEME\ntrue\n";
    assert_eq!(run.stdout(), expected);
}

#[test]
fn dynamic_import_waits_for_a_module_that_awaits() {
    let run = Run::script("import './a.js'; console.log('main');")
        .with("a.js", "import('./b.js').then((b) => console.log('b is', b.v)); import './b.js';")
        .with("b.js", "await null; export const v = 1;");
    assert_eq!(run.stdout(), "main\nb is 1\n");
}

/// Each broken graph: the script, the module beside it, what stderr must hold.
#[test]
fn broken_graphs_are_told_with_place_and_advice() {
    let cases: [(&str, &str, &[&str]); 12] = [
        (
            "import './gone.js';",
            "",
            &[
                "/main.js:1\n",
                "import './gone.js';\n       ^\n",
                "Cannot find module '",
                "with --root-dir DIR it gives a folder",
                "code: 'ERR_MODULE_NOT_FOUND'",
            ],
        ),
        (
            "\n  import x from './x.js';",
            "export const y = 1;",
            &["/main.js:2\n", "does not provide an export named 'default'"],
        ),
        (
            "import { z } from './x.js';",
            "export const y = 1;",
            &[
                "import { z }",
                "         ^",
                "SyntaxError: The requested module './x.js' does not provide an export named 'z'",
            ],
        ),
        ("import 'lodash';", "", &["Cannot find package 'lodash'", "bundler"]),
        ("import fs from 'node:fs';", "", &["No such built-in module: node:fs"]),
        ("import 'http://x.org/';", "", &["Only file: URLs and paths"]),
        ("import './x.cjs';", "", &["CommonJS", "ES modules only"]),
        ("import './x.ts';", "", &["TypeScript", "compile it"]),
        ("import './x.json';", "", &["needs an import attribute of \"type: json\""]),
        ("import './x.js' with { type: 'json' };", "", &["is not of type \"json\""]),
        ("import './x.js' with { type: 'css' };", "", &["Import attribute \"type\" with value \"css\""]),
        (
            "import './x.js';",
            "let a = 1;\nlet a = 2;",
            &["/x.js:2\nlet a = 2;\n    ^\n\nSyntaxError: Identifier 'a' has already been declared"],
        ),
    ];
    for (main, beside, expected) in cases {
        let ended =
            Run::script(main).with("x.js", beside).with("x.cjs", "").with("x.ts", "").with("x.json", "{}").run();
        assert_eq!((ended.code, ended.reason()), (1, Some(Reason::Threw)), "{main}\n{}", ended.stderr);
        for part in expected {
            assert!(ended.stderr.contains(part), "{main}\nlacks {part:?}:\n{}", ended.stderr);
        }
        assert_eq!(ended.stdout, "", "{main}");
    }
}

#[test]
fn nothing_runs_when_a_part_of_the_graph_is_broken() {
    let ended = Run::script("import './first.js'; import './bad.js';")
        .with("first.js", "console.log('must not run');")
        .with("bad.js", "let x = ;")
        .run();
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
}

#[test]
fn broken_json_names_its_file() {
    let ended = Run::script("import './d.json' with { type: 'json' };").with("d.json", "{ nope }").run();
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("d.json: ") && ended.stderr.contains("SyntaxError"), "{}", ended.stderr);
}

#[test]
fn a_main_module_that_is_not_there_is_127_and_one_that_is_no_script_126() {
    let gone = Run::script("").entry("/nowhere/main.js").run();
    assert_eq!(
        (gone.code, gone.stderr.as_str()),
        (127, "vnh1: Cannot find module '/nowhere/main.js' imported from the command line\n")
    );
    for (entry, part) in [("/tmp", "Directory"), ("/main.cjs", "CommonJS"), ("/main.ts", "TypeScript")] {
        let ended = Run::script("").entry(entry).run();
        assert_eq!(ended.code, 126, "{entry}");
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}

#[test]
fn require_is_answered_with_advice() {
    let ended = Run::script("const fs = require('fs');").run();
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("require is not defined"), "{}", ended.stderr);
    assert!(ended.stderr.contains("use import instead"), "{}", ended.stderr);
}

#[test]
fn hashbang_strict_mode_and_no_script_globals() {
    let text = stdout_of(
        "#!/usr/bin/env vnh1\nconsole.log(this, typeof require, typeof module, (function () { return this; })());",
    );
    assert_eq!(text, "undefined undefined undefined undefined\n");
}
