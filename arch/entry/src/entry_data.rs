//! [`EntryData`]: the memory that the CPU and the stubs read at an entry, with TSS, kernel stack and I/O bitmap.
//!
//! TSS.rsp0 or esp0 alone says where the next trap from ring 3 is saved. The CPU reads this field at an interrupt,
//! `syscall`'s stub loads it, and IA32_SYSENTER_ESP points to it. So a switch of threads writes no MSR.
use core::cell::UnsafeCell;
use core::ptr::NonNull;

#[cfg(target_arch = "x86")]
use x86::bits32::task::TaskStateSegment;
#[cfg(target_arch = "x86_64")]
use x86::bits64::task::TaskStateSegment;

use crate::{EntryDataLocation, KernelEntry, TrapFrame, TrapStack};

/// Bytes of the I/O permission bitmap: one bit for each port, and a last byte of ones (SDM 1, "I/O Permission Bit
/// Map").
pub const IO_BITMAP_BYTES: usize = 65536 / 8 + 1;

/// Bytes below the TSS for the frame of a #DB at `sysenter`'s first instruction, when the stack pointer is at `esp0`.
/// The stub asserts that its pushes fit (i686).
///
/// The room is as large as the alignment. So the part of the TSS that a task switch reads, its first 104 bytes, crosses
/// no page boundary (SDM 3A 7.2.1).
pub(crate) const ROOM_BELOW_TSS: usize = 128;

/// One CPU's data for its entries. [`CpuSegments::load`](crate::CpuSegments::load) takes it once.
#[repr(C, align(128))]
pub struct EntryData {
    room_below: [u8; ROOM_BELOW_TSS],
    /// The TSS (SDM 3A 7.2.1, 7.7). [`EntryData::set_current_frame`] sets its field rsp0 or esp0.
    pub tss: TaskStateSegment,
    /// The stack pointer with which Rust is called: aligned, and on i686 with room for an argument above it.
    pub(crate) stack_top: usize,
    /// Where `syscall`'s stub parks the caller's stack pointer.
    #[cfg(target_arch = "x86_64")]
    pub(crate) caller_rsp: usize,
    /// The stack pointer of a #DB that interrupts ring 0.
    #[cfg(target_arch = "x86")]
    pub(crate) debug_stack: usize,
    /// The I/O permission bitmap. A clear bit lets ring 3 use the port while the bitmap is enabled.
    pub io_bitmap: [u8; IO_BITMAP_BYTES],
    /// Whether a CPU has loaded the data. It lies in what the alignment leaves unused.
    is_loaded: bool,
}

/// Bytes from TSS to bitmap: the TSS's I/O map base while the bitmap is enabled.
const IO_BITMAP_OFFSET: usize = core::mem::offset_of!(EntryData, io_bitmap) - core::mem::offset_of!(EntryData, tss);

/// Why a kernel with [`TrapStack::PerThread`] can't set a CPU's stack.
const NO_CPU_STACK: &str = "with TrapStack::PerThread a trap is saved on the thread's kernel stack: `set_thread_stack` \
                            sets it";

/// The segment's end as the TSS's I/O map base, which denies every port (SDM 1, "I/O Permission Bit Map").
const NO_IO_BITMAP: usize = EntryData::TSS_SEGMENT_BYTES;

const _: () = assert!(
    core::mem::offset_of!(EntryData, tss) == align_of::<EntryData>() && size_of::<TaskStateSegment>() <= ROOM_BELOW_TSS,
    "a page boundary could lie in the TSS"
);

impl EntryData {
    /// The length of the TSS's segment (SDM 3A 7.2.2): the TSS, the stubs' words behind it, and the I/O bitmap.
    pub const TSS_SEGMENT_BYTES: usize = IO_BITMAP_OFFSET + IO_BITMAP_BYTES;

