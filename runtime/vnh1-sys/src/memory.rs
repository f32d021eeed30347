//! Zeroed memory from the C library, and the end of a process that has none left. In the jail.

use std::ffi::c_void;

/// Zeroed memory, untouched as long as nobody uses it; null if there is none. Zero bytes give a pointer too.
#[must_use]
pub fn zeroed(bytes: usize) -> *mut c_void {
    // SAFETY: calloc has no precondition.
    unsafe { libc::calloc(bytes.max(1), 1) }
}

/// Gives memory back.
///
/// # Safety
/// It came from [`zeroed`] and was not given back before.
pub unsafe fn free(memory: *mut c_void) {
    // SAFETY: the caller's promise is that of free(3).
    unsafe { libc::free(memory) }
}
