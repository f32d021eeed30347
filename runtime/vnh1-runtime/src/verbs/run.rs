//! `run`: create, start, wait, delete.

use crate::Failure;
use crate::cli::{self, Context};
use crate::foreground::Foreground;
use crate::outcome::{Evidence, Outcome};
use crate::state::{ContainerDir, ending, wait_until_gone};
use crate::verbs::create::{from_bundle, write_pid_file};
use crate::verbs::delete::destroy;
use crate::verbs::start::go;
use std::time::Duration;
use vnh1_backend::linux::cgroup;

pub(crate) fn run(args: &cli::Run, context: &Context) -> Result<u8, Failure> {
    let foreground = if args.detach { None } else { Some(Foreground::new()?) };
    let made = from_bundle(&args.create, context, !args.detach)?;
    if let Some(path) = &args.create.pid_file {
        write_pid_file(path, made.process.pid)?;
    }
    let Some(foreground) = foreground else {
        go(&made.dir.path, &made.dir.id)?;
        wait_until_gone(&made.dir.path)?;
        return Ok(0);
    };
    let owner = made.dir.own()?;
    go(&made.dir.path, &made.dir.id)?;
    // `state`, `kill` and the like must be able to look at the container while it runs.
    let (id, root) = (made.dir.id.clone(), context.root.clone());
    drop(made.dir);
    let wall_time = made.limits.and_then(|limits| limits.wall_time_ms).map(Duration::from_millis);
    let waited = foreground.wait(&made.process, wall_time, None)?;
    let evidence = Evidence {
        ended: waited.ended,
        ending: ending(&root.join(id.as_str())),
        out_of_memory_kills: cgroup::usage(&made.record.cgroup).out_of_memory_kills,
        overran: waited.overran,
        limits: made.limits.as_ref(),
    };
    let outcome = Outcome::judge(&evidence);
    if !args.keep {
        let dir = ContainerDir::open(&root, id)?;
        destroy(dir, Some(&made.record))?;
    }
    drop(owner);
    Ok(outcome.code)
}
