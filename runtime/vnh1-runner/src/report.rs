//! Errors that nobody caught, on stderr as Node.js prints them: place, source line, caret, stack. In the jail.
//!
//! Invariant: reporting ends the script, whatever the thrown value does while it is looked at.

use crate::ending;
use crate::load_error::LoadError;
use crate::state::State;
use vnh1_spec::{ExitCode, Reason};
use vnh1_sys::stdio::Stdio;

/// Longest part of a source line that is printed.
const MAX_SOURCE_LINE: usize = 500;

/// Where an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Thrown.
    Thrown,
    /// The reason of a promise that nobody handled.
    Promise,
}

/// Prints the error and ends the script with code 1.
pub fn uncaught<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    message: Option<v8::Local<'s, v8::Message>>,
    source: Source,
) -> ! {
    let state = State::of(scope);
    // What a getter of the error starts must not report again.
    state.rejections.borrow_mut().clear();
    let message = message.unwrap_or_else(|| v8::Exception::create_message(scope, error));
    let mut text = place(scope, message);
    let described = describe(scope, error, source).unwrap_or_else(|| message.get(scope).to_rust_string_lossy(scope));
    text.push_str(&described);
    text.push('\n');
    state.write(Stdio::Err, text.as_bytes());
    state.finish(scope, Reason::Threw, ExitCode::Failure.into())
}

/// Prints why a module could not be loaded, and ends the script. Nobody imported the main module: then the runner
/// itself has nothing to run.
pub fn load_failure(scope: &mut v8::PinScope<'_, '_>, error: &LoadError, place: Option<String>) -> ! {
    let Some(mut text) = place else {
        let code = match error {
            LoadError::NotFound { .. } => ExitCode::NotFound,
            _ => ExitCode::CannotExecute,
        };
        ending::refuse(code, error)
    };
    let exception = error.to_exception(scope);
    text.push_str(&describe(scope, exception, Source::Thrown).unwrap_or_else(|| error.to_string()));
    text.push('\n');
    let state = State::of(scope);
    state.write(Stdio::Err, text.as_bytes());
    state.finish(scope, Reason::Threw, ExitCode::Failure.into())
}

/// A top-level await that can never go on: as Node.js, a warning and code 13.
pub fn unsettled<'s>(scope: &mut v8::PinScope<'s, '_>, main: v8::Local<'s, v8::Module>) -> ! {
    let state = State::of(scope);
    let mut text = String::from("Warning: Detected unsettled top-level await at ");
    match main.get_stalled_top_level_await_message(scope).first() {
        Some((_, message)) => text.push_str(&place(scope, *message)),
        None => text.push_str("an unknown place\n"),
    }
    state.write(Stdio::Err, text.as_bytes());
    state.finish(scope, Reason::Exited, ending::UNSETTLED)
}

/// `file:///main.js:3`, the line, a caret, an empty line. Nothing where V8 does not know the place.
fn place<'s>(scope: &mut v8::PinScope<'s, '_>, message: v8::Local<'s, v8::Message>) -> String {
    let name = message.get_script_resource_name(scope).filter(|name| name.is_string());
    let (Some(name), Some(line)) = (name, message.get_line_number(scope)) else { return String::new() };
    let name = name.to_rust_string_lossy(scope);
    let source = message.get_source_line(scope).map(|line| line.to_rust_string_lossy(scope)).unwrap_or_default();
    lay_out(&name, line, &source, message.get_start_column(), message.get_end_column())
}

/// The place of an offset of a module, laid out alike; columns count from 0.
pub fn lay_out(name: &str, line: usize, source: &str, start: usize, end: usize) -> String {
    let units: Vec<u16> = source.encode_utf16().take(MAX_SOURCE_LINE).collect();
    let shown = String::from_utf16_lossy(&units);
    // The caret stands under the right place if tabs stay tabs.
    let before = String::from_utf16_lossy(units.get(..start.min(units.len())).unwrap_or_default());
    let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let caret = if start < MAX_SOURCE_LINE {
        let width = end.saturating_sub(start).clamp(1, MAX_SOURCE_LINE - start);
        format!("{indent}{}", "^".repeat(width))
    } else {
        String::new()
    };
    format!("{name}:{line}\n{shown}\n{caret}\n\n")
}

/// What `console.error` would show of it; the script world does that.
fn describe<'s>(scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Value>, source: Source) -> Option<String> {
    let state = State::of(scope);
    v8::tc_scope!(let scope, scope);
    let function = v8::Local::new(scope, &state.world.describe_uncaught);
    let nothing = v8::undefined(scope).into();
    let from_promise = v8::Boolean::new(scope, source == Source::Promise).into();
    let text = function.call(scope, nothing, &[error, from_promise])?;
    Some(text.to_rust_string_lossy(scope))
}

/// V8 tells which promises were rejected without a handler, and which got one later.
pub unsafe extern "C" fn on_rejection(message: v8::PromiseRejectMessage<'_>) {
    // SAFETY: V8 calls this with the isolate entered.
    v8::callback_scope!(unsafe scope, &message);
    let state = State::of(scope);
    let promise = message.get_promise();
    match message.get_event() {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => {
            let reason = message.get_value().unwrap_or_else(|| v8::undefined(scope).into());
            let entry = (v8::Global::new(scope, promise), v8::Global::new(scope, reason));
            state.rejections.borrow_mut().push(entry);
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            state.rejections.borrow_mut().retain(|(rejected, _)| *rejected != promise);
        }
        v8::PromiseRejectEvent::PromiseRejectAfterResolved | v8::PromiseRejectEvent::PromiseResolveAfterResolved => {}
    }
}

/// What a microtask throws reaches nobody else.
pub unsafe extern "C" fn on_message(message: v8::Local<'_, v8::Message>, error: v8::Local<'_, v8::Value>) {
    // SAFETY: V8 calls this with the isolate entered and a context in force.
    v8::callback_scope!(unsafe scope, message);
    uncaught(scope, error, Some(message), Source::Thrown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(lay_out("file:///a.js", 3, "\tthrow x;", 1, 2), "file:///a.js:3\n\tthrow x;\n\t^\n\n");
        assert_eq!(lay_out("f", 1, "let é = ;", 8, 9), "f:1\nlet é = ;\n        ^\n\n");
        let long = lay_out("f", 1, &"x".repeat(10_000), 9_000, 9_001);
        assert!(long.len() < 600, "{}", long.len());
    }
}
