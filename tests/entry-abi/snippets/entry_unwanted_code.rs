//! A handler with an error code for a vector without: this must not compile.
#![no_std]
use x86_entry::error_code::PageFaultErrorCode;
use x86_entry::vector::BREAKPOINT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithSmap};

fn handler(_: &mut TrapFrame, _: PageFaultErrorCode) {}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(BREAKPOINT, handler);
}
