//! Time for clients that have no timer object of their own, or need many.

use super::{Request, narrow, wide};
use abi::split;

/// What a client asks of the timer service. Times are clock cycles.
///
/// The service grants a client 10 requests at a time, whose periods may add up to 4,000 expiries a second. What is over
/// that is answered with [`super::OVER_LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerRequest {
    /// Answer when this absolute time has come.
    SleepUntil(u64),
    /// Set a bit of the notify word of the endpoint whose handle comes along, again after each period. Answered with
    /// the number to stop it by (word 0).
    Every {
        /// The time between two notifications, in cycles; not 0.
        period: u64,
        /// Which bit, from 0 to 31.
        bit: u8,
    },
    /// Stop the notifications of that number, which must be the caller's own.
    Stop(u32),
}

impl Request for TimerRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::SleepUntil(time) => {
                let [low, high] = split(time);
                (48, [low, high, 0, 0])
            }
            Self::Every { period, bit } => {
                let [low, high] = split(period);
                (49, [low, high, bit as usize, 0])
            }
            Self::Stop(number) => (50, [number as usize, 0, 0, 0]),
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        let [first, second, third, _] = words;
        match label {
            48 => wide(first, second).ok().map(Self::SleepUntil),
            49 if third < 32 => Some(Self::Every { period: wide(first, second).ok()?, bit: narrow(third).ok()? }),
            50 => narrow(first).ok().map(Self::Stop),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_words() {
        let every = TimerRequest::Every { period: 0x1_2345_6789, bit: 31 };
        for request in [TimerRequest::SleepUntil(u64::MAX), every, TimerRequest::Stop(9)] {
            let (label, words) = request.encode();
            assert_eq!(TimerRequest::decode(label, words), Some(request));
        }
    }

    #[test]
    fn a_bit_that_is_none_is_refused() {
        assert_eq!(TimerRequest::decode(49, [0, 1, 32, 0]), None);
    }
}
