//! V8 itself: flags, platform, heap limits, the isolate from the start-up snapshot. In the jail.
//!
//! Invariant: no thread is ever made; entropy comes from getrandom(2), so no two processes share a random
//! sequence or a hash seed although they share the snapshot.

use crate::bounds::CODE_RANGE_BYTES;
use crate::buffers::Buffers;
use crate::ending::{self, ABORTED};
use crate::{natives, report, world};
use std::ffi::{CStr, c_char, c_void};
use vnh1_spec::Reason;
use vnh1_spec::limits::EffectiveLimits;

static SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/snapshot.bin"));

/// WebAssembly's page.
const WASM_PAGE_BYTES: u64 = 64 << 10;

/// Why V8 does not start.
#[derive(Debug, thiserror::Error)]
pub enum IsolateError {
    /// The data of ICU does not belong to this V8.
    #[error("V8 refuses ICU's data (error {0}): build anew with the crate versions of Cargo.lock")]
    Icu(i32),
}

/// Starts V8 for this process.
pub fn start(limits: &EffectiveLimits, jitless: bool) -> Result<v8::SharedRef<v8::Platform>, IsolateError> {
    v8::V8::set_flags_from_string(world::FLAGS);
    let pages = (limits.memory_bytes / WASM_PAGE_BYTES).min(65_536);
    v8::V8::set_flags_from_string(&format!("--wasm-max-mem-pages={pages}"));
    if jitless {
        v8::V8::set_flags_from_string("--jitless");
    }
    v8::V8::set_entropy_source(|buffer: &mut [u8]| vnh1_sys::random::fill(buffer));
    v8::V8::set_fatal_error_handler(on_fatal);
    v8::icu::set_common_data_78(deno_core_icudata::ICU_DATA).map_err(IsolateError::Icu)?;
    let platform = v8::new_single_threaded_default_platform(false).make_shared();
    v8::V8::initialize_platform(platform.clone());
    v8::V8::initialize();
    Ok(platform)
}

/// Makes the isolate from the snapshot.
pub fn new(limits: &EffectiveLimits, buffers: &'static Buffers) -> v8::OwnedIsolate {
    let heap = usize::try_from(limits.heap_bytes).unwrap_or(usize::MAX);
    let parameters = v8::CreateParams::default()
        .snapshot_blob(SNAPSHOT.into())
        .external_references(natives::references().to_vec().into())
        .array_buffer_allocator(buffers.allocator())
        .heap_limits(0, heap)
        .set_code_range_size_in_bytes(CODE_RANGE_BYTES);
    let here = 0_u8;
    let stack = usize::try_from(limits.stack_bytes).unwrap_or(0);
    let floor = (&raw const here).addr().saturating_sub(stack);
    // SAFETY: the address lies in this thread's stack, which `bounds::enforce` let grow beyond it; V8 only
    // compares it with the stack pointer.
    let parameters = unsafe { parameters.set_stack_limit(std::ptr::without_provenance_mut(floor)) };
    let mut isolate = v8::Isolate::new(parameters);
    isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
    isolate.add_near_heap_limit_callback(on_heap_limit, std::ptr::without_provenance_mut(heap));
    isolate.set_oom_error_handler(on_out_of_memory);
    isolate.set_promise_reject_callback(report::on_rejection);
    isolate.add_message_listener(report::on_message);
    isolate.set_host_initialize_import_meta_object_callback(crate::modules::meta);
    isolate.set_host_import_module_dynamically_callback(crate::modules::import);
    isolate
}

unsafe extern "C" fn on_heap_limit(data: *mut c_void, _current: usize, _initial: usize) -> usize {
    ending::out_of_memory(Reason::Heap, &format!("its heap outgrew {} bytes", data.addr()))
}

unsafe extern "C" fn on_out_of_memory(_place: *const c_char, details: &v8::OomDetails) {
    if details.is_heap_oom {
        ending::out_of_memory(Reason::Heap, "its heap is full")
    }
    // SAFETY: V8 gives a null pointer or a text with its end.
    let detail = unsafe { details.detail.as_ref() }.map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
    let detail = detail.unwrap_or_else(|| "V8 got no memory from the kernel".into());
    ending::out_of_memory(Reason::Memory, &detail)
}

fn on_fatal(file: &str, line: i32, message: &str) {
    if message.contains("out of memory") || message.contains("Out of memory") {
        ending::out_of_memory(Reason::Memory, message)
    }
    ending::last_words(Reason::Signal, ABORTED, &format!("V8 failed: {message} ({file}:{line})")).end()
}
