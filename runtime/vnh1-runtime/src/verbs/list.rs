//! `list`: all containers of the folder of states.

use crate::Failure;
use crate::cli::{self, Context, ListFormat};
use crate::state::{Shown, ids, load, show};
use std::fmt::Write;

pub(crate) fn list(args: &cli::List, context: &Context) -> Result<(), Failure> {
    // A container that goes while this looks is simply not there.
    let shown: Vec<Shown> = ids(&context.root)?
        .iter()
        .filter_map(|id| load(&context.root, id).ok())
        .map(|record| show(&context.root, record))
        .collect();
    if args.quiet {
        return super::say(&shown.iter().map(|one| format!("{}\n", one.id)).collect::<String>());
    }
    match args.format {
        ListFormat::Json => super::say(&format!("{}\n", serde_json::to_string(&shown)?)),
        ListFormat::Table => super::say(&table(&shown)),
    }
}

fn table(shown: &[Shown]) -> String {
    let width = shown.iter().map(|one| one.id.len()).max().unwrap_or(0).max(2);
    let mut text = format!("{:width$}  {:>8}  {:8}  {:10}  {:30}  BUNDLE\n", "ID", "PID", "STATUS", "OWNER", "CREATED");
    for one in shown {
        let status = format!("{:?}", one.status).to_lowercase();
        let bundle = one.bundle.display();
        let _ = writeln!(
            text,
            "{:width$}  {:>8}  {status:8}  {:10}  {:30}  {bundle}",
            one.id, one.pid, one.owner, one.created
        );
    }
    text
}
