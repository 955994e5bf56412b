//! The registers that `thread_read` and `thread_write` name.

/// A register of a stopped or faulted thread. Numbers are shared by both widths; a name that a width lacks is
/// [`crate::Error::BadArgument`] there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Register {
    /// EAX, RAX.
    Ax = 0,
    /// EBX, RBX.
    Bx = 1,
    /// ECX, RCX.
    Cx = 2,
    /// EDX, RDX.
    Dx = 3,
    /// ESI, RSI.
    Si = 4,
    /// EDI, RDI.
    Di = 5,
    /// EBP, RBP.
    Bp = 6,
    /// ESP, RSP.
    Sp = 7,
    /// R8, x86_64 only; R9 to R15 follow.
    R8 = 8,
    /// R9.
    R9 = 9,
    /// R10.
    R10 = 10,
    /// R11.
    R11 = 11,
    /// R12.
    R12 = 12,
    /// R13.
    R13 = 13,
    /// R14.
    R14 = 14,
    /// R15.
    R15 = 15,
    /// EIP, RIP.
    Ip = 16,
    /// EFLAGS, RFLAGS; only the flags that user mode may change are written.
    Flags = 17,
    /// The FS segment's base: the thread pointer. On i686 it is kept in a descriptor of the thread's own.
    FsBase = 18,
}

impl Register {
    /// The register of a number.
    pub const fn from_number(number: usize) -> Option<Self> {
        const ALL: [Register; 19] = [
            Register::Ax,
            Register::Bx,
            Register::Cx,
            Register::Dx,
            Register::Si,
            Register::Di,
            Register::Bp,
            Register::Sp,
            Register::R8,
            Register::R9,
            Register::R10,
            Register::R11,
            Register::R12,
            Register::R13,
            Register::R14,
            Register::R15,
            Register::Ip,
            Register::Flags,
            Register::FsBase,
        ];
        if number < ALL.len() { Some(ALL[number]) } else { None }
    }
}
