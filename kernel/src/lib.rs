//! Bellwire's portable core: every trap becomes a message.
//!
//! A trap goes in ([`Kernel::interrupt`], [`Kernel::call`], [`Kernel::fault`], [`Kernel::timer`]), a decision comes
//! out: which thread's registers the CPU resumes, and what stands in its message registers. The core is a state
//! machine in safe Rust without globals. What it needs of the hardware it asks of a [`machine::Machine`], so the same
//! code runs in ring 0 and in host tests.
//!
//! # The rooms
//!
//! From the top; each uses only those below it, which `just check` verifies.
//!
//! | room | what it holds |
//! |---|---|
//! | [`boot`], `fake` | the first process; the machine of the tests |
//! | `traps` | the entries, and the one tail by which every trap leaves |
//! | `calls` | decoding a system call; a file for each kind of object that calls are about |
//! | `ends` | the ends of processes, threads and objects, and reaping |
//! | [`fast`] | the fast path: calls, answers, interrupts and faults for which somebody waits |
//! | `switch` | going from one thread to another |
//! | `budget` | whose share of the CPU pays for what, and is used up |
//! | `ipc` | send, receive, answer, post; interrupts, timers and faults as messages |
//! | `mapping` | mapping memory objects, and the frames of floating-point areas |
//! | `create` | an object, with its first handle |
//! | `lookup` | what a handle names |
//! | `sweep` | stale names, and the sweep that forgets them |
//! | `ready` | run queues, slices, deadlines of threads |
//! | [`kernel`] | the state of one CPU's kernel |
//! | [`objects`] | threads, processes, endpoints, sources, timers, memory, ports, replies, handles |
//! | `request` | a call's arguments and outcome |
//! | [`dispatch`] | priorities, the schedule, the deadlines; what a step decides about who runs next |
//! | [`account`] | counters and the trace, which nothing decides by |
//! | [`machine`] | what the core asks of the hardware |
//! | [`frames`] | the frame allocator |
//! | [`tables`] | tables, lists, trees, and how large they are |
//!
//! # The route of an interrupt
//!
//! ```text
//!            arch/entry      arch        kernel                                     arch            user
//! fast path  direct stub ->  trap.rs ->  fast/trap.rs --------------------------->  trap/leave.rs -> driver
//!                               |                                                   ^
//! slow path                     '----->  traps.rs -> ipc/post.rs -> traps/tail.rs --'
//! ```
//!
//! 1. The stub (`arch/entry/src/stub/x86_64/direct.rs`, or that of i686) saves the registers and calls
//!    `direct_interrupt` (`arch/src/trap.rs`), which tries the fast path.
//! 2. Fast path, `fast/trap.rs`: [`Kernel::fast_interrupt`] gives the message to the driver. It takes a driver that
//!    waits alone and outranks every thread, while no thread is preempted and no slice is measured.
//! 3. Slow path, `traps.rs`: [`Kernel::interrupt`] counts the interrupt at its source (`objects/source.rs`), and masks
//!    a level line. This path also takes each interrupt of the idle loop and of an 8259A, and every NMI.
//! 4. `ipc/post.rs`: a thread that waits gets the message, or the source joins the endpoint's queue of events.
//! 5. `traps/tail.rs`: the highest-priority thread is switched to.
//! 6. The way out, `arch/src/trap/leave.rs`: resumes that thread with its message.
//! 7. The driver's next receive completes the message: `fast/receive.rs`, or `ipc/interrupt.rs`.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "fake"))]
extern crate std;

pub mod account;
pub mod boot;
mod budget;
mod calls;
mod create;
pub mod dispatch;
mod ends;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod fast;
pub mod frames;
mod ipc;
pub mod kernel;
mod lookup;
pub mod machine;
mod mapping;
pub mod objects;
mod ready;
mod request;
mod sweep;
mod switch;
pub mod tables;
#[cfg(test)]
mod tests;
mod traps;

pub use kernel::Kernel;
