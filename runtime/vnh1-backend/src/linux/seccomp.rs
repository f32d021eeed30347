//! A caller's `linux.seccomp` as programs for the kernel. Outside the jail. OCI runtime spec, config-linux.md.
//!
//! Invariant: what cannot be compiled exactly is refused by name; a profile is never weakened to fit.

use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompOperator};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    /// An action that needs more than a filter.
    #[error("linux.seccomp: the action {0:?} is not supported")]
    Action(LinuxSeccompAction),
    /// The profile lists architectures, and this one is not among them.
    #[error("linux.seccomp: the profile does not list this machine's architecture")]
    Architecture,
    /// A flag that is not known.
    #[error("linux.seccomp: the flag {0} is not supported")]
    Flag(String),
    /// More arguments than a system call has.
    #[error("linux.seccomp: a rule for {0} names argument {1}; there are six, from 0")]
    Argument(String, usize),
    /// The compiler refused.
    #[error("linux.seccomp: the profile cannot be compiled: {0}")]
    Compile(String),
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// One program for each action of the profile, to be stacked in this order. The kernel takes the strictest
/// verdict of all that are loaded, so each program allows what it does not decide, and the first one, which holds
/// the default action, allows whatever any rule names.
///
/// # Errors
/// See [`SeccompError`].
pub fn compile(profile: &LinuxSeccomp) -> Result<Vec<BpfProgram>, SeccompError> {
    let listed = profile.architectures().as_ref();
    if listed.is_some_and(|listed| !listed.is_empty() && !listed.contains(&native_arch())) {
        return Err(SeccompError::Architecture);
    }
    if let Some(flag) = profile.flags().iter().flatten().next() {
        return Err(SeccompError::Flag(format!("{flag:?}")));
    }
    let default = action(profile.default_action(), profile.default_errno_ret())?;
    let mut named = Rules::new();
    let mut others: Vec<(SeccompAction, Rules)> = Vec::new();
    for rule in profile.syscalls().iter().flatten() {
        let wanted = action(rule.action(), rule.errno_ret())?;
        for name in rule.names() {
            // A name that this kernel's table lacks cannot be called either: the OCI spec lets it pass.
            let Some(number) = number(name) else { continue };
            let conditions =
                rule.args().iter().flatten().map(|arg| condition(name, arg)).collect::<Result<Vec<_>, _>>()?;
            add(&mut named, number, &conditions)?;
            if wanted != SeccompAction::Allow {
                let at = others.iter().position(|(action, _)| *action == wanted).unwrap_or_else(|| {
                    others.push((wanted.clone(), Rules::new()));
                    others.len() - 1
                });
                add(&mut others[at].1, number, &conditions)?;
            }
        }
    }
    let mut programs = vec![guard()];
    if default != SeccompAction::Allow {
        programs.push(program(named, default, SeccompAction::Allow)?);
    }
    for (wanted, rules) in others {
        programs.push(program(rules, SeccompAction::Allow, wanted)?);
    }
    Ok(programs)
}

/// No conditions means always, and always covers every rule that comes later for the same call.
fn add(rules: &mut Rules, number: i64, conditions: &[SeccompCondition]) -> Result<(), SeccompError> {
    if conditions.is_empty() {
        rules.insert(number, Vec::new());
        return Ok(());
    }
    let rule = SeccompRule::new(conditions.to_vec()).map_err(|e| SeccompError::Compile(e.to_string()))?;
    match rules.get_mut(&number) {
        Some(chain) if chain.is_empty() => {}
        Some(chain) => chain.push(rule),
        None => {
            rules.insert(number, vec![rule]);
        }
    }
    Ok(())
}

fn program(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<BpfProgram, SeccompError> {
    let compile = |e: &dyn std::fmt::Display| SeccompError::Compile(e.to_string());
    let filter = SeccompFilter::new(rules, otherwise, matching, target()).map_err(|e| compile(&e))?;
    filter.try_into().map_err(|e: seccompiler::BackendError| compile(&e))
}

/// Kills calls by the x32 numbers, which share the architecture of x86_64 and so would slip past every rule.
fn guard() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    const LOAD_NUMBER: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const KILL_PROCESS: u32 = 0x8000_0000;
    const ALLOW: u32 = 0x7fff_0000;
    let instruction = |code, jt, jf, k| seccompiler::sock_filter { code, jt, jf, k };
    vec![
        instruction(LOAD_NUMBER, 0, 0, 0),
        instruction(JUMP_IF_AT_LEAST, 0, 1, X32_BIT),
        instruction(RETURN, 0, 0, KILL_PROCESS),
        instruction(RETURN, 0, 0, ALLOW),
    ]
}

