//! What a supervisor is told of the processes that it has made.

use crate::entry::{ABSENT, FAILED, PANICKED};
use abi::{Exception, ExitKind, Kind, Message, PageFaultCode, Share, join};

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The badge that its supervisor gave it.
    pub badge: u16,
    /// How it ended.
    pub how: HowEnded,
}

impl Exit {
    /// The end that a message tells of, if it is of that kind. For programs that receive by [`crate::raw::receive`].
    pub fn from_message(message: &Message) -> Option<Self> {
        let [word0, word1, word2, word3] = message.words;
        let how = match (message.tag.kind(), ExitKind::from_label(message.tag.label())) {
            (Kind::Exit, ExitKind::Exited) => HowEnded::Exited { code: word0 },
            (Kind::Exit, ExitKind::Killed) => HowEnded::Killed { reason: word0 },
            (Kind::Exit, ExitKind::Faulted) => {
                HowEnded::Fault { vector: word0 as u8, code: word1, address: word2, instruction: word3 }
            }
            _ => return None,
        };
        Some(Self { badge: message.tag.badge(), how })
    }
}

/// A process wants more than its share of the CPU. It runs on below all others. The supervisor is told once, until the
/// process has kept to its share for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// The badge that the process's supervisor gave it.
    pub badge: u16,
    /// The share.
    pub share: Share,
    /// For how long when the kernel said so, in cycles.
    pub cycles: u64,
}

impl Overrun {
    /// The overrun that a message tells of, if it is of that kind.
    pub fn from_message(message: &Message) -> Option<Self> {
        let [share, low, high, _] = message.words;
        let share = Share::from_thousandths(share).filter(|_| message.tag.kind() == Kind::Overrun)?;
        Some(Self { badge: message.tag.badge(), share, cycles: join(low, high) })
    }
}

/// A source of interrupts interrupted more often than its budget allows, and its process has used up its share of the
/// CPU. The source is off for a while, and comes back by itself: then its driver gets a message with
/// [`abi::InterruptFlags::OFF`]. The supervisor is told when the while is another than after the storm before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// The badge of the process that had bound the source, as its supervisor gave it.
    pub badge: u16,
    /// The number of the line, or of the message interrupt.
    pub line: u8,
    /// What the source is.
    pub kind: StormOf,
    /// How long the source is off, in cycles.
    pub cycles: u64,
    /// How often the source was switched off so far.
    pub times: u32,
}

/// What a storm came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StormOf {
    /// An interrupt line.
    Line,
    /// A device's messages (MSI). Nothing masks them: those that come while the source is off are counted.
    Message,
}

impl Storm {
    /// The storm that a message tells of, if it is of that kind.
    pub fn from_message(message: &Message) -> Option<Self> {
        let [line, low, high, times] = message.words;
        if message.tag.kind() != Kind::Storm {
            return None;
        }
        let kind = if message.tag.label() == 0 { StormOf::Line } else { StormOf::Message };
        let (badge, line, times) = (message.tag.badge(), line as u8, times as u32);
        Some(Self { badge, line, kind, cycles: join(low, high), times })
    }
}

/// `line 11`, or `message interrupt 104`.
impl core::fmt::Display for Storm {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.kind {
            StormOf::Line => write!(formatter, "line {}", self.line),
            StormOf::Message => write!(formatter, "message interrupt {}", self.line),
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowEnded {
    /// By its own call.
    Exited {
        /// The code that it gave; 0 for success.
        code: usize,
    },
    /// By another process's call.
    Killed {
        /// The reason that was given.
        reason: usize,
    },
    /// By a fault without a handler.
    Fault {
        /// The processor's number of the fault.
        vector: u8,
        /// Its error code.
        code: usize,
        /// The address that couldn't be accessed, of a page fault.
        address: usize,
        /// Where it was.
        instruction: usize,
    },
}

impl core::fmt::Display for HowEnded {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Exited { code: 0 } => formatter.write_str("ended"),
            Self::Exited { code: FAILED } => formatter.write_str("gave up"),
            Self::Exited { code: ABSENT } => formatter.write_str("has no device"),
            Self::Exited { code: PANICKED } => formatter.write_str("panicked"),
            Self::Exited { code } => write!(formatter, "ended with exit code {code}"),
            Self::Killed { reason } => write!(formatter, "was killed (reason {reason})"),
            Self::Fault { vector, code, address, instruction } if vector == Exception::PAGE_FAULT.0 => {
                let (tried, problem) = PageFaultCode(code).words();
                write!(formatter, "died of a page fault at {instruction:#x}: it {tried} {address:#x}, {problem}")
            }
            Self::Fault { vector, code, instruction, .. } => {
                let exception = Exception(vector);
                let meaning = exception.meaning();
                write!(formatter, "died at {instruction:#x} of {exception}: {meaning}")?;
                if code != 0 { write!(formatter, " (error code {code:#x})") } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_overrun_is_read_from_its_message_alone() {
        let message = Message::new(abi::Tag::outgoing(Kind::Overrun, 0, 7), [200, 5, 1, 0]);
        let share = Share::from_thousandths(200).unwrap();
        let overrun = Overrun { badge: 7, share, cycles: (1 << 32) + 5 };
        assert_eq!(Overrun::from_message(&message), Some(overrun));
        let other = Message::new(abi::Tag::outgoing(Kind::Timer, 0, 7), [200, 5, 1, 0]);
        assert_eq!(Overrun::from_message(&other), None);
    }

    #[test]
    fn a_storm_is_read_from_its_message_alone() {
        let message = |kind, label| Message::new(abi::Tag::outgoing(kind, label, 7), [11, 5, 1, 3]);
        let storm = Storm { badge: 7, line: 11, kind: StormOf::Line, cycles: (1 << 32) + 5, times: 3 };
        assert_eq!(Storm::from_message(&message(Kind::Storm, 0)), Some(storm));
        assert_eq!(storm.to_string(), "line 11");
        let of_message = Storm::from_message(&message(Kind::Storm, 1)).unwrap();
        assert_eq!((of_message.kind, of_message.to_string().as_str()), (StormOf::Message, "message interrupt 11"));
        assert_eq!(Storm::from_message(&message(Kind::Overrun, 0)), None);
    }

    #[test]
    fn ends_are_told_in_words() {
        for (how, text) in [
            (HowEnded::Exited { code: 0 }, "ended"),
            (HowEnded::Exited { code: 101 }, "panicked"),
            (HowEnded::Exited { code: 7 }, "ended with exit code 7"),
            (HowEnded::Killed { reason: 3 }, "was killed (reason 3)"),
            (
                HowEnded::Fault { vector: 14, code: 6, address: 0x10, instruction: 0x40_0000 },
                "died of a page fault at 0x400000: it wrote to 0x10, where nothing is mapped",
            ),
            (
                HowEnded::Fault { vector: 0, code: 0, address: 0, instruction: 0x40_0000 },
                "died at 0x400000 of divide error (vector 0): a division by zero, or a quotient too large",
            ),
            (
                HowEnded::Fault { vector: 13, code: 0x12, address: 0, instruction: 0x40_0000 },
                "died at 0x400000 of general protection (vector 13): a privileged instruction, a port that isn't \
                 granted, or an address that can't be (error code 0x12)",
            ),
        ] {
            assert_eq!(how.to_string(), text);
        }
    }
}
