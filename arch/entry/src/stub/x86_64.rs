//! x86_64: entries and exits.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;

use crate::cpu::{CPU, CpuData};
use crate::fixup;
use crate::kernel::{CallerStack, Kernel, Smap, Stack, Target, UserGs};
use crate::vector::{FAST_CALL, pushes_error_code};
use crate::x86_64::Frame;

/// Bytes that [`resume`] takes up, so that a fault can be told to be one of its own.
pub(crate) const RESUME_BYTES: usize = 128;

/// RFLAGS bits that `syscall` clears: IF, TF, DF, AC, NT and IOPL (SDM 3A, 5.8.8).
pub const SYSCALL_FLAG_MASK: u64 = 1 << 9 | 1 << 8 | 1 << 10 | 1 << 18 | 1 << 14 | 3 << 12;

/// TF and RF: `sysret` clears RF and, with TF, would trap one instruction late.
const NEEDS_IRET: u32 = 1 << 8 | 1 << 16;

const RSP0: usize = offset_of!(CpuData, tss) + offset_of!(x86::bits64::task::TaskStateSegment, rsp);

/// An instruction with a field of [`CpuData`] as an operand, wherever the kernel keeps that.
macro_rules! with_cpu {
    ($before:literal, $field:literal, $after:literal) => {
        concat!(
            ".if {place} == 0\n",
            $before,
            " qword ptr [rip + {cpu} + {",
            $field,
            "}] ",
            $after,
            "\n",
            ".elseif {place} == 1\n",
            $before,
            " qword ptr [{fixed} + {",
            $field,
            "}] ",
            $after,
            "\n",
            ".else\n",
            $before,
            " qword ptr gs:[{",
            $field,
            "}] ",
            $after,
            "\n",
            ".endif"
        )
    };
}

/// Pushes the general registers, in the frame's order, below the vector.
macro_rules! push_registers {
    () => {
        "push rcx\n push r10\n push r11\n push rax\n push rdi\n push rsi\n push rdx\n push r8\n push r9\n \
         push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15"
    };
}

/// Pops those registers that a system call preserves or returns.
macro_rules! pop_call_registers {
    () => {
        "pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx\n pop r9\n pop r8\n pop rdx\n pop rsi\n \
         pop rdi\n pop rax"
    };
}

/// A gate's first instructions.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn stub<K: Kernel, T: Target, S: Smap, const VECTOR: usize>() {
    naked_asm!(
        ".if {error_code} == 0",
        "push 0",
        ".endif",
        "push {vector}",
        "jmp {common}",
        error_code = const pushes_error_code(VECTOR) as usize,
        vector = const VECTOR,
        common = sym common::<K, T, S>,
    )
}

/// Saves the registers, moves to the stack for Rust, calls the target, and resumes what it returns.
///
/// `lfence` stands behind both ways past `swapgs`, so that neither is run speculatively with the other's GS base
/// (CVE-2019-1125).
#[unsafe(naked)]
unsafe extern "C" fn common<K: Kernel, T: Target, S: Smap>() {
    naked_asm!(
        push_registers!(),
        "cld",
        ".if {clears_ac}",
        "clac",
        ".endif",
        "mov rdi, rsp",
        "xor ebp, ebp",
        "test byte ptr [rsp + {cs}], 3",
        "jz 2f",
        ".if {swaps_gs}",
        "swapgs",
        "lfence",
        ".endif",
        ".if {per_cpu}",
        with_cpu!("mov rsp,", "stack_top", ""),
        ".endif",
        "call {target}",
        "mov rdi, rax",
        "jmp {resume}",
        // From ring 0. A frame in the current thread's (an idle context) or just below it (a faulting return) leaves
        // no room for Rust, and then the kernel stack is empty.
        "2:",
        ".if {swaps_gs}",
        "lfence",
        ".endif",
        ".if {per_cpu}",
        with_cpu!("mov rax,", "rsp0", ""),
        "sub rax, rsp",
        "cmp rax, {frame_and_room}",
        "ja 3f",
        with_cpu!("mov rsp,", "stack_top", ""),
        "3:",
        ".endif",
        "call {from_ring_0}",
        "mov rdi, rax",
        "jmp {resume}",
        clears_ac = const S::CLEARS_AC,
        cs = const offset_of!(Frame, cs),
        swaps_gs = const matches!(K::USER_GS, UserGs::Swapped) as usize,
        per_cpu = const matches!(K::STACK, Stack::PerCpu) as usize,
        place = const K::PLACE.kind(),
        fixed = const K::PLACE.address(),
        cpu = sym CPU,
        stack_top = const offset_of!(CpuData, stack_top),
        rsp0 = const RSP0,
        frame_and_room = const size_of::<Frame>() + Frame::ROOM,
        target = sym T::enter,
        from_ring_0 = sym fixup::from_ring_0::<K, T>,
        resume = sym resume::<K>,
    )
}

