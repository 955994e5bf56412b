//! `sysenter`.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::{CALLER_FLAGS, CLEAN_FLAGS, ESP0, keeping, location, resume};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::kernel_entry::{Call, KernelEntry, TrapStack, keeps_state};
use crate::vector::FAST_CALL;

/// Where IA32_SYSENTER_EIP points: saves the caller's registers as an interrupt would.
///
/// `sysenter` saves nothing: ecx is the caller's stack pointer by convention, and the address to return to the same for
/// all ([`KernelEntry::SYSENTER_RETURN_ADDRESS`]); `FLAGS` are what the caller goes on with. It leaves NT, AC, DF and TF as they were. esp is at TSS.esp0.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn sysenter_entry<K: KernelEntry, const FLAGS: u32>() {
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
        with_entry_data!("mov esp,", "stack_top", ""),
        ".else",
        "and esp, {alignment}",
        "sub esp, {argument}",
        ".endif",
        clean_flags!(),
        "mov [esp], ecx",
        call_rust!("call"),
        "push eax",
        "call {resume}",
        user_data = const K::SELECTORS.user_data,
        caller_flags = const FLAGS,
        user_code = const K::SELECTORS.user_code,
        return_address = const K::SYSENTER_RETURN_ADDRESS,
        fast_call = const FAST_CALL,
        data = const K::SELECTORS.user_data,
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        location = const location::<K>(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        alignment = const -16,
        argument = const 16,
        clean_flags = const CLEAN_FLAGS,
        keeps_state = const keeps_state::<K>(),
        call = sym K::system_call,
        call_keeping = sym keeping::<Call<K>>,
        resume = sym resume::<K>,
    )
}

/// Makes `sysenter` lead to [`KernelEntry::system_call`] on this CPU, whose data is `cpu`.
///
/// # Safety
///
/// Ring 0, on a CPU that has `sysenter` (CPUID 1 EDX bit 11, and not a Pentium Pro), with `K`'s selectors loaded. `cpu`
/// must stay where it is, mapped in every address space.
pub unsafe fn enable_fast_calls<K: KernelEntry>(cpu: NonNull<EntryData>) {
    // SAFETY: the caller's promise.
    unsafe { set_entry::<K>(cpu, sysenter_entry::<K, CALLER_FLAGS> as *const () as usize) };
}

/// Makes `sysenter` lead to an entry.
///
/// # Safety
///
/// As for [`enable_fast_calls`]; the address is that of an entry for `sysenter`.
pub(super) unsafe fn set_entry<K: KernelEntry>(cpu: NonNull<EntryData>, entry: usize) {
    use x86::msr::{IA32_SYSENTER_CS, IA32_SYSENTER_EIP, IA32_SYSENTER_ESP, wrmsr};
    ENTRY.store(entry, Ordering::Relaxed);
    let esp0 = cpu.as_ptr().wrapping_byte_add(ESP0);
    // SAFETY: the caller promises ring 0 and the MSR; the other segments follow that one in the GDT.
    unsafe { wrmsr(IA32_SYSENTER_CS, K::SELECTORS.kernel_code as u64) };
    // SAFETY: as above; the entry reads the stack pointer from there.
    unsafe { wrmsr(IA32_SYSENTER_ESP, esp0 as u64) };
    // SAFETY: as above; the address is that of the entry.
    unsafe { wrmsr(IA32_SYSENTER_EIP, entry as u64) };
}

/// Where `sysenter` leads; 0 for nowhere.
static ENTRY: AtomicUsize = AtomicUsize::new(0);

/// Whether an instruction is the first that `sysenter` leads to.
pub(super) fn is_entry(instruction: usize) -> bool {
    instruction == ENTRY.load(Ordering::Relaxed)
}
