//! i686: entries and exits.
#![expect(bad_asm_style, reason = "only AT&T syntax gets 32-bit pushes of segment registers, see push_registers")]
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;

use crate::cpu::{CPU, CpuData};
use crate::fixup;
use crate::i686::Frame;
use crate::kernel::{Kernel, Place, Smap, Stack, Target};
use crate::vector::{FAST_CALL, pushes_error_code};

/// Bytes that [`resume`] takes up, so that a fault can be told to be one of its own.
pub(crate) const RESUME_BYTES: usize = 64;

/// EFLAGS as a `sysenter` leaves them for its caller: IF, and the bit that is always set. `sysenter` saves none.
const CALLER_FLAGS: u32 = 1 << 9 | CLEAN_FLAGS;

/// EFLAGS with everything clear that user code may have set: NT, AC, TF, DF and the arithmetic flags.
const CLEAN_FLAGS: u32 = 1 << 1;

/// TF: after `sysexit` it would have to be set by `popfd`, which would trap in ring 0.
const TRAP_FLAG: u32 = 1 << 8;

const ESP0: usize = offset_of!(CpuData, tss) + offset_of!(x86::bits32::task::TaskStateSegment, esp0);

/// An instruction with a field of [`CpuData`] as an operand, wherever the kernel keeps that.
macro_rules! with_cpu {
    ($before:literal, $field:literal, $after:literal) => {
        concat!(
            ".if {place} == 0\n",
            $before,
            " dword ptr [{cpu} + {",
            $field,
            "}] ",
            $after,
            "\n",
            ".else\n",
            $before,
            " dword ptr [{fixed} + {",
            $field,
            "}] ",
            $after,
            "\n",
            ".endif"
        )
    };
}

/// Pushes segment and general registers, in the frame's order, below the vector.
///
/// In AT&T syntax, since LLVM assembles Intel syntax's `push ds` as a 16-bit push, which shifts the frame.
macro_rules! push_registers {
    () => {
        ".att_syntax prefix\n pushl %gs\n pushl %fs\n pushl %es\n pushl %ds\n .intel_syntax noprefix\n pushad"
    };
}

/// Pops what [`push_registers`] pushed.
macro_rules! pop_registers {
    () => {
        "popad\n .att_syntax prefix\n popl %ds\n popl %es\n popl %fs\n popl %gs\n .intel_syntax noprefix"
    };
}

