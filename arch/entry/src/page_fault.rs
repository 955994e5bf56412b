//! [`PageFault`]: a page fault's cause with its address.
use crate::TrapFrame;
use crate::error_code::PageFaultErrorCode;

/// A page fault: why it happened, and the address that was accessed (CR2, SDM 3A 4.7).
///
/// A handler of [`PAGE_FAULT`](crate::vector::PAGE_FAULT) may take this instead of a [`PageFaultErrorCode`]. The
/// address is read before anything else runs that could fault, the kernel's hooks included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFault {
    /// The address whose access failed.
    pub address: usize,
    /// Why the access failed.
    pub code: PageFaultErrorCode,
}

impl PageFault {
    /// Reads the address from CR2, and the cause from a page fault's frame (SDM 3A 6.15, interrupt 14). For
    /// [`KernelEntry::trap`]: call this before anything that may cause another page fault, and before interrupts are
    /// switched on.
    ///
    /// # Safety
    ///
    /// The CPU is in ring 0.
    ///
    /// [`KernelEntry::trap`]: crate::KernelEntry::trap
    pub unsafe fn read(frame: &TrapFrame) -> Self {
        // SAFETY: the caller promises ring 0.
        let address = unsafe { x86::controlregs::cr2() };
        Self { address, code: frame.error_code() }
    }
}
