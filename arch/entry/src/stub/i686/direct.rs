//! The fast path of devices' interrupts: stubs that pass the vector alone.
use core::arch::naked_asm;
use core::mem::offset_of;

use super::gate::saved_in_ring_0;
use super::{CLEAN_FLAGS, location};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::i686::TrapFrame;
use crate::kernel_entry::{DirectInterrupts, Entries};
use crate::target::Trap;

/// Saves the registers, moves to the kernel's stack, and calls [`DirectInterrupts::direct_interrupt`] with the vector.
///
/// An interrupt of ring 0 goes to [`saved_in_ring_0`], the slow path.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn direct_common<K: DirectInterrupts, S: Entries>() {
    naked_asm!(
        push_registers!(),
        "test byte ptr [esp + {cs}], 3",
        "jz {saved_in_ring_0}",
        load_segments!(),
        clean_flags!(),
        "mov ecx, [esp + {vector}]",
        with_entry_data!("mov esp,", "stack_top", ""),
        "call {direct_interrupt}",
        cs = const offset_of!(TrapFrame, cs),
        saved_in_ring_0 = sym saved_in_ring_0::<K, Trap<K>, S>,
        data = const K::SELECTORS.user_data,
        clean_flags = const CLEAN_FLAGS,
        vector = const offset_of!(TrapFrame, vector),
        location = const location::<K>(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        direct_interrupt = sym K::direct_interrupt,
    )
}
