//! System calls: the one place that is `unsafe` beside V8. Used on both sides of the wall, by file.
//!
//! Invariant: no function here decides anything about policy; each is a thin, safe name for what the kernel does.
#![cfg(target_os = "linux")]

pub mod bare;
pub mod pidfd;
pub mod exec;
pub mod lock;
pub mod mounts;
pub mod queue;
pub mod reap;
pub mod userns;
pub mod note;
pub mod signal;
pub mod timer;
pub mod landlock;
pub mod rlimit;
pub mod random;
pub mod stdio;
pub mod epoll;
pub mod descriptors;
pub mod root_file;
pub mod memory;
pub mod seccomp;
pub mod privileges;
pub mod stack;
