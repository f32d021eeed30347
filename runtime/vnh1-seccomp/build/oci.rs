//! The OCI form of a profile (`linux.seccomp` of the runtime specification) as programs. Runs where vnh1 is built.
//!
//! Invariant: only the forms that launch.json uses are understood; anything else fails the build, since what a
//! reader skips, another enforces.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Why launch.json cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the expected JSON.
    #[error("not a profile in OCI form")]
    Shape(#[from] serde_json::Error),
    /// The default must be to kill.
    #[error("defaultAction must be SCMP_ACT_KILL_PROCESS")]
    Default,
    /// The architecture is not among those of the profile.
    #[error("the profile does not name the architecture {0:?}")]
    Architecture(TargetArch),
    /// No such call.
    #[error("no system call is named {0:?}")]
    Name(String),
    /// Two entries contradict each other, or one would swallow the other.
    #[error("{0}: permitted or refused in two ways")]
    Twice(String),
    /// An entry without a reason.
    #[error("an entry for {0:?} has no reason in its comment")]
    NoReason(Vec<String>),
    /// libseccomp's callers read one index twice as "or", others as "and".
    #[error("{0:?}: the same argument is compared twice in one entry")]
    IndexTwice(Vec<String>),
    /// An argument or action that seccompiler refuses.
    #[error("{0}")]
    Backend(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Profile {
    default_action: String,
    architectures: Vec<String>,
    syscalls: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    comment: String,
    names: Vec<String>,
    action: Action,
    errno_ret: Option<u16>,
    #[serde(default)]
    args: Vec<Argument>,
}

#[derive(Deserialize, Clone, Copy)]
enum Action {
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Argument {
    index: u8,
    value: u64,
    value_two: Option<u64>,
    op: Operator,
}

#[derive(Deserialize)]
enum Operator {
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

impl Argument {
    fn condition(&self) -> Result<SeccompCondition, Error> {
        let (op, datum) = match self.op {
            Operator::Equal => (SeccompCmpOp::Eq, self.value),
            // The specification, after libseccomp: value is the mask, valueTwo what the masked argument must be.
            Operator::MaskedEqual => (SeccompCmpOp::MaskedEq(self.value), self.value_two.unwrap_or(0)),
        };
        // libseccomp compares all 64 bits.
        SeccompCondition::new(self.index, SeccompCmpArgLen::Qword, op, datum)
            .map_err(|error| Error::Backend(error.to_string()))
    }
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// One program for each action of the profile, permissions first.
pub fn compile(json: &str, target: TargetArch) -> Result<Vec<BpfProgram>, Error> {
    let profile: Profile = serde_json::from_str(json)?;
    if profile.default_action != "SCMP_ACT_KILL_PROCESS" {
        return Err(Error::Default);
    }
    let name = match target {
        TargetArch::x86_64 => "SCMP_ARCH_X86_64",
        TargetArch::aarch64 => "SCMP_ARCH_AARCH64",
        TargetArch::riscv64 => "SCMP_ARCH_RISCV64",
    };
    if !profile.architectures.iter().any(|architecture| architecture == name) {
        return Err(Error::Architecture(target));
    }

    // `None` permits, a number is the errno that the caller gets.
    let mut by_action: BTreeMap<Option<u16>, Rules> = BTreeMap::new();
    let mut seen: BTreeMap<i64, (Option<u16>, bool)> = BTreeMap::new();
    for entry in &profile.syscalls {
        if entry.comment.trim().is_empty() {
            return Err(Error::NoReason(entry.names.clone()));
        }
        let indices: BTreeSet<u8> = entry.args.iter().map(|argument| argument.index).collect();
        if indices.len() != entry.args.len() {
            return Err(Error::IndexTwice(entry.names.clone()));
        }
        let action = match (entry.action, entry.errno_ret) {
            (Action::Allow, None) => None,
            (Action::Errno, Some(errno)) => Some(errno),
            _ => return Err(Error::Backend(format!("{:?}: errnoRet goes with SCMP_ACT_ERRNO only", entry.names))),
        };
        let conditions: Vec<_> = entry.args.iter().map(Argument::condition).collect::<Result<_, _>>()?;
        for name in &entry.names {
            let number = number_of(name, target)?;
            let here = (action, conditions.is_empty());
            if *seen.entry(number).or_insert(here) != here
                || (conditions.is_empty() && by_action.get(&action).is_some_and(|rules| rules.contains_key(&number)))
            {
                return Err(Error::Twice(name.clone()));
            }
            let rules = by_action.entry(action).or_default().entry(number).or_default();
            if !conditions.is_empty() {
                rules.push(SeccompRule::new(conditions.clone()).map_err(|error| Error::Backend(error.to_string()))?);
            }
        }
    }
    by_action
        .into_iter()
        .map(|(action, rules)| {
            let action = action.map_or(SeccompAction::Allow, |errno| SeccompAction::Errno(u32::from(errno)));
            SeccompFilter::new(rules, SeccompAction::KillProcess, action, target)
                .and_then(BpfProgram::try_from)
                .map_err(|error| Error::Backend(error.to_string()))
        })
        .collect()
}

/// The number of a call. seccompiler keeps its table to itself, so a filter for this one call is asked.
fn number_of(name: &str, target: TargetArch) -> Result<i64, Error> {
    let one = serde_json::json!({
        "one": { "mismatch_action": "kill_process", "match_action": "allow", "filter": [{ "syscall": name }] }
    });
    let programs =
        seccompiler::compile_from_json(one.to_string().as_bytes(), target).map_err(|_| Error::Name(name.into()))?;
    // Three instructions for the architecture, one to load the number, then the comparison with it.
    let comparison = programs.get("one").and_then(|program| program.get(4)).ok_or_else(|| Error::Name(name.into()))?;
    Ok(i64::from(comparison.k))
}

/// The profile as other runtimes take it inside a config.json: the reasons are taken out, since some of them
/// refuse a key that they do not know.
pub fn without_comments(json: &str) -> Result<String, Error> {
    let mut profile: serde_json::Value = serde_json::from_str(json)?;
    if let Some(entries) = profile.get_mut("syscalls").and_then(serde_json::Value::as_array_mut) {
        for entry in entries.iter_mut().filter_map(serde_json::Value::as_object_mut) {
            entry.remove("comment");
        }
    }
    Ok(serde_json::to_string_pretty(&profile)?)
}
