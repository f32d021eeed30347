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
