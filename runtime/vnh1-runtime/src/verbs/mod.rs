//! The verbs: one file each, each a story.

mod bundle;
mod create;
mod delete;
mod doctor;
mod kill;
mod launch;
mod list;
mod prune;
mod run;
mod script;
mod spec;
mod start;
mod state;

use crate::Failure;
use crate::cli::{Context, Verb};

/// Does what was asked; the code is the process's exit code.
pub(crate) fn run(verb: Verb, context: &Context) -> Result<u8, Failure> {
    match verb {
        Verb::Launch(args) => launch::launch(&args, context),
        Verb::Create(args) => create::create(&args, context).map(|()| 0),
        Verb::Start(args) => start::start(&args, context).map(|()| 0),
        Verb::State(args) => state::state(&args, context).map(|()| 0),
        Verb::Kill(args) => kill::kill(&args, context).map(|()| 0),
        Verb::Delete(args) => delete::delete(&args, context).map(|()| 0),
        Verb::Run(args) => run::run(&args, context),
        Verb::List(args) => list::list(&args, context).map(|()| 0),
        Verb::Spec(args) => spec::spec(&args, context).map(|()| 0),
        Verb::Bundle(args) => bundle::bundle(&args).map(|()| 0),
        Verb::Doctor(args) => doctor::doctor(&args, context),
        Verb::Prune => prune::prune(context).map(|()| 0),
    }
}

/// Prints to stdout, where the reader may have gone.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::new(&error)),
    }
}
