//! What Bellwire's kernel and its user programs agree on.
//!
//! The kernel decodes what this crate defines and the SDK encodes it, so the two can't drift apart: one table
//! ([`for_each_call`]) yields the call numbers, the decoder, the rights that each call needs, the SDK's stubs and
//! the reference page. Everything here is plain data in safe Rust, for both widths.
//!
//! Words are `usize`. Portable programs use 32 bits of a word; 64-bit quantities (time, physical addresses) travel
//! as two words, low half first, on both widths.
//!
//! # Registers
//!
//! | | x86_64 | i686 |
//! |---|---|---|
//! | handle (in) | `eax` | `edx` |
//! | [`Tag`] (in and out) | `rdi` | `eax` |
//! | words 0 to 3 (in and out) | `rsi`, `rdx`, `r8`, `r9` | `ebx`, `esi`, `edi`, `ebp` |
//! | stack pointer (in) | `r10` | `ecx` (set by the call page) |
//! | destroyed | `rax` (0 afterwards), `rcx`, `r10`, `r11` | `ecx`, `edx` |
#![no_std]
#![forbid(unsafe_code)]

mod call;
mod error;
mod exit;
mod info;
mod interrupt;
mod line;
mod message;
mod register;
mod rights;
mod share;
mod startup;

pub use call::{CallDescription, DESCRIPTIONS, Operation, Safety};
pub use error::Error;
pub use exit::{Exception, ExitKind, PageFaultCode};
pub use info::{InfoItem, InterruptPart, ProcessPart, ThreadPart, ThreadState};
pub use interrupt::{InterruptFlags, InterruptMessage};
pub use line::{FIRST_VECTOR, LineFlags, LineState, RouteKind};
pub use message::{Access, Kind, Message, Options, Tag, join, split};
pub use register::Register;
pub use rights::{NotifyMask, ObjectKind, Rights};
pub use share::Share;
pub use startup::{StartupBlock, StartupEntry, StartupKind};

/// The size of a page and of a frame, in bytes, on both widths.
pub const PAGE_BYTES: usize = 4096;

/// The handle value that names nothing: "myself" where a call takes an optional process or thread.
pub const NO_HANDLE: u32 = 0;

/// The number of thread priorities; 0 is the lowest, `PRIORITIES - 1` the highest.
pub const PRIORITIES: u8 = 64;

/// The pages that one call maps or unmaps at most; longer work is a loop of calls in user mode, so that no call keeps
/// interrupts off for long.
pub const PAGES_PER_CALL: usize = 8;

/// The bytes that one call zeroes at most, of memory to prepare or of a frame that is to be a page table: half a page.
pub const BYTES_ZEROED_PER_CALL: usize = PAGE_BYTES / 2;

/// The ports of a range that a process can use at most: a range to be used is bounded, one that is only claimed isn't.
pub const PORTS_PER_RANGE: usize = 256;

/// The ranges of ports that a process can use at most.
pub const PORT_RANGES_PER_PROCESS: usize = 4;

/// The objects that the quotas of all programs may allow together. The kernel has room for that many of each kind that
/// takes no claim to hardware, so no program can keep another from what its quota allows.
pub const OBJECTS: usize = 1_900;

/// What a process counts as in its maker's quota, beside the quota that it is given: the process and its part of the
/// handle table.
pub const OBJECTS_PER_PROCESS: u32 = 2;

/// The threads of a process at most: a loop over all of them is bounded work.
pub const THREADS_PER_PROCESS: usize = 16;

/// The line number under which the non-maskable interrupt can be claimed.
pub const LINE_NMI: usize = 255;

/// Where the i686 call page is mapped: the code of the fastest system call that this CPU has. It is the one page of the
/// kernel's quarter that programs may execute: there all processes share its tables.
pub const CALL_PAGE_I686: u32 = 0xFFFF_E000;

/// Where user programs may map: from the second page to this address (exclusive).
#[cfg(target_pointer_width = "32")]
pub const USER_END: usize = 0xC000_0000;
/// Where user programs may map: from the second page to this address (exclusive).
#[cfg(target_pointer_width = "64")]
pub const USER_END: usize = 0x0000_7FFF_FFFF_F000;
