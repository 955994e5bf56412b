//! [`TrapFrame`]: the registers of interrupted code.
use core::fmt;
use core::mem::{offset_of, size_of};

use crate::error_code::DecodeErrorCode;

/// The general registers of interrupted code with its stack pointer, flags, `cs`, `rip` and `ss`, the vector and the
/// error code.
///
/// The frame has neither the bases of FS and GS, nor `ds`, `es`, `fs`, `gs`, nor floating-point state: the entries
/// leave them as they are, but for the GS base with [`UserGs::Swapped`](crate::UserGs). Ring 3 may change all of them
/// (SDM 3A 3.4.4). A kernel that switches threads by returning another frame switches them itself, or the next thread
/// finds the last one's.
///
/// From the frame's end downwards: the words that the CPU pushes (SDM 3A figure 6-9), error code and vector, general
/// registers. The interrupted code is resumed with the fields as they are then.
#[repr(C, align(16))]
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a register's name says which it is")]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r9: u64,
    pub r8: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rax: u64,
    /// `syscall` spoils rcx and r11, and r10 may pass the stack pointer: the three lie together so that its exit skips
    /// them.
    pub r11: u64,
    pub r10: u64,
    pub rcx: u64,
    /// The vector, or [`FAST_CALL`](crate::vector::FAST_CALL).
    pub vector: u64,
    /// The error code, 0 where the vector has none; see [`TrapFrame::error_code`].
    pub error_code: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

const _: () = assert!(
    size_of::<TrapFrame>().is_multiple_of(16),
    "a frame that ends on 16 bytes must begin on 16, or handlers run on a misaligned stack"
);
const _: () = assert!(
    size_of::<TrapFrame>() == 22 * size_of::<u64>(),
    "padding in TrapFrame would put the CPU's part elsewhere than where the CPU pushes it"
);
const _: () = assert!(
    offset_of!(TrapFrame, ss) + size_of::<u64>() == size_of::<TrapFrame>()
        && offset_of!(TrapFrame, error_code) + 6 * size_of::<u64>() == size_of::<TrapFrame>(),
    "the CPU pushes ss, rsp, rflags, cs, rip and the error code downwards from the frame's end"
);

impl TrapFrame {
    /// Bytes below a frame that the kernel must leave unused, where frames aren't saved on a stack (SDM 3A 6.14.2,
    /// 6.14.3).
    ///
    /// If `iretq` faults, the CPU pushes the fault's words right below those that `iretq` reads, 16-byte aligned, and
    /// the stub pushes the registers below them. Together these are more bytes than the frame has below its rip.
    pub const BYTES_BELOW: usize = size_of::<TrapFrame>() - (offset_of!(TrapFrame, rip) & !0xF);

    /// Bytes of a frame's end that the CPU doesn't push for ring 0: none, as opposed to i686.
    ///
    /// With [`TrapStack::PerCpu`](crate::TrapStack), a context of ring 0 whose interrupts are to be saved in the
    /// current frame keeps its stack pointer this many bytes below the frame's end.
    pub const SAME_RING_GAP: usize = 0;

    /// Makes a frame of zeros.
    pub const fn new() -> Self {
        Self {
            r15: 0,
            r14: 0,
            r13: 0,
            r12: 0,
            rbp: 0,
            rbx: 0,
            r9: 0,
            r8: 0,
            rdx: 0,
            rsi: 0,
            rdi: 0,
            rax: 0,
            r11: 0,
            r10: 0,
            rcx: 0,
            vector: 0,
            error_code: 0,
            rip: 0,
            cs: 0,
            rflags: 0,
            rsp: 0,
            ss: 0,
        }
    }

    /// Returns whether ring 3 was interrupted.
    pub const fn from_user(&self) -> bool {
        self.cs & 3 == 3
    }

    /// Returns the address of the interrupted instruction, or of the next one after a trap.
    pub const fn instruction_pointer(&self) -> usize {
        self.rip as usize
    }

    /// Sets the instruction pointer (SDM 2A, IRET). The frame is then resumed by `iretq`.
    pub const fn set_instruction_pointer(&mut self, address: usize) {
        self.rip = address as u64;
        self.require_iret();
    }

    /// Returns the stack pointer.
    pub const fn stack_pointer(&self) -> usize {
        self.rsp as usize
    }

    /// Sets the stack pointer.
    pub const fn set_stack_pointer(&mut self, pointer: usize) {
        self.rsp = pointer as u64;
    }

    /// Returns the flags register.
    pub const fn flags(&self) -> usize {
        self.rflags as usize
    }

    /// Sets the flags register.
    pub const fn set_flags(&mut self, flags: usize) {
        self.rflags = flags as u64;
    }

    /// Returns the vector, or [`FAST_CALL`](crate::vector::FAST_CALL).
    pub const fn vector(&self) -> usize {
        self.vector as usize
    }

    /// Decodes the error code as the type that the caller names (SDM 3A 6.13).
    pub fn error_code<E: DecodeErrorCode>(&self) -> E {
        E::decode(self.error_code as u32)
    }

    /// Has the frame resumed by `iretq` (SDM 2A, IRET). `sysretq` restores neither rcx, r10, r11 nor cs and ss: call
    /// this after a change of those in a frame that `syscall` saved.
    pub const fn require_iret(&mut self) {
        if self.vector == crate::vector::FAST_CALL as u64 {
            self.vector = crate::vector::REQUIRES_IRET as u64;
        }
    }
}

/// Prints the fields in hexadecimal, from the instruction pointer on.
impl fmt::Debug for TrapFrame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("TrapFrame");
        macro_rules! print {
            ($($field:ident)*) => { $(fields.field(stringify!($field), &format_args!("{:#x}", self.$field));)* };
        }
        print!(vector error_code rip cs rflags rsp ss rcx r10 r11 rax rdi rsi rdx r8 r9 rbx rbp r12 r13 r14 r15);
        fields.finish()
    }
}

impl Default for TrapFrame {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_covers_a_fault_of_iretq() {
        // The CPU aligns the stack pointer at &rip down to 16 and pushes 6 words, the stub pushes 16 more.
        let pushes = offset_of!(TrapFrame, rip) / 16 * 16;
        assert_eq!(pushes + TrapFrame::BYTES_BELOW, 22 * 8);
        assert_eq!(TrapFrame::BYTES_BELOW % 16, 0);
    }

    #[test]
    fn a_changed_instruction_pointer_gives_up_sysret() {
        let mut frame = TrapFrame { vector: 0x100, cs: 0x2B, ..TrapFrame::default() };
        frame.set_instruction_pointer(0x1234);
        assert_eq!((frame.vector(), frame.instruction_pointer()), (crate::vector::REQUIRES_IRET, 0x1234));
        assert!(frame.from_user());
    }
}
