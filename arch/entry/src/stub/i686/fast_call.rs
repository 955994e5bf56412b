//! The slow path of system calls by `sysenter`, which saves a whole frame.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::{CALLER_FLAGS, CLEAN_FLAGS, ESP0, keeping, location, resume_frame};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::kernel_entry::{KernelEntry, TrapStack, keeps_state};
use crate::stub::check::note_fast_calls;
use crate::target::Call;
use crate::vector::FAST_CALL;

/// Saves the caller's registers as an interrupt would, and calls [`KernelEntry::system_call`]. IA32_SYSENTER_EIP holds
/// its address.
///
/// `sysenter` saves nothing (SDM 3A 5.8.7). By convention ecx is the caller's stack pointer, and all callers return to
/// [`KernelEntry::SYSENTER_RETURN_ADDRESS`] with the flags `FLAGS`. esp is the address of TSS.esp0. NT, AC, DF and TF
/// are as the caller set them.
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
        resume = sym resume_frame,
    )
}

/// Leads `sysenter` to [`KernelEntry::system_call`] on this CPU, whose data is `cpu`.
///
/// # Panics
///
/// If the loaded table doesn't lead NMI and #MC to tasks, and #DB to its paranoid gate: at the entry's first
/// instruction the interrupted stack is the TSS. [`TableFiller::paranoid_gates`](crate::TableFiller::paranoid_gates)
/// comes first.
///
/// # Safety
///
/// 1. The CPU is in ring 0, and has `sysenter` (CPUID 1, EDX bit 11, but not on a Pentium Pro: SDM 2B, SYSENTER).
/// 2. The loaded descriptor table has `K`'s selectors.
/// 3. `cpu` is never moved or dropped, and every address space maps it.
pub unsafe fn enable_fast_calls<K: KernelEntry>(cpu: NonNull<EntryData>) {
    // SAFETY: the caller promises all of it, and the address is that of an entry for `sysenter`.
    unsafe { set_entry::<K>(cpu, sysenter_entry::<K, CALLER_FLAGS> as *const () as usize) };
}

/// Leads `sysenter` to an entry.
///
/// # Safety
///
/// 1. All that [`enable_fast_calls`] requires.
/// 2. `entry` is the address of an entry for `sysenter`.
pub(super) unsafe fn set_entry<K: KernelEntry>(cpu: NonNull<EntryData>, entry: usize) {
    crate::required::assert_order_of_segments::<K>();
    crate::required::assert_paranoid_gates::<K>();
    note_fast_calls();
    use x86::msr::{IA32_SYSENTER_CS, IA32_SYSENTER_EIP, IA32_SYSENTER_ESP, wrmsr};
    ENTRY.store(entry, Ordering::Relaxed);
    let esp0 = cpu.as_ptr().wrapping_byte_add(ESP0);
    // SAFETY: the caller promises ring 0 and the MSR; the other segments follow that one in the GDT.
    unsafe { wrmsr(IA32_SYSENTER_CS, K::SELECTORS.kernel_code as u64) };
    // SAFETY: as above; the entry reads the stack pointer from there.
    unsafe { wrmsr(IA32_SYSENTER_ESP, esp0 as u64) };
    // SAFETY: as above; the caller promises that the address is that of an entry.
    unsafe { wrmsr(IA32_SYSENTER_EIP, entry as u64) };
}

/// The address to which `sysenter` leads; 0 while it isn't enabled.
static ENTRY: AtomicUsize = AtomicUsize::new(0);

/// Returns whether an address is that of the first instruction after `sysenter`.
pub(super) fn is_entry(instruction: usize) -> bool {
    instruction == ENTRY.load(Ordering::Relaxed)
}
