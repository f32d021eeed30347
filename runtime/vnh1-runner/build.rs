//! Makes the start-up snapshot: the script world of src/js, compiled and run once, at build time. Outside the jail.
//!
//! Invariant: the snapshot holds no randomness: V8 must be able to give it a new hash seed in each process.
//! The natives are placeholders here; V8 finds the real ones by their position in `world::NATIVES`.
#![allow(clippy::panic, clippy::expect_used)] // A build script has nobody else to tell.

use std::path::Path;

#[path = "src/world.rs"]
mod world;

/// The parts of the script world, in the order in which they run.
const PARTS: [&str; 9] = [
    "primordials.js",
    "describe.js",
    "inspect.js",
    "format.js",
    "console.js",
    "timers.js",
    "encoding.js",
    "process.js",
    "boot.js",
];

/// A native that is only there to have an address of its own. The number keeps the linker from folding them.
extern "C" fn placeholder<const N: usize>(_: *const v8::FunctionCallbackInfo) {
    panic!("native {N} was called while the snapshot was made");
}

macro_rules! placeholders {
    ($($n:literal)*) => { [$(placeholder::<$n> as v8::FunctionCallback),*] };
}

const PLACEHOLDERS: [v8::FunctionCallback; world::NATIVES.len()] = placeholders!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/world.rs");
    println!("cargo::rerun-if-changed=src/js");
    // src/answers.rs
    println!("cargo::rustc-link-arg-bins=-Wl,--wrap=abort,--wrap=pthread_getattr_np");

    v8::V8::set_flags_from_string(world::FLAGS);
    v8::V8::initialize_platform(v8::new_single_threaded_default_platform(false).make_shared());
    v8::V8::initialize();

    let references: Vec<_> = PLACEHOLDERS.iter().map(|&function| v8::ExternalReference { function }).collect();
    let mut isolate = v8::Isolate::snapshot_creator(Some(references.into()), None);
    {
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        let world = run_parts(scope);
        scope.set_default_context(context);
        let index = scope.add_context_data(context, world);
        assert_eq!(index, 0, "the world is the snapshot's first data");
    }
    // With the code kept a start takes about 3 % less than with it cleared, for 40 kB more.
    let blob = isolate.create_blob(v8::FunctionCodeHandling::Keep).expect("V8 made no snapshot");
    assert!(blob.can_be_rehashed(), "the script world holds something whose hash seed would be the same everywhere");

    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("snapshot.bin"), &*blob).expect("cannot write the snapshot");
}

/// Runs each part as a function of `natives` and `world`, and returns `world`.
fn run_parts<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
    let null = v8::null(scope).into();
    let natives = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
    for (name, callback) in world::NATIVES.iter().zip(PLACEHOLDERS) {
        let function = v8::FunctionBuilder::<v8::Function>::new_raw(callback)
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build(scope)
            .expect("a native");
        let name = v8::String::new(scope, name).expect("a short name");
        function.set_name(name);
        natives.set(scope, name.into(), function.into());
    }
    let world = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
    let parameters = ["natives", "world"].map(|name| v8::String::new(scope, name).expect("a short name"));
    for part in PARTS {
        let path = Path::new("src/js").join(part);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        v8::tc_scope!(let scope, scope);
        let name = v8::String::new(scope, &format!("vnh1:{part}")).expect("a short name").into();
        let origin = v8::ScriptOrigin::new(scope, name, 0, 0, false, 0, None, false, false, false, None);
        let text = v8::String::new(scope, &text).expect("a source text");
        let mut source = v8::script_compiler::Source::new(text, Some(&origin));
        let done = v8::script_compiler::compile_function(
            scope,
            &mut source,
            &parameters,
            &[],
            v8::script_compiler::CompileOptions::EagerCompile,
            v8::script_compiler::NoCacheReason::NoReason,
        )
        .and_then(|function| function.call(scope, null, &[natives.into(), world.into()]));
        if done.is_none() {
            let stack = scope.stack_trace().or_else(|| scope.exception());
            let line = scope.message().and_then(|m| m.get_line_number(scope)).unwrap_or(0);
            panic!("src/js/{part}:{line}: {}", stack.map_or_else(String::new, |s| s.to_rust_string_lossy(scope)));
        }
    }
    world
}
