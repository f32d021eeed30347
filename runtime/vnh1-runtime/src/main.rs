//! vnh1-runtime: OCI verbs, one short-lived process each. Outside the jail; one thread; the environment is read here.
#![forbid(unsafe_code)]

mod bundle_dir;
mod cli;
mod foreground;
mod log;
mod outcome;
mod probe;
mod report;
mod state;
mod verbs;

use clap::Parser;
use std::process::ExitCode as ProcessExit;
use vnh1_spec::ExitCode;
use vnh1_spec::causes::in_one_line;

/// An error on its way out: what to say, and the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// A failure of a verb: exit code 1.
    pub(crate) fn new(error: &dyn std::error::Error) -> Self {
        Self { code: ExitCode::Failure.into(), text: in_one_line(error) }
    }

    /// Bad arguments, policy or bundle: exit code 2.
    pub(crate) fn usage(error: &dyn std::error::Error) -> Self {
        Self { code: ExitCode::Usage.into(), text: in_one_line(error) }
    }

    /// What to say.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same with a code of its own.
    pub(crate) fn with_code(self, code: ExitCode) -> Self {
        Self { code: code.into(), ..self }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(&error)
    }
}

fn main() -> ProcessExit {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ProcessExit::from(if error.use_stderr() { ExitCode::Usage.into() } else { 0 });
        }
    };
    // What the environment says is read once, here. (Descriptors that LISTEN_FDS announces are closed by the executor.)
    let surroundings = cli::Surroundings::read();
    let log = log::Log::new(&cli.globals);
    match cli::Context::new(cli.globals, surroundings).and_then(|context| verbs::run(cli.verb, &context)) {
        Ok(code) => ProcessExit::from(code),
        Err(failure) => {
            log.error(&failure.text);
            ProcessExit::from(failure.code)
        }
    }
}
