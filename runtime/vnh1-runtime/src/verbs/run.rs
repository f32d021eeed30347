//! `run`: create, start, wait, delete.

use crate::Failure;
use crate::cli::{self, Context};
use crate::foreground::Foreground;
use crate::outcome::{Evidence, Outcome};
use crate::state::{ContainerDir, StateError, ending, wait_until_gone};
use crate::verbs::create::{Made, from_bundle, write_pid_file};
use crate::verbs::delete::destroy;
use crate::verbs::start::go;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use vnh1_backend::linux::cgroup;

/// Why a made container does not run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot write the pid file {0}")]
    PidFile(PathBuf, #[source] io::Error),
}

pub(crate) fn run(args: &cli::Run, context: &Context) -> Result<u8, Failure> {
    let foreground = if args.detach { None } else { Some(Foreground::new()?) };
    let made = from_bundle(&args.create, context, !args.detach)?;
    if let Err(failure) = begin(args, &made) {
        destroy(made.dir, Some(&made.record))?;
        return Err(failure);
    }
    match foreground {
        None => Ok(0),
        Some(foreground) => attend(&foreground, made, context, args.keep),
    }
}

/// Lets the made container run, once its pid stands where the caller wants it.
fn begin(args: &cli::Run, made: &Made) -> Result<(), Failure> {
    if let Some(path) = &args.create.pid_file {
        write_pid_file(path, made.process.pid).map_err(|error| RunError::PidFile(path.clone(), error))?;
    }
    go(&made.dir.path, &made.dir.id)?;
    if args.detach {
        wait_until_gone(&made.dir.path)?;
    }
    Ok(())
}

/// Waits for the container's end and takes it away.
fn attend(foreground: &Foreground, made: Made, context: &Context, keep: bool) -> Result<u8, Failure> {
    let Made { dir, record, process, limits, owner } = made;
    let (id, path) = (dir.id.clone(), dir.path.clone());
    // `state`, `kill` and the like must be able to look at the container while it runs.
    drop(dir);
    let wall_time = limits.and_then(|limits| limits.wall_time_ms).map(Duration::from_millis);
    let waited = foreground.wait(&process, wall_time, None)?;
    let evidence = Evidence {
        ended: waited.ended,
        ending: ending(&path),
        out_of_memory_kills: cgroup::usage(&record.cgroup).out_of_memory_kills,
        overran: waited.overran,
        limits: limits.as_ref(),
    };
    let outcome = Outcome::judge(&evidence);
    if !keep {
        match ContainerDir::open(&context.root, id) {
            // Somebody else has deleted it meanwhile.
            Err(StateError::Missing(_)) => {}
            other => destroy(other?, Some(&record))?,
        }
    }
    drop(owner);
    Ok(outcome.code)
}
