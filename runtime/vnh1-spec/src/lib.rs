//! The nouns that every other crate speaks in. Pure data on both sides of the wall.
//!
//! Invariant: nothing here reads a file, a clock or the environment, and nothing is `unsafe`.
#![forbid(unsafe_code)]

pub mod causes;
pub mod ending;
pub mod exit;
pub mod id;
pub mod limits;
pub mod policy;
pub mod protection;
pub mod settings;
pub mod units;

pub use ending::Ending;
pub use exit::{ExitCode, Reason};
pub use id::ContainerId;
pub use limits::Limits;
pub use policy::Policy;
pub use protection::{Protection, ProtectionStatus, Protections};
pub use settings::Settings;
