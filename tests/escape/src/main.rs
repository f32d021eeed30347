//! The attacker: a native program in the runner's place, as whoever has taken over V8 is. In the jail.
//!
//! Invariant: it seals itself by the runner's own steps (landlock, then the run filter) and then only carries out
//! orders, each answered by one line. `--alone ORDER…` puts the launch filter in force itself, for tests without a
//! jail; `--jail ENTRY ORDER…` is how the runtime starts it.

use std::io::Write;
use std::process::exit;
use std::time::Duration;
use vnh1_sys::note::LastWords;
use vnh1_sys::{landlock, privileges, seccomp, signal, timer};
use vnh1_tests_escape::orders::{Argument, Order, Stage, parse};
use vnh1_tests_escape::raw;

/// What the attacker says when it cannot even begin; no verdict of a filter looks like it.
const CANNOT_BEGIN: i32 = 99;
const PAGE: usize = 4096;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (alone, orders) = match args.get(1).map(String::as_str) {
        Some("--alone") => (true, args.get(2..)),
        Some("--jail") => (false, args.get(3..)),
        _ => (true, None),
    };
    let Some(orders) = orders else { cannot("begin without --alone ORDER… or --jail ENTRY ORDER…") };
    let (stage, orders) = parse(orders).unwrap_or_else(|error| cannot(&error.to_string()));
    arm(&orders);
    let memory = Memory::new();
    let mut run_filter = vnh1_seccomp::to_bytes(vnh1_seccomp::run_filter(stage == Stage::RunJitless));
    if let Some(path) = orders.iter().find_map(|order| match order {
        Order::RunFilter(path) => Some(path),
        _ => None,
    }) {
        let bytes = std::fs::read(path).unwrap_or_else(|error| cannot(&format!("read {path}: {error}")));
        run_filter = bytes.as_chunks::<8>().0.to_vec();
    }
    let prepared: Vec<_> = orders.iter().map(|order| prepare(order, &memory)).collect();
    if alone {
        if let Err(error) = privileges::give_up_new_ones() {
            cannot(&format!("set no_new_privs: {error}"));
        }
        let launch = vnh1_seccomp::to_bytes(vnh1_seccomp::launch_filter());
        put_in_force(&launch, seccomp::Threads::This);
    }
    for (order, (nr, args)) in orders.iter().zip(&prepared) {
        if let Order::Call { early: true, int80, .. } = order {
            call(*int80, *nr, *args);
        }
    }
    if stage != Stage::Launch {
        if let Err(error) = landlock::deny_all() {
            cannot(&format!("take every right on files: {error}"));
        }
        put_in_force(&run_filter, seccomp::Threads::All);
    }
    for (order, (nr, args)) in orders.iter().zip(prepared) {
        match order {
            Order::Call { early: false, int80, .. } => say(&format!("returned {}", call(*int80, nr, args))),
            Order::Say(text) => say(text),
            Order::Trample => loops(usize::try_from(memory.handler).unwrap_or(0)),
            Order::Hoard(mib) => say(&format!("hoarded {} MiB", hoard(*mib))),
            Order::Tables(mib) => say(&format!("tables of {} MiB", tables(*mib))),
            Order::Cancel => raw::cancel(memory.executable),
            Order::Redirect => raw::redirect(memory.executable),
            Order::Wait => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            Order::Spin => loop {
                std::hint::spin_loop();
            },
            Order::Call { early: true, .. } | Order::WallMillis(_) | Order::CpuMillis(_) | Order::RunFilter(_) => {}
        }
    }
    // SAFETY: exit_group ends the process; nothing is torn down.
    unsafe { raw::syscall(231, [0; 6]) };
}

fn call(int80: bool, nr: u64, args: [u64; 6]) -> i64 {
    // SAFETY: none is possible; see raw.rs. Whatever it breaks is this process, which ends soon.
    unsafe { if int80 { raw::int80(nr, args) } else { raw::syscall(nr, args) } }
}

/// What must lie in memory before the seal.
struct Memory {
    zeros: u64,
    ones: u64,
    scratch: u64,
    ignore: u64,
    minute: u64,
    handler: u64,
    executable: u64,
}

impl Memory {
    fn new() -> Self {
        let filled = |byte: u8| Box::leak(vec![byte; PAGE].into_boxed_slice()).as_mut_ptr() as u64;
        let words = |first: u64| {
            let mut words = vec![0_u64; PAGE / 8];
            words[0] = first;
            Box::leak(words.into_boxed_slice()).as_mut_ptr() as u64
        };
        // mmap(0, PAGE, rwx, private anonymous); as V8 does for its code.
        // SAFETY: a new mapping at an address of the kernel's choice.
        let executable = unsafe { raw::syscall(9, [0, PAGE as u64, 7, 0x22, u64::MAX, 0]) };
        let Some(page) = usize::try_from(executable).ok().filter(|page| *page > 0) else {
            cannot("map an executable page")
        };
        loops(page);
        Self {
            zeros: filled(0),
            ones: filled(0xff),
            scratch: filled(0),
            ignore: words(1),
            minute: words(60),
            handler: handler_page(),
            executable: page as u64,
        }
    }
}

