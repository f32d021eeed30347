//! A filter in words: what it says of a number, whatever the arguments, and which arguments matter. Pure.
//!
//! Invariant: it walks the compiled program, not the profile, so that what it prints is what the kernel does.

use crate::verdict::{AND, JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL, LOAD, NATIVE_ARCH, RETURN, meaning};
use crate::{Call, Instruction, Verdict};
use std::fmt::Write;

/// Most ways through a filter for one number; seccompiler's programs have a handful.
const MAX_PATHS: usize = 4096;

#[derive(Clone, Copy)]
enum Value {
    Known(u32),
    Argument { offset: u32, mask: u32 },
}

struct Path {
    at: usize,
    value: Value,
    conditions: Vec<(String, bool)>,
}

/// Every way to an end for this number, with the comparisons that held on it, or `None` for a program that
/// seccompiler does not write.
fn paths(filter: &[Instruction], nr: u32) -> Option<Vec<(Verdict, Vec<String>)>> {
    let call = Call { nr, arch: NATIVE_ARCH, args: [0; 6] };
    let mut open = vec![Path { at: 0, value: Value::Known(0), conditions: Vec::new() }];
    let mut ends = Vec::new();
    while let Some(mut path) = open.pop() {
        loop {
            let one = filter.get(path.at)?;
            path.at += 1;
            let holds: fn(u32, u32) -> bool = match one.code {
                LOAD if one.k < 16 => {
                    path.value = Value::Known(call.word(one.k)?);
                    continue;
                }
                LOAD => {
                    call.word(one.k)?;
                    path.value = Value::Argument { offset: one.k, mask: u32::MAX };
                    continue;
                }
                AND => {
                    path.value = match path.value {
                        Value::Known(value) => Value::Known(value & one.k),
                        Value::Argument { offset, mask } => Value::Argument { offset, mask: mask & one.k },
                    };
                    continue;
                }
                JUMP => {
                    path.at = path.at.checked_add(usize::try_from(one.k).ok()?)?;
                    continue;
                }
                RETURN => {
                    let held = path.conditions.into_iter().filter(|(_, holds)| *holds).map(|(text, _)| text);
                    ends.push((meaning(one.k), held.collect()));
                    break;
                }
                JUMP_EQUAL => |a, b| a == b,
                JUMP_GREATER => |a, b| a > b,
                JUMP_GREATER_EQUAL => |a, b| a >= b,
                _ => return None,
            };
            match path.value {
                Value::Known(value) => path.at += usize::from(if holds(value, one.k) { one.jt } else { one.jf }),
                // Half of an argument that a mask leaves nothing of.
                Value::Argument { mask: 0, .. } => {
                    path.at += usize::from(if holds(0, one.k) { one.jt } else { one.jf });
                }
                Value::Argument { offset, mask } => {
                    let asked = condition(offset, mask, one);
                    let known = path.conditions.iter().find(|(other, _)| *other == asked).map(|(_, holds)| *holds);
                    if known.is_none() {
                        let mut conditions = path.conditions.clone();
                        conditions.push((asked.clone(), false));
                        open.push(Path { at: path.at + usize::from(one.jf), value: path.value, conditions });
                        path.conditions.push((asked, true));
                    }
                    path.at += usize::from(if known.unwrap_or(true) { one.jt } else { one.jf });
                }
            }
            if open.len() + ends.len() > MAX_PATHS {
                return None;
            }
        }
    }
    Some(ends)
}

fn condition(offset: u32, mask: u32, one: &Instruction) -> String {
    let operator = match one.code {
        JUMP_EQUAL => "==",
        JUMP_GREATER => ">",
        _ => ">=",
    };
    let mut text = format!("a{}{}", (offset - 16) / 8, if offset % 8 == 4 { ".high" } else { "" });
    if mask != u32::MAX {
        let _ = write!(text, "&{mask:#x}");
    }
    let _ = write!(text, "{operator}{:#x}", one.k);
    text
}

/// What the filter says of this number whatever the arguments; `None` if the arguments decide.
#[must_use]
pub fn verdict_of(filter: &[Instruction], nr: u32) -> Option<Verdict> {
    let mut verdicts = paths(filter, nr)?.into_iter().map(|(verdict, _)| verdict);
    let first = verdicts.next()?;
    verdicts.all(|verdict| verdict == first).then_some(first)
}

/// The same in words, one line: `allow`, `kill`, `errno 38`, or for which arguments it is not `kill`. Comparisons
/// that failed on the way are left out: each alternative is told by those that hold.
#[must_use]
pub fn describe(filter: &[Instruction], nr: u32) -> String {
    let word = |verdict| match verdict {
        Verdict::Allow => "allow".to_owned(),
        Verdict::Kill => "kill".to_owned(),
        Verdict::Errno(errno) => format!("errno {errno}"),
        Verdict::Other(value) => format!("action {value:#x}"),
        Verdict::Malformed => "malformed".to_owned(),
    };
    let Some(ends) = paths(filter, nr) else { return word(Verdict::Malformed) };
    if let Some(verdict) = verdict_of(filter, nr) {
        return word(verdict);
    }
    let mut alternatives: Vec<_> = ends
        .into_iter()
        .filter(|(verdict, _)| *verdict != Verdict::Kill)
        .map(|(verdict, conditions)| format!("{} if {}", word(verdict), conditions.join(" and ")))
        .collect();
    alternatives.dedup();
    alternatives.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    #[test]
    fn arguments_that_decide_are_named() {
        let filter = [
            one(LOAD, 0, 0, 0),
            one(JUMP_EQUAL, 0, 4, 1),
            one(LOAD, 0, 0, 24),
            one(AND, 0, 0, 4),
            one(JUMP_EQUAL, 0, 1, 0),
            one(RETURN, 0, 0, 0x7fff_0000),
            one(RETURN, 0, 0, 0x8000_0000),
        ];
        assert_eq!(describe(&filter, 1), "allow if a1&0x4==0x0");
        assert_eq!(verdict_of(&filter, 1), None);
        assert_eq!(describe(&filter, 2), "kill");
        assert_eq!(verdict_of(&filter, 2), Some(Verdict::Kill));
        assert_eq!(describe(&filter[..2], 2), "malformed");
    }
}
