//! `delete`: takes away everything that a container left on the host.

use crate::Failure;
use crate::cli::{self, Context};
use crate::state::{ContainerDir, Record, StateError, Status, status, waiting_process};
use std::io;
use std::time::Duration;
use vnh1_backend::linux::{cgroup, create, process, strays};
use vnh1_spec::ContainerId;

/// How long a killed process may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Why a container was not deleted.
#[derive(Debug, thiserror::Error)]
enum DeleteError {
    #[error("cannot delete container {0} that is not stopped: it is {1:?}; --force kills it first")]
    NotStopped(ContainerId, Status),
    #[error("cannot kill the container's first process {0}")]
    Kill(i32, #[source] io::Error),
    #[error("the container's first process {0} was killed but is still there")]
    StillThere(i32),
}

pub(crate) fn delete(args: &cli::Delete, context: &Context) -> Result<(), Failure> {
    let id = ContainerId::try_from(args.id.as_str()).map_err(|error| Failure::usage(&error))?;
    let dir = match ContainerDir::open(&context.root, id.clone()) {
        Err(StateError::Missing(_)) if args.force => return Ok(()),
        other => other?,
    };
    let record = match dir.record() {
        Err(StateError::Damaged(..)) if args.force => None,
        other => other?,
    };
    if !args.force {
        let found = record.as_ref().map_or(Status::Creating, |record| status(&context.root, record));
        if found != Status::Stopped {
            return Err(Failure::new(&DeleteError::NotStopped(id, found)));
        }
    }
    destroy(dir, record.as_ref())
}

/// Ends whatever lives in a container and removes its cgroup and its folder.
pub(crate) fn destroy(dir: ContainerDir, record: Option<&Record>) -> Result<(), Failure> {
    // The process may be known by its record, or only by the file it has signed.
    let recorded = record.and_then(|record| record.process.clone());
    for process in recorded.into_iter().chain(waiting_process(&dir.path)) {
        let ended = process::kill_and_wait(&process, KILL_PATIENCE);
        if !ended.map_err(|error| DeleteError::Kill(process.pid, error))? {
            return Err(Failure::new(&DeleteError::StillThere(process.pid)));
        }
    }
    if record.is_none_or(|record| record.process.is_none()) {
        // Its runtime may have been killed before it knew of any process.
        strays::kill_all();
    }
    if let Some(record) = record {
        cgroup::remove(&record.cgroup)?;
    }
    cgroup::remove(&cgroup::find(&create::cgroup_name(&dir.path)))?;
    Ok(dir.remove()?)
}
