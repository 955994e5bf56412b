//! The system calls of i686: the number in `eax` and six arguments. Inline assembly may not name two of their registers
//! (`esi`, `ebp`), so the stub is a function of its own. Linux chooses the instruction that enters the kernel, and the
//! auxiliary vector has the address of a function for it (`getauxval(3)`, AT_SYSINFO).

use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The numbers, from Linux's `arch/x86/entry/syscalls/syscall_32.tbl`.
pub mod number {
    pub const EXIT: usize = 1;
    pub const FORK: usize = 2;
    pub const READ: usize = 3;
    pub const WRITE: usize = 4;
    pub const OPEN: usize = 5;
    pub const MOUNT: usize = 21;
    pub const PIPE: usize = 42;
    pub const IOCTL: usize = 54;
    pub const GETPPID: usize = 64;
    pub const REBOOT: usize = 88;
    pub const SYSLOG: usize = 103;
    pub const WAIT: usize = 114;
    pub const SCHED_SETSCHEDULER: usize = 156;
    pub const PREAD: usize = 180;
    pub const PWRITE: usize = 181;
    /// `mmap2`: as `mmap`, with the offset in pages.
    pub const MMAP: usize = 192;
    pub const FUTEX: usize = 240;
    pub const EVENTFD: usize = 328;
    pub const FINIT_MODULE: usize = 350;
}

/// The function that enters the kernel.
static GATE: AtomicUsize = AtomicUsize::new(0);

/// Finds out how the kernel is entered.
///
/// # Safety
/// The argument must be the stack that the program began with.
pub unsafe fn prepare(stack: *const usize) {
    const AT_NULL: usize = 0;
    const AT_SYSINFO: usize = 32;
    GATE.store(interrupt as *const () as usize, Ordering::Relaxed);
    let word = |index: usize| {
        // SAFETY: none of the words read here is behind the vector's end.
        unsafe { stack.wrapping_add(index).read() }
    };
    // The count itself, the arguments and a null; the environment and a null.
    let mut index = word(0) + 2;
    while word(index) != 0 {
        index += 1;
    }
    index += 1;
    while word(index) != AT_NULL {
        if word(index) == AT_SYSINFO {
            GATE.store(word(index + 1), Ordering::Relaxed);
        }
        index += 2;
    }
}

/// The way in that every kernel has.
#[unsafe(naked)]
extern "C" fn interrupt() {
    naked_asm!("int 0x80", "ret")
}

/// Does a system call that takes nothing, with nothing around it.
#[inline(always)]
pub fn enter_plainly(number: usize) -> isize {
    let result;
    // SAFETY: the function at the gate keeps all registers, and the call leaves the process's memory alone.
    unsafe { asm!("call [{gate}]", gate = sym GATE, inlateout("eax") number => result) };
    result
}

/// Does a system call.
///
/// # Safety
/// It may do whatever the call does to the process's memory.
#[inline(always)]
pub unsafe fn enter(number: usize, [first, second, third, fourth, fifth, sixth]: [usize; 6]) -> isize {
    let call = Call { number, first, second, third, fourth, fifth, sixth };
    // SAFETY: the stub keeps to the calling convention; memory is the caller's concern.
    unsafe { stub(&raw const call) }
}

/// What the stub loads into registers.
#[repr(C)]
struct Call {
    number: usize,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
    fifth: usize,
    sixth: usize,
}

/// `fastcall` passes the argument in `ecx`, which is loaded last.
#[unsafe(naked)]
unsafe extern "fastcall" fn stub(call: *const Call) -> isize {
    naked_asm!(
        "push ebp",
        "push ebx",
        "push esi",
        "push edi",
        "mov eax, [ecx + {number}]",
        "mov ebx, [ecx + {first}]",
        "mov edx, [ecx + {third}]",
        "mov esi, [ecx + {fourth}]",
        "mov edi, [ecx + {fifth}]",
        "mov ebp, [ecx + {sixth}]",
        "mov ecx, [ecx + {second}]",
        "call [{gate}]",
        "pop edi",
        "pop esi",
        "pop ebx",
        "pop ebp",
        "ret",
        number = const offset_of!(Call, number),
        first = const offset_of!(Call, first),
        second = const offset_of!(Call, second),
        third = const offset_of!(Call, third),
        fourth = const offset_of!(Call, fourth),
        fifth = const offset_of!(Call, fifth),
        sixth = const offset_of!(Call, sixth),
        gate = sym GATE,
    )
}
