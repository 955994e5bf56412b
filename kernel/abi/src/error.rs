//! Why a call failed, in terms of what its caller can do about it.

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a call failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Error { $($(#[$doc])* $name = $code,)* }

        impl Error {
            /// The error of a code; a code from a newer kernel reads as [`Error::UnknownCall`].
            pub const fn from_code(code: u8) -> Self {
                match code { $($code => Self::$name,)* _ => Self::UnknownCall }
            }

            /// A short name for logs.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

errors! {
    /// This kernel has no call of that number: build the program for this kernel.
    UnknownCall = 1,
    /// The handle was never given out, or its object is gone: get a new one.
    BadHandle = 2,
    /// The handle names another kind of object.
    WrongType = 3,
    /// The handle lacks the right that the call needs.
    MissingRight = 4,
    /// A word is out of the range that the call documents.
    BadArgument = 5,
    /// The process's handle table is full: close something.
    NoHandleSlot = 6,
    /// The process's quota of frames or objects is used up, or the machine has no more.
    NoMemory = 7,
    /// The kernel's table for that kind of object is full.
    TableFull = 8,
    /// Somebody else holds that line, range or address; word 0 is the owner's process badge.
    Conflict = 9,
    /// The server died before it replied: call again, its successor may answer.
    Gone = 10,
    /// The deadline passed.
    TimedOut = 11,
    /// Nothing is there to receive right now.
    WouldBlock = 12,
    /// The acknowledgement or reply answers something that is over; nothing was changed.
    Stale = 13,
    /// The object is in a state that doesn't allow this yet, or its end has begun: go on with that, or do without it.
    Busy = 14,
    /// The memory isn't prepared (zeroed) to its end yet.
    NotPrepared = 15,
    /// Writable mappings forbid sealing, or the seal forbids writing.
    Sealed = 16,
    /// A priority above the caller's or the target's ceiling.
    Priority = 17,
    /// The receiver of the handle in a message has no free slot for it; nothing was sent.
    ReceiverFull = 18,
    /// This machine lacks the hardware for it, or nobody serves it: do without, or by other means.
    Unsupported = 19,
    /// The receiver takes no handles: send the message without one.
    HandleUnwanted = 20,
    /// The service grants one client no more of this at a time: wait for what was asked before, or give some back.
    OverLimit = 21,
    /// The caller's share of the CPU doesn't leave that much: give less.
    NoShare = 22,
}

impl core::fmt::Display for Error {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl core::error::Error for Error {}
