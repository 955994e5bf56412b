//! What debug builds check of a kernel's set-up before the first return to ring 3.
use core::mem::offset_of;
use core::ptr::NonNull;
#[cfg(target_arch = "x86_64")]
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_arch = "x86_64")]
use x86::bits64::task::TaskStateSegment;
#[cfg(target_arch = "x86_64")]
use x86::controlregs::{Cr4, cr4};
#[cfg(target_arch = "x86_64")]
use x86::dtables::{DescriptorTablePointer, sidt};

#[cfg(target_arch = "x86_64")]
use crate::idt::PARANOID_STACKS;
use crate::stub::is_paranoid;
use crate::vector::DEBUG;
use crate::{EntryData, KernelEntry, TrapFrame, TrapStack};
#[cfg(target_arch = "x86_64")]
use crate::{Gate, InterruptDescriptorTable, InterruptStackIndex};

use super::{CHECKS, ring_0_stack_of, tss};

/// Panics if ring 3 is resumed and the kernel's set-up lacks what its choices need. For [`resume`](crate::resume),
/// which knows the choices: the first return to ring 3 goes that way.
#[inline(always)]
pub(in crate::stub) fn check_set_up<K: KernelEntry>(frame: NonNull<TrapFrame>) {
    // SAFETY: `resume`'s caller promises a valid frame, and nothing changes it now.
    if CHECKS == 0 || !unsafe { frame.as_ref() }.from_user() {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    {
        assert_suits_smap();
        if crate::kernel_entry::swaps_gs::<K>() == 1 {
            assert_gs_base();
        }
    }
    if uses_entry_data::<K>() {
        assert!(
            tss().map_or(0, ring_0_stack_of) == ring_0_stack_of(tss_of_entry_data::<K>()),
            "the TSS in the task register isn't that of the EntryData at KernelEntry::DATA_LOCATION: the CPU and the \
             stubs would save traps of ring 3 in different places. `CpuSegments::load` loads it"
        );
    }
    assert!(
        matches!(K::TRAP_STACK, TrapStack::PerThread) || stack_top::<K>() != 0,
        "a return to ring 3 without the CPU's stack: `EntryData::set_cpu_stack` sets it"
    );
}

/// The table that a CPU loaded last.
#[cfg(target_arch = "x86_64")]
static TABLE: AtomicPtr<InterruptDescriptorTable> = AtomicPtr::new(core::ptr::null_mut());

/// Notes that this CPU loads a table.
#[cfg(target_arch = "x86_64")]
pub(crate) fn note_table(table: &'static InterruptDescriptorTable) {
    if CHECKS == 1 {
        TABLE.store((&raw const *table).cast_mut(), Ordering::Release);
    }
}

/// Panics if SMAP was switched on after a table was loaded whose entries don't clear EFLAGS.AC. Nothing is said where
/// another CPU has loaded another table since.
#[cfg(target_arch = "x86_64")]
fn assert_suits_smap() {
    let noted = TABLE.load(Ordering::Acquire);
    let mut loaded = DescriptorTablePointer::<Gate>::default();
    // SAFETY: the CPU is in ring 0.
    unsafe { sidt(&mut loaded) };
    if noted.is_null() || loaded.base.cast() != noted.cast_const() {
        return;
    }
    // SAFETY: `note_table` got a table that is static, and the kernel changes no loaded one while this function runs.
    let [without_smap, _] = unsafe { &*noted }.filled();
    // SAFETY: the CPU is in ring 0.
    let is_on = unsafe { cr4() }.contains(Cr4::CR4_ENABLE_SMAP);
    assert!(
        !without_smap || !is_on,
        "CR4.SMAP was switched on after the table was loaded, and the entries leave EFLAGS.AC as ring 3 set it: fill \
         the table WithSmap"
    );
}

/// Whether `syscall` or `sysenter` leads to an entry of this crate.
static HAS_FAST_CALLS: AtomicBool = AtomicBool::new(false);

/// Notes that `syscall` or `sysenter` leads to an entry of this crate.
pub(in crate::stub) fn note_fast_calls() {
    if CHECKS == 1 {
        HAS_FAST_CALLS.store(true, Ordering::Relaxed);
    }
}

/// Returns whether stubs of the kernel read its [`EntryData`]. A kernel where they don't may have a TSS of its own.
fn uses_entry_data<K: KernelEntry>() -> bool {
    #[cfg(target_arch = "x86_64")]
    let swaps = crate::kernel_entry::swaps_gs::<K>() == 1;
    #[cfg(target_arch = "x86")]
    let swaps = false;
    const VECTOR: usize = DEBUG.number();
    swaps
        || matches!(K::TRAP_STACK, TrapStack::PerCpu)
        || HAS_FAST_CALLS.load(Ordering::Relaxed)
        || crate::required::loaded_gate(VECTOR).is_some_and(|gate| is_paranoid(gate, VECTOR as u8))
}

/// Returns the address of the kernel's data.
fn data<K: KernelEntry>() -> *mut EntryData {
    match crate::entry_data::<K>() {
        Some(data) => data.as_ptr(),
        #[cfg(target_arch = "x86_64")]
        None => gs_base() as *mut EntryData,
        #[cfg(target_arch = "x86")]
        None => unreachable!("i686 has no GS base"),
    }
}

/// Returns the address of the TSS in the kernel's data.
fn tss_of_entry_data<K: KernelEntry>() -> *const usize {
    data::<K>().wrapping_byte_add(offset_of!(EntryData, tss)).cast()
}

/// Returns the CPU's stack as [`EntryData::set_cpu_stack`] stored it.
fn stack_top<K: KernelEntry>() -> usize {
    let place = data::<K>().wrapping_byte_add(offset_of!(EntryData, stack_top)).cast::<usize>();
    // SAFETY: the kernel promises that its data lie there.
    unsafe { place.read() }
}

/// Panics if the kernel's GS base isn't set, or isn't the one that the paranoid gates load: they read it at the tops of
/// their stacks.
#[cfg(target_arch = "x86_64")]
fn assert_gs_base() {
    let base = gs_base();
    assert!(
        base != 0,
        "a return to ring 3 without the kernel's GS base: `EntryData::set_kernel_gs_base` sets it, after \
         `CpuSegments::load`"
    );
    let Some(tss) = tss() else { return };
    let stacks = tss.wrapping_byte_add(offset_of!(TaskStateSegment, ist)).cast::<[u64; 7]>();
    // SAFETY: the CPU has loaded the TSS.
    let stacks = unsafe { stacks.read_unaligned() };
    let is_at_top = |index: &InterruptStackIndex| {
        let top = stacks[*index as usize - 1] as *const u64;
        // SAFETY: `EntryData::set_interrupt_stack` leaves two words free from here on.
        !top.is_null() && unsafe { top.read() } == base
    };
    assert!(
        PARANOID_STACKS.iter().all(is_at_top),
        "a return to ring 3 with another GS base than the paranoid gates load: `EntryData::set_kernel_gs_base` sets \
         both, after the gates' stacks are set"
    );
}

#[cfg(target_arch = "x86_64")]
fn gs_base() -> u64 {
    // SAFETY: the CPU is in ring 0, and 64-bit mode has the register.
    unsafe { x86::msr::rdmsr(x86::msr::IA32_GS_BASE) }
}
