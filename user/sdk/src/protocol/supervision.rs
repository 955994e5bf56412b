//! What `init` tells servers.

use super::{Request, narrow, wide};
use abi::split;

/// What `init` tells a server. A server believes it of the badge [`SupervisionRequest::SUPERVISOR`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisionRequest {
    /// The program with that badge has ended: what the server keeps for it is of no use any more. Servers that keep
    /// nothing but calls needn't know this: they are told of callers that have gone. The program may have been started
    /// again by now: what it has asked for since it ended stays.
    ClientEnded {
        /// The badge, as in the client's calls.
        badge: u16,
        /// The time at which the program had ended, in cycles.
        before: u64,
    },
}

impl SupervisionRequest {
    /// The badge of `init`'s own handles. Programs' badges count from 1.
    pub const SUPERVISOR: u16 = 0;
}

impl Request for SupervisionRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::ClientEnded { badge, before } => {
                let [low, high] = split(before);
                (240, [badge as usize, low, high, 0])
            }
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        match label {
            240 => {
                let [badge, low, high, _] = words;
                Some(Self::ClientEnded { badge: narrow(badge).ok()?, before: wide(low, high).ok()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_words() {
        let request = SupervisionRequest::ClientEnded { badge: 7, before: 0x1_2345_6789 };
        let (label, words) = request.encode();
        assert_eq!(SupervisionRequest::decode(label, words), Some(request));
        assert_eq!(SupervisionRequest::decode(241, [7; 4]), None);
    }
}
