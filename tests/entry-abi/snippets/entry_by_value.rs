//! A handler that takes a copy of the frame: this must not compile.
#![no_std]
use x86_entry::vector::BREAKPOINT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithSmap};

fn handler(_: TrapFrame) {}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(BREAKPOINT, handler);
}
