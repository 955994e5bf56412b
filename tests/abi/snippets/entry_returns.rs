//! A handler that returns from where nothing returns: this must not compile.
#![no_std]
use x86_entry::vector::DOUBLE_FAULT;
use x86_entry::{Frame, InterruptDescriptorTable, Kernel, WithSmap};

fn handler(_: &mut Frame) {}

pub fn install<K: Kernel>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(DOUBLE_FAULT, handler);
}
