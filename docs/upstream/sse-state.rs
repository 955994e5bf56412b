//! `extern "x86-interrupt"` keeps the xmm registers of the interrupted program and nothing else of its SSE and AVX state:
//! MXCSR and the upper halves of the ymm registers are neither saved nor, as to MXCSR, set to a known value.
//!
//! It needs no standard library, so that the compiler's x86 backend is enough:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 rustc --target x86_64-unknown-linux-gnu -O -C relocation-model=static --emit obj -o case.o docs/upstream/sse-state.rs
//! objdump -d -M intel --no-show-raw-insn case.o
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
    pub instruction: u64,
    pub code: u64,
    pub flags: u64,
    pub stack: u64,
    pub stack_segment: u64,
}

unsafe extern "C" {
    /// Divides, or was compiled for AVX and is called once CPUID was seen to have it.
    fn anything();
}

#[unsafe(no_mangle)]
pub extern "x86-interrupt" fn handler(_frame: StackFrame) {
    unsafe { anything() }
}
