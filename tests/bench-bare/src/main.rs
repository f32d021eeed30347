//! A bare V8 program without a jail: the yardstick for the runner's start-up. Nothing depends on it.
//!
//! It does what the V8 documentation's first example does, with the flags of the runner, and leaves by `_exit`.

fn main() {
    v8::V8::set_flags_from_string("--single-threaded --no-maglev-osr");
    let platform = v8::new_single_threaded_default_platform(false).make_shared();
    v8::V8::initialize_platform(platform);
    v8::V8::initialize();
    let isolate = &mut v8::Isolate::new(v8::CreateParams::default());
    v8::scope!(let scope, isolate);
    let context = v8::Context::new(scope, v8::ContextOptions::default());
    let scope = &mut v8::ContextScope::new(scope, context);
    let said = v8::String::new(scope, "'hel' + 'lo'")
        .and_then(|code| v8::Script::compile(scope, code, None))
        .and_then(|script| script.run(scope))
        .map(|value| value.to_rust_string_lossy(scope));
    let code = match said {
        Some(text) => {
            println!("{text}");
            0
        }
        None => 1,
    };
    // SAFETY: _exit(2) has no precondition; everything was written, and the isolate needs no teardown.
    unsafe { libc::_exit(code) }
}
