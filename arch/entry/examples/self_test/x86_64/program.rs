//! x86_64: the program, and its call from 32-bit code.
use core::arch::naked_asm;

use x86_entry::vector::{INVALID_OPCODE, MACHINE_CHECK, OVERFLOW};
use x86_entry::{CpuSegments, GlobalDescriptorTable, TrapFrame};

use super::EMPTY;
use crate::script::{DIRECT, FRAMELESS, INTERRUPT_COMMAND, SEND_NMI, TYPED};
use crate::support::HOLE;
use crate::watch::SELECTOR;

/// The program: see the script.
#[unsafe(naked)]
pub extern "C" fn program() {
    naked_asm!(
        ".balign 256",
        "int3",
        "ud2",
        "mov eax, [rdx]",
        "int 0x80",
        "int3",
        "int3",
        "int3",
        // 0x67: a 32-bit address. An emulator may look for interrupts at jumps alone.
        ".byte 0x67",
        "mov dword ptr [{command}], {nmi}",
        "jmp 3f",
        "3: .byte 0x67",
        "mov dword ptr [{command}], {nmi}",
        "jmp 4f",
        "4:",
        "int3",
        "nop",
        "mov r10, rsp",
        "syscall",
        "mov rdi, {rdi}",
        "mov rax, {rax}",
        "mov r10, rsp",
        "syscall",
        "mov rdi, {rdi}",
        "mov rax, {rax}",
        "mov r10, rsp",
        "int3",
        "syscall",
        "mov rdi, {rdi}",
        "mov rax, {rax}",
        "nop",
        "int3",
        // A call that is refused.
        "int3",
        "call {call_from_compatibility_mode}",
        "int3",
        // Traps that are stepped.
        "int3",
        "int 0x80",
        "mov r10, rsp",
        "syscall",
        "mov rdi, {rdi}",
        "mov rax, {rax}",
        "int3",
        "int3",
        "int {direct}",
        "int {typed}",
        "int3",
        "int {frameless}",
        "int3",
        "int {overflow}",
        "int3",
        "int {machine_check}",
        "int3",
        "int3",
        // Entries right behind a load of SS.
        "mov ss, word ptr [rip + {selector}]",
        "int3",
        "mov ss, word ptr [rip + {selector}]",
        "int 0x80",
        "mov r10, rsp",
        "mov ss, word ptr [rip + {selector}]",
        "syscall",
        "mov rdi, {rdi}",
        "mov rax, {rax}",
        "int3",
        // The storm.
        "2: int3",
        "int 0x80",
        "mov r10, rsp",
        "syscall",
        "mov rdi, {rdi}",
        "mov rax, {rax}",
        "jmp 2b",
        call_from_compatibility_mode = sym call_from_compatibility_mode,
        selector = sym SELECTOR,
        command = const INTERRUPT_COMMAND as i32,
        nmi = const SEND_NMI,
        rdi = const EMPTY.rdi,
        rax = const EMPTY.rax,
        direct = const DIRECT,
        typed = const TYPED,
        frameless = const FRAMELESS,
        overflow = const OVERFLOW.number(),
        machine_check = const MACHINE_CHECK.number(),
    )
}

/// The descriptors behind the crate's: flat 32-bit code of ring 3, from which the program makes a call.
pub const EXTRA: [u64; 1] = [0x00CF_FB00_0000_FFFF];

/// Selects the descriptor of [`EXTRA`].
const COMPATIBILITY_CODE: u16 = CpuSegments::<1>::extra_selector(0) | 3;

/// Takes a trap of 32-bit code, and returns whether the program goes on at once.
///
/// Behind `sysret`, where an emulator may raise the exception of a step, CS names a descriptor that the crate's table
/// leaves empty. And on Intel's CPUs the call is an invalid opcode: the program hears the same as from the crate's
/// stub.
pub fn take_in_compatibility_mode(frame: &mut TrapFrame) -> bool {
    if frame.cs == u64::from(GlobalDescriptorTable::SELECTORS.star_user_base()) {
        frame.cs = COMPATIBILITY_CODE.into();
    }
    let is_refused = frame.cs == u64::from(COMPATIBILITY_CODE) && frame.vector() == INVALID_OPCODE.number();
    if is_refused {
        frame.set_instruction_pointer(frame.instruction_pointer() + SYSCALL_BYTES);
        frame.rax = u32::MAX.into();
    }
    is_refused
}

/// The bytes of `syscall`.
const SYSCALL_BYTES: usize = 2;

/// Makes a system call from 32-bit code, and checks that it is refused. The CPUs and emulators that this runs on keep
/// the upper halves of registers in 32-bit code.
#[unsafe(naked)]
extern "C" fn call_from_compatibility_mode() {
    naked_asm!(
        "jmp fword ptr [rip + 2f]",
        "2: .long 3f",
        ".word {compatibility}",
        ".code32",
        "3: syscall",
        // A far jump to a constant address.
        ".byte 0xEA",
        ".long 4f",
        ".word {user_code}",
        ".code64",
        "4: cmp eax, -1",
        "je 5f",
        "ud2",
        "5: mov rax, {rax}",
        "mov rcx, {rcx}",
        "ret",
        compatibility = const COMPATIBILITY_CODE,
        user_code = const GlobalDescriptorTable::SELECTORS.user_code,
        rax = const EMPTY.rax,
        rcx = const EMPTY.rcx,
    )
}

/// A breakpoint on a stack that isn't there.
#[unsafe(naked)]
pub extern "C" fn double_fault() -> ! {
    naked_asm!("mov rsp, {stack}", "int3", stack = const HOLE + 4096)
}

#[unsafe(naked)]
pub extern "C" fn idle() {
    naked_asm!("2: hlt", "jmp 2b")
}
