//! Handlers that fit: this must compile.
#![no_std]
use x86_entry::error_code::PageFaultErrorCode;
use x86_entry::vector::PAGE_FAULT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithSmap};

fn handler(_: &mut TrapFrame, _: PageFaultErrorCode) {}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(PAGE_FAULT, handler);
}
