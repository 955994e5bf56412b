//! The first instructions: the stack is aligned as the calling convention wants it before any Rust runs.
//!
//! The stack holds the data that Linux passes to a program: the count of arguments, their addresses and a null, those
//! of the environment and a null, and the auxiliary vector of pairs of words (System V ABI, i386 and AMD64 supplements,
//! "Process Initialization").

use core::arch::naked_asm;

use crate::report::{fail, finish};
use crate::{call, rows};

/// Where the program begins.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {begin}", "ud2", begin = sym begin)
}

/// Where the program begins.
#[cfg(target_arch = "x86")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn _start() -> ! {
    naked_asm!(
        "xor ebp, ebp",
        "mov eax, esp",
        "and esp, -16",
        // Together with the argument these make 16 bytes.
        "sub esp, 12",
        "push eax",
        "call {begin}",
        "ud2",
        begin = sym begin,
    )
}

extern "C" fn begin(stack: *const usize) -> ! {
    // SAFETY: this is the stack that Linux made for the program, with all that the module says; nothing was written to
    // it since.
    unsafe { call::prepare(stack) };
    match rows::run() {
        Ok(()) => finish(),
        Err((what, error)) => fail(what, error),
    }
}

#[panic_handler]
fn panic(information: &core::panic::PanicInfo) -> ! {
    fail(information.message().as_str().unwrap_or("a panic"), call::Error(0))
}
