//! Processes on the way into a container whose runtime was killed under them. Outside the jail.
//!
//! libcontainer's two steps wait for their runtime on sockets of which they hold both ends, so they never learn that
//! it has died. Such a process is known by four things together: libcontainer's name for it, our command line, a
//! parent that is no runtime of ours, and no signature: what waits for `start` has signed its container's file.

use crate::linux::process;
use crate::linux::program::read_bounded;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Names that libcontainer gives to its two steps.
const STEPS: [&str; 2] = ["youki:[1:INTER]", "youki:[2:INIT]"];
/// Name of the runtime's own processes.
const RUNTIME: &str = "vnh1-runtime";
/// Longest file of /proc that is read, in bytes.
const MAX_PROC_BYTES: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

/// Kills every stray that this user may kill, and tells how many.
pub fn kill_all() -> usize {
    let signers = signers(&text(Path::new("/proc/locks")));
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| !signers.contains(pid)).filter(|pid| is_stray(*pid) && kill(*pid)).count()
}

fn kill(pid: i32) -> bool {
    let Ok(record) = process::identify(pid) else { return false };
    // Looked at again now that it cannot be taken for another.
    is_stray(pid) && process::kill_and_wait(&record, PATIENCE).unwrap_or(false)
}

fn is_stray(pid: i32) -> bool {
    let folder = Path::new("/proc").join(pid.to_string());
    let name = text(&folder.join("comm"));
    if !STEPS.contains(&name.trim_end()) || !is_ours(&text(&folder.join("cmdline"))) {
        return false;
    }
    let Some(parent) = parent(&text(&folder.join("stat"))) else { return false };
    text(&Path::new("/proc").join(parent.to_string()).join("comm")).trim_end() != RUNTIME
}

fn is_ours(command_line: &str) -> bool {
    let program = command_line.split('\0').next().unwrap_or_default();
    Path::new(program).file_name().is_some_and(|name| name == RUNTIME)
}

/// Field 4 of proc_pid_stat(5), counted from behind the name, which may hold anything.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Processes that hold a record lock (proc_locks(5)).
fn signers(locks: &str) -> BTreeSet<i32> {
    let holder = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        (fields.next()? == "POSIX").then_some(())?;
        fields.nth(2)?.parse().ok()
    };
    locks.lines().filter_map(holder).collect()
}

fn text(path: &Path) -> String {
    read_bounded(path, MAX_PROC_BYTES).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_the_kernel_writes_them() {
        let locks = "1: POSIX  ADVISORY  WRITE 1234 fe:00:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 99 fe:00:78 0 EOF\n\
                     3: -> POSIX  ADVISORY  WRITE 55 fe:00:79 0 EOF\n\
                     4: POSIX  ADVISORY  READ 7 fe:00:80 0 10\n";
        assert_eq!(signers(locks), BTreeSet::from([7, 1234]));
        assert_eq!(parent("12 (youki:[1:INTER]) S 1 12 12 0"), Some(1));
        assert_eq!(parent("12 (a) b) S 77 1"), Some(77));
        assert!(is_ours("/usr/bin/vnh1-runtime\0launch\0"));
        assert!(!is_ours("youki\0create\0") && !is_ours(""));
        assert!(!is_stray(std::process::id().cast_signed()));
    }
}
