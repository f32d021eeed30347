//! What the start-up snapshot and the running process must agree on: V8's flags and the order of the natives.
//!
//! Invariant: build.rs includes this very file, so the two cannot differ. It runs on both sides of the build.

/// V8's flags. `--single-threaded` goes with the single-threaded platform: no thread is ever made, so the run
/// filter needs no clone. Without `--no-maglev-osr` hot loops would stay in the middle compiler under it.
/// The snapshot is part of the program's own read-only image, so its checksum is not computed at each start.
pub const FLAGS: &str = "--single-threaded --no-maglev-osr --no-verify-snapshot-checksum";

/// The functions that the script world gets from Rust, by name. The position is the external reference's number.
pub const NATIVES: [&str; 15] = [
    "write",
    "now",
    "exit",
    "settle",
    "readStdin",
    "kind",
    "proxyTarget",
    "proxyHandler",
    "promiseState",
    "preview",
    "constructorName",
    "ownKeys",
    "encodeUtf8",
    "decodeUtf8",
    "queueMicrotask",
];
