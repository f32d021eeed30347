//! A system call with nothing between it and the kernel, by both of the processor's ways in. In the jail.
//!
//! Invariant: the number and the arguments reach the kernel as they were given.

/// The calls of x86-64, and those of x32 (bit 30 of the number is set): `syscall`. The kernel's answer, an errno as
/// a negative number.
///
/// # Safety
/// None is possible in general: whoever asks for munmap of the running code gets it. The attacker wants exactly that.
pub unsafe fn syscall(nr: u64, args: [u64; 6]) -> i64 {
    let result;
    // SAFETY: the registers are those of the kernel's calling convention, rcx and r11 are the ones that it destroys;
    // what the call itself does is the caller's business.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") nr as i64 => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

/// The calls of 32-bit x86: `int 0x80`. Arguments are cut to 32 bits.
///
/// # Safety
/// As for [`syscall`].
pub unsafe fn int80(nr: u64, args: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: as above; rbx belongs to the compiler, so it is exchanged and put back. The kernel clears r8 to r11.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}",
            "int 0x80",
            "xchg rbx, {first}",
            first = inout(reg) args[0] => _,
            inlateout("rax") nr as i64 => result,
            in("rcx") args[1], in("rdx") args[2], in("rsi") args[3], in("rdi") args[4],
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    // The answer has 32 bits, sign and all.
    (result << 32) >> 32
}

unsafe extern "C" {
    /// glibc's: 0 makes its wrappers look whether the thread was cancelled.
    static mut __libc_single_threaded: u8;
    /// The linker's: the global offset table lies behind it.
    static _DYNAMIC: u8;
    /// The linker's: first and last of the code.
    static __executable_start: u8;
    static etext: u8;
}

/// Leaves the calling thread cancelled, with `target` as the place where the C library goes on when it notices: at
/// its next `poll` or `write`. Offsets are those of glibc 2.36 on x86-64 (struct pthread); with another one the
/// attack fails, which is what the jail's tests want to see anyway.
pub fn cancel(target: u64) {
    let (this, guard): (usize, u64);
    // SAFETY: reads two words of the thread's own control block.
    unsafe { std::arch::asm!("mov {}, fs:0x10", "mov {}, fs:0x30", out(reg) this, out(reg) guard) };
    let word = |offset: usize| std::ptr::with_exposed_provenance_mut::<u64>(this + offset);
    // SAFETY: all of it lies in the thread's control block, which nobody else uses; what it means to the C library
    // is broken on purpose.
    unsafe {
        let stack_end = word(0x690).read().wrapping_add(word(0x698).read());
        let mangle = |address: u64| (address ^ guard).rotate_left(17);
        let mut registers = vec![0_u64; 32];
        registers[6] = mangle(stack_end);
        registers[7] = mangle(target);
        word(0x300).write(registers.leak().as_ptr() as u64);
        let cancelled = word(0x308);
        cancelled.write(cancelled.read() | 0x8);
        (&raw mut __libc_single_threaded).write_volatile(0);
    }
}

/// Overwrites every address of code in the global offset table with `target`. mprotect(2) permits writing there after
/// the seal: it makes nothing executable.
pub fn redirect(target: u64) {
    const PAGE: u64 = 4096;
    const PAGES: u64 = 3;
    const MPROTECT: u64 = 10;
    let (table, code) = (&raw const _DYNAMIC as u64, &raw const __executable_start as u64..&raw const etext as u64);
    let start = table & !(PAGE - 1);
    // SAFETY: what lies there is lost on purpose; from here on nothing is called that is not inlined.
    unsafe {
        syscall(MPROTECT, [start, PAGE, 3, 0, 0, 0]);
        syscall(MPROTECT, [start + PAGE, PAGE * (PAGES - 1), 3, 0, 0, 0]);
        let mut at = table;
        while at < start + PAGE * PAGES {
            let slot = at as *mut u64;
            if code.contains(&slot.read_volatile()) {
                slot.write_volatile(target);
            }
            at += 8;
        }
    }
    loop {
        std::hint::spin_loop();
    }
}
