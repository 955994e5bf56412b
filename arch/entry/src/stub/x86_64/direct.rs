//! The fast path of devices' interrupts: stubs that pass the vector alone.
use core::arch::naked_asm;
use core::mem::offset_of;

use super::gate::saved;
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::kernel_entry::{DirectInterrupts, Entries};
use crate::target::Trap;
use crate::x86_64::TrapFrame;

/// Saves the registers, moves to the kernel's stack, and calls [`DirectInterrupts::direct_interrupt`] with the vector.
///
/// An interrupt of ring 0 goes to [`saved`], the slow path.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn direct_common<K: DirectInterrupts, S: Entries>() {
    naked_asm!(
        push_registers!(),
        "test byte ptr [rsp + {cs}], 3",
        "jz {saved}",
        "cld",
        ".if {clears_ac}",
        "clac",
        ".endif",
        "mov edi, [rsp + {vector}]",
        with_entry_data!("mov rsp,", "stack_top", ""),
        "call {direct_interrupt}",
        cs = const offset_of!(TrapFrame, cs),
        saved = sym saved::<K, Trap<K>, S>,
        clears_ac = const S::CLEARS_AC,
        vector = const offset_of!(TrapFrame, vector),
        location = const K::DATA_LOCATION.kind(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        direct_interrupt = sym K::direct_interrupt,
    )
}
