//! `extern "x86-interrupt"` on 32-bit x86: a handler runs on the interrupted program's data segments, and a frame that
//! came from the same ring has `stack` and `stack_segment` fields that the CPU didn't push.
//!
//! It needs no standard library, so that the compiler's x86 backend is enough:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 rustc --target i686-unknown-linux-gnu -O -C relocation-model=static --emit obj -o case.o docs/upstream/i686-frame.rs
//! objdump -dr -M intel --no-show-raw-insn case.o
//! ```
#![feature(no_core, lang_items, abi_x86_interrupt)]
#![no_core]
#![crate_type = "lib"]
#![allow(internal_features, static_mut_refs, reason = "a case without a standard library has nothing else to show it with")]

#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "copy"]
pub trait Copy {}

#[repr(C)]
pub struct StackFrame {
    pub instruction: u32,
    pub code: u32,
    pub flags: u32,
    pub stack: u32,
    pub stack_segment: u32,
}

impl Copy for u32 {}

unsafe extern "C" {
    static mut TOLD: u32;
}

/// Stores through ds whatever lies above the flags.
#[unsafe(no_mangle)]
pub extern "x86-interrupt" fn handler(frame: StackFrame) {
    unsafe { TOLD = frame.stack }
}
