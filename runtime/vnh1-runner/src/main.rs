//! `vnh1-runner`: one script in one V8, sealed before its first instruction. The process in the jail.
//!
//! Invariant: it reads as the order of the jail: signals, orders, limits, V8, modules, seal, script. It never
//! returns: every way out is `ending`'s. It is built without Rust's own start-up code, which would read /proc.
#![cfg_attr(all(target_os = "linux", not(test)), no_main)]
#![cfg_attr(test, allow(dead_code))] // The test harness brings its own main.
#![allow(missing_docs)] // A program: its parts are documented where that helps, nobody imports them.

#[cfg(target_os = "linux")]
mod answers;
#[cfg(target_os = "linux")]
mod bounds;
#[cfg(target_os = "linux")]
mod buffers;
#[cfg(target_os = "linux")]
mod ending;
#[cfg(target_os = "linux")]
mod event_loop;
#[cfg(target_os = "linux")]
mod isolate;
#[cfg(target_os = "linux")]
mod load_error;
#[cfg(target_os = "linux")]
mod modules;
#[cfg(target_os = "linux")]
mod natives;
#[cfg(target_os = "linux")]
mod orders;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod resolve;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod seal;
#[cfg(target_os = "linux")]
mod state;
#[cfg(target_os = "linux")]
mod world;

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("vnh1: the runner exists for Linux only so far");
    std::process::exit(1)
}
