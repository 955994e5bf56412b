//! Segments and the task state segment on i686.

use crate::cell::CpuCell;
use crate::context::Context;
use crate::stack;
use crate::trap::Bell;
use core::sync::atomic::{AtomicUsize, Ordering};
use x86::bits32::task::TaskStateSegment;
use x86::controlregs::cr3;
use x86::dtables::{DescriptorTablePointer, lgdt, load_ldtr};
use x86::segmentation::{SegmentSelector, load_cs, load_ds, load_es, load_fs, load_gs, load_ss};
use x86::task::load_tr;
use x86_entry::vector::{DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use x86_entry::{CpuData, GlobalDescriptorTable, fault_task};

/// Ring 3's selector of the running thread's own segment, which FS holds once the thread has a pointer.
pub(crate) const THREAD_SELECTOR: u16 = size_of::<GlobalDescriptorTable>() as u16 | 3;

/// A flat, writable, accessed data segment of ring 3 with pages as its unit, base 0 (SDM 3A, 3.4.5).
const THREAD_SEGMENT: u64 = 0x00CF_F300_0000_FFFF;

/// The table of `x86-entry`, and one descriptor more.
#[repr(C)]
struct Table {
    common: GlobalDescriptorTable,
    thread: u64,
}

/// The task of a gate; aligned so that it crosses no page, which the CPU doesn't allow (SDM 3A, 8.2.1).
#[repr(C, align(128))]
struct Task(TaskStateSegment);

/// The tasks of #DF, NMI and #MC.
static TASKS: [CpuCell<Task>; 3] = [const { CpuCell::new(Task(TaskStateSegment::new())) }; 3];

static TABLE: CpuCell<Table> = CpuCell::new(Table { common: GlobalDescriptorTable::new(), thread: THREAD_SEGMENT });

/// Loads the kernel's segments and its task state segment.
///
/// # Safety
/// Once, in ring 0, with interrupts off; `data` is where the stubs look for it, and mapped in every address space.
pub(crate) unsafe fn load(data: &mut CpuData) {
    let root = page_tables();
    data.set_page_table(root);
    let selectors = GlobalDescriptorTable::SELECTORS;
    // SAFETY: interrupts are off, and nothing else uses the table.
    let table = unsafe { TABLE.borrow() };
    table.common.set_task(selectors.task, &raw const data.tss as u32, CpuData::TASK_LENGTH);
    let [debug, stacks @ ..] = stack::tops();
    data.set_debug_stack(debug);
    let tasks = [
        (GlobalDescriptorTable::DOUBLE_FAULT_TASK, fault_task::<Bell, _, _>(DOUBLE_FAULT, stacks[0], root)),
        (GlobalDescriptorTable::NMI_TASK, fault_task::<Bell, _, _>(NON_MASKABLE_INTERRUPT, stacks[1], root)),
        (GlobalDescriptorTable::MACHINE_CHECK_TASK, fault_task::<Bell, _, _>(MACHINE_CHECK, stacks[2], root)),
    ];
    for ((selector, task), place) in tasks.into_iter().zip(&TASKS) {
        // SAFETY: no gate leads to the task yet, and nothing else refers to it.
        unsafe { place.borrow() }.0 = task;
        table.common.set_task(selector, place.address() as u32, size_of::<TaskStateSegment>());
    }
    // SAFETY: the table stays where it is, and has the code segment that the CPU is in.
    unsafe { lgdt(&DescriptorTablePointer::new(&*table)) };
    let [code, kernel_data, null, task] =
        [selectors.kernel_code, selectors.kernel_data, 0, selectors.task].map(SegmentSelector::from_raw);
    // SAFETY: the selector names ring 0's code.
    unsafe { load_cs(code) };
    // SAFETY: the selector names ring 0's data.
    unsafe { load_ss(kernel_data) };
    // SAFETY: as above.
    unsafe { load_ds(kernel_data) };
    // SAFETY: as above.
    unsafe { load_es(kernel_data) };
    // SAFETY: the kernel doesn't use FS.
    unsafe { load_fs(null) };
    // SAFETY: the kernel doesn't use GS.
    unsafe { load_gs(null) };
    // SAFETY: the descriptor was just set, to a TSS that isn't busy.
    unsafe { load_tr(task) };
    // At reset there is a local table at address 0 (SDM volume 3, table 11-1), and a loader may leave it so: a program
    // could map that page and make itself descriptors of the kernel's privilege.
    // SAFETY: without a local table every selector that names one is refused.
    unsafe { load_ldtr(SegmentSelector::from_raw(0)) };
}

/// Makes the tasks use the page tables that are in use now.
pub(crate) fn follow_page_tables(data: &mut CpuData) {
    let root = page_tables();
    data.set_page_table(root);
    for task in &TASKS {
        // SAFETY: no task runs, since this code does, and interrupts are off.
        unsafe { task.borrow() }.0.cr3 = root;
    }
}

fn page_tables() -> u32 {
    // SAFETY: ring 0.
    unsafe { cr3() as u32 }
}

/// The base that the thread's own segment has.
static THREAD_POINTER: AtomicUsize = AtomicUsize::new(0);

/// Makes the thread segment that of another thread. FS itself is saved and loaded with every frame.
#[inline(always)]
pub(crate) fn switch_thread_pointer(to: &Context) {
    if THREAD_POINTER.load(Ordering::Relaxed) != to.fs_base {
        load_thread_pointer(to.fs_base);
    }
}

/// The thread that runs has a new base; its FS is loaded with it on the way out.
pub(crate) fn load_thread_pointer(base: usize) {
    THREAD_POINTER.store(base, Ordering::Relaxed);
    // SAFETY: interrupts are off in the kernel, and the CPU reads the descriptor only when FS or GS is loaded.
    unsafe { TABLE.borrow() }.thread = thread_segment(base as u32);
}

/// The descriptor of a thread's own segment.
const fn thread_segment(base: u32) -> u64 {
    THREAD_SEGMENT | (base as u64 & 0xFF_FFFF) << 16 | (base as u64 >> 24) << 56
}
