//! i686: entries and exits.
#![expect(bad_asm_style, reason = "only AT&T syntax gets 32-bit pushes of segment registers, see push_registers")]
#![expect(
    clippy::extra_unused_type_parameters,
    reason = "stubs are named alike on both widths; x86_64's differ by `Entries`"
)]
#[macro_use]
mod instructions;
mod debug;
mod direct;
mod exit;
mod fast_call;
mod gate;
mod keeping;
mod message_call;

use instructions::{PUSHED_FLAGS, PUSHED_REGISTERS};

use core::mem::offset_of;

pub(crate) use debug::debug_stub;
pub(crate) use direct::direct_common;
pub use exit::resume;
pub(crate) use exit::resume_frame;
pub(crate) use exit::{is_in_resume, is_on_way_to_ring_0, popped_at_sysexit};
pub use fast_call::enable_fast_calls;
pub(crate) use gate::{common, stub};
pub(crate) use keeping::keeping;
use message_call::is_in_leave;
pub use message_call::{enable_message_calls, resume_with_message};

use crate::entry_data::{EntryData, ROOM_BELOW_TSS};
use crate::kernel_entry::{EntryDataLocation, KernelEntry};

/// EFLAGS with which `sysexit` leaves the caller: IF, and the bit that is always set. `sysenter` saves no flags.
const CALLER_FLAGS: u32 = INTERRUPT_FLAG | CLEAN_FLAGS;

/// EFLAGS.IF.
const INTERRUPT_FLAG: u32 = 1 << 9;

/// EFLAGS without the flags that user code can set: NT, AC, TF, DF, ID and the arithmetic flags.
const CLEAN_FLAGS: u32 = 1 << 1;

/// TF. A frame with it goes back by `iretd`.
const TRAP_FLAG: u32 = 1 << 8;

/// Bytes that a trap of ring 0 pushes on the interrupted stack before its stub moves to another one: three words by the
/// CPU, error code and vector, [`push_registers`] and [`clean_flags`].
const PUSHED_IN_RING_0: usize = (3 + 2 + PUSHED_REGISTERS + PUSHED_FLAGS) * size_of::<u32>();

const _: () = assert!(
    PUSHED_IN_RING_0 <= ROOM_BELOW_TSS + offset_of!(x86::bits32::task::TaskStateSegment, esp0),
    "a #DB at the first instruction of `sysenter`'s entry, where esp is the address of esp0, would write elsewhere"
);

/// The offset in [`EntryData`] of TSS.esp0, the end of the current frame.
const ESP0: usize = offset_of!(EntryData, tss) + offset_of!(x86::bits32::task::TaskStateSegment, esp0);

/// Encodes the data's location. i686 has no GS base.
const fn location<K: KernelEntry>() -> usize {
    assert!(
        !matches!(K::DATA_LOCATION, EntryDataLocation::GsBase),
        "i686 has no GS base: use EntryDataLocation::Static or EntryDataLocation::Fixed"
    );
    K::DATA_LOCATION.kind()
}
