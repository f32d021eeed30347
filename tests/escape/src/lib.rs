//! A native attacker in the runner's place, and the means to send it into the jail. Tests only, on both sides of
//! the wall.
//!
//! Invariant: the attacker knows of a filter only what the kernel does to it; the tests know only what they see
//! from outside.

pub mod attacks;
pub mod harness;
pub mod orders;
pub mod probes;
pub mod raw;
