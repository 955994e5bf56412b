//! A handler with a result: this must not compile.
#![no_std]
use x86_entry::vector::BREAKPOINT;
use x86_entry::{Frame, InterruptDescriptorTable, Kernel, WithSmap};

fn handler(_: &mut Frame) -> u32 {
    0
}

pub fn install<K: Kernel>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(BREAKPOINT, handler);
}
