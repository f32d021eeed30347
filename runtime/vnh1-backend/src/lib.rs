//! How a container comes to be on this machine. Outside the jail; the only crate that knows libcontainer.
//!
//! Invariant: a backend reports for each protection what it really put in force, and never falls back by itself.
#![forbid(unsafe_code)]

pub mod record;

#[cfg(target_os = "linux")]
pub mod linux;

pub use record::{CgroupRecord, Created, ProcessRecord};
