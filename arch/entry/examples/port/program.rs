//! The program that both kernels run in ring 3, and its two system calls.
use core::arch::naked_asm;

use crate::support::console::exit;

/// The numbers of the system calls: return the argument and 1; end the run.
const ADD_ONE: usize = 7;
const END: usize = 8;

/// What the program adds 1 to.
const ARGUMENT: usize = 0xCAFE;

/// Makes both calls: the second with the result of the first.
#[unsafe(naked)]
pub extern "C" fn program() {
    #[cfg(target_arch = "x86_64")]
    naked_asm!(
        "mov edi, {argument}", "mov eax, {add}", "int 0x80", "mov rdi, rax", "mov eax, {end}", "int 0x80", "ud2",
        argument = const ARGUMENT, add = const ADD_ONE, end = const END,
    );
    #[cfg(target_arch = "x86")]
    naked_asm!(
        "mov ebx, {argument}", "mov eax, {add}", "int 0x80", "mov ebx, eax", "mov eax, {end}", "int 0x80", "ud2",
        argument = const ARGUMENT, add = const ADD_ONE, end = const END,
    );
}

/// Carries out a system call, and returns its result.
pub extern "C" fn system_call(number: usize, argument: usize) -> usize {
    match number {
        ADD_ONE => argument + 1,
        END => {
            line!("port: the program ends with {argument:#x}");
            exit(if argument == ARGUMENT + 1 { 0 } else { 1 })
        }
        _ => panic!("no system call {number}"),
    }
}
