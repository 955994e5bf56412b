//! What is known of a line.

use super::Doing;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::protocol::ProgramState;
use bellwire::{LineState, Source};
use core::time::Duration;

/// What is known of a line and of all that is to be done with its interrupts.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its number.
    pub number: u8,
    /// How it gets to the CPU, and what the controllers have of it.
    pub state: LineState,
    /// What the kernel counts of it, if somebody has claimed it.
    pub source: Option<Source>,
    /// The program that `init` grants it to, if it does.
    pub owner: Option<Owner>,
    /// The name of the process that has bound it, or else of the one that has claimed it.
    pub holder: String,
    /// What the thread does that is to receive its messages.
    pub doing: Doing,
    /// The PCI functions that firmware has wired to it.
    pub functions: Vec<String>,
    /// What was counted a while before.
    pub earlier: Earlier,
    /// How long ago the first interrupt of the pending message came, if one is pending.
    pub pending_for: Duration,
    /// How many non-maskable interrupts came.
    pub nmis: u32,
}

/// A program, and how it is doing.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub state: ProgramState,
}

/// What was counted of a source, and how long before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Earlier {
    /// How long before.
    pub ago: Duration,
    /// How many interrupts were taken by then.
    pub taken: u32,
    /// Which message was received and not completed; 0 for none.
    pub outstanding: u32,
    /// The number of the message that was pending, if one was.
    pub pending: Option<u32>,
}

impl Earlier {
    /// What is to be compared with later.
    pub fn of(source: Option<&Source>) -> Self {
        source.map_or(Self::default(), |source| Self {
            ago: Duration::ZERO,
            taken: source.taken,
            outstanding: source.outstanding,
            pending: source.pending.then_some(source.sequence),
        })
    }
}

impl Facts {
    /// How many interrupts a second came since [`Facts::earlier`].
    pub fn rate(&self) -> u64 {
        let Some(source) = &self.source else { return 0 };
        let count = u64::from(source.taken.wrapping_sub(self.earlier.taken));
        let milliseconds = self.earlier.ago.as_millis() as u64;
        (count * 1000).checked_div(milliseconds).unwrap_or(0)
    }

    /// Whether a level-triggered line fires again as soon as it is completed: it was in service before and is again,
    /// though many messages were completed in between.
    pub fn is_restless(&self) -> bool {
        /// More than a device in order has to say while a person waits.
        const MANY: u32 = 50;
        let Some(source) = &self.source else { return false };
        let was = self.earlier.outstanding != 0 || self.earlier.pending.is_some();
        let is = source.outstanding != 0 || source.pending;
        source.level && was && is && source.taken.wrapping_sub(self.earlier.taken) >= MANY
    }

    /// Whether it is no line but a device's message.
    pub fn is_message(&self) -> bool {
        self.state.route == bellwire::RouteKind::Message
    }

    /// What to call it in a sentence.
    pub fn name(&self) -> String {
        match self.number {
            number if usize::from(number) == bellwire::LINE_NMI => "the NMI".into(),
            number if self.is_message() => alloc::format!("message interrupt {number}"),
            number => alloc::format!("line {number}"),
        }
    }
}
