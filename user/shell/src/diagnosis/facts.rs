//! The facts about a line.

use super::Doing;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::protocol::ProgramState;
use bellwire::{LineState, Source};
use core::time::Duration;

/// The facts about a line, and about everything that its interrupts pass.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The line's number.
    pub number: u8,
    /// The line's route to the CPU, and its bits in the controllers.
    pub state: LineState,
    /// The kernel's counters of the line, if a program has claimed it.
    pub source: Option<Source>,
    /// The program to which `init` grants the line, if there is one.
    pub owner: Option<Owner>,
    /// The name of the process that has bound the line, or else of the one that has claimed it.
    pub holder: String,
    /// What the line's receiver does.
    pub doing: Doing,
    /// The PCI functions that firmware has wired to the line.
    pub functions: Vec<String>,
    /// The counters of a moment before.
    pub earlier: Earlier,
    /// How long ago the first interrupt of the pending message came, if one is pending.
    pub pending_for: Duration,
    /// The number of non-maskable interrupts.
    pub nmis: u32,
}

/// A program and its state.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The program's name.
    pub name: String,
    /// The program's state.
    pub state: ProgramState,
}

/// A source's counters of a moment before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Earlier {
    /// The time since then.
    pub ago: Duration,
    /// The interrupts taken by then.
    pub taken: u32,
    /// The number of the message that was received and not completed; 0 for none.
    pub outstanding: u32,
    /// The number of the message that was pending, if one was.
    pub pending: Option<u32>,
    /// Whether the source was off after a storm.
    pub was_off: bool,
}

impl Earlier {
    /// Notes a source's counters, to be compared with later ones.
    pub fn of(source: Option<&Source>) -> Self {
        source.map_or(Self::default(), |source| Self {
            ago: Duration::ZERO,
            taken: source.taken,
            outstanding: source.outstanding,
            pending: source.pending.then_some(source.sequence),
            was_off: source.off_until.is_some(),
        })
    }
}

impl Facts {
    /// Returns how many interrupts a second have come since [`Facts::earlier`].
    pub fn rate(&self) -> u64 {
        let Some(source) = &self.source else { return 0 };
        let count = u64::from(source.taken.wrapping_sub(self.earlier.taken));
        let milliseconds = self.earlier.ago.as_millis() as u64;
        (count * 1000).checked_div(milliseconds).unwrap_or(0)
    }

    /// Returns whether a level-triggered line fires again as soon as it is completed: it was in service before, many
    /// messages were completed in between, and it is in service now.
    pub fn is_restless(&self) -> bool {
        /// More interrupts than a device in order raises in that time.
        const MANY: u32 = 50;
        let Some(source) = &self.source else { return false };
        let was = self.earlier.outstanding != 0 || self.earlier.pending.is_some();
        let is = source.outstanding != 0 || source.pending;
        source.level && was && is && source.taken.wrapping_sub(self.earlier.taken) >= MANY
    }

    /// Returns whether this is a device's message (MSI) rather than a line.
    pub fn is_message(&self) -> bool {
        self.state.route == bellwire::RouteKind::Message
    }

    /// Returns the line's name in a sentence.
    pub fn name(&self) -> String {
        match self.number {
            number if usize::from(number) == bellwire::LINE_NMI => "the NMI".into(),
            number if self.is_message() => alloc::format!("message interrupt {number}"),
            number => alloc::format!("line {number}"),
        }
    }
}
