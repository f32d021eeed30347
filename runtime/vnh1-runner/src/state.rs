//! What the callbacks of one isolate share. In the jail.
//!
//! Invariant: there is one isolate and one thread, so `Cell` and `RefCell` are enough; no borrow is held while
//! the script's code runs.

use crate::buffers::Buffers;
use crate::ending::Record;
use crate::modules::Graph;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use vnh1_spec::{Reason, Settings};
use vnh1_sys::epoll::Epoll;
use vnh1_sys::stdio::{self, Stdio};
use vnh1_sys::timer;

/// The functions of the script world that Rust calls.
pub struct World {
    pub start: v8::Global<v8::Function>,
    pub run_timers: v8::Global<v8::Function>,
    pub on_stdin: v8::Global<v8::Function>,
    pub describe_uncaught: v8::Global<v8::Function>,
    pub exit_code: v8::Global<v8::Function>,
    pub then_namespace: v8::Global<v8::Function>,
}

/// Everything that belongs to the running script.
pub struct State {
    pub settings: Settings,
    pub record: Record,
    pub platform: v8::SharedRef<v8::Platform>,
    pub world: World,
    pub graph: RefCell<Graph>,
    /// Made just before the seal.
    pub epoll: OnceCell<Epoll>,
    pub buffers: &'static Buffers,
    pub started: Duration,
    /// Promises that were rejected and have no handler, oldest first.
    pub rejections: RefCell<Vec<(v8::Global<v8::Promise>, v8::Global<v8::Value>)>>,
    /// The script waits for stdin.
    pub wants_stdin: Cell<bool>,
    /// Stdin is in the epoll; if wanted and not in it, it is a file that can always be read.
    pub watches_stdin: Cell<bool>,
}

impl State {
    /// The state of the isolate that a callback runs in.
    pub fn of(isolate: &v8::Isolate) -> Rc<State> {
        match isolate.get_slot::<Rc<State>>() {
            Some(state) => Rc::clone(state),
            None => crate::ending::last_words(Reason::Signal, crate::ending::ABORTED, "the isolate has no state").end(),
        }
    }

    /// Milliseconds since the runner started.
    pub fn now_ms(&self) -> f64 {
        timer::monotonic().saturating_sub(self.started).as_secs_f64() * 1000.0
    }

    /// Writes output and counts it. Beyond the limit the script ends; a pipe that nobody reads takes nothing.
    pub fn write(&self, to: Stdio, bytes: &[u8]) {
        let most = self.settings.limits.output_bytes;
        let left = most.saturating_sub(self.record.get().output_bytes);
        let fits = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (now, beyond) = bytes.split_at(fits);
        self.record.update(|ending| ending.output_bytes += u64::try_from(fits).unwrap_or(0));
        // A reader that went away, or a full disk: Node.js tells the script nothing from console either.
        let _ = stdio::write_all(to, now);
        if !beyond.is_empty() {
            let why = format!("it wrote more than {most} bytes");
            crate::ending::last_words(Reason::Output, vnh1_spec::ExitCode::Killed.into(), &why).end()
        }
    }

    /// Ends by the script's own doing, with what is known about its memory.
    pub fn finish(&self, isolate: &mut v8::Isolate, reason: Reason, code: u8) -> ! {
        self.measure(isolate);
        self.record.finish(reason, code)
    }

    /// Notes the sizes of the heap and of the buffers; gives the heap's.
    pub fn measure(&self, isolate: &mut v8::Isolate) -> u64 {
        let heap = isolate.get_heap_statistics().used_heap_size();
        let heap = u64::try_from(heap).unwrap_or(u64::MAX);
        let external = u64::try_from(self.buffers.peak()).unwrap_or(u64::MAX);
        self.record.update(|ending| {
            ending.peak_heap_bytes = ending.peak_heap_bytes.max(heap);
            ending.peak_external_bytes = external;
        });
        heap
    }
}
