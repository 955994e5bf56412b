//! Makes the registers, code and calls of the fuzzer from a seed, and judges faults.
//!
//! Everything here is a function of the seed and a step's number. So a step can be run again by itself, and the host
//! tests it. The fuzzer itself (`main.rs`) is the first process of a machine whose time is instructions. The fuzzer
//! makes a victim: a process that has handles of its own to objects of all kinds. There it runs a thread for each step,
//! for some microseconds, until the thread faults, ends itself or has had its time.
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
