//! Segments and the task state segment on i686.

use crate::cpu::bell::Bell;
use crate::cpu::cell::CpuCell;
use crate::cpu::stack;
use core::sync::atomic::{AtomicUsize, Ordering};
use x86::controlregs::cr3;
use x86::segmentation::{SegmentSelector, load_fs, load_gs};
use x86_entry::{CpuSegments, EntryData};

/// Ring 3's selector of the running thread's own segment, which FS holds once the thread has a pointer.
pub(crate) const THREAD_SELECTOR: u16 = CpuSegments::<1>::extra_selector(0) | 3;

/// A flat, writable, accessed data segment of ring 3 with pages as its unit, base 0 (SDM 3A, 3.4.5).
const THREAD_SEGMENT: u64 = 0x00CF_F300_0000_FFFF;

/// The segments of `x86-entry`, and one descriptor more.
static SEGMENTS: CpuCell<CpuSegments<1>> = CpuCell::new(CpuSegments::new([THREAD_SEGMENT]));

/// Loads the kernel's segments, its task state segment and the tasks of #DF, NMI and #MC.
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

/// Makes the tasks use the page tables that are in use now.
pub(crate) fn follow_page_tables(data: &mut EntryData) {
    // SAFETY: ring 0.
    let root = unsafe { cr3() } as u32;
    data.set_page_table(root);
    // SAFETY: no task runs, since this code does, and interrupts are off.
    unsafe { SEGMENTS.borrow() }.set_page_table(root);
}

/// The base of the thread segment.
static THREAD_POINTER: AtomicUsize = AtomicUsize::new(0);

/// Reads the selectors that another thread must not find, or-ed: FS and GS. Every entry loads DS and ES, and a return
/// by `iret` loads FS and GS.
#[inline(always)]
pub(crate) fn selectors() -> u32 {
    let mut all: u32;
    // SAFETY: reads selectors.
    unsafe {
        core::arch::asm!(
            "mov {all:e}, fs",
            "mov {one:e}, gs",
            "or {all:e}, {one:e}",
            all = out(reg) all,
            one = out(reg) _,
            options(nomem, nostack),
        );
    }
    all
}

/// Makes the thread segment that of another thread, and takes away what the thread before had in FS and GS: a fast
/// call's way out loads neither.
pub(crate) fn switch_thread_pointer(base: usize) {
    if THREAD_POINTER.load(Ordering::Relaxed) != base {
        load_thread_pointer(base);
    }
    // SAFETY: the selector is that of a data segment of ring 3, or null.
    unsafe { load_fs(SegmentSelector::from_raw(thread_selector(base))) };
    // SAFETY: a null selector may be loaded; the kernel uses no GS.
    unsafe { load_gs(SegmentSelector::from_raw(0)) };
}

/// Gives the selector in FS of a thread that hasn't loaded another.
pub(crate) const fn thread_selector(base: usize) -> u16 {
    if base == 0 { 0 } else { THREAD_SELECTOR }
}

/// Gives the running thread a new base. The way out loads its FS with that.
pub(crate) fn load_thread_pointer(base: usize) {
    THREAD_POINTER.store(base, Ordering::Relaxed);
    // SAFETY: interrupts are off in the kernel, and the CPU reads the descriptor only when FS or GS is loaded.
    unsafe { SEGMENTS.borrow() }.extra = [thread_segment(base as u32)];
}

/// Makes the descriptor of a thread's own segment.
const fn thread_segment(base: u32) -> u64 {
    THREAD_SEGMENT | (base as u64 & 0xFF_FFFF) << 16 | (base as u64 >> 24) << 56
}
