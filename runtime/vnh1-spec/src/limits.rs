//! What a script may use up. Units stand in the names; a missing field means the default of [`Limits::effective`].

use serde::{Deserialize, Serialize};

/// Limits as an operator, an image or an annotation states them. `None`: not stated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Wall clock time from the start of the runner, in milliseconds. Not stated: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_time_ms: Option<u64>,
    /// CPU time of the runner, user and system together, in milliseconds. Not stated: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time_ms: Option<u64>,
    /// Memory of the whole container in bytes (cgroup); without a cgroup the runner's private memory by RLIMIT_DATA.
    /// See [`EffectiveLimits::external_bytes`] for what `ArrayBuffer` and WebAssembly may hold of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// V8's JavaScript heap in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap_bytes: Option<u64>,
    /// JavaScript stack in bytes; more is a `RangeError` in the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_bytes: Option<u64>,
    /// Tasks in the container (cgroup); the run filter lets a script have exactly one in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// Open descriptors of the runner (RLIMIT_NOFILE).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
    /// Bytes written to stdout and stderr together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

/// Limits in force: every field has a value; only the two times may be without a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectiveLimits {
    /// See [`Limits::wall_time_ms`].
    pub wall_time_ms: Option<u64>,
    /// See [`Limits::cpu_time_ms`].
    pub cpu_time_ms: Option<u64>,
    /// See [`Limits::memory_bytes`].
    pub memory_bytes: u64,
    /// See [`Limits::heap_bytes`].
    pub heap_bytes: u64,
    /// `ArrayBuffer` and WebAssembly memory together, in bytes: the memory less an eighth of it, or less 8 MiB if that
    /// is more, so that a script meets a `RangeError` before the kernel ends it.
    pub external_bytes: u64,
    /// See [`Limits::stack_bytes`].
    pub stack_bytes: u64,
    /// See [`Limits::pids`].
    pub pids: u64,
    /// See [`Limits::descriptors`].
    pub descriptors: u64,
    /// See [`Limits::output_bytes`].
    pub output_bytes: u64,
}

const MIB: u64 = 1 << 20;

/// Default for [`Limits::memory_bytes`].
pub const DEFAULT_MEMORY_BYTES: u64 = 256 * MIB;
/// Default for [`Limits::stack_bytes`]: V8's own.
pub const DEFAULT_STACK_BYTES: u64 = 984 * 1024;
/// Default for [`Limits::pids`].
pub const DEFAULT_PIDS: u64 = 8;
/// Default for [`Limits::descriptors`].
pub const DEFAULT_DESCRIPTORS: u64 = 256;
/// Default for [`Limits::output_bytes`].
pub const DEFAULT_OUTPUT_BYTES: u64 = 1 << 30;

/// What the runner itself needs of the memory at least.
const RUNNER_BYTES: u64 = 8 * MIB;

/// Least [`Limits::memory_bytes`]: what V8 needs to start and answer.
pub const LEAST_MEMORY_BYTES: u64 = 16 * MIB;
/// Least [`Limits::heap_bytes`].
pub const LEAST_HEAP_BYTES: u64 = 4 * MIB;
/// Greatest [`Limits::heap_bytes`]: the cage of V8's pointer compression, less its overhead.
pub const GREATEST_HEAP_BYTES: u64 = 4000 * MIB;
/// Least [`Limits::stack_bytes`].
pub const LEAST_STACK_BYTES: u64 = 64 * 1024;
/// Greatest [`Limits::stack_bytes`]: what the usual 8 MiB stack leaves for V8's own native frames.
pub const GREATEST_STACK_BYTES: u64 = 7 * MIB;
/// Least [`Limits::pids`]: the runtime's own two steps on the way in, and the runner.
pub const LEAST_PIDS: u64 = 4;
/// Least [`Limits::descriptors`].
pub const LEAST_DESCRIPTORS: u64 = 16;

/// A limit that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}: it must be {bound} {limit}")]
pub struct LimitError {
    /// The field.
    pub name: &'static str,
    /// What was asked for.
    pub value: u64,
    /// "at least" or "at most".
    pub bound: &'static str,
    /// The bound itself.
    pub limit: u64,
}

