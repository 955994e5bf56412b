//! A kernel without ring 3 that names no data segment for it. On i686 every stub would load a null selector into DS and
//! ES, so there the kernel must not compile.
use core::ptr::NonNull;

use x86_entry::{GlobalDescriptorTable, InterruptDescriptorTable, KernelEntry, Selectors, TrapFrame, WithoutSmap};

/// The kernel.
#[derive(Debug)]
pub struct NoUserData;

// SAFETY: no table is loaded.
unsafe impl KernelEntry for NoUserData {
    const SELECTORS: Selectors = Selectors { user_code: 0, user_data: 0, ..GlobalDescriptorTable::SELECTORS };

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        panic!("{frame:?}")
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("{frame:?}")
    }
}

/// Fills a table: not before this is compiled are the kernel's constants looked at.
pub fn fill(table: &mut InterruptDescriptorTable) {
    table.fill::<NoUserData, WithoutSmap>().trap_every_vector();
}
