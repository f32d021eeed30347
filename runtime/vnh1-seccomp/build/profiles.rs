//! Which sections make which filter. Runs where vnh1 is built.
//!
//! Invariant: a filter ends in "kill the process" for everything that no section speaks of.

use crate::{link, oci};
use seccompiler::{BpfProgram, TargetArch};
use std::collections::BTreeSet;

/// Sections of run.json in the order in which they are asked; the first that speaks of a call decides.
const RUN: &[&str] = &["run", "jit", "absent", "forbidden", "hidden", "unnamed"];
const RUN_JITLESS: &[&str] = &["run", "absent", "forbidden", "hidden", "unnamed"];

/// Why a profile cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The architecture has no seccomp filter here.
    #[error("no seccomp filter can be made for the architecture {0}")]
    Architecture(String),
    /// launch.json is wrong.
    #[error("launch.json")]
    Launch(#[from] oci::Error),
    /// run.json is wrong in the eyes of seccompiler.
    #[error("run.json: {0}")]
    Run(seccompiler::Error),
    /// run.json is not JSON of the expected shape.
    #[error("run.json")]
    Shape(#[from] serde_json::Error),
    /// A section is not there.
    #[error("run.json has no section {0:?}")]
    NoSection(String),
    /// A section that no filter uses is a rule that nobody applies.
    #[error("run.json has a section {0:?} that no filter uses")]
    UnusedSection(String),
    /// seccompiler would drop the rule without arguments without a word.
    #[error("run.json, section {section:?}: {syscall} is permitted with any arguments and again with some")]
    Ambiguous {
        /// The section.
        section: String,
        /// The call.
        syscall: String,
    },
    /// Programs cannot be joined.
    #[error("joining the sections")]
    Link(#[from] link::Error),
}

#[derive(serde::Deserialize)]
struct Section {
    filter: Vec<Rule>,
}

#[derive(serde::Deserialize)]
struct Rule {
    syscall: String,
    args: Option<Vec<serde_json::Value>>,
}

/// Compiles both profiles: the names of the constants and their programs.
pub fn compile(launch: &str, run: &str, arch: &str) -> Result<Vec<(&'static str, BpfProgram)>, Error> {
    let target = TargetArch::try_from(arch).map_err(|_| Error::Architecture(arch.into()))?;
    let launch = link::link(&oci::compile(launch, target)?)?;

    let shape: std::collections::BTreeMap<String, Section> = serde_json::from_str(run)?;
    for (section, Section { filter }) in &shape {
        let any: BTreeSet<_> = filter.iter().filter(|rule| rule.args.is_none()).map(|rule| &rule.syscall).collect();
        if let Some(rule) = filter.iter().find(|rule| rule.args.is_some() && any.contains(&rule.syscall)) {
            return Err(Error::Ambiguous { section: section.clone(), syscall: rule.syscall.clone() });
        }
        if !RUN.contains(&section.as_str()) {
            return Err(Error::UnusedSection(section.clone()));
        }
    }
    let sections = seccompiler::compile_from_json(run.as_bytes(), target).map_err(Error::Run)?;
    let filter = |names: &[&str]| {
        let programs: Result<Vec<BpfProgram>, Error> = names
            .iter()
            .map(|name| sections.get(*name).cloned().ok_or_else(|| Error::NoSection((*name).into())))
            .collect();
        Ok::<_, Error>(link::link(&programs?)?)
    };
    Ok(vec![("LAUNCH", launch), ("RUN", filter(RUN)?), ("RUN_JITLESS", filter(RUN_JITLESS)?)])
}
