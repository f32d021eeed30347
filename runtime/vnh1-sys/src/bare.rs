//! The few system calls of a handler that must not be led astray, without the C library. In the jail.
//!
//! Invariant: between a function here and the kernel stands nothing that lies in writable memory: no pointer is
//! followed, no other function is called. The C library's `poll` and `write` are cancellation points, which ask
//! the thread's own data where to go on; a call through the global offset table asks that. Both belong to whoever
//! has taken over V8 (tests/escape plays it). Hence everything is inlined into the handler.

/// Ends the process (exit_group(2)).
#[inline(always)]
pub fn exit(code: u8) -> ! {
    const EXIT_GROUP: usize = 231;
    loop {
        // SAFETY: exit_group takes a number and does not come back; it is asked again should it.
        unsafe { call(EXIT_GROUP, usize::from(code), 0, 0) };
    }
}

/// Whether the descriptor takes something now; never waits (poll(2)).
#[inline(always)]
#[must_use]
pub fn takes_output(fd: u8) -> bool {
    const POLL: usize = 7;
    let mut asked = libc::pollfd { fd: i32::from(fd), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid pollfd, which lives until the call returns.
    unsafe { call(POLL, (&raw mut asked).expose_provenance(), 1, 0) == 1 }
}

/// Writes `length` bytes, and says nothing of failures: nobody is left to hear of them (write(2)).
/// Bytes that are not there are the kernel's EFAULT.
#[inline(always)]
pub fn write(fd: u8, bytes: *const u8, length: usize) {
    const WRITE: usize = 1;
    // SAFETY: the kernel only reads, and checks what it reads.
    unsafe { call(WRITE, usize::from(fd), bytes.expose_provenance(), length) };
}

/// # Safety
/// What the call itself demands of its arguments.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn call(number: usize, a: usize, b: usize, c: usize) -> isize {
    let result;
    // SAFETY: the kernel's calling convention; rcx and r11 are the registers that it destroys.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[cfg(not(target_arch = "x86_64"))]
compile_error!("vnh1's handlers call the kernel without the C library, and that is written for x86-64 only so far");
