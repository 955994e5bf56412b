//! x86_64: entries and exits.
#[macro_use]
mod instructions;
mod direct;
mod exit;
mod fast_call;
mod gate;
mod keeping;
mod message_call;
mod paranoid;

use core::mem::offset_of;

pub(crate) use direct::direct_common;
pub use exit::resume;
pub(crate) use exit::{RESUME_BYTES, is_in_resume, resume_plain, resume_r10, resume_swapping, resume_swapping_r10};
pub use fast_call::{SYSCALL_FLAG_MASK, enable_fast_calls};
pub(crate) use gate::{common, stub};
use keeping::keeping;
pub use message_call::{enable_message_calls, resume_with_message};
pub(crate) use paranoid::paranoid_stub;

use crate::entry_data::EntryData;

/// The offset in [`EntryData`] of TSS.rsp0, the end of the current frame.
const RSP0: usize = offset_of!(EntryData, tss) + offset_of!(x86::bits64::task::TaskStateSegment, rsp);
