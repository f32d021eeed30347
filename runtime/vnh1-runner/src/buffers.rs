//! Memory of `ArrayBuffer`s, counted against the script's limit. In the jail.
//!
//! Invariant: what is in use never exceeds the limit; V8 turns a refusal into a RangeError, after a collection.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How much is in use, was at most, and may be.
#[derive(Debug)]
pub struct Buffers {
    used: AtomicUsize,
    peak: AtomicUsize,
    most: usize,
}

impl Buffers {
    /// Nothing in use yet. It lives as long as the process, as V8 does.
    pub fn new(most: usize) -> &'static Self {
        Box::leak(Box::new(Self { used: AtomicUsize::new(0), peak: AtomicUsize::new(0), most }))
    }

    /// The most bytes that were in use at one time.
    pub fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    /// V8's handle on it.
    pub fn allocator(&'static self) -> v8::UniqueRef<v8::Allocator> {
        // SAFETY: `self` is never freed, and the functions of the table expect exactly this type.
        unsafe { v8::new_rust_allocator(self, &TABLE) }
    }

    /// Whether so many bytes more would be within the limit.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.used.load(Relaxed).saturating_add(bytes) <= self.most
    }

    fn take(&self, bytes: usize) -> bool {
        let used = self.used.load(Relaxed).saturating_add(bytes);
        if used > self.most {
            return false;
        }
        self.used.store(used, Relaxed);
        self.peak.fetch_max(used, Relaxed);
        true
    }

    fn give_back(&self, bytes: usize) {
        self.used.store(self.used.load(Relaxed).saturating_sub(bytes), Relaxed);
    }
}

static TABLE: v8::RustAllocatorVtable<Buffers> =
    v8::RustAllocatorVtable { allocate: zeroed, allocate_uninitialized: zeroed, free, drop };

/// Always zeroed: a script must not read what another part of the process left.
unsafe extern "C" fn zeroed(buffers: &Buffers, bytes: usize) -> *mut c_void {
    if !buffers.take(bytes) {
        return std::ptr::null_mut();
    }
    let memory = vnh1_sys::memory::zeroed(bytes);
    if memory.is_null() {
        buffers.give_back(bytes);
    }
    memory
}

unsafe extern "C" fn free(buffers: &Buffers, memory: *mut c_void, bytes: usize) {
    buffers.give_back(bytes);
    // SAFETY: V8 gives back, once, what `zeroed` gave it.
    unsafe { vnh1_sys::memory::free(memory) }
}

unsafe extern "C" fn drop(_: *const Buffers) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_what_is_freed_counts_no_more() {
        let buffers = Buffers::new(100);
        assert!(buffers.take(60));
        assert!(!buffers.take(41));
        assert!(buffers.take(40));
        buffers.give_back(60);
        assert!(buffers.take(50));
        assert!(!buffers.take(usize::MAX));
        assert_eq!(buffers.peak(), 100);
    }
}