    /// Makes data without stacks, with every port denied.
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
            room_below: [0; ROOM_BELOW_TSS],
            tss,
            stack_top: 0,
            #[cfg(target_arch = "x86_64")]
            caller_rsp: 0,
            #[cfg(target_arch = "x86")]
            debug_stack: 0,
            io_bitmap: [0xFF; IO_BITMAP_BYTES],
            is_loaded: false,
        }
    }

    /// Marks the data as those of this CPU, which loads them.
    ///
    /// # Panics
    ///
    /// If a CPU has loaded them already, or if the stubs of `K` use a static.
    pub(crate) fn take<K: KernelEntry>(&mut self) {
        assert!(
            !self.is_loaded,
            "an EntryData is loaded twice: each CPU needs one of its own, where its stubs find it \
             (KernelEntry::DATA_LOCATION). A CPU that was reset begins with EntryData::new()"
        );
        assert!(
            !matches!(K::DATA_LOCATION, EntryDataLocation::Static) || core::ptr::eq(self, ENTRY_DATA.0.get()),
            "with EntryDataLocation::Static the stubs use the crate's own EntryData: load the one that `entry_data` \
             returns"
        );
        self.is_loaded = true;
    }

    /// Sets the top of the current thread's kernel stack, a multiple of 16 (i686: of 4), in TSS.rsp0 or esp0 (SDM 3A
    /// 6.12.1, 6.14.4): there the next trap from ring 3 is saved. For a kernel with [`TrapStack::PerThread`], to be
    /// called before ring 3 runs, and when the kernel switches threads.
    ///
    /// With [`TrapStack::PerCpu`] the call doesn't compile.
    #[inline(always)]
    pub const fn set_thread_stack<K: KernelEntry>(&mut self, top: usize) {
        const {
            assert!(
                matches!(K::TRAP_STACK, TrapStack::PerThread),
                "with TrapStack::PerCpu there is no stack of a thread: `set_cpu_stack` sets the CPU's stack, and \
                 `set_current_frame` says where a trap is saved"
            );
        }
        assert!(top != 0 && top.is_multiple_of(align_of::<TrapFrame>()), "a stack's top is aligned, and not 0");
        self.set_trap_end(top);
    }

    /// Sets the top of the CPU's kernel stack, a multiple of 16. For a kernel with [`TrapStack::PerCpu`], to be called
    /// once.
    ///
    /// With [`TrapStack::PerThread`] the call doesn't compile.
    pub const fn set_cpu_stack<K: KernelEntry>(&mut self, top: usize) {
        const { assert!(matches!(K::TRAP_STACK, TrapStack::PerCpu), "{}", NO_CPU_STACK) };
        assert_stack_top(top);
        self.stack_top = if cfg!(target_arch = "x86") { top - 16 } else { top };
    }

    /// Has the next trap from ring 3 saved into `frame`. For a kernel with [`TrapStack::PerCpu`], to be called before
    /// ring 3 runs, and when the kernel switches threads.
    ///
    /// With [`TrapStack::PerThread`] the call doesn't compile.
    #[inline(always)]
    pub fn set_current_frame<K: KernelEntry>(&mut self, frame: NonNull<TrapFrame>) {
        const { assert!(matches!(K::TRAP_STACK, TrapStack::PerCpu), "{}", NO_CPU_STACK) };
        self.set_trap_end(frame.as_ptr().wrapping_add(1) as usize);
    }

    /// Sets TSS.rsp0 or esp0.
    #[inline(always)]
    const fn set_trap_end(&mut self, end: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            self.tss.rsp[0] = end as u64;
        }
        #[cfg(target_arch = "x86")]
        {
            self.tss.esp0 = end as u32;
        }
    }

    /// Returns the frame into which the next trap from ring 3 is saved: with [`TrapStack::PerThread`] the topmost frame
    /// of the thread's stack.
    #[inline(always)]
    pub fn current_frame(&self) -> *mut TrapFrame {
        #[cfg(target_arch = "x86_64")]
        let end = self.tss.rsp[0] as usize;
        #[cfg(target_arch = "x86")]
        let end = self.tss.esp0 as usize;
        (end as *mut TrapFrame).wrapping_sub(1)
    }

    /// Sets a stack of the interrupt stack table (SDM 3A 6.14.5). `top` is a multiple of 16, and not 0.
    ///
    /// The two topmost words of the stack stay free for [`EntryData::set_interrupt_gs_base`].
    #[cfg(target_arch = "x86_64")]
    pub const fn set_interrupt_stack(&mut self, index: crate::InterruptStackIndex, top: usize) {
        assert_stack_top(top);
        self.tss.ist[index as usize - 1] = (top - 16) as u64;
    }

    /// Writes the kernel's GS base to a stack of the interrupt stack table, where [`UserGs::Swapped`](crate::UserGs)'s
    /// paranoid gates load it (SDM 3A 6.14.5).
    ///
    /// # Panics
    ///
    /// If the stack isn't set.
    ///
    /// # Safety
    ///
    /// 1. [`EntryData::set_interrupt_stack`] has set the stack.
    /// 2. The stack is writable memory, and nothing runs on it.
    #[cfg(target_arch = "x86_64")]
    pub unsafe fn set_interrupt_gs_base(&mut self, index: crate::InterruptStackIndex, base: u64) {
        let top = self.tss.ist[index as usize - 1] as *mut u64;
        assert!(!top.is_null(), "an interrupt stack isn't set: `CpuSegments::load` comes before its kernel GS base");
        // SAFETY: the caller promises writable memory; `set_interrupt_stack` left two words free from here on.
        unsafe { top.write(base) };
    }

    /// Sets this CPU's GS base, and writes it where the paranoid gates load it (SDM 2B, SWAPGS). For a kernel with
    /// [`UserGs::Swapped`](crate::UserGs).
    ///
    /// The [paranoid gates](crate::TableFiller::paranoid_gates) can't tell whether the kernel's base or ring 3's is in
    /// use. With [`EntryDataLocation::GsBase`], `base` is this structure's address.
    ///
    /// # Panics
    ///
    /// If the gates' stacks aren't set.
    ///
    /// # Safety
    ///
    /// 1. The CPU is in ring 0, and this is its data.
    /// 2. [`CpuSegments::load`](crate::CpuSegments::load) has set the gates' stacks, and nothing runs on them.
    /// 3. `base` is canonical, and the kernel finds there what it expects at its GS base.
    #[cfg(target_arch = "x86_64")]
    pub unsafe fn set_kernel_gs_base(&mut self, base: u64) {
        for index in crate::idt::PARANOID_STACKS {
            // SAFETY: the caller promises that the stacks are set and that nothing runs on them.
            unsafe { self.set_interrupt_gs_base(index, base) };
        }
        // SAFETY: the caller promises ring 0 and a canonical address that suits the kernel.
        unsafe { x86::msr::wrmsr(x86::msr::IA32_GS_BASE, base) };
    }

    /// Sets the stack for a #DB that interrupts ring 0, for example at the first instruction of `sysenter`'s entry (SDM
    /// 3A 6.15, interrupt 1). `top` is a multiple of 16, and not 0.
    #[cfg(target_arch = "x86")]
    pub const fn set_debug_stack(&mut self, top: usize) {
        assert_stack_top(top);
        self.debug_stack = top - 16;
    }

    /// Stores in the TSS the page table that the kernel is about to load into CR3. To be called before each such load.
    ///
    /// A task switch loads CR3 from the TSS and doesn't save it (SDM 3A 7.3): the return from a task gate loads this
    /// value.
    #[cfg(target_arch = "x86")]
    #[inline(always)]
    pub const fn set_page_table(&mut self, cr3: u32) {
        self.tss.cr3 = cr3;
    }

    /// Returns the page table that [`EntryData::set_page_table`] stored last.
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

    /// Denies ring 3 every port, without regard to the bitmap.
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

