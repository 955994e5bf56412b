//! A kernel that checks `x86-entry` by itself: it runs a program in ring 3 and knows what each trap must look like.
//!
//! The kernel runs in each [`variant`] that a kernel may choose. Beyond `../bare` it shows two things: frames that are
//! saved straight into a thread's structure ([`TrapStack::PerCpu`]), and an idle context that is laid out like a
//! thread. Kernel and program share one address space, in which ring 3 may touch everything.
//!
//! [`TrapStack::PerCpu`]: x86_entry::TrapStack
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
#[path = "../support/panic.rs"]
mod panic;

#[cfg(target_arch = "x86_64")]
mod chosen_stack;
mod floating;
mod hooks;
mod kernel;
mod room;
mod script;
mod seen;
mod state;
mod steps;
mod storm;
mod switch;
mod variant;
mod watch;

#[cfg_attr(target_arch = "x86", path = "i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
mod width;

use kernel::kernel_main;
