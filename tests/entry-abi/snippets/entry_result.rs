//! A handler with a result: this must not compile.
#![no_std]
use x86_entry::vector::BREAKPOINT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithSmap};

fn handler(_: &mut TrapFrame) -> u32 {
    0
}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(BREAKPOINT, handler);
}
