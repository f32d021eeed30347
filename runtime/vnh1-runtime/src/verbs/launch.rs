//! `launch`: a script in a container of its own, from nothing to its exit code, with nothing left behind.

use crate::Failure;
use crate::cli::{self, Context};
use crate::foreground::{Foreground, Gathered, copy, no_input};
use crate::outcome::{Evidence, Outcome};
use crate::report::{Memory, Report, Times};
use crate::state::{ContainerDir, ending, random_id};
use crate::verbs::create::{Made, Order, make};
use crate::verbs::delete::destroy;
use crate::verbs::prune::prune;
use crate::verbs::script::request;
use crate::verbs::start::go;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use vnh1_backend::linux::create::BUNDLE;
use vnh1_backend::linux::{cgroup, ids, protections};
use vnh1_bundle::{IdMapping, script_spec};
use vnh1_spec::{ExitCode, Protection, ProtectionStatus, Reason};

/// Most output that a report holds if nothing else was asked for, in bytes.
const REPORT_OUTPUT_BYTES: u64 = 8 << 20;

/// Why a script was not launched.
#[derive(Debug, thiserror::Error)]
enum LaunchError {
    #[error("there is no backend '{0}' here: this version has 'linux'")]
    Backend(String),
    #[error("cannot make the folder {0}")]
    Folder(std::path::PathBuf, #[source] io::Error),
}

pub(crate) fn launch(args: &cli::Launch, context: &Context) -> Result<u8, Failure> {
    if args.backend != "linux" {
        return Err(Failure::usage(&LaunchError::Backend(args.backend.clone())));
    }
    let began = Instant::now();
    let foreground = Foreground::new()?;
    let id = random_id("launch")?;
    let dir = ContainerDir::reserve(&context.root, id)?;
    let owner = dir.own()?;
    let folder = dir.path.clone();
    let (made, gathered) = match prepare(args, dir, context) {
        Ok(prepared) => prepared,
        Err(failure) => {
            // `make` has removed what it made; what came before it is only this folder.
            let _ = fs::remove_dir_all(&folder);
            return Err(failure);
        }
    };
    warn_of_missing(&made);
    let create_time = began.elapsed();

    let started = Instant::now();
    let ran = go(&made.dir.path, &made.dir.id).and_then(|()| {
        let wall_time = made.limits.and_then(|limits| limits.wall_time_ms).map(Duration::from_millis);
        Ok(foreground.wait(&made.process, wall_time, gathered)?)
    });
    let run_time = started.elapsed();

    let usage = cgroup::usage(&made.record.cgroup);
    let note = ending(&made.dir.path);
    let limits = made.limits;
    let mut known = made.record.protections.clone();
    destroy(made.dir, Some(&made.record))?;
    drop(owner);
    // Whoever was killed before could not do this itself. Should it fail, this script's own end still counts.
    if let Err(failure) = prune(context) {
        eprintln!("vnh1-runtime: cannot remove what a killed runtime left behind: {}", failure.text());
    }

    let waited = ran?;
    let evidence = Evidence {
        ended: waited.ended,
        ending: note,
        out_of_memory_kills: usage.out_of_memory_kills,
        overran: waited.overran,
        limits: limits.as_ref(),
    };
    let outcome = match Outcome::judge(&evidence) {
        outcome if waited.flooded => Outcome { reason: Reason::Output, ..outcome },
        outcome => outcome,
    };
    if !args.json {
        explain(outcome, note.is_some_and(|note| note.reason == Some(outcome.reason)));
        return Ok(outcome.code);
    }
    let note = note.unwrap_or_default();
    protections::add_seal(&mut known, note.sealed, note.landlock_abi);
    let memory = Memory {
        peak_cgroup_bytes: Some(usage.peak_memory_bytes).filter(|bytes| *bytes > 0),
        peak_resident_bytes: waited.ended.peak_resident_bytes,
        peak_heap_bytes: note.peak_heap_bytes,
        peak_external_bytes: note.peak_external_bytes,
    };
    let times = Times::new(create_time, run_time, waited.ended.cpu);
    let report = Report::new(outcome, waited.output, times, memory, known);
    super::say(&format!("{}\n", serde_json::to_string(&report)?))?;
    Ok(outcome.code)
}

fn prepare(args: &cli::Launch, dir: ContainerDir, context: &Context) -> Result<(Made, Option<Gathered>), Failure> {
    let bundle = dir.path.join(BUNDLE);
    fs::create_dir(&bundle).map_err(|error| LaunchError::Folder(bundle.clone(), error))?;
    let host_id = ids::container_id(ids::privilege()?);
    let mut request = request(&args.script, &bundle, IdMapping { uid: host_id, gid: host_id })?;
    if args.json {
        request.policy.limits.output_bytes.get_or_insert(REPORT_OUTPUT_BYTES);
    }
    let spec = script_spec(&request).map_err(|error| Failure::usage(&error))?;
    let limits = request.policy.limits.effective().map_err(|error| Failure::usage(&error))?;
    let (gathered, stdio) = stdio(args, limits.output_bytes)?;
    let order = Order {
        id: dir.id.clone(),
        bundle: &bundle,
        spec: &spec,
        root: bundle.join(&request.root),
        operator: &request.policy,
        stdio: Some(stdio),
        console_socket: None,
        dies_with_maker: true,
    };
    Ok((make(order, dir, context)?, gathered))
}

/// The container's stdin, stdout and stderr.
fn stdio(args: &cli::Launch, output_bytes: u64) -> io::Result<(Option<Gathered>, [OwnedFd; 3])> {
    let stdin = if args.stdin { copy(io::stdin())? } else { no_input()? };
    if args.json {
        let (gathered, [stdout, stderr]) = Gathered::new(output_bytes)?;
        return Ok((Some(gathered), [stdin, stdout, stderr]));
    }
    Ok((None, [stdin, copy(io::stdout())?, copy(io::stderr())?]))
}

/// No quiet fallback: what this machine does not give is said before the script starts.
fn warn_of_missing(made: &Made) {
    for (protection, status) in &made.record.protections {
        let runners_own = matches!(protection, Protection::SeccompRun | Protection::Landlock);
        if !runners_own && !matches!(status, ProtectionStatus::Enforced) {
            eprintln!("vnh1-runtime: {protection}: {status}");
        }
    }
}

/// Says why the script ended where the runner could not say it itself.
fn explain(outcome: Outcome, said: bool) {
    let text = match outcome.reason {
        Reason::WallTime => "it was killed: its wall clock limit was over",
        Reason::CpuTime => "it was killed: its CPU time limit was over",
        Reason::Memory => "it was killed: the container's memory limit was reached",
        Reason::Seccomp => "it was killed: it made a system call that the jail denies",
        Reason::Output => "it was killed: it wrote more than its limit allows",
        Reason::Signal if outcome.code == u8::from(ExitCode::Killed) => "it was killed by a signal",
        _ => return,
    };
    if !said {
        eprintln!("vnh1: the script ended: {}: {text}", outcome.reason);
    }
}
