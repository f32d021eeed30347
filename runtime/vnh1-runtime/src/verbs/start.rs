//! `start`: lets a created container run.

use crate::Failure;
use crate::cli::{Context, Id};
use crate::state::{ContainerDir, Status, status, wait_until_gone};
use std::io;
use std::path::Path;
use vnh1_spec::ContainerId;

/// Why a container does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot start a container that is {0:?}: only a created one can be started")]
    State(Status),
    #[error("container {0} was never finished: remove it with `vnh1-runtime delete --force {0}`")]
    Unfinished(ContainerId),
    #[error("cannot tell the container to start: its first process no longer waits")]
    Notify(#[source] io::Error),
}

pub(crate) fn start(args: &Id, context: &Context) -> Result<(), Failure> {
    let id = ContainerId::try_from(args.id.as_str()).map_err(|error| Failure::usage(&error))?;
    let dir = ContainerDir::open(&context.root, id.clone())?;
    let record = dir.record()?.ok_or_else(|| StartError::Unfinished(id.clone()))?;
    match status(&context.root, &record) {
        Status::Created => {
            go(&dir.path, &id)?;
            Ok(wait_until_gone(&dir.path)?)
        }
        other => Err(Failure::new(&StartError::State(other))),
    }
}

/// Tells the waiting process of a container to go on.
pub(crate) fn go(dir: &Path, id: &ContainerId) -> Result<(), Failure> {
    vnh1_backend::linux::create::start(dir, id.as_str()).map_err(|error| Failure::new(&StartError::Notify(error)))
}
