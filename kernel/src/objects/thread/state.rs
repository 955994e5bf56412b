//! What a thread does or waits for, and what it sent while it waits.

use crate::tables::{Link, Name};
use abi::{Kind, Message, Tag};

/// What a thread does or waits for, in one word: a kind, and the link of the object that it waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct State(u32);

const KIND_SHIFT: u32 = 24;

/// The kinds of [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StateKind {
    /// Never started, or ended.
    Stopped = 0,
    /// In the queue of its priority.
    Ready = 1,
    /// On the processor.
    Running = 2,
    /// In the chain of preempted threads.
    Preempted = 3,
    /// In an endpoint's queue of receivers.
    Receiving = 4,
    /// In an endpoint's queue of senders, with a call or a fault.
    Sending = 5,
    /// A thread has taken its call and owes the reply.
    Awaiting = 6,
    /// A Reply object stands for its call.
    AwaitingReply = 7,
    /// In an endpoint's queue of receivers, and takes handles that come along.
    ReceivingHandles = 8,
}

/// Whether a receiver takes handles that come along with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luggage {
    /// A caller that sends one gets an error.
    Refused,
    /// The handle is installed in the receiver's process.
    Taken,
}

impl State {
    /// Never started, or ended.
    pub const STOPPED: Self = Self(0);
    /// In the queue of its priority.
    pub const READY: Self = Self((StateKind::Ready as u32) << KIND_SHIFT);
    /// On the processor.
    pub const RUNNING: Self = Self((StateKind::Running as u32) << KIND_SHIFT);
    /// In the chain of preempted threads.
    pub const PREEMPTED: Self = Self((StateKind::Preempted as u32) << KIND_SHIFT);
    /// In the chain of preempted threads, in the middle of a slice.
    pub const PREEMPTED_IN_SLICE: Self = Self((StateKind::Preempted as u32) << KIND_SHIFT | 1);

    /// In that endpoint's queue of receivers.
    pub const fn receiving(endpoint: Link) -> Self {
        Self(((StateKind::Receiving as u32) << KIND_SHIFT).wrapping_add(endpoint.word()))
    }

    /// In that endpoint's queue of receivers, to take handles too.
    pub const fn receiving_handles(endpoint: Link) -> Self {
        Self(((StateKind::ReceivingHandles as u32) << KIND_SHIFT).wrapping_add(endpoint.word()))
    }

    /// In that endpoint's queue of senders.
    pub const fn sending(endpoint: Link) -> Self {
        Self((StateKind::Sending as u32) << KIND_SHIFT | endpoint.word())
    }

    /// That thread owes it a reply.
    pub const fn awaiting(server: Link) -> Self {
        Self(((StateKind::Awaiting as u32) << KIND_SHIFT).wrapping_add(server.word()))
    }

    /// That Reply object stands for its call.
    pub const fn awaiting_reply(reply: Link) -> Self {
        Self((StateKind::AwaitingReply as u32) << KIND_SHIFT | reply.word())
    }

    /// What kind of state it is.
    pub const fn kind(self) -> StateKind {
        match self.0 >> KIND_SHIFT {
            1 => StateKind::Ready,
            2 => StateKind::Running,
            3 => StateKind::Preempted,
            4 => StateKind::Receiving,
            5 => StateKind::Sending,
            6 => StateKind::Awaiting,
            7 => StateKind::AwaitingReply,
            8 => StateKind::ReceivingHandles,
            _ => StateKind::Stopped,
        }
    }

    /// Whether it is in an endpoint's queue of receivers.
    pub const fn is_receiving(self) -> bool {
        matches!(self.kind(), StateKind::Receiving | StateKind::ReceivingHandles)
    }

    /// Whether a receiver in this state takes handles.
    pub const fn luggage(self) -> Luggage {
        match self.kind() {
            StateKind::ReceivingHandles => Luggage::Taken,
            _ => Luggage::Refused,
        }
    }

    /// What it waits for.
    pub const fn target(self) -> Link {
        Link::from_word(self.0 & ((1 << KIND_SHIFT) - 1))
    }
}

/// An exception that a thread raised in user mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The vector.
    pub vector: u8,
    /// The error code, or 0 for vectors without one.
    pub error: usize,
    /// The address, for page faults; DR6 for debug exceptions.
    pub address: usize,
    /// Where it happened.
    pub instruction: usize,
}

impl Fault {
    /// What the handler is told.
    #[inline(always)]
    pub const fn message(&self, badge: u16) -> Message {
        let tag = Tag::outgoing(Kind::Fault, self.vector, badge);
        Message::new(tag, [self.error, self.address, self.instruction, 0])
    }
}

/// What a thread in [`StateKind::Sending`] or [`StateKind::Awaiting`] has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sent {
    /// A call: the message is in its registers.
    #[default]
    Call,
    /// A fault: its registers are its own and stay untouched.
    Fault,
}

/// Names the interrupt message that a thread has taken and not yet completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// The source; none if the thread has nothing to complete.
    pub source: Name,
    /// The message's number.
    pub sequence: u32,
}

impl Token {
    /// Nothing to complete.
    pub const NONE: Self = Self { source: Name::NONE, sequence: 0 };
}
