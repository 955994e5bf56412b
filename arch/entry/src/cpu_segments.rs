//! [`CpuSegments`]: a CPU's descriptor table, and loading it with the TSS and the stacks of the paranoid gates.
use core::mem::offset_of;

use x86::dtables::{DescriptorTablePointer, lgdt, load_ldtr};
use x86::segmentation::{SegmentSelector, load_cs, load_ds, load_es, load_fs, load_gs, load_ss};
use x86::task::load_tr;

use crate::{EntryData, GlobalDescriptorTable, KernelEntry};

/// The tops of the four stacks of [`TableFiller::paranoid_gates`](crate::TableFiller::paranoid_gates), each a multiple
/// of 16 and another address (SDM 3A 6.12.2, 6.14.5): an NMI may come while #DF, #MC or #DB is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParanoidStacks {
    /// For #DF.
    pub double_fault: usize,
    /// For the NMI.
    pub non_maskable_interrupt: usize,
    /// For #MC.
    pub machine_check: usize,
    /// For #DB.
    pub debug: usize,
}

/// One CPU's descriptor table, with `EXTRA` descriptors of the kernel's own behind it.
///
/// On i686 the structure holds the TSSs of #DF, NMI and #MC as well (SDM 3A 7.2.1). On x86_64 these vectors have stacks
/// of the interrupt stack table.
#[repr(C)]
#[derive(Debug)]
pub struct CpuSegments<const EXTRA: usize = 0> {
    table: GlobalDescriptorTable,
    /// The kernel's own descriptors. The CPU reads a descriptor when its selector is loaded.
    pub extra: [u64; EXTRA],
    #[cfg(target_arch = "x86")]
    tasks: [Task; 3],
}

/// A task gate's TSS, aligned so that it crosses no page boundary (SDM 3A 7.2.1).
#[cfg(target_arch = "x86")]
#[repr(C, align(128))]
struct Task(x86::bits32::task::TaskStateSegment);

#[cfg(target_arch = "x86")]
impl core::fmt::Debug for Task {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Task")
    }
}

impl ParanoidStacks {
    /// Asserts that no stack is used twice.
    const fn assert_distinct(self) {
        let tops = [self.double_fault, self.non_maskable_interrupt, self.machine_check, self.debug];
        let mut first = 0;
        while first < tops.len() {
            let mut second = first + 1;
            while second < tops.len() {
                assert!(
                    tops[first] != tops[second],
                    "two paranoid gates have one stack: the second trap overwrites it"
                );
                second += 1;
            }
            first += 1;
        }
    }
}

impl<const EXTRA: usize> CpuSegments<EXTRA> {
    /// Makes a table of flat segments with `extra` behind them, without a TSS (SDM 3A 3.5.1).
    pub const fn new(extra: [u64; EXTRA]) -> Self {
        const {
            let bytes = offset_of!(Self, extra) + EXTRA * size_of::<u64>();
            assert!(bytes <= 1 << 16, "a descriptor table has at most 8192 descriptors (SDM 3A 3.5.1)");
        }
        Self {
            table: GlobalDescriptorTable::new(),
            extra,
            #[cfg(target_arch = "x86")]
            tasks: [const { Task(x86::bits32::task::TaskStateSegment::new()) }; 3],
        }
    }

    /// Returns the selector of an extra descriptor for ring 0 (SDM 3A 3.4.2). The selector for ring 3 has the two
    /// lowest bits set.
    pub const fn extra_selector(index: usize) -> u16 {
        assert!(index < EXTRA, "there are fewer descriptors");
        (offset_of!(Self, extra) + index * size_of::<u64>()) as u16
    }

    /// Loads the descriptor table, all segment registers and the task register, and sets the stacks of
    /// [`TableFiller::paranoid_gates`](crate::TableFiller::paranoid_gates) (SDM 3A 2.4).
    ///
    /// FS, GS and the local descriptor table's register become null, and on x86_64 DS and ES too. The bases of FS and
    /// GS become 0: a kernel with [`EntryDataLocation::GsBase`](crate::EntryDataLocation::GsBase) sets its base
    /// afterwards.
    ///
    /// # Safety
    ///
    /// 1. The CPU is in ring 0, with interrupts off and flat segments, and this is its first call since its reset.
    /// 2. `self` and `data` are never moved or dropped, and every address space maps them.
    /// 3. `data` is where the stubs of `K` find this CPU's data.
    /// 4. Nothing else uses the stacks' memory.
    ///
    /// # Panics
    ///
    /// If a stack's top is 0 or not a multiple of 16, or two stacks have one top. If `data` is loaded already: another
    /// CPU uses it, or it isn't mapped anew for this CPU. A CPU that was reset, and loads again, begins with
    /// [`EntryData::new`]. With [`EntryDataLocation::Static`](crate::EntryDataLocation::Static), if `data` isn't what
    /// [`entry_data`](crate::entry_data()) returns.
    pub unsafe fn load<K: KernelEntry>(&mut self, data: &mut EntryData, stacks: ParanoidStacks) {
        const {
            let (ours, kernels) = (GlobalDescriptorTable::SELECTORS, K::SELECTORS);
            assert!(
                ours.kernel_code == kernels.kernel_code
                    && ours.kernel_data == kernels.kernel_data
                    && ours.user_code == kernels.user_code
                    && ours.user_data == kernels.user_data
                    && ours.tss == kernels.tss,
                "KernelEntry::SELECTORS are those of another table"
            );
        }
        stacks.assert_distinct();
        data.take::<K>();
        self.set_stacks::<K>(data, stacks);
        let bytes = offset_of!(Self, extra) + size_of_val(&self.extra);
        let pointer = DescriptorTablePointer { limit: (bytes - 1) as u16, base: &raw const self.table };
        // SAFETY: the caller promises ring 0 and that the table stays where it is.
        unsafe { lgdt(&pointer) };
        let [code, stack, data, null, task] =
            [K::SELECTORS.kernel_code, K::SELECTORS.kernel_data, DATA_SELECTOR, 0, K::SELECTORS.tss]
                .map(SegmentSelector::from_raw);
        // SAFETY: the selector names flat code of ring 0.
        unsafe { load_cs(code) };
        // SAFETY: the selector names flat data of ring 0.
        unsafe { load_ss(stack) };
        for load in [load_ds, load_es] {
            // SAFETY: the selector names flat data, or is null in 64-bit mode, where the segment isn't used.
            unsafe { load(data) };
        }
        for load in [load_fs, load_gs] {
            // SAFETY: a null selector may be loaded, and no code of the kernel uses FS or GS before this function
            // returns.
            unsafe { load(null) };
        }
        // SAFETY: the descriptor was just set, to a TSS that isn't busy.
        unsafe { load_tr(task) };
        // At reset the local table lies at address 0 (SDM 3A table 9-1), and a loader may leave it there. A program
        // could map that page and write descriptors of ring 0 to it.
        // SAFETY: the CPU refuses every selector of a local table that is null (SDM 3A 2.4.2).
        unsafe { load_ldtr(null) };
    }
}

