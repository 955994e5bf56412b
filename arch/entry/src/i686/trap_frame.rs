//! [`TrapFrame`]: the registers of interrupted code.
use core::fmt;
use core::mem::{offset_of, size_of};

use crate::error_code::DecodeErrorCode;

/// The general and segment registers of interrupted code with its stack pointer, flags and `eip`, the vector and the
/// error code.
///
/// The frame has no floating-point state. The entries load DS and ES for the kernel, but the kernel runs with the
/// interrupted code's FS and GS (SDM 3A 3.4.2).
///
/// From the frame's end downwards: the words that the CPU pushes (SDM 3A figure 6-4), error code and vector, segment
/// registers, and the general registers in the order of `pushad`. The interrupted code is resumed with the fields as
/// they are then.
///
/// The CPU pushes `ss` and `esp` only if it changes rings (SDM 3A 6.12.1). From ring 0 the stubs write them, and
/// [`resume`](crate::resume) loads them: a frame of ring 0 can be copied, swapped and resumed elsewhere, like a frame
/// of ring 3.
#[repr(C, align(4))]
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a register's name says which it is")]
pub struct TrapFrame {
    pub edi: u32,
    pub esi: u32,
    pub ebp: u32,
    /// The stack pointer that `pushad` pushed in the stub, or the interrupted code's where a task gate was taken.
    /// `popad` skips this word.
    pub pushed_esp: u32,
    pub ebx: u32,
    pub edx: u32,
    pub ecx: u32,
    pub eax: u32,
    /// The upper half is undefined: not every CPU writes it when it pushes a segment register (SDM 2B, PUSH).
    pub ds: u32,
    /// As for `ds`.
    pub es: u32,
    /// As for `ds`.
    pub fs: u32,
    /// As for `ds`.
    pub gs: u32,
    /// The vector, or [`FAST_CALL`](crate::vector::FAST_CALL).
    pub vector: u32,
    /// The error code, 0 where the vector has none; see [`TrapFrame::error_code`]. In a frame of ring 0,
    /// [`resume`](crate::resume) overwrites it.
    pub error_code: u32,
    pub eip: u32,
    /// As for `ds`.
    pub cs: u32,
    pub eflags: u32,
    pub esp: u32,
    /// As for `ds`. [`resume`](crate::resume) doesn't load it for ring 0.
    pub ss: u32,
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
    /// Bytes below a frame that the kernel must leave unused, where frames aren't saved on a stack.
    ///
    /// If an instruction of the way out faults, the CPU pushes the fault's words right below the words that aren't
    /// popped yet, and the stub pushes the registers below them. Then the stub moves all of it down. The lowest word
    /// that isn't popped yet is at least at `ds`.
    pub const BYTES_BELOW: usize = size_of::<TrapFrame>().next_multiple_of(16);

    /// Bytes of a frame's end that the CPU doesn't push for ring 0: `ss` and `esp`.
    ///
    /// With [`TrapStack::PerCpu`](crate::TrapStack), a context of ring 0 whose interrupts are to be saved in the
    /// current frame keeps its stack pointer this many bytes below the frame's end.
    pub const SAME_RING_GAP: usize = size_of::<TrapFrame>() - offset_of!(TrapFrame, esp);

    /// Makes a frame of zeros.
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

    /// Returns whether ring 3 was interrupted.
    pub const fn from_user(&self) -> bool {
        self.cs & 3 == 3
    }

    /// Returns the address of the interrupted instruction, or of the next one after a trap.
    pub const fn instruction_pointer(&self) -> usize {
        self.eip as usize
    }

    /// Sets the instruction pointer (SDM 2A, IRET). The frame is then resumed by `iretd`.
    pub const fn set_instruction_pointer(&mut self, address: usize) {
        self.eip = address as u32;
        self.require_iret();
    }

    /// Returns the stack pointer.
    pub const fn stack_pointer(&self) -> usize {
        self.esp as usize
    }

    /// Sets the stack pointer.
    ///
    /// In a frame of ring 0 the [`TrapFrame::RESUME_BYTES`] below the stack pointer must be free: not in use, and not a
    /// part of the frame.
    pub const fn set_stack_pointer(&mut self, pointer: usize) {
        self.esp = pointer as u32;
    }

    /// Bytes that [`resume`](crate::resume) writes below the stack pointer of ring 0: `eip`, `cs` and `eflags`.
    pub const RESUME_BYTES: usize = offset_of!(TrapFrame, esp) - offset_of!(TrapFrame, eip);

    /// Bytes by which a stub moves the words of a trap of ring 0 down: room for `esp` and `ss` above them, and for the
    /// words that [`resume`](crate::resume) writes below the interrupted stack pointer.
    #[cfg(any(target_arch = "x86", test))]
    pub(crate) const MOVED_BYTES: usize = Self::SAME_RING_GAP + Self::RESUME_BYTES;

    /// Returns the flags register.
    pub const fn flags(&self) -> usize {
        self.eflags as usize
    }

    /// Sets the flags register (SDM 1 3.4.3). The frame is then resumed by `iretd`: `sysexit` loads no flags.
    pub const fn set_flags(&mut self, flags: usize) {
        self.eflags = flags as u32;
        self.require_iret();
    }

    /// Returns the vector, or [`FAST_CALL`](crate::vector::FAST_CALL).
    pub const fn vector(&self) -> usize {
        self.vector as usize
    }

    /// Decodes the error code as the type that the caller names (SDM 3A 6.13).
    pub fn error_code<E: DecodeErrorCode>(&self) -> E {
        E::decode(self.error_code)
    }

    /// Has the frame resumed by `iretd` (SDM 2A, IRET). `sysexit` restores neither ecx, edx nor cs and ss: call this
    /// after a change of those in a frame that `sysenter` saved.
    pub const fn require_iret(&mut self) {
        if self.vector == crate::vector::FAST_CALL as u32 {
            self.vector = crate::vector::REQUIRES_IRET as u32;
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
        print!(vector error_code eip cs eflags esp ss gs fs es ds eax ecx edx ebx pushed_esp ebp esi edi);
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
    fn room_covers_a_fault_of_any_exit_instruction() {
        // 3 words by the CPU, error code, vector, 4 segment registers, 8 general ones and flags by the stub, and the
        // words by which it moves them, all of them below `ds`.
        const { assert!(TrapFrame::BYTES_BELOW + offset_of!(TrapFrame, ds) >= (17 + 1) * 4 + TrapFrame::MOVED_BYTES) };
    }

    #[test]
    fn changed_flags_give_up_sysexit() {
        let mut frame = TrapFrame { vector: crate::vector::FAST_CALL as u32, ..TrapFrame::default() };
        frame.set_flags(0x202);
        assert_eq!((frame.vector(), frame.flags()), (crate::vector::REQUIRES_IRET, 0x202));
        assert_eq!(TrapFrame::SAME_RING_GAP, 8);
    }
}
