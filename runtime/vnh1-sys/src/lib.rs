//! System calls: the one place that is `unsafe` beside V8. Used on both sides of the wall, by file.
//!
//! Invariant: no function here decides anything about policy; each is a thin, safe name for what the kernel does.
#![cfg(target_os = "linux")]

pub mod bare;
pub mod descriptors;
pub mod epoll;
pub mod exec;
pub mod landlock;
pub mod lock;
pub mod memory;
pub mod mounts;
pub mod note;
pub mod pidfd;
pub mod privileges;
pub mod queue;
pub mod random;
pub mod reap;
pub mod rlimit;
pub mod root_file;
pub mod seccomp;
pub mod signal;
pub mod stack;
pub mod stdio;
pub mod timer;
pub mod userns;
