//! From the first instruction to the script's: the story of one run. In the jail.

use crate::buffers::Buffers;
use crate::ending::{self, Record};
use crate::modules::Failure;
use crate::state::{State, World};
use crate::{bounds, event_loop, isolate, modules, orders, report, seal};
use std::cell::{Cell, OnceCell, RefCell};
#[cfg(not(test))]
use std::ffi::{CStr, c_char, c_int};
use std::rc::Rc;
use vnh1_spec::{ExitCode, Reason, Settings};
use vnh1_sys::root_file::Root;
use vnh1_sys::timer;

/// The C library calls this instead of Rust's own start-up code.
///
/// # Safety
/// `arguments` points to `count` texts with their ends, as the C library promises.
#[cfg(not(test))]
#[unsafe(no_mangle)]
unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller's promise, which is the C standard's.
    let arguments = (0..count).map(|at| unsafe { CStr::from_ptr(*arguments.add(at)) }.to_bytes().to_vec()).collect();
    run(arguments)
}

fn run(arguments: Vec<Vec<u8>>) -> ! {
    let started = timer::monotonic();
    if let Err(error) = bounds::end_on_signals() {
        ending::refuse(ExitCode::Failure, &error);
    }
    let settings = orders::read(&arguments).unwrap_or_else(|error| ending::refuse(ExitCode::Usage, &error));
    let limits = settings.limits;
    if let Err(error) = bounds::enforce(&limits, settings.jitless) {
        ending::refuse(ExitCode::Failure, &error);
    }
    let platform =
        isolate::start(&limits, settings.jitless).unwrap_or_else(|error| ending::refuse(ExitCode::Failure, &error));
    if let Some(zone) = settings.env.get("TZ") {
        isolate::set_time_zone(zone);
    }
    let buffers = Buffers::new(usize::try_from(limits.external_bytes).unwrap_or(usize::MAX));
    let mut isolate = isolate::new(&limits, buffers);

    v8::scope!(let scope, &mut isolate);
    let context = v8::Context::new(scope, v8::ContextOptions::default());
    let scope = &mut v8::ContextScope::new(scope, context);
    let Some(world) = world(scope) else {
        ending::last_words(Reason::Signal, ending::ABORTED, "the start-up snapshot is broken").end()
    };
    // The root is opened before the epoll takes its place above the reserved descriptors.
    let root = Root::open("/").unwrap_or_else(|error| ending::refuse(ExitCode::Failure, &std::io::Error::from(error)));
    let record = Record::default();
    record.update(|_| ());
    let state = Rc::new(State {
        settings,
        record,
        platform,
        world,
        graph: RefCell::default(),
        epoll: OnceCell::new(),
        buffers,
        started,
        rejections: RefCell::default(),
        wants_stdin: Cell::new(false),
        watches_stdin: Cell::new(false),
    });
    scope.set_slot(Rc::clone(&state));

    if tell_world(scope, &state).is_none() {
        ending::out_of_memory(Reason::Heap, "its arguments and environment do not fit into the heap");
    }
    let main = load_and_link(scope, &state, &root);
    drop(root);
    match seal::close_descriptors() {
        Ok(epoll) => drop(state.epoll.set(epoll)),
        Err(error) => ending::refuse(ExitCode::Failure, &error),
    }
    if let Err(error) = seal::seal(&state.record, state.settings.jitless) {
        ending::refuse(ExitCode::Failure, &error);
    }
    event_loop::run(scope, &state, main)
}

/// The functions of the script world, out of the snapshot.
fn world(scope: &mut v8::PinScope<'_, '_>) -> Option<World> {
    let world = scope.get_context_data_from_snapshot_once::<v8::Object>(0).ok()?;
    let function = |name: &str| {
        let key = v8::String::new(scope, name)?;
        let function = world.get(scope, key.into())?.try_cast::<v8::Function>().ok()?;
        Some(v8::Global::new(scope, function))
    };
    Some(World {
        start: function("start")?,
        run_timers: function("runTimers")?,
        on_stdin: function("onStdin")?,
        describe_uncaught: function("describeUncaught")?,
        exit_code: function("exitCode")?,
        then_namespace: function("thenNamespace")?,
    })
}

/// Tells the script world its arguments, environment and working directory.
fn tell_world(scope: &mut v8::PinScope<'_, '_>, state: &State) -> Option<()> {
    let Settings { entry, args, env, cwd, .. } = &state.settings;
    let orders = serde_json::json!({ "entry": entry, "args": args, "env": env, "cwd": cwd }).to_string();
    let orders = v8::String::new(scope, &orders)?;
    let orders = v8::json::parse(scope, orders)?;
    let start = v8::Local::new(scope, &state.world.start);
    let nothing = v8::undefined(scope).into();
    start.call(scope, nothing, &[orders]).map(drop)
}

/// Reads, compiles and links the script; what is wrong with it is reported and ends the process.
fn load_and_link<'s>(scope: &mut v8::PinScope<'s, '_>, state: &Rc<State>, root: &Root) -> v8::Local<'s, v8::Module> {
    v8::tc_scope!(let scope, scope);
    let loaded = modules::load(scope, root, &state.settings.entry);
    let failure = match loaded {
        Ok(main) if main.instantiate_module(scope, modules::link) == Some(true) => return main,
        Ok(_) => Failure::Thrown,
        Err(failure) => failure,
    };
    match (failure, scope.exception()) {
        (Failure::Load(error, place), _) => report::load_failure(scope, &error, place),
        (Failure::Thrown, Some(error)) => {
            let message = scope.message();
            report::uncaught(scope, error, message, report::Source::Thrown)
        }
        (Failure::Thrown, None) => ending::out_of_memory(Reason::Heap, "its modules do not fit into the heap"),
    }
}
