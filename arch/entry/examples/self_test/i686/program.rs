//! i686: the program, and its calls.
use core::arch::naked_asm;

use x86_entry::vector::{MACHINE_CHECK, OVERFLOW};

use crate::script::{DIRECT, FRAMELESS, INTERRUPT_COMMAND, SEND_NMI, TYPED};
use crate::support::HOLE;
use crate::watch::SELECTOR;

/// The program: see the script.
#[unsafe(naked)]
pub extern "C" fn program() {
    naked_asm!(
        "int3",
        "ud2",
        "mov eax, [edx]",
        "int 0x80",
        "int3",
        "int3",
        "int3",
        "int3",
        "int3",
        "int3",
        "int3",
        // An emulator may look for interrupts at jumps alone.
        "mov dword ptr [{command}], {nmi}",
        "jmp 3f",
        "3: mov dword ptr [{command}], {nmi}",
        "jmp 4f",
        "4:",
        "int3",
        "nop",
        "call {call_kernel}",
        "call {call_kernel}",
        // A call with its last instruction traced.
        "call 2f",
        "int3",
        // Traps that are stepped.
        "int3",
        "int 0x80",
        "call {call_kernel}",
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
        "mov ss, word ptr [{selector}]",
        "int3",
        "mov ss, word ptr [{selector}]",
        "int 0x80",
        "call 7f",
        "int3",
        // The storm.
        "5: int3",
        "int 0x80",
        "call 6f",
        "jmp 5b",
        "2: mov ecx, esp",
        "int3",
        "sysenter",
        "6: mov ecx, esp",
        "sysenter",
        "7: mov ecx, esp",
        "mov ss, word ptr [{selector}]",
        "sysenter",
        call_kernel = sym call_kernel,
        selector = sym SELECTOR,
        command = const INTERRUPT_COMMAND,
        nmi = const SEND_NMI,
        direct = const DIRECT,
        typed = const TYPED,
        frameless = const FRAMELESS,
        overflow = const OVERFLOW.number(),
        machine_check = const MACHINE_CHECK.number(),
    )
}

/// Where the linker script puts the section that holds nothing but [`sysenter_return`].
pub const SYSENTER_RETURN_ADDRESS: usize = 0x10_0000;

/// What `sysexit` returns to.
#[unsafe(naked)]
#[unsafe(link_section = ".fixed")]
pub extern "C" fn sysenter_return() {
    naked_asm!("ret")
}

/// What the program calls for a system call: its stack pointer goes with it, the return address lies there.
#[unsafe(naked)]
extern "C" fn call_kernel() {
    naked_asm!("mov ecx, esp", "sysenter")
}

/// A breakpoint on a stack that isn't there.
#[unsafe(naked)]
pub extern "C" fn double_fault() -> ! {
    naked_asm!("mov esp, {stack}", "int3", stack = const HOLE + 4096)
}

#[unsafe(naked)]
pub extern "C" fn idle() {
    naked_asm!("2: hlt", "jmp 2b")
}
