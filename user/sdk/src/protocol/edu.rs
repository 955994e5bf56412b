//! QEMU's teaching device, which interrupts when it is told to: what interrupts are tested and shown with.

use super::{Request, narrow};
use crate::{ClientRight, Result};

/// What has happened to the driver of the devices since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EduCounts {
    /// Messages of interrupts that arrived.
    pub messages: u32,
    /// For how many interrupts these stood.
    pub interrupts: u32,
    /// How often a device was found interrupting, and acknowledged.
    pub served: u32,
    /// How many devices there are.
    pub devices: u32,
}

impl EduCounts {
    /// The counts as four words.
    pub fn to_words(self) -> [usize; 4] {
        [self.messages, self.interrupts, self.served, self.devices].map(|count| count as usize)
    }

    /// The counts that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [messages, interrupts, served, devices] = words;
        Ok(Self {
            messages: narrow(messages)?,
            interrupts: narrow(interrupts)?,
            served: narrow(served)?,
            devices: narrow(devices)?,
        })
    }
}

/// What a client asks of the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EduRequest {
    /// The present [`EduCounts`].
    Counts,
    /// Have each device interrupt this many times, again when all are served; [`EduRequest::MOST_ROUNDS`] at most.
    /// Answered with the [`EduCounts`] after the last time.
    Raise(u32),
    /// Have each device interrupt, and serve none of them any more: their lines stay asserted until the driver ends.
    /// For clients with the right `control`.
    Hold,
    /// Have each device interrupt again and again, since it is told to in each handling and never served, until the
    /// driver ends. For clients with the right `control`.
    Storm,
    /// Have the first device calculate a factorial, which it reports by an interrupt. Answered with the result, modulo
    /// 2^32.
    Factorial(u32),
}

impl EduRequest {
    /// The most interrupts that one request asks of each device. The driver's priority is above those of its clients,
    /// so a request without bound would keep them all from the processor.
    pub const MOST_ROUNDS: u32 = 100_000;
}

impl Request for EduRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        let (label, word) = match self {
            Self::Counts => (112, 0),
            Self::Raise(count) => (113, count),
            Self::Hold => (114, 0),
            Self::Factorial(number) => (115, number),
            Self::Storm => (116, 0),
        };
        (label, [word as usize, 0, 0, 0])
    }

    fn decode(label: u8, [word, ..]: [usize; 4]) -> Option<Self> {
        match label {
            112 => Some(Self::Counts),
            113 => narrow(word).ok().map(Self::Raise),
            114 => Some(Self::Hold),
            115 => narrow(word).ok().map(Self::Factorial),
            116 => Some(Self::Storm),
            _ => None,
        }
    }

    fn takes(&self) -> Option<ClientRight> {
        matches!(self, Self::Hold | Self::Storm).then_some(ClientRight::Control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_counts_survive_the_words() {
        let raise = EduRequest::Raise(5000);
        for request in [EduRequest::Counts, raise, EduRequest::Hold, EduRequest::Factorial(7), EduRequest::Storm] {
            let (label, words) = request.encode();
            assert_eq!(EduRequest::decode(label, words), Some(request));
        }
        let counts = EduCounts { messages: 1, interrupts: 2, served: u32::MAX, devices: 4 };
        assert_eq!(EduCounts::from_words(counts.to_words()), Ok(counts));
    }
}
