//! The page of code by which i686 programs call the kernel: by `sysenter` if the CPU has it, else by the gate.
//!
//! `sysenter` saves no return address. The kernel always returns to the instruction of this page that follows it. So
//! the two registers that `sysexit` takes need no message word.

use kernel::frames::Frame;

use crate::cpu::features::has_sysenter;
use crate::layout;
use crate::memory::{BootMemory, address_of};
use crate::paging::{Flags, KernelTables};

/// `mov ecx, esp; sysenter; ret`: the kernel comes back to the `ret`, with the stack pointer that it found in ecx.
pub const FAST: [u8; 5] = [0x89, 0xE1, 0x0F, 0x34, 0xC3];
/// `int 0x80; ret`.
pub const GATE: [u8; 3] = [0xCD, 0x80, 0xC3];

/// The address to which `sysexit` returns.
pub(crate) const RETURN_ADDRESS: usize = abi::CALL_PAGE_I686 as usize + FAST.len() - 1;

/// Gives the code at the page's beginning.
fn code(has_sysenter: bool) -> &'static [u8] {
    if has_sysenter { &FAST } else { &GATE }
}

/// Maps the page, in a frame of its own, which user mode may read and execute.
///
/// The page stands in the kernel's quarter, whose tables all spaces share, and so costs a process nothing.
pub(crate) fn map(memory: &mut BootMemory, root: Frame) -> Option<()> {
    let frame = memory.take(1)?;
    let page = layout::direct(address_of(frame))?;
    let code = code(has_sysenter());
    // SAFETY: the frame was just taken and is mapped there; the code is shorter than a page.
    unsafe { page.copy_from_nonoverlapping(code.as_ptr(), code.len()) };
    let flags = Flags::USER | Flags::GLOBAL;
    KernelTables::new(root).map(abi::CALL_PAGE_I686 as usize, frame, flags, &mut || memory.take(1))
}