fn action(action: LinuxSeccompAction, errno: Option<u32>) -> Result<SeccompAction, SeccompError> {
    const EPERM: u32 = 1;
    match action {
        LinuxSeccompAction::ScmpActAllow => Ok(SeccompAction::Allow),
        LinuxSeccompAction::ScmpActErrno => Ok(SeccompAction::Errno(errno.unwrap_or(EPERM))),
        LinuxSeccompAction::ScmpActKill | LinuxSeccompAction::ScmpActKillThread => Ok(SeccompAction::KillThread),
        LinuxSeccompAction::ScmpActKillProcess => Ok(SeccompAction::KillProcess),
        LinuxSeccompAction::ScmpActTrap => Ok(SeccompAction::Trap),
        LinuxSeccompAction::ScmpActLog => Ok(SeccompAction::Log),
        LinuxSeccompAction::ScmpActTrace => Ok(SeccompAction::Trace(errno.unwrap_or(0))),
        other => Err(SeccompError::Action(other)),
    }
}

/// Of SCMP_CMP_MASKED_EQ, `value` is the mask and `valueTwo` what must come out (libcontainer 0.7.0 swaps them).
fn condition(name: &str, arg: &LinuxSeccompArg) -> Result<SeccompCondition, SeccompError> {
    let too_many = || SeccompError::Argument(name.to_owned(), arg.index());
    let index = u8::try_from(arg.index()).map_err(|_| too_many())?;
    if index > 5 {
        return Err(too_many());
    }
    let (operator, value) = match arg.op() {
        LinuxSeccompOperator::ScmpCmpNe => (SeccompCmpOp::Ne, arg.value()),
        LinuxSeccompOperator::ScmpCmpLt => (SeccompCmpOp::Lt, arg.value()),
        LinuxSeccompOperator::ScmpCmpLe => (SeccompCmpOp::Le, arg.value()),
        LinuxSeccompOperator::ScmpCmpEq => (SeccompCmpOp::Eq, arg.value()),
        LinuxSeccompOperator::ScmpCmpGe => (SeccompCmpOp::Ge, arg.value()),
        LinuxSeccompOperator::ScmpCmpGt => (SeccompCmpOp::Gt, arg.value()),
        LinuxSeccompOperator::ScmpCmpMaskedEq => (SeccompCmpOp::MaskedEq(arg.value()), arg.value_two().unwrap_or(0)),
    };
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, value)
        .map_err(|e| SeccompError::Compile(e.to_string()))
}

fn number(name: &str) -> Option<i64> {
    vnh1_seccomp::syscall_number(name).map(i64::from)
}

fn target() -> TargetArch {
    if cfg!(target_arch = "aarch64") { TargetArch::aarch64 } else { TargetArch::x86_64 }
}

fn native_arch() -> Arch {
    if cfg!(target_arch = "aarch64") { Arch::ScmpArchAarch64 } else { Arch::ScmpArchX86_64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vnh1_seccomp::{Call, Instruction, Verdict, verdict};

    fn compiled(profile: &str) -> Vec<Vec<Instruction>> {
        let profile: LinuxSeccomp = serde_json::from_str(profile).unwrap();
        let plain = |i: &seccompiler::sock_filter| Instruction { code: i.code, jt: i.jt, jf: i.jf, k: i.k };
        compile(&profile).unwrap().iter().map(|program| program.iter().map(plain).collect()).collect()
    }

    fn allowed(programs: &[Vec<Instruction>], nr: u32, args: [u64; 6]) -> bool {
        let call = Call::native(nr, args);
        programs.iter().all(|program| verdict(program, &call) == Verdict::Allow)
    }

    /// The rule of Docker's default profile that libcontainer turns around (defect D3).
    const DOCKER_CLONE: &str = r#"{
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            {"names": ["read", "not_a_system_call"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
        ]}"#;

    #[test]
    fn masked_equality_refuses_new_user_namespaces() {
        let programs = compiled(DOCKER_CLONE);
        let nr = |name| vnh1_seccomp::syscall_number(name).unwrap();
        const CLONE_NEWUSER: u64 = 0x1000_0000;
        assert!(allowed(&programs, nr("read"), [0; 6]));
        assert!(allowed(&programs, nr("clone"), [0x0120_0011, 0, 0, 0, 0, 0]), "fork is allowed");
        assert!(!allowed(&programs, nr("clone"), [CLONE_NEWUSER, 0, 0, 0, 0, 0]));
        assert!(!allowed(&programs, nr("clone3"), [0; 6]));
        assert!(!allowed(&programs, nr("mount"), [0; 6]));
    }

    #[test]
    fn x32_numbers_do_not_slip_past_a_profile_that_allows_by_default() {
        let programs = compiled(r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#);
        assert!(allowed(&programs, 0, [0; 6]));
        assert!(!allowed(&programs, 0x4000_0000, [0; 6]));
    }

    #[test]
    fn what_cannot_be_expressed_is_refused_by_name() {
        let refused = |profile: &str| compile(&serde_json::from_str(profile).unwrap()).unwrap_err().to_string();
        assert!(refused(r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#).contains("Notify"));
        assert!(
            refused(r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_MIPS"]}"#)
                .contains("architecture")
        );
        let six = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO",
                      "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}"#;
        assert!(refused(six).contains("argument 6"));
    }
}
