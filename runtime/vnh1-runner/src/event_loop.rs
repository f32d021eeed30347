//! The event loop: timers, stdin and V8's own tasks, until nothing is left to wait for. In the jail.
//!
//! Invariant: microtasks run to their end after every call into the script, before anything else happens.
//! (HTML, "event loop processing model", as Node.js has it: timers, then immediates, then descriptors.)

use crate::natives;
use crate::report::{self, Source};
use crate::state::State;
use std::rc::Rc;
use std::time::Duration;
use vnh1_spec::{ExitCode, Reason};
use vnh1_sys::stdio;

/// The name of stdin in the epoll.
pub const STDIN: u64 = 0;
/// Most bytes of one chunk of stdin.
const CHUNK_BYTES: usize = 64 << 10;

/// Runs the linked main module and everything that it starts, then ends the process.
pub fn run<'s>(scope: &mut v8::PinScope<'s, '_>, state: &Rc<State>, main: v8::Local<'s, v8::Module>) -> ! {
    let evaluated = evaluate(scope, main);
    natives::settle(scope);
    loop {
        check(scope, evaluated);
        pump(scope, state);
        let (wait, keeps_alive) = run_timers(scope, state);
        check(scope, evaluated);
        let stdin = state.wants_stdin.get();
        if stdin && !state.watches_stdin.get() {
            read_stdin(scope, state);
            continue;
        }
        if !keeps_alive && !stdin && !scope.has_pending_background_tasks() {
            break;
        }
        match state.epoll.get().map(|epoll| epoll.wait(wait)) {
            Some(Ok(Some(STDIN))) => read_stdin(scope, state),
            Some(Ok(_)) | None => {}
            Some(Err(error)) => {
                crate::ending::last_words(Reason::Signal, crate::ending::ABORTED, &error.to_string()).end();
            }
        }
    }
    if evaluated.state() == v8::PromiseState::Pending {
        report::unsettled(scope, main);
    }
    let code = exit_code(scope, state);
    state.finish(scope, Reason::Exited, code)
}

/// Begins the main module; what it throws, now or later, is the promise's.
fn evaluate<'s>(scope: &mut v8::PinScope<'s, '_>, main: v8::Local<'s, v8::Module>) -> v8::Local<'s, v8::Promise> {
    v8::tc_scope!(let caught, scope);
    if let Some(promise) = main.evaluate(caught).and_then(|value| value.try_cast::<v8::Promise>().ok()) {
        // Its rejection is reported by `check`, not as one that nobody handles.
        promise.mark_as_handled();
        return promise;
    }
    let (error, message) = (caught.exception(), caught.message());
    match error {
        Some(error) => report::uncaught(caught, error, message, Source::Thrown),
        None => crate::ending::last_words(Reason::Signal, crate::ending::ABORTED, "V8 ended the script").end(),
    }
}

fn check<'s>(scope: &mut v8::PinScope<'s, '_>, evaluated: v8::Local<'s, v8::Promise>) {
    if evaluated.state() == v8::PromiseState::Rejected {
        let error = evaluated.result(scope);
        report::uncaught(scope, error, None, Source::Thrown);
    }
}

/// V8's own tasks: asynchronous WebAssembly compilation, finalizers, `Atomics.waitAsync`.
fn pump(scope: &mut v8::PinScope<'_, '_>, state: &State) {
    while v8::Platform::pump_message_loop(&state.platform, scope, false) {
        natives::settle(scope);
    }
}

/// Calls a function of the script world; what it throws ends the script.
fn call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    function: &v8::Global<v8::Function>,
    arguments: &[v8::Local<'s, v8::Value>],
) -> v8::Local<'s, v8::Value> {
    let function = v8::Local::new(scope, function);
    let nothing = v8::undefined(scope).into();
    let result = {
        v8::tc_scope!(let caught, scope);
        let result = function.call(caught, nothing, arguments);
        if result.is_none()
            && let Some(error) = caught.exception()
        {
            let message = caught.message();
            report::uncaught(caught, error, message, Source::Thrown);
        }
        result
    };
    natives::settle(scope);
    result.unwrap_or(nothing)
}

/// Runs the timers that are due; how long until the next one, if there is one, and whether one keeps the script
/// alive. The coding of the answer is that of `world.runTimers` in src/js/timers.js.
fn run_timers(scope: &mut v8::PinScope<'_, '_>, state: &State) -> (Option<Duration>, bool) {
    let answer = call(scope, &state.world.run_timers, &[]).number_value(scope).unwrap_or(-1.0);
    let after = |ms: f64| Some(Duration::from_secs_f64(ms.clamp(0.0, 1e12) / 1000.0));
    if answer >= 0.0 {
        (after(answer), true)
    } else if answer <= -2.0 {
        (after(-2.0 - answer), false)
    } else {
        (None, false)
    }
}

fn read_stdin(scope: &mut v8::PinScope<'_, '_>, state: &State) {
    let mut chunk = vec![0; CHUNK_BYTES];
    let (data, error): (v8::Local<'_, v8::Value>, v8::Local<'_, v8::Value>) = match stdio::read(&mut chunk) {
        Ok(None) => return,
        Ok(Some(0)) => (v8::null(scope).into(), v8::undefined(scope).into()),
        Ok(Some(count)) => match natives::bytes_to_array(scope, chunk.get(..count).unwrap_or_default()) {
            Some(array) => (array.into(), v8::undefined(scope).into()),
            None => crate::ending::out_of_memory(Reason::Memory, "no memory is left for what stdin brings"),
        },
        Err(error) => {
            let text = v8::String::new(scope, &format!("cannot read stdin: {error}"));
            (v8::null(scope).into(), text.map_or_else(|| v8::undefined(scope).into(), Into::into))
        }
    };
    call(scope, &state.world.on_stdin, &[data, error]);
}

/// `process.exitCode`, as the script left it.
fn exit_code(scope: &mut v8::PinScope<'_, '_>, state: &State) -> u8 {
    let code = call(scope, &state.world.exit_code, &[]);
    code.int32_value(scope).and_then(|code| u8::try_from(code & 0xff).ok()).unwrap_or(ExitCode::Success.into())
}