impl Limits {
    /// The stricter of each pair: never more than either side allows.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            wall_time_ms: stricter(self.wall_time_ms, other.wall_time_ms),
            cpu_time_ms: stricter(self.cpu_time_ms, other.cpu_time_ms),
            memory_bytes: stricter(self.memory_bytes, other.memory_bytes),
            heap_bytes: stricter(self.heap_bytes, other.heap_bytes),
            stack_bytes: stricter(self.stack_bytes, other.stack_bytes),
            pids: stricter(self.pids, other.pids),
            descriptors: stricter(self.descriptors, other.descriptors),
            output_bytes: stricter(self.output_bytes, other.output_bytes),
        }
    }

    /// Fills what is not stated with the defaults and refuses what cannot work. The heap is half of the
    /// memory when only the memory is stated.
    ///
    /// # Errors
    /// A value outside its bounds is refused by name, never bent.
    pub fn effective(&self) -> Result<EffectiveLimits, LimitError> {
        let memory_bytes =
            at_least("memory_bytes", self.memory_bytes.unwrap_or(DEFAULT_MEMORY_BYTES), LEAST_MEMORY_BYTES)?;
        let heap_default = (memory_bytes / 2).min(GREATEST_HEAP_BYTES);
        let heap_bytes = at_least("heap_bytes", self.heap_bytes.unwrap_or(heap_default), LEAST_HEAP_BYTES)?;
        let heap_bytes = at_most("heap_bytes", heap_bytes, GREATEST_HEAP_BYTES)?;
        let stack_bytes = at_least("stack_bytes", self.stack_bytes.unwrap_or(DEFAULT_STACK_BYTES), LEAST_STACK_BYTES)?;
        let stack_bytes = at_most("stack_bytes", stack_bytes, GREATEST_STACK_BYTES)?;
        let some_time = |name, time: Option<u64>| time.map(|ms| at_least(name, ms, 1)).transpose();
        Ok(EffectiveLimits {
            wall_time_ms: some_time("wall_time_ms", self.wall_time_ms)?,
            cpu_time_ms: some_time("cpu_time_ms", self.cpu_time_ms)?,
            memory_bytes,
            heap_bytes,
            external_bytes: memory_bytes - (memory_bytes / 8).max(RUNNER_BYTES),
            stack_bytes,
            pids: at_least("pids", self.pids.unwrap_or(DEFAULT_PIDS), LEAST_PIDS)?,
            descriptors: at_least("descriptors", self.descriptors.unwrap_or(DEFAULT_DESCRIPTORS), LEAST_DESCRIPTORS)?,
            output_bytes: self.output_bytes.unwrap_or(DEFAULT_OUTPUT_BYTES),
        })
    }
}

fn stricter(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

fn at_least(name: &'static str, value: u64, limit: u64) -> Result<u64, LimitError> {
    if value >= limit { Ok(value) } else { Err(LimitError { name, value, bound: "at least", limit }) }
}

fn at_most(name: &'static str, value: u64, limit: u64) -> Result<u64, LimitError> {
    if value <= limit { Ok(value) } else { Err(LimitError { name, value, bound: "at most", limit }) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn any_limits() -> impl Strategy<Value = Limits> {
        let field = || proptest::option::of(0_u64..1 << 40);
        (field(), field(), field(), field(), field(), field(), field(), field()).prop_map(
            |(wall_time_ms, cpu_time_ms, memory_bytes, heap_bytes, stack_bytes, pids, descriptors, output_bytes)| {
                Limits {
                    wall_time_ms,
                    cpu_time_ms,
                    memory_bytes,
                    heap_bytes,
                    stack_bytes,
                    pids,
                    descriptors,
                    output_bytes,
                }
            },
        )
    }

    fn within(inner: Option<u64>, outer: Option<u64>) -> bool {
        outer.is_none_or(|outer| inner.is_some_and(|inner| inner <= outer))
    }

    proptest! {
        #[test]
        fn intersection_never_allows_more(a in any_limits(), b in any_limits()) {
            let both = a.intersect(&b);
            for side in [&a, &b] {
                prop_assert!(within(both.wall_time_ms, side.wall_time_ms));
                prop_assert!(within(both.cpu_time_ms, side.cpu_time_ms));
                prop_assert!(within(both.memory_bytes, side.memory_bytes));
                prop_assert!(within(both.heap_bytes, side.heap_bytes));
                prop_assert!(within(both.stack_bytes, side.stack_bytes));
                prop_assert!(within(both.pids, side.pids));
                prop_assert!(within(both.descriptors, side.descriptors));
                prop_assert!(within(both.output_bytes, side.output_bytes));
            }
            prop_assert_eq!(both, b.intersect(&a));
        }
    }

    #[test]
    fn defaults_and_bounds() {
        let limits = Limits::default().effective().unwrap();
        assert_eq!(limits.memory_bytes, DEFAULT_MEMORY_BYTES);
        assert_eq!(limits.heap_bytes, DEFAULT_MEMORY_BYTES / 2);
        assert_eq!(limits.wall_time_ms, None);
        let zero = Limits { wall_time_ms: Some(0), ..Limits::default() };
        assert_eq!(zero.effective().unwrap_err().to_string(), "wall_time_ms is 0: it must be at least 1");
        let huge = Limits { heap_bytes: Some(u64::MAX), ..Limits::default() };
        assert!(huge.effective().unwrap_err().to_string().contains("at most"));
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Limits>(r#"{"wall_time": 5}"#).is_err());
        assert!(serde_json::from_str::<Limits>(r#"{"wall_time_ms": -5}"#).is_err());
    }
}
