//! A handler that returns from where nothing returns: this must not compile.
#![no_std]
use x86_entry::vector::DOUBLE_FAULT;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithSmap};

fn handler(_: &mut TrapFrame) {}

pub fn install<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(DOUBLE_FAULT, handler);
}
