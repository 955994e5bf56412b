//! What entry needs of a CPU, in one place that the stubs can name: its TSS, its kernel stack, its I/O bitmap.
//!
//! The TSS is the single truth about where the next trap from ring 3 is saved: the CPU reads rsp0 or esp0, and so do
//! `syscall`'s stub (a load) and `sysenter`'s (IA32_SYSENTER_ESP points there, so no MSR is written at a switch).
use core::cell::UnsafeCell;
use core::ptr::NonNull;

#[cfg(target_arch = "x86")]
use x86::bits32::task::TaskStateSegment;
#[cfg(target_arch = "x86_64")]
use x86::bits64::task::TaskStateSegment;

use crate::{EntryDataLocation, KernelEntry, TrapFrame};

/// Bytes of the I/O permission bitmap: a bit a port, and a last byte of ones (SDM 1, "I/O Permission Bit Map").
pub const IO_BITMAP_BYTES: usize = 65536 / 8 + 1;

/// Bytes below the TSS for a #DB that meets `sysenter`'s first instruction, whose stack pointer is at `esp0`.
const ROOM_BELOW_TSS: usize = 64;

/// One CPU's data for the entry paths.
#[repr(C, align(64))]
pub struct EntryData {
    room: [u8; ROOM_BELOW_TSS],
    /// The TSS (SDM 3A 7.2.1, 7.7); `set_current_frame` is for its hot field.
    pub tss: TaskStateSegment,
    /// Where Rust code begins: aligned, with an argument's place above it on i686.
    pub(crate) stack_top: usize,
    /// Where `syscall` parks the caller's stack pointer.
    #[cfg(target_arch = "x86_64")]
    pub(crate) caller_rsp: usize,
    /// The stack of a #DB that interrupts ring 0.
    #[cfg(target_arch = "x86")]
    pub(crate) debug_stack: usize,
    /// The I/O permission bitmap: a clear bit lets ring 3 use the port while the bitmap is on.
    pub io_bitmap: [u8; IO_BITMAP_BYTES],
}

/// Bytes from TSS to bitmap: what the TSS's I/O map base says while the bitmap is on.
const IO_BITMAP_OFFSET: usize = core::mem::offset_of!(EntryData, io_bitmap) - core::mem::offset_of!(EntryData, tss);

/// A bitmap offset at the segment's end, which denies every port (SDM 1, "I/O Permission Bit Map").
const NO_IO_BITMAP: usize = EntryData::TSS_SEGMENT_BYTES;

impl EntryData {
    /// The length of the TSS's segment: TSS, a few words, and the I/O bitmap.
    pub const TSS_SEGMENT_BYTES: usize = IO_BITMAP_OFFSET + IO_BITMAP_BYTES;

    /// No stacks yet, every port denied.
    pub const fn new() -> Self {
        let mut tss = TaskStateSegment::new();
        #[cfg(target_arch = "x86_64")]
        {
            tss.iomap_base = NO_IO_BITMAP as u16;
        }
        #[cfg(target_arch = "x86")]
        {
            tss.iobp_offset = NO_IO_BITMAP as u16;
            tss.ss0 = crate::GlobalDescriptorTable::SELECTORS.kernel_data;
        }
        Self {
            room: [0; ROOM_BELOW_TSS],
            tss,
            stack_top: 0,
            #[cfg(target_arch = "x86_64")]
            caller_rsp: 0,
            #[cfg(target_arch = "x86")]
            debug_stack: 0,
            io_bitmap: [0xFF; IO_BITMAP_BYTES],
        }
    }

    /// Sets the top of the CPU's kernel stack, which must be 16-byte aligned.
    pub const fn set_kernel_stack(&mut self, top: usize) {
        assert!(top.is_multiple_of(16), "handlers would run on a misaligned stack");
        self.stack_top = if cfg!(target_arch = "x86") { top - 16 } else { top };
    }

    /// Sets where the next trap from ring 3 is saved: into this frame, from its end downwards.
    ///
    /// With [`TrapStack::PerThread`](crate::TrapStack) it is the topmost frame of the thread's kernel stack.
    #[inline(always)]
    pub fn set_current_frame(&mut self, frame: NonNull<TrapFrame>) {
        let end = frame.as_ptr().wrapping_add(1);
        #[cfg(target_arch = "x86_64")]
        {
            self.tss.rsp[0] = end as u64;
        }
        #[cfg(target_arch = "x86")]
        {
            self.tss.esp0 = end as u32;
        }
    }

    /// The frame that the next trap from ring 3 is saved into.
    #[inline(always)]
    pub fn current_frame(&self) -> *mut TrapFrame {
        #[cfg(target_arch = "x86_64")]
        let end = self.tss.rsp[0] as usize;
        #[cfg(target_arch = "x86")]
        let end = self.tss.esp0 as usize;
        (end as *mut TrapFrame).wrapping_sub(1)
    }

    /// Sets one of the stacks that a gate can ask for; `top` must be 16-byte aligned.
    ///
    /// The topmost words stay free for [`EntryData::set_interrupt_gs_base`].
    #[cfg(target_arch = "x86_64")]
    pub const fn set_interrupt_stack(&mut self, index: crate::InterruptStackIndex, top: usize) {
        assert!(top.is_multiple_of(16), "the CPU aligns it anyhow, away from where it was meant");
        self.tss.ist[index as usize - 1] = (top - 16) as u64;
    }

