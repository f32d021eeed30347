//! The main thread's stack, told without /proc (pthread_getattr_np(3) reads /proc/self/maps). In the jail.

use std::ffi::{c_int, c_void};

unsafe extern "C" {
    /// The C library's note of where the stack began.
    static __libc_stack_end: *mut c_void;
}

const PAGE: usize = 4096;

/// Describes the main thread's stack as the C library would: from its beginning down to what RLIMIT_STACK allows.
///
/// # Safety
/// `attributes` points to memory for a `pthread_attr_t`, and the caller is the main thread.
pub unsafe fn describe(attributes: *mut c_void) -> c_int {
    let most = usize::try_from(crate::rlimit::stack_bytes().unwrap_or(8 << 20)).unwrap_or(usize::MAX).min(1 << 30);
    // SAFETY: the C library sets the variable before any code of ours runs, and nobody changes it.
    let end = unsafe { __libc_stack_end };
    let top = end.addr().next_multiple_of(PAGE);
    // One page less: the limit counts from the arguments, which lie above.
    let size = (most / PAGE * PAGE).saturating_sub(PAGE);
    let base = std::ptr::with_exposed_provenance_mut(top.saturating_sub(size));
    // SAFETY: the caller's promise; the stack's place is only described, nothing is mapped or touched.
    unsafe {
        match libc::pthread_attr_init(attributes.cast()) {
            0 => libc::pthread_attr_setstack(attributes.cast(), base, size),
            error => error,
        }
    }
}
