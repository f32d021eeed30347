//! The functions that the script world (src/js) is built on. In the jail.
//!
//! Invariant: none of them gives the script anything that the jail does not: they write to 1 and 2, read 0, end
//! the process, and look at values as a debugger would. Order and number are those of `world::NATIVES`.

use crate::report;
use crate::state::State;
use crate::world;
use v8::MapFnTo;
use vnh1_spec::Reason;
use vnh1_sys::stdio::Stdio;

type Arguments<'s> = v8::FunctionCallbackArguments<'s>;
type Return<'s> = v8::ReturnValue<'s, v8::Value>;

/// The addresses that stand for the placeholders of the snapshot.
pub fn references() -> [v8::ExternalReference; world::NATIVES.len()] {
    let functions: [v8::FunctionCallback; world::NATIVES.len()] = [
        write.map_fn_to(),
        now.map_fn_to(),
        exit.map_fn_to(),
        settle_now.map_fn_to(),
        read_stdin.map_fn_to(),
        kind.map_fn_to(),
        proxy_target.map_fn_to(),
        proxy_handler.map_fn_to(),
        promise_state.map_fn_to(),
        preview.map_fn_to(),
        constructor_name.map_fn_to(),
        own_keys.map_fn_to(),
        encode_utf8.map_fn_to(),
        decode_utf8.map_fn_to(),
        queue_microtask.map_fn_to(),
    ];
    functions.map(|function| v8::ExternalReference { function })
}

/// write(fd, text or bytes)
fn write(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, _: Return<'_>) {
    let state = State::of(scope);
    let to = if arguments.get(0).int32_value(scope) == Some(2) { Stdio::Err } else { Stdio::Out };
    let data = arguments.get(1);
    if let Ok(text) = v8::Local::<v8::String>::try_from(data) {
        let view = v8::ValueView::new(scope, text);
        state.write(to, view.to_cow_lossy().as_bytes());
    } else if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(data) {
        let mut bytes = vec![0; view.byte_length()];
        let count = view.copy_contents(&mut bytes);
        state.write(to, bytes.get(..count).unwrap_or_default());
    }
}

/// now(): milliseconds since the start, with fractions
fn now(scope: &mut v8::PinScope<'_, '_>, _: Arguments<'_>, mut result: Return<'_>) {
    result.set_double(State::of(scope).now_ms());
}

/// exit(code): at once
fn exit(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, _: Return<'_>) {
    let code = arguments.get(0).int32_value(scope).unwrap_or(0);
    let code = u8::try_from(code & 0xff).unwrap_or(1);
    State::of(scope).finish(scope, Reason::Exited, code)
}

/// settle(): runs all microtasks; a rejection that nobody handles ends the script
fn settle_now(scope: &mut v8::PinScope<'_, '_>, _: Arguments<'_>, _: Return<'_>) {
    settle(scope);
}

/// Runs all microtasks; a rejection that nobody handles ends the script.
pub fn settle(scope: &mut v8::PinScope<'_, '_>) {
    scope.perform_microtask_checkpoint();
    let state = State::of(scope);
    let rejected = state.rejections.borrow().first().map(|(_, reason)| reason.clone());
    if let Some(reason) = rejected {
        let reason = v8::Local::new(scope, reason);
        report::uncaught(scope, reason, None, report::Source::Promise)
    }
}

/// readStdin(wanted)
fn read_stdin(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, _: Return<'_>) {
    let wanted = arguments.get(0).is_true();
    let state = State::of(scope);
    if wanted == state.wants_stdin.replace(wanted) {
        return;
    }
    if wanted {
        // A stdin that cannot be watched (a file, or closed) is read without waiting.
        let watched = state.epoll.get().map(|epoll| epoll.watch(Stdio::In.fd(), crate::event_loop::STDIN));
        state.watches_stdin.set(matches!(watched, Some(Ok(true))));
    } else if state.watches_stdin.replace(false)
        && let Some(epoll) = state.epoll.get()
    {
        // It was watched, so it can be forgotten; if not, it only wakes the loop in vain.
        let _ = epoll.forget(Stdio::In.fd());
    }
}

/// kind(value): a small number, or 0 for a plain object
fn kind(_: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    let value = arguments.get(0);
    let tests: [(i32, bool); 26] = [
        (1, value.is_proxy()),
        (2, value.is_map()),
        (3, value.is_set()),
        (4, value.is_date()),
        (5, value.is_reg_exp()),
        (6, value.is_native_error()),
        (7, value.is_promise()),
        (8, value.is_weak_map()),
        (9, value.is_weak_set()),
        (10, value.is_map_iterator()),
        (11, value.is_set_iterator()),
        (12, value.is_array_buffer()),
        (13, value.is_shared_array_buffer()),
        (14, value.is_typed_array()),
        (15, value.is_data_view()),
        (16, value.is_number_object()),
        (17, value.is_string_object()),
        (18, value.is_boolean_object()),
        (19, value.is_big_int_object()),
        (20, value.is_symbol_object()),
        (21, value.is_arguments_object()),
        (22, value.is_module_namespace_object()),
        (23, value.is_generator_object()),
        (24, value.is_async_function() && value.is_generator_function()),
        (25, value.is_async_function()),
        (26, value.is_generator_function()),
    ];
    let kind = tests.iter().find(|(_, is)| *is).map_or(0, |(kind, _)| *kind);
    result.set_int32(kind);
}