/// Asserts that an address can be a stack's top. 0 is the top of a stack that nobody has set.
pub(crate) const fn assert_stack_top(top: usize) {
    assert!(top != 0 && top.is_multiple_of(16), "a stack's top is a multiple of 16, and not 0");
}

impl Default for EntryData {
    fn default() -> Self {
        Self::new()
    }
}

/// The data of the only CPU of a kernel with [`EntryDataLocation::Static`].
pub(crate) static ENTRY_DATA: StaticEntryData = StaticEntryData(UnsafeCell::new(EntryData::new()));

/// A cell for [`ENTRY_DATA`], laid out as its content.
#[repr(transparent)]
pub(crate) struct StaticEntryData(UnsafeCell<EntryData>);

// SAFETY: a kernel with `EntryDataLocation::Static` has one CPU, and no other kernel gets the pointer from
// `entry_data`. The code that makes references of the pointer keeps them from overlapping.
unsafe impl Sync for StaticEntryData {}

/// Returns this CPU's data, where the stubs of `K` find it; `None` for [`EntryDataLocation::GsBase`].
///
/// The CPU reads the data and the stubs write to them: a reference made of this pointer must not be alive when a trap
/// can come.
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
    #[should_panic = "a stack's top is a multiple of 16, and not 0"]
    fn a_stack_that_was_forgotten_is_refused() {
        #[cfg(target_arch = "x86_64")]
        EntryData::new().set_interrupt_stack(crate::InterruptStackIndex::One, 0);
        #[cfg(target_arch = "x86")]
        EntryData::new().set_debug_stack(0);
    }

    #[test]
    fn the_current_frame_reads_back() {
        let mut frame = TrapFrame::default();
        let mut data = EntryData::new();
        data.set_trap_end((&raw mut frame).wrapping_add(1) as usize);
        assert_eq!(data.current_frame(), &raw mut frame);
    }
}
