//! The clock of the real world, and its periodic interrupts.

use super::{Request, narrow};
use crate::{ClientRight, Error, Result};
use core::fmt;

/// A date and time of day, as the machine's clock shows it (by custom, UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// The year, in full.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
    /// From 0 to 23.
    pub hour: u8,
    /// From 0 to 59.
    pub minute: u8,
    /// From 0 to 59.
    pub second: u8,
}

impl DateTime {
    /// The date and time as four words.
    pub fn to_words(self) -> [usize; 4] {
        let date = u32::from(self.year) << 16 | u32::from(self.month) << 8 | u32::from(self.day);
        let time = u32::from(self.hour) << 16 | u32::from(self.minute) << 8 | u32::from(self.second);
        [date as usize, time as usize, 0, 0]
    }

    /// The date and time that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [date, time, ..] = words;
        let ([year_high, year_low, month, day], [0, hour, minute, second]) =
            (narrow::<u32>(date)?.to_be_bytes(), narrow::<u32>(time)?.to_be_bytes())
        else {
            return Err(Error::BadArgument);
        };
        Ok(Self { year: u16::from_be_bytes([year_high, year_low]), month, day, hour, minute, second })
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(formatter, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// The periodic interrupt: how fast it is to come, and how often it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// Periodic interrupts since the driver started, those counted in one message with others included.
    pub count: u32,
    /// How many a second; 0 if they are off.
    pub rate: u32,
}

impl Ticks {
    /// The ticks as four words.
    pub fn to_words(self) -> [usize; 4] {
        [self.count as usize, self.rate as usize, 0, 0]
    }

    /// The ticks that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [count, rate, ..] = words;
        Ok(Self { count: narrow(count)?, rate: narrow(rate)? })
    }
}

/// What a client asks of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockRequest {
    /// The present [`DateTime`]; refused if the clock holds none.
    Time,
    /// The present [`Ticks`].
    Ticks,
    /// Interrupt this many times a second: a power of two from 2 to 1024, or 0 to stop. Answered with [`Ticks`].
    /// For clients with the right `control`.
    Rate(u32),
}

impl Request for ClockRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::Time => (32, [0; 4]),
            Self::Ticks => (33, [0; 4]),
            Self::Rate(rate) => (34, [rate as usize, 0, 0, 0]),
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        match label {
            32 => Some(Self::Time),
            33 => Some(Self::Ticks),
            34 => narrow(words[0]).ok().map(Self::Rate),
            _ => None,
        }
    }

    fn takes(&self) -> Option<ClientRight> {
        matches!(self, Self::Rate(_)).then_some(ClientRight::Control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_survives_the_words() {
        let date = DateTime { year: 2038, month: 1, day: 19, hour: 3, minute: 14, second: 8 };
        assert_eq!(DateTime::from_words(date.to_words()), Ok(date));
        let [days, time, ..] = date.to_words();
        assert_eq!(DateTime::from_words([days, time | 1 << 24, 0, 0]), Err(Error::BadArgument));
    }

    #[test]
    fn requests_survive_the_words() {
        for request in [ClockRequest::Time, ClockRequest::Ticks, ClockRequest::Rate(1024)] {
            let (label, words) = request.encode();
            assert_eq!(ClockRequest::decode(label, words), Some(request));
        }
    }
}
