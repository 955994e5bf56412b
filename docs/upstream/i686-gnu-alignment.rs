//! `extern "x86-interrupt"` on i686's linux-gnu target with SSE saves xmm registers by `movaps` at addresses that are
//! aligned only if the interrupted stack pointer happened to be.
//!
//! It needs no standard library, so that the compiler's x86 backend is enough:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 rustc --target i686-unknown-linux-gnu -O --emit asm -o - docs/upstream/i686-gnu-alignment.rs
//! RUSTC_BOOTSTRAP=1 rustc --target i686-unknown-linux-gnu -O --emit obj -o case.o docs/upstream/i686-gnu-alignment.rs
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

unsafe extern "C" {
    fn anything();
}

/// A call that may use xmm registers, so that all of them are saved around it.
#[unsafe(no_mangle)]
pub extern "x86-interrupt" fn handler(_frame: StackFrame) {
    unsafe { anything() }
}
