//! Vectors: the exceptions with their classes of handlers, and ranges of other vectors.
//!
//! An exception's vector is a constant of its own type, so that a handler of the wrong kind for its vector is a
//! compile error and not a shifted stack: the CPU pushes an error code for ten vectors and none for the others
//! (SDM 3A table 6-1; APM 2 table 8-1 for 29 and 30). What each exception means is SDM 3A 6.15.
use core::marker::PhantomData;

use crate::TrapFrame;
use crate::error_code::{ControlProtectionErrorCode, ErrorCode, PageFaultErrorCode, SelectorErrorCode};

/// Bit `n` is set where the CPU pushes an error code for vector `n` (SDM 3A table 6-1, APM 2 table 8-1).
pub(crate) const WITH_ERROR_CODE: u32 = 1 << 8 | 0b1_1111 << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;

/// Returns whether the CPU pushes an error code for this vector (SDM 3A table 6-1).
pub const fn pushes_error_code(vector: usize) -> bool {
    vector < 32 && WITH_ERROR_CODE >> vector & 1 == 1
}

/// The value in the vector field of a frame that `syscall` or `sysenter` saved (SDM 3A 5.8.7, 5.8.8). No vector of the
/// IDT has this number.
///
/// [`resume`](crate::resume) takes such a frame back by `sysret` or `sysexit` where that is safe. A kernel that changes
/// the frame's instruction pointer, selectors or flags, or a register that these instructions spoil, calls
/// [`TrapFrame::require_iret`].
pub const FAST_CALL: usize = 0x100;

/// A value for the vector field of a frame that no entry saved, or that was changed (SDM 2A, IRET): the frame is
/// resumed by `iret`.
pub const REQUIRES_IRET: usize = 0x200;

/// The bit in a vector field's second byte that is set for [`FAST_CALL`] alone. A `test` of the byte that finds the bit
/// set leaves the arithmetic flags clean.
#[cfg(target_arch = "x86")]
pub(crate) const FAST_CALL_MARK: usize = FAST_CALL >> 8;

/// The class of vectors that push no error code (SDM 3A table 6-1): the type of their handlers.
pub type PlainHandler = fn(&mut TrapFrame);

/// The class of vectors that push an error code, which decodes to `E` (SDM 3A 6.13): the type of their handlers.
pub type ErrorCodeHandler<E> = fn(&mut TrapFrame, E);

/// The class of vectors from which there is no return: the type of their handlers.
pub type DivergingHandler = fn(&mut TrapFrame) -> !;

/// The class of vectors that aren't exceptions. One handler can take many of them, and gets the vector.
pub type InterruptHandler = fn(&mut TrapFrame, u8);

/// An exception: its vector, and the class of its handlers.
#[derive(Clone, Copy, Debug)]
pub struct Exception<const VECTOR: usize, Class>(PhantomData<Class>);

/// A range of vectors from `FIRST` to `LAST` inclusive, none of which is an exception (SDM 3A 6.2):
/// `VectorRange::<32, 47>`.
///
/// A range with exceptions in it, vectors below 32, doesn't compile: some exceptions push an error code.
#[derive(Clone, Copy, Debug)]
pub struct VectorRange<const FIRST: u8, const LAST: u8>;

impl<const VECTOR: usize, Class> Exception<VECTOR, Class> {
    const fn new() -> Self {
        Self(PhantomData)
    }

    /// Returns the vector's number.
    pub const fn number(self) -> usize
    where
        Self: Copy,
    {
        VECTOR
    }
}

