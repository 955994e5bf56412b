//! Shared by the two bench programs: the partner's requests, the plan of a measuring thread, and the judgement of
//! samples.
//!
//! The measured code is assembly ([`threads`]), for two reasons: a row means the same with every compiler, and these
//! threads have no floating-point state, which compiled code on x86_64 soon has.
#![cfg_attr(not(test), no_std)]

#[cfg(target_os = "none")]
extern crate alloc;

mod cost;
#[cfg(target_os = "none")]
pub mod marks;
#[cfg(target_os = "none")]
pub mod meter;
#[cfg(target_os = "none")]
pub mod port;
#[cfg(all(target_os = "none", target_arch = "x86"))]
#[path = "i686.rs"]
pub mod threads;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
#[path = "x86_64.rs"]
pub mod threads;

pub use cost::{Cost, ROUNDS, WARM_UP};

use abi::Tag;

/// Asks the partner to send the words back.
pub const ECHO: u8 = 1;
/// Asks the partner when it got the call: word 0 of the answer, in cycles.
pub const STAMP: u8 = 2;
/// Asks the partner when it last got a notification: word 0 of the answer, in cycles.
pub const NOTIFIED: u8 = 3;
/// Asks the partner to use floating point, so that it has such state from then on.
pub const FLOAT: u8 = 4;
/// Asks the partner for the endpoint where its faulting thread's faults arrive: the handle in word 3 of the answer.
pub const FAULTS: u8 = 5;
/// Asks the partner for the endpoint where it serves all other requests later, in the same way: a client's own handle
/// either calls or notifies, and a row does both by one.
pub const BOTH: u8 = 7;
/// Asks the partner for its faulting thread, in the same way; then it becomes the server of all other requests.
pub const FAULTING: u8 = 6;

/// Asks the device's driver for the device's registers, and how they interrupt: word 0 of the answer is one of
/// [`BY_LINE`] and [`BY_MESSAGE`], word 3 a handle to their memory.
pub const REGISTERS: u8 = 5;
/// The device asserts a level-triggered line.
pub const BY_LINE: usize = 0;
/// The device writes a message.
pub const BY_MESSAGE: usize = 1;
/// Asks the device's driver when it last was interrupted: words 0 and 1 of the answer, in cycles.
pub const INTERRUPTED: u8 = 6;

/// The register of QEMU's teaching device that makes it interrupt.
pub const EDU_RAISE: usize = 0x60;
/// The register that acknowledges it.
pub const EDU_ACKNOWLEDGE: usize = 0x64;

/// The start of the addresses that the faulting thread reads, where nothing is mapped. The low bits are the time of the
/// read.
pub const FAULT_BASE: usize = 0xA000_0000;
/// The bits of a fault's time.
pub const FAULT_TIME: usize = 0x07FF_FFFF;
/// The bytes of the instruction that faults.
pub const FAULTING_BYTES: usize = 2;

/// The upper half of a time that no run sees: months of a machine whose cycles are nanoseconds.
pub const NEVER_HIGH: u32 = 1 << 22;

/// The plan of a measuring thread: the call that it makes again and again.
#[derive(Debug)]
#[repr(C)]
pub struct Plan {
    /// The handle of the call; where faults arrive.
    pub handle: usize,
    /// The tag of the call.
    pub tag: usize,
    /// The words of the call; the first is the thread whose faults are handled.
    pub words: [usize; 4],
    /// The count of rounds.
    pub rounds: usize,
    /// The place for the samples, one for each round.
    pub samples: *mut u32,
    /// The endpoint to notify when all is done.
    pub done: usize,
    /// Whether the thread is to have floating-point state: 0 or 1.
    pub float: usize,
    /// The device's register that makes it interrupt.
    pub raise: usize,
}

impl Plan {
    /// A call to be made in each round.
    pub fn of(handle: u32, tag: Tag, words: [usize; 4]) -> Self {
        let (rounds, samples) = (0, core::ptr::null_mut());
        Self { handle: handle as usize, tag: tag.0 as usize, words, rounds, samples, done: 0, float: 0, raise: 0 }
    }
}

/// The meaning of one sample of a measuring thread.
pub mod kind {
    /// From before the call to after it.
    pub const WHOLE: usize = 0;
    /// From before the call to the time in its answer.
    pub const THERE: usize = 1;
    /// From the time in the call's answer to after it.
    pub const BACK: usize = 2;
    /// From before a notification to the time that the partner says afterwards.
    pub const NOTIFY: usize = 3;
    /// From before the store that makes the device interrupt to the time that its driver says afterwards.
    pub const INTERRUPT: usize = 4;
    /// From before that store to after it, when the driver waits again. No call at all.
    pub const CYCLE: usize = 5;
    /// Nothing: what reading the clock twice costs.
    pub const NOTHING: usize = 6;
}