    /// Tells the gates on one of those stacks the kernel's GS base, for a kernel that swaps it.
    ///
    /// # Safety
    ///
    /// The stack must have been set, be writable memory, and not be in use.
    #[cfg(target_arch = "x86_64")]
    pub unsafe fn set_interrupt_gs_base(&mut self, index: crate::InterruptStackIndex, base: u64) {
        let top = self.tss.ist[index as usize - 1] as *mut u64;
        // SAFETY: the caller promises a stack there, above whose used part two words were left free.
        unsafe { top.write(base) };
    }

    /// Sets the kernel's GS base on this CPU: the one in use now, and the one that [`TableFiller::paranoid_gates`](crate::TableFiller::paranoid_gates)'s
    /// gates load, which can't tell whose is in use (for a kernel with [`UserGs::Swapped`](crate::UserGs)).
    ///
    /// With [`EntryDataLocation::GsBase`] it is this structure's address.
    ///
    /// # Safety
    ///
    /// Ring 0, on the CPU whose data this is; the gates' stacks are set ([`CpuSegments::load`](crate::CpuSegments::load))
    /// and not in use. The address must be canonical, and what the kernel expects there.
    #[cfg(target_arch = "x86_64")]
    pub unsafe fn set_kernel_gs_base(&mut self, base: u64) {
        for index in crate::idt::PARANOID_STACKS {
            // SAFETY: the caller's promise.
            unsafe { self.set_interrupt_gs_base(index, base) };
        }
        // SAFETY: the caller's promise.
        unsafe { x86::msr::wrmsr(x86::msr::IA32_GS_BASE, base) };
    }

    /// Sets the stack for a #DB that interrupts ring 0, at the first instruction of `sysenter`'s entry for example.
    #[cfg(target_arch = "x86")]
    pub const fn set_debug_stack(&mut self, top: usize) {
        assert!(top.is_multiple_of(16), "handlers would run on a misaligned stack");
        self.debug_stack = top - 16;
    }

    /// Notes the page table that is about to be loaded into CR3.
    ///
    /// A task switch loads CR3 from the TSS and never saves it there: the return from a task gate would load what
    /// this field held last.
    #[cfg(target_arch = "x86")]
    #[inline(always)]
    pub const fn set_page_table(&mut self, cr3: u32) {
        self.tss.cr3 = cr3;
    }

    /// The page table that was noted last.
    #[cfg(target_arch = "x86")]
    #[inline(always)]
    pub const fn page_table(&self) -> u32 {
        self.tss.cr3
    }

    /// Lets ring 3 use the ports whose bits are clear in [`EntryData::io_bitmap`].
    #[inline(always)]
    pub const fn enable_io_bitmap(&mut self) {
        self.set_io_bitmap_offset(IO_BITMAP_OFFSET as u16);
    }

    /// Denies ring 3 every port, whatever the bitmap holds.
    #[inline(always)]
    pub const fn disable_io_bitmap(&mut self) {
        self.set_io_bitmap_offset(NO_IO_BITMAP as u16);
    }

    const fn set_io_bitmap_offset(&mut self, offset: u16) {
        #[cfg(target_arch = "x86_64")]
        {
            self.tss.iomap_base = offset;
        }
        #[cfg(target_arch = "x86")]
        {
            self.tss.iobp_offset = offset;
        }
    }
}

impl Default for EntryData {
    fn default() -> Self {
        Self::new()
    }
}

/// The data of the one CPU of a kernel with [`EntryDataLocation::Static`].
pub(crate) static ENTRY_DATA: StaticEntryData = StaticEntryData(UnsafeCell::new(EntryData::new()));

/// A cell for [`ENTRY_DATA`], laid out as its content.
#[repr(transparent)]
pub(crate) struct StaticEntryData(UnsafeCell<EntryData>);

// SAFETY: the one CPU of a kernel with `EntryDataLocation::Static` is the only one that gets the pointer from `entry_data`, whose
// caller promises that no two references made of it overlap.
unsafe impl Sync for StaticEntryData {}

/// This CPU's data, where the stubs of `K` look for it; `None` if that is the GS base, which the kernel knows.
///
/// The CPU reads and the stubs write through this pointer too: keep references made of it short.
#[inline(always)]
pub fn entry_data<K: KernelEntry>() -> Option<NonNull<EntryData>> {
    match K::DATA_LOCATION {
        EntryDataLocation::Static => NonNull::new(ENTRY_DATA.0.get()),
        EntryDataLocation::Fixed(address) => NonNull::new(address as *mut EntryData),
        EntryDataLocation::GsBase => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_segment_ends_with_the_bitmap() {
        let end = core::mem::offset_of!(EntryData, io_bitmap) + IO_BITMAP_BYTES;
        assert_eq!(core::mem::offset_of!(EntryData, tss) + EntryData::TSS_SEGMENT_BYTES, end);
        let data = EntryData::new();
        assert!(data.tss.iomap_base as usize >= EntryData::TSS_SEGMENT_BYTES);
    }

    #[test]
    fn the_current_frame_reads_back() {
        let mut frame = TrapFrame::default();
        let mut data = EntryData::new();
        data.set_current_frame(NonNull::from(&mut frame));
        assert_eq!(data.current_frame(), &raw mut frame);
    }
}
