//! A message is a tag and four words, in registers on both widths, so that the kernel never follows a user pointer.

use crate::{Error, Operation};
use bitflags::bitflags;

/// What a system call carries in and out: a tag and four words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Message {
    /// What the words mean.
    pub tag: Tag,
    /// The payload; portable programs use the low 32 bits of each.
    pub words: [usize; 4],
}

impl Message {
    /// A message from its parts.
    pub const fn new(tag: Tag, words: [usize; 4]) -> Self {
        Self { tag, words }
    }

    /// The message that a failed call returns; `details` depend on the error and are documented there.
    pub const fn error(error: Error, details: [usize; 2]) -> Self {
        Self { tag: Tag::outgoing(Kind::Error, error as u8, 0), words: [details[0], details[1], 0, 0] }
    }

    /// The result words of a call, or its error.
    pub fn result(self) -> Result<[usize; 4], Error> {
        match self.tag.kind() {
            Kind::Error => Err(Error::from_code(self.tag.label())),
            _ => Ok(self.words),
        }
    }
}

/// The word that says what a message is.
///
/// | bits | into the kernel | out of the kernel |
/// |---|---|---|
/// | 0-7 | [`Operation`] | [`Kind`] in 0-3, [`Tag::HANDLE`] in 7 |
/// | 8-15 | label | label, or the error's code, or flags of an interrupt |
/// | 16-31 | [`Options`] | badge of the handle that was used, or of the event's binding |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tag(pub u32);

impl Tag {
    /// Set in a delivered tag when word 3 is a handle that was installed in the receiver's table.
    pub const HANDLE: u32 = 0x80;

    /// The tag of a call that succeeded and returns nothing: the words are what they were.
    pub const DONE: Self = Self::outgoing(Kind::Done, 0, 0);

    /// The tag of a call into the kernel.
    pub const fn incoming(operation: Operation, label: u8, options: Options) -> Self {
        Self(operation as u32 | (label as u32) << 8 | (options.bits() as u32) << 16)
    }

    /// The tag of a message out of the kernel.
    pub const fn outgoing(kind: Kind, label: u8, badge: u16) -> Self {
        Self(kind as u32 | (label as u32) << 8 | (badge as u32) << 16)
    }

    /// The operation's number, of an incoming tag.
    pub const fn operation_number(self) -> u8 {
        self.0 as u8
    }

    /// The options, of an incoming tag; unknown bits are dropped.
    pub const fn options(self) -> Options {
        Options::from_bits_truncate((self.0 >> 16) as u16)
    }

    /// The label: free for the two programs that talk.
    pub const fn label(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// What kind of message this is, of an outgoing tag.
    pub const fn kind(self) -> Kind {
        Kind::from_code(self.0 as u8 & 0x0F)
    }

    /// Whether word 3 is a handle that came along.
    pub const fn has_handle(self) -> bool {
        self.0 & Self::HANDLE != 0
    }

    /// The badge: who sent this, in the receiver's own terms.
    pub const fn badge(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A kernel call was done; the words are its results.
    Done = 0,
    /// A client's call; the receiver owes it a reply.
    Call = 1,
    /// The answer to this thread's own call.
    Reply = 2,
    /// Bits that others set by `notify` since the last receive, in word 0.
    Notify = 3,
    /// A device's interrupt: see [`crate::InterruptMessage`].
    Interrupt = 4,
    /// A timer's expiry: word 0 counts expiries since the last receive.
    Timer = 5,
    /// A thread's fault; it waits for a reply, which means "retry". The label is the vector; words: error code,
    /// faulting address, instruction pointer, 0.
    Fault = 6,
    /// A process has ended. The label says how: see [`crate::ExitKind`], which says what the words are.
    Exit = 7,
    /// A caller has gone whose call a Reply stood for: its deadline has passed, or it was ended. Word 0 is the number
    /// that the Reply's handle had until now: this message has closed the handle. Word 0 is 0 if the handle was another
    /// process's, which receives on the same endpoint.
    CallerGone = 8,
    /// A process has used up its share of the CPU for two seconds, which is said once until it has kept to its share
    /// again. Words: the share in thousandths, how long it had been when this was said in cycles (low, high), 0.
    Overrun = 9,
    /// A source of interrupts that a process pays for interrupted more often than its budget allows, and is off for a
    /// while. This is said when that while is another than after the storm before, or another process pays. The label
    /// is 1 if the source is a device's messages (MSI), else 0. Words: the line, how long it is off in cycles (low,
    /// high), how often it was switched off so far.
    Storm = 10,
    /// The call failed: the label is an [`Error`]'s code.
    Error = 15,
}

impl Kind {
    const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Notify,
            4 => Self::Interrupt,
            5 => Self::Timer,
            6 => Self::Fault,
            7 => Self::Exit,
            8 => Self::CallerGone,
            9 => Self::Overrun,
            10 => Self::Storm,
            _ => Self::Error,
        }
    }
}

bitflags! {
    /// Modifiers of a call, in the tag's upper half.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Options: u16 {
        /// Word 3 of a call or reply is a handle, of which the receiver gets a copy.
        const HANDLE = 1 << 0;
        /// Words 0 and 1 of a `receive` are an absolute deadline in clock cycles.
        const DEADLINE = 1 << 1;
        /// A `receive` returns [`Error::WouldBlock`] instead of waiting.
        const NO_WAIT = 1 << 2;
        /// Receiving doesn't complete the interrupt just handled: it is completed later by name.
        const KEEP = 1 << 3;
        /// Memory that a new process makes carries the right [`crate::Rights::DMA`], as far as its maker's does.
        const DMA = 1 << 4;
        /// A `receive` or `reply_receive` takes handles that come along. Without it a caller that sends one gets
        /// [`Error::HandleUnwanted`].
        const TAKE_HANDLE = 1 << 5;
        /// The bits of [`Access`] stand from here on, in `memory_map`.
        const ACCESS_READ = 1 << 8;
        /// See [`Access::WRITE`].
        const ACCESS_WRITE = 1 << 9;
        /// See [`Access::EXECUTE`].
        const ACCESS_EXECUTE = 1 << 10;
    }
}

bitflags! {
    /// What a mapping allows.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// Loads.
        const READ = 1;
        /// Stores; never together with `EXECUTE`.
        const WRITE = 2;
        /// Instruction fetches; sealed memory only.
        const EXECUTE = 4;
    }
}

impl Access {
    /// The options that ask `memory_map` for this access.
    pub const fn options(self) -> Options {
        Options::from_bits_truncate((self.bits() as u16) << 8)
    }

    /// What `memory_map`'s options ask for.
    pub const fn from_options(options: Options) -> Self {
        Self::from_bits_truncate((options.bits() >> 8) as u8)
    }
}

/// A 64-bit quantity as two words, low half first.
pub const fn split(value: u64) -> [usize; 2] {
    [value as u32 as usize, (value >> 32) as usize]
}

/// The 64-bit quantity that two words carry.
pub const fn join(low: usize, high: usize) -> u64 {
    (low as u32 as u64) | ((high as u32 as u64) << 32)
}
