//! What stands in the jail, seen from outside while the attacker waits in it: files, mounts, descriptors, ids,
//! capabilities, namespaces, network. /proc is the witness, since the attacker has none.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use vnh1_tests_escape::harness::{Held, Jail, bin_dir, is_root, needs};

const ATTACKER: &str = env!("CARGO_BIN_EXE_vnh1-attacker");
const SCRIPT: &str = "// nobody reads this\n";

/// The attacker before the seal, waiting.
fn hold(orders: &[&str]) -> (Jail, Held) {
    let jail = Jail::new(Path::new(ATTACKER), SCRIPT).unwrap();
    let mut orders: Vec<_> = orders.iter().map(|order| (*order).to_owned()).collect();
    orders.extend(["say ready".to_owned(), "wait".to_owned()]);
    let held = jail.hold(&[], &orders).unwrap();
    (jail, held)
}

/// Much of what /proc knows of the jail it tells only root.
fn may_look() -> bool {
    needs("root, to look into the jail from outside", is_root())
}

fn status(held: &Held, key: &str) -> String {
    let status = held.proc("status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {key} in {status}")).trim().to_owned()
}

#[test]
fn no_capability_in_any_set() {
    let (_jail, held) = hold(&[]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(&held, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(&held, "NoNewPrivs"), "1");
}

#[test]
fn filters_are_one_before_the_seal_and_two_after() {
    for (stage, filters) in [("stage=launch", "1"), ("stage=run", "2")] {
        let (_jail, held) = hold(&[stage]);
        assert_eq!(status(&held, "Seccomp"), "2", "{stage}");
        assert_eq!(status(&held, "Seccomp_filters"), filters, "{stage}");
    }
}

#[test]
fn its_ids_are_none_of_the_hosts_privileged_ones() {
    let (_jail, held) = hold(&[]);
    for map in ["uid_map", "gid_map"] {
        let text = held.proc(map).unwrap();
        let lines: Vec<Vec<u64>> =
            text.lines().map(|line| line.split_whitespace().map(|number| number.parse().unwrap()).collect()).collect();
        assert!(!lines.is_empty(), "{map} is empty");
        for line in lines {
            assert!(line[1] > 0, "{map} reaches the host's 0: {text}");
            assert!(line[1] + line[2] <= 0x1_0000_0000 && line[2] < 0xffff_ffff, "{map} is everything: {text}");
        }
    }
    if is_root() {
        for key in ["Uid", "Gid"] {
            assert!(status(&held, key).split_whitespace().all(|id| id != "0"), "{key}: {}", status(&held, key));
        }
        assert!(status(&held, "Groups").split_whitespace().all(|id| id != "0"), "groups of the host's root");
    }
}

fn descriptors(held: &Held) -> BTreeSet<u32> {
    let entries = fs::read_dir(held.proc_path("fd")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn descriptors_are_exactly_the_documented_ones() {
    if !may_look() {
        return;
    }
    let (_jail, held) = hold(&[]);
    assert_eq!(descriptors(&held), BTreeSet::from([0, 1, 2, 5, 6]));
    for fd in [5, 6] {
        let kind = fs::metadata(held.proc_path(&format!("fd/{fd}"))).unwrap();
        assert!(kind.is_file(), "descriptor {fd} is no plain file, so it may lead somewhere");
    }
    // What the runtime asked for, and not where it lies.
    assert!(held.proc("cmdline").unwrap().starts_with("vnh1-runner\0--jail\0/main.js\0"));
}

#[test]
fn the_environment_is_empty() {
    if !may_look() {
        return;
    }
    let (_jail, held) = hold(&[]);
    assert_eq!(held.proc("environ").unwrap(), "");
    assert_eq!(fs::read_link(held.proc_path("cwd")).unwrap(), Path::new("/"));
    assert_eq!(fs::read_link(held.proc_path("root")).unwrap(), Path::new("/"));
}

#[test]
fn the_root_holds_the_script_and_empty_folders() {
    let (_jail, held) = hold(&[]);
    let root = held.proc_path("root");
    let (mut files, mut waiting) = (Vec::new(), vec![root.join(".")]);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() { waiting.push(path) } else { files.push((path, kind)) }
        }
    }
    let names: Vec<_> = files.iter().map(|(path, _)| path.strip_prefix(root.join(".")).unwrap()).collect();
    assert_eq!(names, [Path::new("main.js")]);
    assert!(files[0].1.is_file());
    assert_eq!(fs::read_to_string(&files[0].0).unwrap(), SCRIPT);
}

#[test]
fn every_mount_is_read_only_and_none_is_of_the_kernels_own() {
    let (_jail, held) = hold(&[]);
    let text = held.proc("mountinfo").unwrap();
    assert!(!text.is_empty());
    for line in text.lines() {
        let (mount, kind) = line.split_once(" - ").unwrap();
        let options = mount.split(' ').nth(5).unwrap();
        assert!(options.split(',').any(|option| option == "ro"), "writable: {line}");
        assert!(!mount.contains("shared:") && !mount.contains("master:"), "mounts come and go with the host: {line}");
        let kind = kind.split(' ').next().unwrap();
        let kernels = ["proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "mqueue", "debugfs", "bpf"];
        assert!(!kernels.contains(&kind), "{kind} is mounted: {line}");
    }
}

#[test]
fn nobody_can_write_in_the_root_not_even_from_outside() {
    if !may_look() {
        return;
    }
    let (_jail, held) = hold(&[]);
    const EROFS: i32 = 30;
    let tries = ["new", "main.js", "proc/new", "dev/new", "tmp/new"];
    for name in tries {
        let path = held.proc_path("root").join(name);
        if !path.parent().unwrap().is_dir() {
            continue;
        }
        let error = fs::OpenOptions::new().append(true).create(true).open(&path).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(EROFS), "{name}: {error}");
    }
}

#[test]
fn every_namespace_is_its_own() {
    let (_jail, held) = hold(&[]);
    for kind in ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] {
        let inside = fs::read_link(held.proc_path(&format!("ns/{kind}"))).unwrap();
        let outside = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        assert_ne!(inside, outside, "{kind} is the host's");
    }
}