macro_rules! exceptions {
    ($($(#[$doc:meta])* $name:ident = $number:literal: $class:ty;)*) => {
        $($(#[$doc])* pub const $name: Exception<$number, $class> = Exception::new();)*

        /// Returns the name of a vector's constant, for messages.
        pub const fn name(vector: usize) -> &'static str {
            match vector {
                $($number => stringify!($name),)*
                0..32 => "RESERVED",
                FAST_CALL => "FAST_CALL",
                _ => "INTERRUPT",
            }
        }
    };
}

exceptions! {
    /// #DE: a division by zero, or one whose quotient is too large.
    DIVIDE_ERROR = 0: PlainHandler;
    /// #DB: a trap or a fault, by cause (DR6 tells).
    DEBUG = 1: PlainHandler;
    /// The non-maskable interrupt (SDM 3A 6.7): another is held back until the next `iret`.
    NON_MASKABLE_INTERRUPT = 2: PlainHandler;
    /// #BP, from `int3`: the instruction pointer is behind it.
    BREAKPOINT = 3: PlainHandler;
    /// #OF, from `into` (i686: 64-bit mode has no such instruction).
    OVERFLOW = 4: PlainHandler;
    /// #BR, from `bound` (i686: 64-bit mode has no such instruction).
    BOUND_RANGE_EXCEEDED = 5: PlainHandler;
    /// #UD: no such instruction, or one that the CPU's state doesn't allow.
    INVALID_OPCODE = 6: PlainHandler;
    /// #NM: floating point is switched off (CR0.TS or CR0.EM, SDM 3A 2.5).
    DEVICE_NOT_AVAILABLE = 7: PlainHandler;
    /// #DF: an abort, from which code can't be resumed (SDM 3A 6.15).
    DOUBLE_FAULT = 8: DivergingHandler;
    /// Raised by the 80386 and 80387 only.
    COPROCESSOR_SEGMENT_OVERRUN = 9: PlainHandler;
    /// #TS: a task switch or a stack switch met a bad segment.
    INVALID_TSS = 10: ErrorCodeHandler<SelectorErrorCode>;
    /// #NP: a segment or gate that isn't present.
    SEGMENT_NOT_PRESENT = 11: ErrorCodeHandler<SelectorErrorCode>;
    /// #SS: a bad stack segment, or an address that isn't canonical, by way of the stack.
    STACK_SEGMENT_FAULT = 12: ErrorCodeHandler<SelectorErrorCode>;
    /// #GP: a violation that has no exception of its own.
    GENERAL_PROTECTION = 13: ErrorCodeHandler<SelectorErrorCode>;
    /// #PF; the address is in CR2 (SDM 3A 4.7).
    PAGE_FAULT = 14: ErrorCodeHandler<PageFaultErrorCode>;
    /// #MF: an unmasked x87 exception.
    X87_FLOATING_POINT = 16: PlainHandler;
    /// #AC: its error code is 0.
    ALIGNMENT_CHECK = 17: ErrorCodeHandler<ErrorCode>;
    /// #MC: an abort (SDM 3B 15.10).
    MACHINE_CHECK = 18: DivergingHandler;
    /// #XM: an unmasked SSE exception.
    SIMD_FLOATING_POINT = 19: PlainHandler;
    /// #VE: an EPT violation that the hypervisor leaves to the guest's kernel.
    VIRTUALIZATION = 20: PlainHandler;
    /// #CP: a return or jump to elsewhere than shadow stack or `endbr` allow.
    CONTROL_PROTECTION = 21: ErrorCodeHandler<ControlProtectionErrorCode>;
    /// #HV: a hypervisor's event for an encrypted guest (APM 2 15.36.16).
    HYPERVISOR_INJECTION = 28: PlainHandler;
    /// #VC: an encrypted guest did what its hypervisor must help with (APM 2 15.35.5).
    VMM_COMMUNICATION = 29: ErrorCodeHandler<ErrorCode>;
    /// #SX: an INIT that was turned into an exception (APM 2 8.2, vector 30).
    SECURITY = 30: ErrorCodeHandler<ErrorCode>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_ten_vectors_push_an_error_code() {
        let with: [usize; 10] = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
        for vector in 0..=FAST_CALL {
            assert_eq!(pushes_error_code(vector), with.contains(&vector), "vector {vector}");
        }
    }
}
