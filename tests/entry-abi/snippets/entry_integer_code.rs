//! A handler with a number as its error code: this must not compile.
#![no_std]
use x86_entry::vector::PAGE_FAULT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithSmap};

fn handler(_: &mut TrapFrame, _: u64) {}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(PAGE_FAULT, handler);
}
