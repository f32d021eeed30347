//! `state`: what is known of one container, as JSON.

use crate::Failure;
use crate::cli::{Context, Id};
use crate::state::{load, show};
use vnh1_spec::ContainerId;

pub(crate) fn state(args: &Id, context: &Context) -> Result<(), Failure> {
    let id = ContainerId::try_from(args.id.as_str()).map_err(|error| Failure::usage(&error))?;
    let shown = show(&context.root, load(&context.root, &id)?);
    super::say(&format!("{}\n", serde_json::to_string_pretty(&shown)?))
}
