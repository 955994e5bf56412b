//! The roles of a partner process, and the requests to it.

/// A role: the first argument of a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves `service`: answers the labels below.
    Echo,
    /// Drives the real-time clock's periodic interrupt and counts it.
    Clock,
    /// Waits for ever.
    Wait,
    /// Runs for ever.
    Spin,
    /// Executes code that raises an exception, without a handler.
    Fault,
    /// Makes a partner that waits, and waits itself.
    Nest,
    /// Keeps floating-point state, and counts how often it found it changed.
    Float,
    /// Claims the interrupt line whose number it is told, and as many ports as the second number says from 0x300 on.
    Claim,
    /// Reads the physical address of memory of its own.
    Device,
    /// Holds a pattern in every register, see [`crate::witness`].
    Witness,
    /// Makes the attempt that it is told, see [`crate::hostile`].
    Hostile,
    /// Overflows a stack, see [`crate::safe::overflow`].
    Overflow,
    /// Has the heap fail to grow, see [`crate::safe::grow`].
    Grow,
    /// Allocates in two threads, see [`crate::safe::allocate_in_two_threads`].
    Allocate,
    /// Spawns and joins threads, see [`crate::safe::spawn_and_join`].
    Join,
    /// Gives up calls, see [`crate::safe::give_up_calls`].
    GiveUp,
    /// Keeps the right to answer a caller that has gone, see [`crate::safe::keep_a_stale_reply`].
    Stale,
    /// Has eight timers expire as often as the kernel allows.
    Timers,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Echo,
        Self::Clock,
        Self::Wait,
        Self::Spin,
        Self::Fault,
        Self::Nest,
        Self::Float,
        Self::Claim,
        Self::Device,
        Self::Witness,
        Self::Hostile,
        Self::Overflow,
        Self::Grow,
        Self::Allocate,
        Self::Join,
        Self::GiveUp,
        Self::Stale,
        Self::Timers,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Clock => "clock",
            Self::Wait => "wait",
            Self::Spin => "spin",
            Self::Fault => "fault",
            Self::Nest => "nest",
            Self::Float => "float",
            Self::Claim => "claim",
            Self::Device => "device",
            Self::Witness => "witness",
            Self::Hostile => "hostile",
            Self::Overflow => "overflow",
            Self::Grow => "grow",
            Self::Allocate => "allocate",
            Self::Join => "join",
            Self::GiveUp => "give-up",
            Self::Stale => "stale",
            Self::Timers => "timers",
        }
    }
}

/// Answers the words as they came, with the label 7.
pub const ECHO: u8 = 10;
/// Answers the call's badge and whether a handle came.
pub const BADGE: u8 = 11;
/// Notifies the endpoint whose handle came along with the bits in word 0, then closes it.
pub const NOTIFY: u8 = 12;
/// Answers with a handle: a copy of the memory that came along.
pub const BACK: u8 = 13;
/// Ends without an answer.
pub const DIE: u8 = 14;
/// Keeps the call in a Reply handle, and answers it at the next `RELEASE`; answers nothing now.
pub const HOLD: u8 = 15;
/// Answers the held call with word 0.
pub const RELEASE: u8 = 16;
/// Drops the held call's Reply.
pub const DROP: u8 = 17;
/// Fills the partner's handle table.
pub const FILL: u8 = 18;
/// Closes what `FILL` opened.
pub const EMPTY: u8 = 19;
/// Maps the memory that came along, answers its first word and writes word 0 there.
pub const SWAP: u8 = 20;
/// Answers how many interrupts arrived in how many messages, how many sequence numbers were skipped, and how often a
/// stamp was later than the clock or earlier than the one before.
pub const COUNTS: u8 = 21;
/// Starts the device.
pub const START: u8 = 22;
/// Stops the device.
pub const STOP: u8 = 23;
/// Answers rounds and wrong rounds.
pub const ROUNDS: u8 = 24;
