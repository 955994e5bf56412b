//! The kernel's instructions at which a debug exception was taken.
//!
//! The runner compares them with the disassembly: each instruction of each stub must be among them.
use core::sync::atomic::{AtomicU8, Ordering};

/// Where the kernel begins, and the bytes of code that are watched.
const BEGIN: usize = 0x10_0000;
const BYTES: usize = 2 << 20;

static SEEN: [AtomicU8; BYTES / 8] = [const { AtomicU8::new(0) }; BYTES / 8];

/// Notes that the exception came before an instruction.
pub fn note(instruction: usize) {
    let index = instruction - BEGIN;
    SEEN[index / 8].fetch_or(1 << (index % 8), Ordering::Relaxed);
}

/// Prints all of them.
pub fn print() {
    let is_seen = |index: &usize| SEEN[index / 8].load(Ordering::Relaxed) >> (index % 8) & 1 == 1;
    for index in (0..BYTES).filter(is_seen) {
        line!("self-test: stepped at {:#x}", BEGIN + index);
    }
}
