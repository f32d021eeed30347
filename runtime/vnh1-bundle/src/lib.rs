//! From a policy to an OCI bundle, and from a caller's config to a hardened one. Outside the jail.
//!
//! Invariant: every function is pure, `Spec` to `Spec`; whoever calls it has read the files and writes them.
//! OCI runtime spec 1.2, config.md and config-linux.md.
#![forbid(unsafe_code)]

pub mod annotation;
pub mod handler;
pub mod harden;
pub mod template;

pub use handler::{Handler, Probe};
pub use harden::{Hardened, IdMapping, harden};
pub use template::{ScriptRequest, native_spec, script_spec};
