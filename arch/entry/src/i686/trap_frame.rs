//! The registers of interrupted code, as the entry stubs save them.
use core::mem::{offset_of, size_of};

use crate::error_code::DecodeErrorCode;

/// Every register that interrupted code had, and how it was interrupted.
///
/// From the end down: what the CPU pushes (SDM 3A figure 6-4), error code and vector, segment registers, and the
/// general registers in the order of `pushad`. A change to a field is what the code sees when it is resumed.
///
/// The CPU pushes `ss` and `esp` only if it changes rings: in a frame that came from ring 0 they hold whatever lay
/// on the stack, so they are private and [`TrapFrame::stack_pointer`] knows when to read them.
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a register's name says which it is")]
pub struct TrapFrame {
    pub edi: u32,
    pub esi: u32,
    pub ebp: u32,
    /// What `pushad` saw: the stack pointer within the stub, or the interrupted one if a task gate was taken. `popad`
    /// skips it.
    pub pushed_esp: u32,
    pub ebx: u32,
    pub edx: u32,
    pub ecx: u32,
    pub eax: u32,
    /// The upper half is undefined: CPUs differ in whether a push of a segment register writes it.
    pub ds: u32,
    /// As for `ds`.
    pub es: u32,
    /// As for `ds`.
    pub fs: u32,
    /// As for `ds`.
    pub gs: u32,
    /// The vector, or [`FAST_CALL`](crate::vector::FAST_CALL).
    pub vector: u32,
    /// The error code, 0 where the vector has none; see [`TrapFrame::error_code`].
    pub error_code: u32,
    pub eip: u32,
    /// As for `ds`.
    pub cs: u32,
    pub eflags: u32,
    esp: u32,
    ss: u32,
}

const _: () = assert!(
    size_of::<TrapFrame>() == 19 * size_of::<u32>(),
    "padding in TrapFrame would put the CPU's part elsewhere than where the CPU pushes it"
);
const _: () = assert!(
    offset_of!(TrapFrame, ss) + size_of::<u32>() == size_of::<TrapFrame>()
        && offset_of!(TrapFrame, error_code) + 6 * size_of::<u32>() == size_of::<TrapFrame>(),
    "the CPU pushes ss, esp, eflags, cs, eip and the error code downwards from the frame's end"
);
const _: () = assert!(
    offset_of!(TrapFrame, edi) == 0 && offset_of!(TrapFrame, eax) + size_of::<u32>() == offset_of!(TrapFrame, ds),
    "pushad pushes eax first and edi last, right below ds"
);

impl TrapFrame {
    /// Bytes below a frame that the kernel must own, where frames are saved anywhere but on a stack.
    ///
    /// If an instruction of the exit path faults, the CPU pushes the fault right below what is still to be popped, and
    /// the stub the registers below that: a same-ring frame, which is a frame without `ss` and `esp`.
    pub const BYTES_BELOW: usize = offset_of!(TrapFrame, esp).next_multiple_of(16);

    /// Bytes that a ring-0 frame lacks: the CPU pushes no `ss` and `esp` for it.
    ///
    /// A kernel context whose interrupts shall save into a frame puts its stack pointer so far below the frame's end.
    pub const SAME_RING_GAP: usize = size_of::<TrapFrame>() - offset_of!(TrapFrame, esp);

    /// A frame of zeros, to be built up.
    pub const fn new() -> Self {
        Self {
            edi: 0,
            esi: 0,
            ebp: 0,
            pushed_esp: 0,
            ebx: 0,
            edx: 0,
            ecx: 0,
            eax: 0,
            ds: 0,
            es: 0,
            fs: 0,
            gs: 0,
            vector: 0,
            error_code: 0,
            eip: 0,
            cs: 0,
            eflags: 0,
            esp: 0,
            ss: 0,
        }
    }

    /// Whether ring 3 was interrupted.
    pub const fn from_user(&self) -> bool {
        self.cs & 3 == 3
    }

    /// The interrupted instruction's address, or the next one's after a trap.
    pub const fn instruction_pointer(&self) -> usize {
        self.eip as usize
    }

    /// Changes where the code goes on; it is then resumed by `iretd`.
    pub const fn set_instruction_pointer(&mut self, address: usize) {
        self.eip = address as u32;
        self.require_iret();
    }

    /// The stack pointer where the frame came from ring 3.
    pub const fn stack_pointer(&self) -> Option<usize> {
        if self.from_user() { Some(self.esp as usize) } else { None }
    }

    /// The stack segment where the frame came from ring 3.
    pub const fn stack_segment(&self) -> Option<u16> {
        if self.from_user() { Some(self.ss as u16) } else { None }
    }

    /// Sets the stack of a frame that is to be resumed in ring 3; in a ring-0 frame `iretd` reads no stack.
    pub const fn set_stack(&mut self, segment: u16, pointer: usize) {
        self.ss = segment as u32;
        self.esp = pointer as u32;
    }

    /// The flags register.
    pub const fn flags(&self) -> usize {
        self.eflags as usize
    }

    /// Sets the flags register.
    pub const fn set_flags(&mut self, flags: usize) {
        self.eflags = flags as u32;
    }

    /// The vector, or [`FAST_CALL`](crate::vector::FAST_CALL).
    pub const fn vector(&self) -> usize {
        self.vector as usize
    }

    /// Decodes the error code.
    pub fn error_code<E: DecodeErrorCode>(&self) -> E {
        E::decode(self.error_code)
    }

    /// Gives up the short way back to a `sysenter`, which restores neither ecx, edx nor cs and ss.
    pub const fn require_iret(&mut self) {
        if self.vector == crate::vector::FAST_CALL as u32 {
            self.vector = crate::vector::REQUIRES_IRET as u32;
        }
    }

    /// Where `esp` lies, for the stubs: the field is private.
    #[cfg_attr(not(target_arch = "x86"), expect(dead_code, reason = "only i686 has the stubs that ask"))]
    pub(crate) const ESP: usize = offset_of!(TrapFrame, esp);
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
    fn room_covers_a_fault_of_any_exit_instruction() {
        // 3 words by the CPU, error code, vector, 4 segment registers and 8 general ones by the stub.
        const { assert!(TrapFrame::BYTES_BELOW >= 17 * 4) };
    }

    #[test]
    fn ring_0_frames_have_no_stack_pointer() {
        let mut frame = TrapFrame { cs: 0x08, ..TrapFrame::default() };
        frame.set_stack(0x23, 0x1000);
        assert_eq!((frame.stack_pointer(), frame.stack_segment()), (None, None));
        frame.cs = 0x1B;
        assert_eq!((frame.stack_pointer(), frame.stack_segment()), (Some(0x1000), Some(0x23)));
        assert_eq!(TrapFrame::SAME_RING_GAP, 8);
    }
}
