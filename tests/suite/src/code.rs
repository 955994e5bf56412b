//! First instructions of threads that raise exceptions, each at a known address: the function's own.
//!
//! The functions are started as threads and never called. The code that starts a thread chooses its `cx`, which has no
//! message word. All other registers but the message's are zero.

use core::arch::naked_asm;

/// The register `cx` as part of an address.
#[cfg(target_arch = "x86_64")]
macro_rules! cx {
    ($before:literal, $after:literal) => {
        concat!($before, "rcx", $after)
    };
}

/// The register `cx` as part of an address.
#[cfg(target_arch = "x86")]
macro_rules! cx {
    ($before:literal, $after:literal) => {
        concat!($before, "ecx", $after)
    };
}

/// The stack pointer as part of an address.
#[cfg(target_arch = "x86_64")]
macro_rules! sp {
    ($before:literal, $after:literal) => {
        concat!($before, "rsp", $after)
    };
}

/// The stack pointer as part of an address.
#[cfg(target_arch = "x86")]
macro_rules! sp {
    ($before:literal, $after:literal) => {
        concat!($before, "esp", $after)
    };
}

macro_rules! instructions {
    ($($(#[$attribute:meta])* $name:ident: $($text:expr),+;)*) => {
        $(
            $(#[$attribute])*
            #[unsafe(naked)]
            pub extern "C" fn $name() {
                naked_asm!($($text,)+ "ud2")
            }
        )*
    };
}

instructions! {
    /// #DE: divides by 0.
    divide: "div ecx";
    /// Raises #DE for certain, with any `cx`: for programs that call it.
    divide_by_zero: "xor ecx, ecx", "div ecx";
    /// #DB, as a trap: the address is behind it.
    icebp: ".byte 0xf1";
    /// #DB after the first, with the trap flag set.
    no_operation: "nop", "nop";
    /// #BP, as a trap.
    breakpoint: "int3";
    /// #UD.
    undefined: "ud2";
    /// #GP.
    clear_interrupts: "cli";
    /// #GP.
    set_interrupts: "sti";
    /// #GP.
    halt: "hlt";
    /// Port 0x70, which only some processes may use.
    input: "in al, 0x70";
    /// Port 0x70, which only some processes may use.
    output: "out 0x70, al";
    /// #GP without a grant for port 0x60.
    input_other: "in al, 0x60";
    /// #GP without a grant for all four of 0x6e to 0x71.
    input_wide: "in eax, 0x6e";
    /// #GP.
    load_gdt: cx!("lgdt [", "]");
    /// #GP.
    load_idt: cx!("lidt [", "]");
    /// #GP.
    load_ldt: "lldt cx";
    /// #GP.
    load_task: "ltr cx";
    /// #GP.
    clear_task_switched: "clts";
    /// #GP.
    invalidate_page: cx!("invlpg [", "]");
    /// #GP.
    invalidate_caches: "wbinvd";
    /// #GP.
    read_model_register: "rdmsr";
    /// #GP.
    write_model_register: "wrmsr";
    /// #GP or #PF, as `cx` says.
    load: cx!("mov al, [", "]");
    /// #AC with that flag set, where `cx` is no multiple of 4.
    load_word: cx!("mov eax, [", "]");
    /// #PF.
    store: cx!("mov [", "], al");
    /// #GP with the selector as error code.
    load_data_segment: "mov ds, ecx";
    /// #GP with the selector as error code.
    load_extra_segment: "mov es, ecx";
    /// #GP with the selector as error code.
    load_thread_segment: "mov fs, ecx";
    /// #GP with the selector as error code.
    load_last_segment: "mov gs, ecx";
    /// #GP with the selector as error code.
    load_stack_segment: "mov ss, ecx";
    /// #MF, in a thread that has come by `divide_x87`.
    wait: "fwait";
    /// #XM, in a thread that has come by `divide_sse`.
    divide_single: "divss xmm0, xmm1";
    /// Makes the call that stands in the registers: each thread does so once its fault is handled.
    resumed: "int 0x80";
    /// Runs for ever.
    spin: "2:", "jmp 2b";
    /// #GP: the fast call of the other width's CPUs.
    #[cfg(target_arch = "x86_64")]
    other_fast_entry: "sysenter";
}

#[cfg(target_arch = "x86_64")]
instructions! {
    /// #GP.
    read_control: "mov rax, cr0";
    /// #GP.
    write_control: "mov cr3, rcx";
    /// #GP.
    write_debug: "mov dr7, rcx";
    /// #PF or #GP at the address in `cx`.
    jump: "jmp rcx";
    /// #SS: with an address in `bp` that isn't canonical.
    load_by_stack: "mov al, [rbp]";
    /// DS, ES, FS and GS, in r12 to r15.
    read_selectors: "mov r12d, ds", "mov r13d, es", "mov r14d, fs", "mov r15d, gs";
    /// #GP: swaps nothing but the kernel's base.
    swap: "swapgs";
    /// #GP.
    return_fast: "sysretq";
}

#[cfg(target_arch = "x86")]
instructions! {
    /// #GP.
    read_control: "mov eax, cr0";
    /// #GP.
    write_control: "mov cr3, ecx";
    /// #GP.
    write_debug: "mov dr7, ecx";
    /// #PF at the address in `cx`.
    jump: "jmp ecx";
    /// DS, ES, FS and GS, in eax, ebx, ecx and edx.
    read_selectors: "mov eax, ds", "mov ebx, es", "mov ecx, fs", "mov edx, gs";
    /// #OF, as a trap, with the overflow flag set.
    overflow: "into";
    /// #BR: `ax` is the tag of a started thread, 0, and the bounds in memory at `cx` are 1 and 2.
    bound: "bound eax, [ecx]";
    /// #GP.
    return_fast: "sysexit";
    /// #UD: the fast call of the other width's CPUs, which is switched off here.
    other_fast_entry: "syscall";
}

/// Divides by 0 with that exception unmasked, which shows at the next instruction that waits: `wait`.
#[unsafe(naked)]
pub extern "C" fn divide_x87() {
    naked_asm!(
        "fninit",
        "push {word}",
        sp!("fldcw [", "]"),
        "fld1",
        "fldz",
        "fdivp",
        "jmp {wait}",
        word = const 0x037B,
        wait = sym wait,
    )
}

/// Divides by 0 with that exception unmasked, at `divide_single`.
#[unsafe(naked)]
pub extern "C" fn divide_sse() {
    naked_asm!(
        "push {word}",
        sp!("ldmxcsr [", "]"),
        "push {one}",
        sp!("movss xmm0, [", "]"),
        "xorps xmm1, xmm1",
        "jmp {divide}",
        word = const 0x1D80,
        one = const 0x3F80_0000,
        divide = sym divide_single,
    )
}
