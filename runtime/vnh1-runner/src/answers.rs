//! Calls of the C library that V8 makes and that are answered here: build.rs has the linker lead them to these
//! functions. The C library's own would read /proc or make system calls that the run filter denies. In the jail.

use crate::ending;
use std::ffi::{c_int, c_void};
use vnh1_spec::Reason;

/// abort(3). C++ calls it when memory is gone. The C library's would send a signal, which pid 1 of a namespace
/// does not get.
#[unsafe(no_mangle)]
extern "C" fn __wrap_abort() -> ! {
    ending::out_of_memory(Reason::Memory, "the process gave up: most likely no memory was left")
}

/// pthread_getattr_np(3). V8 asks where its stack ends, at every exception until it is told; without an answer it
/// takes a deep stack for a foreign one and gives up.
///
/// # Safety
/// As the C library's: `attributes` points to memory for a `pthread_attr_t`. There is only the main thread.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_pthread_getattr_np(_thread: usize, attributes: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { vnh1_sys::stack::describe(attributes) }
}