/// The selector for DS and ES. 64-bit mode doesn't use these segments (SDM 3A 3.2.4).
#[cfg(target_arch = "x86_64")]
const DATA_SELECTOR: u16 = 0;
#[cfg(target_arch = "x86")]
const DATA_SELECTOR: u16 = GlobalDescriptorTable::SELECTORS.kernel_data;

#[cfg(target_arch = "x86_64")]
impl<const EXTRA: usize> CpuSegments<EXTRA> {
    #[expect(clippy::extra_unused_type_parameters, reason = "i686's tasks lead to the kernel")]
    fn set_stacks<K: KernelEntry>(&mut self, data: &mut EntryData, stacks: ParanoidStacks) {
        use crate::idt::{DEBUG_STACK, DOUBLE_FAULT_STACK, MACHINE_CHECK_STACK, NON_MASKABLE_INTERRUPT_STACK};
        data.set_interrupt_stack(DOUBLE_FAULT_STACK, stacks.double_fault);
        data.set_interrupt_stack(NON_MASKABLE_INTERRUPT_STACK, stacks.non_maskable_interrupt);
        data.set_interrupt_stack(MACHINE_CHECK_STACK, stacks.machine_check);
        data.set_interrupt_stack(DEBUG_STACK, stacks.debug);
        self.table.set_tss(&raw const data.tss as u64, EntryData::TSS_SEGMENT_BYTES);
    }
}

#[cfg(target_arch = "x86")]
impl<const EXTRA: usize> CpuSegments<EXTRA> {
    fn set_stacks<K: KernelEntry>(&mut self, data: &mut EntryData, stacks: ParanoidStacks) {
        use crate::paranoid_tss;
        use crate::vector::{DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
        // SAFETY: `load`'s caller promises ring 0.
        let page_table = unsafe { x86::controlregs::cr3() } as u32;
        data.set_page_table(page_table);
        data.set_debug_stack(stacks.debug);
        self.table.set_tss(K::SELECTORS.tss, &raw const data.tss as u32, EntryData::TSS_SEGMENT_BYTES);
        let tasks = [
            paranoid_tss::<K, _, _>(DOUBLE_FAULT, stacks.double_fault, page_table),
            paranoid_tss::<K, _, _>(NON_MASKABLE_INTERRUPT, stacks.non_maskable_interrupt, page_table),
            paranoid_tss::<K, _, _>(MACHINE_CHECK, stacks.machine_check, page_table),
        ];
        let selectors = [
            GlobalDescriptorTable::DOUBLE_FAULT_TSS,
            GlobalDescriptorTable::NON_MASKABLE_INTERRUPT_TSS,
            GlobalDescriptorTable::MACHINE_CHECK_TSS,
        ];
        for ((place, task), selector) in self.tasks.iter_mut().zip(tasks).zip(selectors) {
            self.table.set_tss(selector, &raw const place.0 as u32, size_of_val(&task));
            place.0 = task;
        }
    }

    /// Sets the page table of the three tasks. They need the kernel's part of an address space alone.
    ///
    /// [`CpuSegments::load`] gave them the page table that was in use. To be called before that one is freed.
    pub const fn set_page_table(&mut self, cr3: u32) {
        let mut index = 0;
        while index < self.tasks.len() {
            self.tasks[index].0.cr3 = cr3;
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "two paranoid gates have one stack"]
    fn a_stack_for_two_gates_is_refused() {
        let stacks = ParanoidStacks { double_fault: 16, non_maskable_interrupt: 32, machine_check: 48, debug: 32 };
        stacks.assert_distinct();
    }

    #[test]
    fn extra_descriptors_follow_the_table() {
        let words = size_of::<GlobalDescriptorTable>() / size_of::<u64>();
        assert_eq!(usize::from(CpuSegments::<2>::extra_selector(1)), (words + 1) * size_of::<u64>());
        assert_eq!(offset_of!(CpuSegments<2>, table), 0);
    }
}
