//! A handler with an error code of the other width's size.
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

#[cfg(target_arch = "x86")]
type Code = u64;
#[cfg(target_arch = "x86_64")]
type Code = u32;

pub extern "x86-interrupt" fn handler(frame: StackFrame, code: Code) {
    core::hint::black_box((frame.instruction, code));
}
