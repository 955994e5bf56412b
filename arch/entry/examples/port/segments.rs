//! The segments of the kernel before its port: a descriptor table and a TSS of its own, by the crate `x86`.
//!
//! The order of the descriptors isn't that of `x86-entry`.
use core::mem::size_of;

use x86::dtables::{DescriptorTablePointer, lgdt};
use x86::segmentation::{
    BuildDescriptor, Descriptor, DescriptorBuilder, GateDescriptorBuilder, SegmentSelector, load_cs, load_ds, load_es,
    load_ss,
};
use x86::task::load_tr;

use crate::support::{Setup, Stack};

#[cfg(target_arch = "x86")]
use x86::bits32::task::TaskStateSegment;
#[cfg(target_arch = "x86_64")]
use x86::bits64::{segmentation::Descriptor64, task::TaskStateSegment};

/// The selectors of the table.
pub const KERNEL_CODE: u16 = 0x08;
pub const KERNEL_DATA: u16 = 0x10;
pub const USER_DATA: u16 = 0x18 | 3;
pub const USER_CODE: u16 = 0x20 | 3;
pub const TSS: u16 = 0x28;

/// The number of #DF's stack in the interrupt stack table: the CPU counts from 1 (SDM 3A 6.14.5).
#[cfg(target_arch = "x86_64")]
pub const DOUBLE_FAULT_STACK_NUMBER: u8 = 1;

#[repr(C, align(8))]
struct Table {
    flat: [Descriptor; 5],
    #[cfg(target_arch = "x86_64")]
    task: Descriptor64,
    #[cfg(target_arch = "x86")]
    task: Descriptor,
}

/// Flat segments (SDM 3A 3.4.5).
#[cfg(target_arch = "x86_64")]
const FLAT: [Descriptor; 5] = [
    Descriptor::NULL,
    word(0x00AF_9B00_0000_FFFF),
    word(0x00CF_9300_0000_FFFF),
    word(0x00CF_F300_0000_FFFF),
    word(0x00AF_FB00_0000_FFFF),
];
#[cfg(target_arch = "x86")]
const FLAT: [Descriptor; 5] = [
    Descriptor::NULL,
    word(0x00CF_9B00_0000_FFFF),
    word(0x00CF_9300_0000_FFFF),
    word(0x00CF_F300_0000_FFFF),
    word(0x00CF_FB00_0000_FFFF),
];

const fn word(word: u64) -> Descriptor {
    Descriptor { lower: word as u32, upper: (word >> 32) as u32 }
}

static TABLE: Setup<Table> = Setup::new(Table {
    flat: FLAT,
    #[cfg(target_arch = "x86_64")]
    task: Descriptor64::NULL,
    #[cfg(target_arch = "x86")]
    task: Descriptor::NULL,
});
static TASK: Setup<TaskStateSegment> = Setup::new(TaskStateSegment::new());

/// Where interrupts of ring 3 are saved, and #DF.
static THREAD_STACK: Stack = Stack::new();
#[cfg(target_arch = "x86_64")]
static DOUBLE_FAULT_STACK: Stack = Stack::new();

/// Loads the table, the segment registers and the task register.
///
/// # Safety
///
/// Once, in ring 0, with interrupts off.
pub unsafe fn load() {
    // SAFETY: this function runs once.
    let task = unsafe { TASK.borrow() };
    #[cfg(target_arch = "x86_64")]
    {
        task.rsp[0] = THREAD_STACK.top() as u64;
        task.ist[usize::from(DOUBLE_FAULT_STACK_NUMBER) - 1] = DOUBLE_FAULT_STACK.top() as u64;
    }
    #[cfg(target_arch = "x86")]
    {
        task.esp0 = THREAD_STACK.top() as u32;
        task.ss0 = KERNEL_DATA;
    }
    // SAFETY: this function runs once.
    let table = unsafe { TABLE.borrow() };
    let (base, limit) = (&raw const *task as usize, size_of::<TaskStateSegment>() - 1);
    #[cfg(target_arch = "x86_64")]
    let builder = <DescriptorBuilder as GateDescriptorBuilder<u64>>::tss_descriptor(base as u64, limit as u64, true);
    #[cfg(target_arch = "x86")]
    let builder = <DescriptorBuilder as GateDescriptorBuilder<u32>>::tss_descriptor(base as u64, limit as u64, true);
    table.task = builder.present().finish();
    // SAFETY: ring 0; the table is static.
    unsafe { lgdt(&DescriptorTablePointer { limit: (size_of::<Table>() - 1) as u16, base: &raw const *table }) };
    // SAFETY: the selector names flat code of ring 0.
    unsafe { load_cs(SegmentSelector::from_raw(KERNEL_CODE)) };
    for load in [load_ss, load_ds, load_es] {
        // SAFETY: the selector names flat data of ring 0.
        unsafe { load(SegmentSelector::from_raw(KERNEL_DATA)) };
    }
    // SAFETY: the descriptor was just set, to a TSS that isn't busy.
    unsafe { load_tr(SegmentSelector::from_raw(TSS)) };
}
