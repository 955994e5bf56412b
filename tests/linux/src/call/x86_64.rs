//! The system calls of x86_64: `syscall` takes the number in `rax` and six arguments, and destroys `rcx` and `r11`
//! (System V ABI, AMD64 supplement, A.2.1).

use core::arch::asm;

/// The numbers, from Linux's `arch/x86/entry/syscalls/syscall_64.tbl`.
pub mod number {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const OPEN: usize = 2;
    pub const MMAP: usize = 9;
    pub const IOCTL: usize = 16;
    pub const PREAD: usize = 17;
    pub const PWRITE: usize = 18;
    pub const PIPE: usize = 22;
    pub const FORK: usize = 57;
    pub const EXIT: usize = 60;
    pub const WAIT: usize = 61;
    pub const SYSLOG: usize = 103;
    pub const GETPPID: usize = 110;
    pub const SCHED_SETSCHEDULER: usize = 144;
    pub const MOUNT: usize = 165;
    pub const REBOOT: usize = 169;
    pub const FUTEX: usize = 202;
    pub const EVENTFD: usize = 290;
    pub const FINIT_MODULE: usize = 313;
}

/// Does nothing: the instruction is always the same.
///
/// # Safety
/// None is needed here; on i686 the argument must be the stack that the program began with.
pub unsafe fn prepare(_: *const usize) {}

/// Does a system call that takes nothing, with nothing around it.
#[inline(always)]
pub fn enter_plainly(number: usize) -> isize {
    let result;
    // SAFETY: the kernel keeps all registers but those named, and the call leaves the process's memory alone.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Does a system call.
///
/// # Safety
/// It may do whatever the call does to the process's memory.
#[inline(always)]
pub unsafe fn enter(number: usize, [first, second, third, fourth, fifth, sixth]: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel keeps all registers but those named; memory is the caller's concern.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            in("r10") fourth,
            in("r8") fifth,
            in("r9") sixth,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
