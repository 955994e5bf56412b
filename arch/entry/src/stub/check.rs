//! What debug builds check before a frame is resumed: mistakes that would show later, and elsewhere.
use core::arch::asm;
#[cfg(target_arch = "x86")]
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::idt::PARANOID_VECTORS;
#[cfg(target_arch = "x86")]
use crate::vector::{MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use crate::{KernelEntry, TrapFrame};

mod set_up;
#[cfg(target_arch = "x86_64")]
pub(crate) use set_up::note_table;
pub(super) use set_up::{check_set_up, note_fast_calls};

/// Whether returns are checked: in debug builds of this crate, and with the feature `checks`.
pub(crate) const CHECKS: usize = cfg!(any(debug_assertions, feature = "checks")) as usize;

/// The flag that lets interrupts in.
const INTERRUPT_FLAG: usize = 1 << 9;

/// The offset in both widths' TSS of rsp0 or esp0 (SDM 3A figures 7-2 and 7-11).
const RING_0_STACK: usize = 4;

/// Panics if a frame can't be resumed with the CPU as it is.
pub(super) extern "C" fn check_resume(frame: NonNull<TrapFrame>) {
    assert!(
        flags() & INTERRUPT_FLAG == 0,
        "a frame is resumed with interrupts on: a handler that switches them on must switch them off before it returns"
    );
    // SAFETY: `resume`'s caller promises a valid frame, and nothing changes it now.
    let saved = unsafe { frame.as_ref() };
    let from_user = saved.cs & 3 == 3;
    // Few instructions, since every return of a debug build has them.
    if paranoid_traps() != 0 {
        assert_outside_of_paranoid_trap(saved);
    }
    #[cfg(target_arch = "x86")]
    assert!(
        from_user || resumes_beside(frame.as_ptr() as usize, saved.stack_pointer()),
        "a frame of ring 0 whose stack pointer leads into the frame: the way out would overwrite the frame"
    );
    if from_user {
        let tss = tss();
        assert!(
            matches!(tss, Some(tss) if ring_0_stack_of(tss) != 0),
            "a return to ring 3 without a kernel stack: `EntryData::set_thread_stack` or `set_current_frame` (by \
             TrapStack), or the kernel's own TSS, must set rsp0 or esp0 first"
        );
        #[cfg(target_arch = "x86")]
        if let Some(tss) = tss
            && is_of_another_page_table(tss)
        {
            assert_returns_without_page_table();
        }
    }
}

/// Returns whether a TSS names another page table than the one in use.
#[cfg(target_arch = "x86")]
#[inline(always)]
fn is_of_another_page_table(tss: *const usize) -> bool {
    const PAGE_TABLE: usize = offset_of!(x86::bits32::task::TaskStateSegment, cr3);
    let difference: usize;
    // SAFETY: the CPU is in ring 0, and has loaded the TSS.
    unsafe {
        asm!(
            "mov {difference}, cr3",
            "sub {difference}, [{tss} + {page_table}]",
            difference = out(reg) difference,
            tss = in(reg) tss,
            page_table = const PAGE_TABLE,
            options(nostack, readonly),
        )
    };
    difference != 0
}

/// Panics if NMI or #MC has a task, whose return loads the page table that the TSS names (SDM 3A 7.3).
#[cfg(target_arch = "x86")]
#[cold]
fn assert_returns_without_page_table() {
    let has_task = |vector| crate::required::loaded_gate(vector).is_some_and(crate::Gate::is_task);
    assert!(
        ![NON_MASKABLE_INTERRUPT.number(), MACHINE_CHECK.number()].into_iter().any(has_task),
        "a return to ring 3 with another page table than `EntryData::set_page_table` stored: the return from an NMI's \
         task would load that one"
    );
}

/// Returns whether the words that the way out writes below the stack pointer of ring 0 lie beside the frame, or are the
/// frame's own.
#[cfg(target_arch = "x86")]
fn resumes_beside(frame: usize, stack_pointer: usize) -> bool {
    let words = stack_pointer.wrapping_sub(TrapFrame::RESUME_BYTES);
    let end = frame + size_of::<TrapFrame>();
    words == frame + offset_of!(TrapFrame, eip) || words >= end || stack_pointer <= frame
}

#[inline(always)]
fn flags() -> usize {
    let flags: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: this reads the flags, by way of the stack.
    unsafe {
        asm!("pushfq", "pop {}", out(reg) flags, options(preserves_flags))
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: this reads the flags, by way of the stack.
    unsafe {
        asm!("pushfd", "pop {}", out(reg) flags, options(preserves_flags))
    };
    flags
}

/// Panics if the frame is that of an exception or interrupt inside `paranoid_trap`.
#[cold]
fn assert_outside_of_paranoid_trap(saved: &TrapFrame) {
    assert!(
        PARANOID_VECTORS.contains(&saved.vector()) || !paranoid_trap_runs(),
        "an exception or interrupt inside `paranoid_trap`: its `iret` unblocks NMIs, and the next NMI overwrites this \
         one's stack"
    );
}

/// How many `paranoid_trap`s run, on all CPUs.
static PARANOID_TRAPS: AtomicUsize = AtomicUsize::new(0);

/// Returns [`PARANOID_TRAPS`].
#[inline(always)]
fn paranoid_traps() -> usize {
    let count: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: this reads a static.
    unsafe {
        asm!("mov {}, [rip + {}]", out(reg) count, sym PARANOID_TRAPS, options(nostack, preserves_flags, readonly))
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: this reads a static.
    unsafe {
        asm!("mov {}, [{}]", out(reg) count, sym PARANOID_TRAPS, options(nostack, preserves_flags, readonly))
    };
    count
}

/// The descriptors that task registers of CPUs had selected when their `paranoid_trap` began; 0 where none runs. If
/// more run than there are places, nothing is said about the others.
static RUNNING: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// Calls [`KernelEntry::paranoid_trap`]. Where returns are checked, they are told that it runs on this CPU.
#[inline(always)]
pub(crate) fn paranoid_trap<K: KernelEntry>(frame: &mut TrapFrame) {
    if CHECKS == 0 {
        return K::paranoid_trap(frame);
    }
    let own = tss_descriptor().map_or(0, |descriptor| descriptor as usize);
    let take = |place: &&AtomicUsize| place.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    let place = RUNNING.iter().find(take);
    PARANOID_TRAPS.fetch_add(1, Ordering::Relaxed);
    K::paranoid_trap(frame);
    PARANOID_TRAPS.fetch_sub(1, Ordering::Relaxed);
    if let Some(place) = place {
        place.store(0, Ordering::Relaxed);
    }
}

/// Returns whether `paranoid_trap` runs on this CPU.
fn paranoid_trap_runs() -> bool {
    tss_descriptor().is_some_and(|own| RUNNING.iter().any(|place| place.load(Ordering::Relaxed) == own as usize))
}

/// Returns rsp0 or esp0 of a TSS.
#[inline(always)]
fn ring_0_stack_of(tss: *const usize) -> usize {
    let place = tss.wrapping_byte_add(RING_0_STACK);
    // SAFETY: the CPU has loaded the TSS, and reads this field at the next trap of ring 3; or the kernel promises that
    // its data lie there.
    unsafe { place.read_unaligned() }
}

/// Returns the address of the TSS in the task register.
#[inline(always)]
fn tss() -> Option<*const usize> {
    tss_descriptor().map(tss_address)
}

/// Returns the address of the descriptor that the task register has selected. It tells CPUs apart: no two load the same
/// one, which is marked as busy. Their TSSs may lie at one address, each in its CPU's memory
/// (`EntryDataLocation::Fixed`).
#[inline(always)]
fn tss_descriptor() -> Option<*const u64> {
    // Assembly, since every return of a debug build to ring 3 has it. The limit comes first, then the address.
    let mut table = (0_u64, 0_u64);
    let descriptor: usize;
    // SAFETY: the CPU is in ring 0. The words have room for the register, 10 bytes in 64-bit mode.
    unsafe {
        asm!(
            "str {descriptor:e}",
            "and {descriptor:e}, -8",
            "jz 2f",
            "sgdt [{table}]",
            "add {descriptor}, [{table} + {address}]",
            "2:",
            descriptor = out(reg) descriptor,
            table = in(reg) &raw mut table,
            address = const size_of::<u16>(),
            options(nostack),
        )
    };
    if descriptor == 0 { None } else { Some(descriptor as *const u64) }
}

/// Returns the address in a TSS's descriptor (SDM 3A figures 7-3 and 7-4).
#[inline(always)]
fn tss_address(descriptor: *const u64) -> *const usize {
    // SAFETY: the task register selects the descriptor, which the CPU has read.
    let low = unsafe { descriptor.read() };
    let address = low >> 16 & 0xFF_FFFF | low >> 56 << 24;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a 64-bit TSS has two words of descriptor.
    let address = address | unsafe { descriptor.wrapping_add(1).read() } << 32;
    address as *const usize
}