/// Resumes a frame: of ring 3 or ring 0, saved by any of the entries or built by the kernel.
///
/// A frame saved by `syscall` goes back by `sysretq` if its address is in the lower half, where `sysretq` can't fault
/// in ring 0 (CVE-2012-0217), and neither TF nor RF is set; any other by `iretq`. If `iretq` faults, the entry
/// reports that as a fault of this frame.
///
/// # Safety
///
/// The frame must be valid to resume, as [`Kernel`] says. Nothing on the current stack is returned to.
#[unsafe(naked)]
pub unsafe extern "C" fn resume<K: Kernel>(frame: NonNull<Frame>) -> ! {
    naked_asm!(
        "2:",
        "mov rsp, rdi",
        "cmp dword ptr [rsp + {vector}], {fast_call}",
        "je 4f",
        "3:",
        pop_call_registers!(),
        "pop r11",
        "pop r10",
        "pop rcx",
        ".if {swaps_gs}",
        "test byte ptr [rsp + {cs} - {vector}], 3",
        "jz 5f",
        "swapgs",
        "5:",
        ".endif",
        "add rsp, {rip} - {vector}",
        "iretq",
        "4:",
        "mov rcx, [rsp + {rip}]",
        "mov r11, [rsp + {rflags}]",
        "mov rax, rcx",
        "shr rax, 47",
        "jne 3b",
        "test r11d, {needs_iret}",
        "jnz 3b",
        pop_call_registers!(),
        ".if {swaps_gs}",
        "swapgs",
        ".endif",
        "mov rsp, [rsp + {rsp} - {r11}]",
        "sysretq",
        ".org 2b + {bytes}, 0xCC",
        vector = const offset_of!(Frame, vector),
        fast_call = const FAST_CALL,
        swaps_gs = const matches!(K::USER_GS, UserGs::Swapped) as usize,
        cs = const offset_of!(Frame, cs),
        rip = const offset_of!(Frame, rip),
        rflags = const offset_of!(Frame, rflags),
        rsp = const offset_of!(Frame, rsp),
        r11 = const offset_of!(Frame, r11),
        needs_iret = const NEEDS_IRET,
        bytes = const RESUME_BYTES,
    )
}

/// Where IA32_LSTAR points: saves the caller's registers as an interrupt would.
///
/// IA32_FMASK has cleaned the flags ([`SYSCALL_FLAG_MASK`]); rcx has the return address, r11 the flags. rsp is the
/// caller's until the second instruction or so: what may arrive there (NMI, #MC, #DB) has stacks of its own.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn syscall_entry<K: Kernel>() {
    naked_asm!(
        ".if {swaps_gs}",
        "swapgs",
        ".endif",
        ".if {in_rsp}",
        with_cpu!("mov", "spare", ", rsp"),
        with_cpu!("mov rsp,", "rsp0", ""),
        "push {user_data}",
        with_cpu!("push", "spare", ""),
        ".else",
        with_cpu!("mov rsp,", "rsp0", ""),
        "push {user_data}",
        "push r10",
        ".endif",
        "push r11",
        "push {user_code}",
        "push rcx",
        "push 0",
        "push {fast_call}",
        push_registers!(),
        "mov rdi, rsp",
        "xor ebp, ebp",
        ".if {per_cpu}",
        with_cpu!("mov rsp,", "stack_top", ""),
        ".endif",
        "call {call}",
        "mov rdi, rax",
        "jmp {resume}",
        swaps_gs = const matches!(K::USER_GS, UserGs::Swapped) as usize,
        in_rsp = const matches!(K::CALLER_STACK, CallerStack::InRsp) as usize,
        user_data = const K::SELECTORS.user_data,
        user_code = const K::SELECTORS.user_code,
        fast_call = const FAST_CALL,
        per_cpu = const matches!(K::STACK, Stack::PerCpu) as usize,
        place = const K::PLACE.kind(),
        fixed = const K::PLACE.address(),
        cpu = sym CPU,
        spare = const offset_of!(CpuData, spare),
        rsp0 = const RSP0,
        stack_top = const offset_of!(CpuData, stack_top),
        call = sym K::call,
        resume = sym resume::<K>,
    )
}

/// Makes `syscall` lead to [`Kernel::call`] on this CPU.
///
/// # Safety
///
/// Ring 0, on a CPU that has `syscall` (CPUID 8000_0001h EDX bit 11), with `K`'s selectors loaded.
pub unsafe fn enable_fast_calls<K: Kernel>() {
    use x86::msr::{IA32_EFER, IA32_FMASK, IA32_LSTAR, IA32_STAR, rdmsr, wrmsr};
    const SYSTEM_CALL_ENABLE: u64 = 1;
    let selectors = K::SELECTORS;
    let star = (selectors.kernel_code as u64) << 32 | (selectors.star_user_base() as u64) << 48;
    // SAFETY: the caller promises ring 0 and the MSR; its value names the loaded segments.
    unsafe { wrmsr(IA32_STAR, star) };
    // SAFETY: as above; the address is that of the entry.
    unsafe { wrmsr(IA32_LSTAR, syscall_entry::<K> as *const () as u64) };
    // SAFETY: as above.
    unsafe { wrmsr(IA32_FMASK, SYSCALL_FLAG_MASK) };
    // SAFETY: the caller promises ring 0, and a CPU with `syscall` has EFER.
    let efer = unsafe { rdmsr(IA32_EFER) };
    // SAFETY: the other bits stay as they are.
    unsafe { wrmsr(IA32_EFER, efer | SYSTEM_CALL_ENABLE) };
}
