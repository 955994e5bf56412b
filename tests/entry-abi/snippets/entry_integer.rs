//! A handler that takes a number: this must not compile.
#![no_std]
use x86_entry::vector::BREAKPOINT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, WithSmap};

fn handler(_: usize) {}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(BREAKPOINT, handler);
}
