//! The one report of `launch --json`.

use crate::outcome::Outcome;
use serde::Serialize;
use std::time::Duration;
use vnh1_spec::{Protections, Reason};

/// How a launch went. Units stand in the names; the names are stable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Report {
    /// Exit code of the script, 128+n for signal n, or one of vnh1's own.
    pub(crate) exit_code: u8,
    /// Why it ended.
    pub(crate) reason: Reason,
    /// What the script wrote; bytes that are no UTF-8 are replaced.
    pub(crate) stdout: String,
    /// The same for stderr.
    pub(crate) stderr: String,
    pub(crate) times: Times,
    pub(crate) memory: Memory,
    pub(crate) protections: Protections,
}

#[derive(Debug, Serialize)]
pub(crate) struct Times {
    /// From the call to the container that waits for `start`.
    create_ms: f64,
    /// From `start` to the end.
    run_ms: f64,
    /// CPU time of the container's process.
    cpu_ms: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    /// Greatest memory charged to the cgroup; `null` without one.
    pub(crate) peak_cgroup_bytes: Option<u64>,
    /// Greatest resident memory, shared pages of the runner included.
    pub(crate) peak_resident_bytes: u64,
    /// Greatest V8 heap, as the runner says.
    pub(crate) peak_heap_bytes: u64,
    /// Greatest `ArrayBuffer` memory, as the runner says.
    pub(crate) peak_external_bytes: u64,
}

impl Times {
    pub(crate) fn new(create: Duration, run: Duration, cpu: Duration) -> Self {
        let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        Self { create_ms: ms(create), run_ms: ms(run), cpu_ms: ms(cpu) }
    }
}

impl Report {
    pub(crate) fn new(
        outcome: Outcome,
        output: [Vec<u8>; 2],
        times: Times,
        memory: Memory,
        protections: Protections,
    ) -> Self {
        let [stdout, stderr] = output.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self { exit_code: outcome.code, reason: outcome.reason, stdout, stderr, times, memory, protections }
    }
}
