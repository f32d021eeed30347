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
    let pages = (limits.external_bytes / WASM_PAGE_BYTES).min(65_536);
    v8::V8::set_flags_from_string(&format!("--wasm-max-mem-pages={pages}"));
    v8::V8::set_flags_from_string(&format!("--stack-size={}", limits.stack_bytes / 1024));
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

/// The time zone of `Date` and `Intl`, by its IANA name. One that ICU does not know changes nothing: it stays UTC.
pub fn set_time_zone(name: &str) {
    let _known = v8::icu::set_default_time_zone(name);
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
    let mut isolate = v8::Isolate::new(parameters);
    isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
    // SAFETY: the isolate is never disposed: the process ends by _exit.
    let raw = unsafe { isolate.as_raw_isolate_ptr() };
    let watch = Box::into_raw(Box::new(Watch { isolate: raw, heap, buffers }));
    isolate.add_near_heap_limit_callback(on_heap_limit, watch.cast());
    isolate.add_gc_epilogue_callback(on_collected, std::ptr::null_mut(), v8::GCType::kGCTypeMarkSweepCompact);
    isolate.set_oom_error_handler(on_out_of_memory);
    isolate.set_promise_reject_callback(report::on_rejection);
    isolate.add_message_listener(report::on_message);
    isolate.set_host_initialize_import_meta_object_callback(crate::modules::meta);
    isolate.set_host_import_module_dynamically_callback(crate::modules::import);
    isolate
}

/// What the heap limit's callback looks at. It lives as long as the process.
struct Watch {
    isolate: v8::UnsafeRawIsolatePtr,
    heap: usize,
    buffers: &'static Buffers,
}

/// How much more V8 gets when it was not the heap that reached V8's limit.
const STEP_BYTES: usize = 4 << 20;

/// V8 counts `ArrayBuffer`s and WebAssembly memory too before it calls this; they have a limit of their own.
unsafe extern "C" fn on_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: `data` is the leaked `Watch` of `new`, which nothing changes.
    let watch = unsafe { &*data.cast::<Watch>() };
    // SAFETY: the isolate is alive and entered, and its statistics may be read while it collects.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(watch.isolate) };
    let used = isolate.get_heap_statistics().used_heap_size();
    let other = current.saturating_sub(used);
    if used < watch.heap && other > watch.heap / 8 {
        return current.saturating_add(STEP_BYTES);
    }
    ending::note_peaks(used, watch.buffers.peak());
    ending::out_of_memory(Reason::Heap, &format!("its heap outgrew {} bytes", watch.heap))
}

/// Keeps the note's peaks fresh, for an end that cannot ask V8 any more. And where buffers made V8's limit greater
/// and are gone again, the heap still has its own.
unsafe extern "C" fn on_collected(
    isolate: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    _: v8::GCCallbackFlags,
    _: *mut c_void,
) {
    // SAFETY: V8 calls this with its own isolate, alive and entered.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    if let Some(state) = isolate.get_slot::<std::rc::Rc<crate::state::State>>().cloned() {
        let used = state.measure(&mut isolate);
        let most = state.settings.limits.heap_bytes;
        if used > most {
            ending::out_of_memory(Reason::Heap, &format!("its heap outgrew {most} bytes"));
        }
    }
}

/// Where V8 names the heap's own limit; at every other place it was the kernel that gave no memory.
const HEAP_LIMIT_PLACES: [&str; 3] = ["Reached heap limit", "Ineffective mark-compacts", "CALL_AND_RETRY_LAST"];

unsafe extern "C" fn on_out_of_memory(place: *const c_char, _details: &v8::OomDetails) {
    // SAFETY: V8 gives a null pointer or a text with its end.
    let place =
        unsafe { place.as_ref() }.map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy()).unwrap_or_default();
    if HEAP_LIMIT_PLACES.iter().any(|known| place.contains(known)) {
        ending::out_of_memory(Reason::Heap, &format!("its heap is full ({place})"))
    }
    ending::out_of_memory(Reason::Memory, &format!("its memory is used up ({place})"))
}

fn on_fatal(file: &str, line: i32, message: &str) {
    if message.contains("out of memory") || message.contains("Out of memory") {
        ending::out_of_memory(Reason::Memory, message)
    }
    ending::last_words(Reason::Signal, ABORTED, &format!("V8 failed: {message} ({file}:{line})")).end()
}