#[test]
fn it_is_pid_1_and_nobody_else_is_there() {
    let (_jail, held) = hold(&[]);
    assert_eq!(status(&held, "NSpid").split_whitespace().last(), Some("1"));
    let namespace = fs::read_link(held.proc_path("ns/pid")).unwrap();
    let others: Vec<_> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok_and(|pid| pid != held.pid))
        })
        .filter(|entry| fs::read_link(entry.path().join("ns/pid")).is_ok_and(|other| other == namespace))
        .map(|entry| entry.path())
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(fs::read_dir(held.proc_path("task")).unwrap().count(), 1, "it has threads");
}

#[test]
fn the_network_is_a_loopback_that_is_down() {
    let abstract_socket = {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("vnh1-escape-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        (std::os::unix::net::UnixListener::bind_addr(&address).unwrap(), name)
    };
    let (_jail, held) = hold(&[]);
    let devices = held.proc("net/dev").unwrap();
    let names: Vec<_> = devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    assert_eq!(names, ["lo"]);
    for table in ["net/route", "net/unix", "net/tcp", "net/udp", "net/packet"] {
        assert!(held.proc(table).unwrap().lines().count() <= 1, "{table} has more than its heading");
    }
    // An interface that was ever up has addresses.
    assert!(!held.proc("net/fib_trie").unwrap_or_default().contains("127.0.0.1"), "lo is up");
    assert_eq!(held.proc("net/if_inet6").unwrap_or_default(), "", "lo is up");
    // The witness works: in the host's namespace the abstract socket is seen.
    assert!(abstract_socket.0.as_raw_fd() > 0);
    assert!(fs::read_to_string("/proc/self/net/unix").unwrap().contains(&abstract_socket.1));
}

#[test]
fn the_host_name_is_not_the_hosts() {
    if !may_look() {
        return;
    }
    let (_jail, held) = hold(&[]);
    let pid = held.pid.to_string();
    let inside = std::process::Command::new("nsenter").args(["--uts", "-t", &pid, "uname", "-n"]).output().unwrap();
    assert!(inside.status.success(), "{}", String::from_utf8_lossy(&inside.stderr));
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_ne!(String::from_utf8_lossy(&inside.stdout).trim(), host.trim());
}

#[test]
fn no_core_is_ever_written() {
    let (_jail, held) = hold(&[]);
    let limits = held.proc("limits").unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}

#[test]
fn no_known_path_leads_anywhere() {
    let jail = Jail::new(Path::new(ATTACKER), SCRIPT).unwrap();
    let paths = [
        "/proc/self/status",
        "/proc/1/root",
        "/proc/self/exe",
        "/sys/kernel",
        "/dev/null",
        "/dev/mem",
        "/dev/tty",
        "/dev/shm/x",
        "/etc/passwd",
        "/../../../../etc/passwd",
        "/run/vnh1",
        "/tmp/x",
        "/lib",
        "/usr",
        "/home",
    ];
    let opens = paths.iter().map(|path| format!("syscall 257 -100 @text:{path} 0 0"));
    // Upwards from every descriptor there is.
    let upwards = [0, 1, 2, 5, 6].map(|fd| format!("syscall 257 {fd} @text:.. 0 0"));
    let own = "syscall 257 -100 @text:/main.js 0 0".to_owned();
    let orders: Vec<_> = opens.chain(upwards).chain([own]).collect();
    let outcome = jail.launch(&[], &orders).unwrap();
    let answers = outcome.answers();
    assert_eq!(answers.len(), orders.len(), "{outcome:?}");
    const ENOENT: i64 = -2;
    const ENOTDIR: i64 = -20;
    for (order, answer) in orders.iter().zip(&answers).take(paths.len()) {
        assert_eq!(*answer, ENOENT, "{order}");
    }
    for (order, answer) in orders.iter().zip(&answers).skip(paths.len()).take(5) {
        assert_eq!(*answer, ENOTDIR, "{order}");
    }
    assert!(answers.last().is_some_and(|answer| *answer >= 0), "its own script can be read before the seal");
}

#[test]
fn the_real_runner_keeps_nothing_open_after_the_seal() {
    if !may_look() {
        return;
    }
    let runner: PathBuf = bin_dir().unwrap().join("vnh1-runner");
    let jail = Jail::new(&runner, "console.log('ready'); for (;;) ;\n").unwrap();
    let held = jail.hold(&["--wall-time", "20s"], &[]).unwrap();
    assert_eq!(descriptors(&held), BTreeSet::from([0, 1, 2, 7]));
    let epoll = fs::read_link(held.proc_path("fd/7")).unwrap();
    assert_eq!(epoll, Path::new("anon_inode:[eventpoll]"));
    assert_eq!(status(&held, "Seccomp_filters"), "2");
    assert_eq!(status(&held, "NoNewPrivs"), "1");
    assert_eq!(status(&held, "Threads"), "1");
}

#[test]
fn nothing_is_left_when_the_attacker_was_killed() {
    let (jail, held) = hold(&[]);
    let state = jail.script().with_file_name("state");
    assert!(fs::read_dir(&state).unwrap().count() > 0, "the witness works: there is state while it runs");
    let pid = held.pid;
    drop(held);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    let left: Vec<_> = fs::read_dir(&state).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