/// mmap(2) of private memory; 0 if the kernel refuses.
fn map(bytes: u64, protection: u64) -> u64 {
    const PRIVATE_ANONYMOUS_NORESERVE: u64 = 0x4022;
    u64::try_from(call(false, 9, [0, bytes, protection, PRIVATE_ANONYMOUS_NORESERVE, u64::MAX, 0])).unwrap_or(0)
}

fn touch(address: u64, write: bool) {
    let Ok(address) = usize::try_from(address) else { return };
    // SAFETY: the callers mapped it, readable or writable as they say here.
    unsafe {
        if write {
            std::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1);
        } else {
            std::ptr::with_exposed_provenance::<u8>(address).read_volatile();
        }
    }
}

/// Fills memory, and takes the right to write away from what is full. How many MiB it came to.
fn hoard(mib: u64) -> u64 {
    const PART: u64 = 1 << 20;
    for done in 0..mib {
        let part = map(PART, 3);
        if part == 0 {
            return done;
        }
        (part..part + PART).step_by(PAGE).for_each(|page| touch(page, true));
        call(false, 10, [part, PART, 1, 0, 0, 0]);
    }
    mib
}

/// Reads one byte of every 2 MiB: a page of page table for each. How many MiB of tables it came to.
fn tables(mib: u64) -> u64 {
    const PART: u64 = 512 << 20;
    const NO_HUGE_PAGES: u64 = 15;
    for done in 0..mib {
        let part = map(PART, 1);
        if part == 0 {
            return done;
        }
        call(false, 28, [part, PART, NO_HUGE_PAGES, 0, 0, 0]);
        (part..part + PART).step_by(2 << 20).for_each(|page| touch(page, false));
    }
    mib
}

/// Fills a page with jumps to themselves: whoever is sent there never comes back.
fn loops(page: usize) {
    for at in (0..PAGE).step_by(2) {
        // SAFETY: the page is writable, or writing ends the attacker, which is as well. What stood there is lost on
        // purpose.
        unsafe { std::ptr::with_exposed_provenance_mut::<[u8; 2]>(page + at).write_volatile([0xeb, 0xfe]) };
    }
}

/// The page of the code that ends the process at its time limit: what is set for SIGALRM. 0 if nothing is.
fn handler_page() -> u64 {
    let mut set = [0_u64; 4];
    // SAFETY: rt_sigaction(SIGALRM, nothing new, what is set, 8) writes a kernel's sigaction of four words.
    unsafe { raw::syscall(13, [14, 0, set.as_mut_ptr() as u64, 8, 0, 0]) };
    set[0] & !(PAGE as u64 - 1)
}

/// The number and the arguments of an order, with everything that they point at in memory.
fn prepare(order: &Order, memory: &Memory) -> (u64, [u64; 6]) {
    let Order::Call { nr, args, .. } = order else { return (0, [0; 6]) };
    let mut numbers = [0; 6];
    for (number, argument) in numbers.iter_mut().zip(args) {
        *number = match argument {
            Argument::Number(number) => *number,
            Argument::Zeros => memory.zeros,
            Argument::Ones => memory.ones,
            Argument::Scratch => memory.scratch,
            Argument::Ignore => memory.ignore,
            Argument::Minute => memory.minute,
            Argument::Handler => memory.handler,
            Argument::Executable => memory.executable,
            Argument::Text(text) => Box::leak(format!("{text}\0").into_boxed_str()).as_ptr() as u64,
        };
    }
    (*nr, numbers)
}

/// Time limits as the runner sets them: handler on its own stack, then the timer.
fn arm(orders: &[Order]) {
    let words = || LastWords { at: 0, note: [0; 2], line: b"the time is over\n".to_vec(), code: 124 };
    for order in orders {
        let armed = match order {
            Order::WallMillis(millis) => signal::own_stack()
                .and_then(|()| signal::end_on(signal::WALL, words()))
                .map_err(|error| error.to_string())
                .and_then(|()| timer::wall(Duration::from_millis(*millis)).map_err(|error| error.to_string())),
            Order::CpuMillis(millis) => signal::own_stack()
                .and_then(|()| signal::end_on(signal::CPU, words()))
                .map_err(|error| error.to_string())
                .and_then(|()| timer::cpu(Duration::from_millis(*millis)).map_err(|error| error.to_string())),
            _ => Ok(()),
        };
        if let Err(error) = armed {
            cannot(&format!("arm a time limit: {error}"));
        }
    }
}

fn put_in_force(filter: &[[u8; 8]], threads: seccomp::Threads) {
    if let Err(error) = seccomp::load(filter, threads) {
        cannot(&format!("load a filter: {error:?}"));
    }
}

/// One line on stdout, by one system call: the seal permits no other way.
fn say(line: &str) {
    let line = format!("{line}\n");
    // SAFETY: write(2) reads the line, which lives.
    unsafe { raw::syscall(1, [1, line.as_ptr() as u64, line.len() as u64, 0, 0, 0]) };
}

fn cannot(what: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "vnh1-attacker: cannot {what}");
    exit(CANNOT_BEGIN)
}
