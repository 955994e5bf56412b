//! Segments, the task state segment and its interrupt stacks on x86_64.

use crate::cpu::bell::Bell;
use crate::cpu::cell::CpuCell;
use crate::cpu::stack;
use core::sync::atomic::{AtomicUsize, Ordering};
use x86::msr::{IA32_FS_BASE, wrmsr};
use x86::segmentation::{SegmentSelector, load_ds, load_es, load_fs, load_gs};
use x86_entry::{CpuSegments, EntryData, GlobalDescriptorTable};

static SEGMENTS: CpuCell<CpuSegments> = CpuCell::new(CpuSegments::new([]));

/// Loads the kernel's segments and its task state segment.
///
/// # Safety
/// Called once, in ring 0, with interrupts off; `data` is where the stubs look for it, and mapped in every address
/// space.
pub(crate) unsafe fn load(data: &mut EntryData) {
    // SAFETY: interrupts are off, and nothing else uses the segments.
    let segments = unsafe { SEGMENTS.borrow() };
    // SAFETY: the caller's promise; the segments are static.
    unsafe { segments.load::<Bell>(data, stack::paranoid_stacks()) };
}

/// The base that FS was given last.
static THREAD_POINTER: AtomicUsize = AtomicUsize::new(0);

/// Gives the CPU a thread's FS base, and takes away what the thread before put into data segment registers: ring 3 may
/// load them with a few values, which must not reach another thread, and a load of FS or GS changes its base.
pub(crate) fn switch_thread_pointer(base: usize) {
    if selectors() != 0 {
        reset_data_segments();
    }
    // Ring 3 can make its FS base 0 unseen, by a null selector; so only 0 is known to be what was loaded.
    if THREAD_POINTER.load(Ordering::Relaxed) | base != 0 {
        load_thread_pointer(base);
    }
}

/// Does nothing: no segment of x86_64 depends on the page tables in use.
pub(crate) fn follow_page_tables(_data: &mut EntryData) {}

/// Gives the running thread a new FS base.
pub(crate) fn load_thread_pointer(base: usize) {
    THREAD_POINTER.store(base, Ordering::Relaxed);
    // SAFETY: a context takes only addresses of the lower half, which are canonical.
    unsafe { wrmsr(IA32_FS_BASE, base as u64) };
}

#[cold]
fn reset_data_segments() {
    let data = SegmentSelector::from_raw(GlobalDescriptorTable::SELECTORS.user_data);
    let null = SegmentSelector::from_raw(0);
    // A null selector leaves the base as it is on some CPUs (AMD), a flat one clears it on all.
    // SAFETY: ring 0 may load ring 3's data segment.
    unsafe { load_fs(data) };
    // SAFETY: as above.
    unsafe { load_gs(data) };
    // SAFETY: a null selector may be loaded in 64-bit mode.
    unsafe { load_fs(null) };
    // SAFETY: as above.
    unsafe { load_gs(null) };
    // SAFETY: as above.
    unsafe { load_ds(null) };
    // SAFETY: as above.
    unsafe { load_es(null) };
    load_thread_pointer(0);
}

/// Reads all selectors that another thread must not find, or-ed.
#[inline(always)]
pub(crate) fn selectors() -> u32 {
    let mut all: u32;
    // SAFETY: reads selectors.
    unsafe {
        core::arch::asm!(
            "mov {all:e}, ds",
            "mov {one:e}, es",
            "or {all:e}, {one:e}",
            "mov {one:e}, fs",
            "or {all:e}, {one:e}",
            "mov {one:e}, gs",
            "or {all:e}, {one:e}",
            all = out(reg) all,
            one = out(reg) _,
            options(nomem, nostack),
        );
    }
    all
}
