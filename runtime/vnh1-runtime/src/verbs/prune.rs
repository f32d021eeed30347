//! `prune`: takes away what runtimes left behind that were killed before they could do it themselves.

use crate::Failure;
use crate::cli::Context;
use crate::state::{ContainerDir, StateError, ids, is_orphan, remove_tree, unborn};
use crate::verbs::delete::destroy;

pub(crate) fn prune(context: &Context) -> Result<(), Failure> {
    for id in ids(&context.root)? {
        if !is_orphan(&context.root, &id) {
            continue;
        }
        let dir = match ContainerDir::open(&context.root, id.clone()) {
            Err(StateError::Missing(_)) => continue,
            other => other?,
        };
        let record = dir.record().unwrap_or_default();
        destroy(dir, record.as_ref())?;
        if context.debug {
            eprintln!("vnh1-runtime: removed {id}, whose runtime has died");
        }
    }
    for folder in unborn(&context.root)? {
        remove_tree(&folder)?;
    }
    Ok(())
}