/// proxyTarget(proxy): its target, or null if it was revoked
fn proxy_target(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    if let Ok(proxy) = v8::Local::<v8::Proxy>::try_from(arguments.get(0)) {
        result.set(proxy.get_target(scope));
    }
}

/// proxyHandler(proxy): its handler, or null if it was revoked
fn proxy_handler(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    if let Ok(proxy) = v8::Local::<v8::Proxy>::try_from(arguments.get(0)) {
        result.set(proxy.get_handler(scope));
    }
}

/// promiseState(promise): undefined while pending, else [fulfilled, value]
fn promise_state(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(arguments.get(0)) else { return };
    let fulfilled = match promise.state() {
        v8::PromiseState::Pending => return,
        v8::PromiseState::Fulfilled => true,
        v8::PromiseState::Rejected => false,
    };
    let pair = [v8::Boolean::new(scope, fulfilled).into(), promise.result(scope)];
    result.set(v8::Array::new_with_elements(scope, &pair).into());
}

/// preview(iterator): [entries, whether they are pairs]
fn preview(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(arguments.get(0)) else { return };
    let (entries, pairs) = object.preview_entries(scope);
    if let Some(entries) = entries {
        let answer = [entries.into(), v8::Boolean::new(scope, pairs).into()];
        result.set(v8::Array::new_with_elements(scope, &answer).into());
    }
}

/// constructorName(object): V8's own idea of it
fn constructor_name(_: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    if let Ok(object) = v8::Local::<v8::Object>::try_from(arguments.get(0)) {
        result.set(object.get_constructor_name().into());
    }
}

/// ownKeys(object, onlyEnumerable): its own names that are no index
fn own_keys(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(arguments.get(0)) else { return };
    let filter = match arguments.get(1).is_true() {
        true => v8::PropertyFilter::ONLY_ENUMERABLE | v8::PropertyFilter::SKIP_SYMBOLS,
        false => v8::PropertyFilter::SKIP_SYMBOLS,
    };
    let names = v8::GetPropertyNamesArgsBuilder::new()
        .mode(v8::KeyCollectionMode::OwnOnly)
        .property_filter(filter)
        .index_filter(v8::IndexFilter::SkipIndices)
        .build();
    if let Some(names) = object.get_property_names(scope, names) {
        result.set(names.into());
    }
}

/// encodeUtf8(text): a new Uint8Array
fn encode_utf8(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    let Ok(text) = v8::Local::<v8::String>::try_from(arguments.get(0)) else { return };
    let bytes = {
        let view = v8::ValueView::new(scope, text);
        view.to_cow_lossy().into_owned().into_bytes()
    };
    if let Some(array) = bytes_to_array(scope, &bytes) {
        result.set(array.into());
    }
}

/// A new `Uint8Array` in the script's own, counted memory; an exception is pending if there is not enough of it.
pub fn bytes_to_array<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: &[u8]) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let Some(buffer) = counted_buffer(scope, bytes.len()) else {
        let text = v8::String::new(scope, "Array buffer allocation failed")?;
        let error = v8::Exception::range_error(scope, text);
        scope.throw_exception(error);
        return None;
    };
    if let Some(data) = buffer.data() {
        // SAFETY: the buffer is new, has this very length, and no script has seen it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.as_ptr().cast(), bytes.len()) };
    }
    v8::Uint8Array::new(scope, buffer, 0, bytes.len())
}

/// V8's own constructor from Rust dies where memory is short; the script's constructor throws.
fn counted_buffer<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: usize) -> Option<v8::Local<'s, v8::ArrayBuffer>> {
    let state = State::of(scope);
    if !state.buffers.has_room_for(bytes) {
        return None;
    }
    Some(v8::ArrayBuffer::new(scope, bytes))
}

/// decodeUtf8(view, fatal): text, or undefined where `fatal` and not UTF-8
fn decode_utf8(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, mut result: Return<'_>) {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(arguments.get(0)) else { return };
    let mut bytes = vec![0; view.byte_length()];
    let count = view.copy_contents(&mut bytes);
    bytes.truncate(count);
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) if arguments.get(1).is_true() => return,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    if let Some(text) = v8::String::new(scope, &text) {
        result.set(text.into());
    }
}

/// queueMicrotask(function)
fn queue_microtask(scope: &mut v8::PinScope<'_, '_>, arguments: Arguments<'_>, _: Return<'_>) {
    if let Ok(function) = v8::Local::<v8::Function>::try_from(arguments.get(0)) {
        scope.enqueue_microtask(function);
    }
}
