//! What the fuzzer of the kernel's entries makes of a seed: registers, code and calls, and what a fault may look like.
//!
//! Everything here is a function of the seed and a step's number, so that a step can be run again by itself, and is
//! tested on the host. The fuzzer itself (`main.rs`) is the first process of a machine that counts instructions as its
//! time. It makes a victim, a process with handles to objects of all kinds that are its alone, and runs a thread there
//! for each step, for some microseconds, until it faults, ends itself or has had its time.
#![cfg_attr(not(test), no_std)]

pub mod calls;
pub mod code;
pub mod fault;
pub mod instructions;
pub mod layout;
pub mod qemu;
pub mod random;
pub mod registers;
pub mod sequences;
pub mod step;
pub mod values;
