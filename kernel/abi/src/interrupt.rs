//! What an interrupt's message says.

use crate::{Message, join};
use bitflags::bitflags;

bitflags! {
    /// What else is known of an interrupt, in its message's label.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct InterruptFlags: u8 {
        /// The line is level-triggered: it stays masked until the message is completed.
        const LEVEL = 1 << 0;
        /// Edges may have been lost in hardware.
        const LOST = 1 << 1;
        /// Posted by an unmask rather than by the device: poll it, since an edge may have gone unseen.
        const REPLAYED = 1 << 2;
        /// The line fired too often unread and was masked; completing it unmasks it.
        const STORM = 1 << 3;
        /// The source interrupted more often than its budget allows, and was off for a while: poll the device. Comes
        /// with [`Self::REPLAYED`].
        const OFF = 1 << 4;
    }
}

/// A device's interrupt as its driver receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptMessage {
    /// The badge given when the interrupt was bound.
    pub badge: u16,
    /// How many times it fired since the last receive; saturates at 32 bits.
    pub count: u32,
    /// The number of this message, which `interrupt_complete` names.
    pub sequence: u32,
    /// When it first fired since the last receive, in clock cycles.
    pub first: u64,
    /// What else is known.
    pub flags: InterruptFlags,
}

impl InterruptMessage {
    /// Reads a message of kind [`crate::Kind::Interrupt`].
    pub fn from_message(message: &Message) -> Self {
        let [count, sequence, low, high] = message.words;
        Self {
            badge: message.tag.badge(),
            count: count as u32,
            sequence: sequence as u32,
            first: join(low, high),
            flags: InterruptFlags::from_bits_truncate(message.tag.label()),
        }
    }
}
