//! A handler with a number as its error code: this must not compile.
#![no_std]
use x86_entry::vector::PAGE_FAULT;
use x86_entry::{Frame, InterruptDescriptorTable, Kernel, WithSmap};

fn handler(_: &mut Frame, _: u64) {}

pub fn install<K: Kernel>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(PAGE_FAULT, handler);
}
