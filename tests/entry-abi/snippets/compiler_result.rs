//! A handler with a result.
#![no_std]
#![feature(abi_x86_interrupt)]

#[repr(C)]
pub struct StackFrame {
    pub instruction: usize,
    pub code: usize,
    pub flags: usize,
    pub stack: usize,
    pub stack_segment: usize,
}

pub extern "x86-interrupt" fn handler(frame: StackFrame) -> usize {
    frame.instruction
}
