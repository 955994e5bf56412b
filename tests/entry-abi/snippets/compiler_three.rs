//! A handler with three parameters.
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

pub extern "x86-interrupt" fn handler(frame: StackFrame, code: usize, more: usize) {
    core::hint::black_box((frame.instruction, code, more));
}
