//! A handler that takes a copy of the frame: this must not compile.
#![no_std]
use x86_entry::vector::BREAKPOINT;
use x86_entry::{InterruptDescriptorTable, Kernel, TrapFrame, WithSmap};

fn handler(_: TrapFrame) {}

pub fn install<K: Kernel>(table: &mut InterruptDescriptorTable) {
    table.fill::<K, WithSmap>().exception(BREAKPOINT, handler);
}