/// Loads the kernel's data segments, since user code may have left anything there; spoils ecx.
macro_rules! load_segments {
    () => {
        "mov ecx, {kernel_data}\n mov ds, ecx\n mov es, ecx"
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
/// The stack pointer may be anything when ring 0 is interrupted, so it is aligned by hand. A stack top is stored with
/// an argument's place above it ([`CpuData::set_stack`]).
#[unsafe(naked)]
unsafe extern "C" fn common<K: Kernel, T: Target, S: Smap>() {
    naked_asm!(
        push_registers!(),
        load_segments!(),
        "cld",
        ".if {clears_ac}",
        "clac",
        ".endif",
        "mov ecx, esp",
        "xor ebp, ebp",
        "test byte ptr [esp + {cs}], 3",
        "jz 2f",
        ".if {per_cpu}",
        with_cpu!("mov esp,", "stack_top", ""),
        ".else",
        "and esp, {alignment}",
        "sub esp, {argument}",
        ".endif",
        "mov [esp], ecx",
        "call {target}",
        "push eax",
        "call {resume}",
        // From ring 0. A frame in the current thread's (an idle context) or just below it (a faulting return) leaves
        // no room for Rust, and then the kernel stack is empty.
        "2:",
        ".if {per_cpu}",
        with_cpu!("mov eax,", "esp0", ""),
        "sub eax, esp",
        "cmp eax, {frame_and_room}",
        "ja 3f",
        with_cpu!("mov esp,", "stack_top", ""),
        "jmp 4f",
        "3:",
        ".endif",
        "and esp, {alignment}",
        "sub esp, {argument}",
        "4:",
        "mov [esp], ecx",
        "call {from_ring_0}",
        "push eax",
        "call {resume}",
        kernel_data = const K::SELECTORS.kernel_data,
        clears_ac = const S::CLEARS_AC,
        cs = const offset_of!(Frame, cs),
        per_cpu = const matches!(K::STACK, Stack::PerCpu) as usize,
        place = const place::<K>(),
        fixed = const K::PLACE.address(),
        cpu = sym CPU,
        stack_top = const offset_of!(CpuData, stack_top),
        esp0 = const ESP0,
        frame_and_room = const size_of::<Frame>() + Frame::ROOM,
        alignment = const -16,
        argument = const 16,
        target = sym T::enter,
        from_ring_0 = sym fixup::from_ring_0::<K, T>,
        resume = sym resume::<K>,
    )
}

/// Resumes a frame: of ring 3 or ring 0, saved by any of the entries or built by the kernel.
///
/// A frame saved by `sysenter` goes back by `sysexit`, unless it is to be single-stepped; any other by `iretd`. If a
/// segment pop or `iretd` faults, the entry reports that as a fault of this frame.
///
/// # Safety
///
/// The frame must be valid to resume, as [`Kernel`] says. Nothing on the current stack is returned to.
#[unsafe(naked)]
pub unsafe extern "C" fn resume<K: Kernel>(frame: NonNull<Frame>) -> ! {
    naked_asm!(
        "2:",
        "mov esp, [esp + {argument}]",
        "cmp dword ptr [esp + {vector}], {fast_call}",
        "je 4f",
        "3:",
        pop_registers!(),
        "add esp, {eip} - {vector}",
        "iretd",
        "4:",
        "test dword ptr [esp + {eflags}], {trap_flag}",
        "jnz 3b",
        pop_registers!(),
        "mov edx, [esp + {eip} - {vector}]",
        "mov ecx, [esp + {esp} - {vector}]",
        // Interrupts stay off until after the instruction behind `sti`.
        "sti",
        "sysexit",
        ".org 2b + {bytes}, 0xCC",
        argument = const size_of::<usize>(),
        vector = const offset_of!(Frame, vector),
        fast_call = const FAST_CALL,
        eip = const offset_of!(Frame, eip),
        eflags = const offset_of!(Frame, eflags),
        esp = const Frame::ESP,
        trap_flag = const TRAP_FLAG,
        bytes = const RESUME_BYTES,
    )
}

/// Where IA32_SYSENTER_EIP points: saves the caller's registers as an interrupt would.
///
/// `sysenter` saves nothing: ecx is the caller's stack pointer by convention, and the address to return to the same for
/// all ([`Kernel::SYSENTER_RETURN`]). It leaves NT, AC, DF and TF as they were. esp is at TSS.esp0.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn sysenter_entry<K: Kernel>() {
    naked_asm!(
        "mov esp, [esp]",
        "push {user_data}",
        "push ecx",
        "push {caller_flags}",
        "push {user_code}",
        "push {return_address}",
        "push 0",
        "push {fast_call}",
        push_registers!(),
        load_segments!(),
        "mov ecx, esp",
        "xor ebp, ebp",
        ".if {per_cpu}",
        with_cpu!("mov esp,", "stack_top", ""),
        ".else",
        "and esp, {alignment}",
        "sub esp, {argument}",
        ".endif",
        "push {clean_flags}",
        "popfd",
        "mov [esp], ecx",
        "call {call}",
        "push eax",
        "call {resume}",
        user_data = const K::SELECTORS.user_data,
        caller_flags = const CALLER_FLAGS,
        user_code = const K::SELECTORS.user_code,
        return_address = const K::SYSENTER_RETURN,
        fast_call = const FAST_CALL,
        kernel_data = const K::SELECTORS.kernel_data,
        per_cpu = const matches!(K::STACK, Stack::PerCpu) as usize,
        place = const place::<K>(),
        fixed = const K::PLACE.address(),
        cpu = sym CPU,
        stack_top = const offset_of!(CpuData, stack_top),
        alignment = const -16,
        argument = const 16,
        clean_flags = const CLEAN_FLAGS,
        call = sym K::call,
        resume = sym resume::<K>,
    )
}

/// Makes `sysenter` lead to [`Kernel::call`] on this CPU, whose data is `cpu`.
///
/// # Safety
///
/// Ring 0, on a CPU that has `sysenter` (CPUID 1 EDX bit 11, and not a Pentium Pro), with `K`'s selectors loaded. `cpu`
/// must stay where it is, mapped in every address space.
pub unsafe fn enable_fast_calls<K: Kernel>(cpu: NonNull<CpuData>) {
    use x86::msr::{IA32_SYSENTER_CS, IA32_SYSENTER_EIP, IA32_SYSENTER_ESP, wrmsr};
    let esp0 = cpu.as_ptr().wrapping_byte_add(ESP0);
    // SAFETY: the caller promises ring 0 and the MSR; the other segments follow that one in the GDT.
    unsafe { wrmsr(IA32_SYSENTER_CS, K::SELECTORS.kernel_code as u64) };
    // SAFETY: as above; the entry reads the stack pointer from there.
    unsafe { wrmsr(IA32_SYSENTER_ESP, esp0 as u64) };
    // SAFETY: as above; the address is that of the entry.
    unsafe { wrmsr(IA32_SYSENTER_EIP, sysenter_entry::<K> as *const () as u64) };
}

/// The place's tag; GS bases don't exist here.
const fn place<K: Kernel>() -> usize {
    assert!(!matches!(K::PLACE, Place::Gs), "i686 has no GS base: use Place::Static or Place::Fixed");
    K::PLACE.kind()
}
