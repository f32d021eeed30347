//! System calls: the one place that is `unsafe` beside V8. Used on both sides of the wall, by file.
//!
//! Invariant: no function here decides anything about policy; each is a thin, safe name for what the kernel does.
#![cfg(target_os = "linux")]

pub mod pidfd;
