//! A handler without an error code for a vector with one: this must not compile.
#![no_std]
use x86_entry::vector::PAGE_FAULT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithSmap};

fn handler(_: &mut TrapFrame) {}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(PAGE_FAULT, handler);
}
