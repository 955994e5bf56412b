//! What `init` tells servers.

use super::Request;

/// What `init` tells a server. A server believes it of the badge [`SupervisionRequest::SUPERVISOR`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisionRequest {
    /// The program with that badge has ended: what the server keeps for it is of no use any more. Servers that keep
    /// nothing but calls needn't know this: they are told of callers that have gone.
    ClientEnded {
        /// The badge, as in the client's calls.
        badge: u16,
    },
}

impl SupervisionRequest {
    /// The badge of `init`'s own handles. Programs' badges count from 1.
    pub const SUPERVISOR: u16 = 0;
}

impl Request for SupervisionRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::ClientEnded { badge } => (240, [badge as usize, 0, 0, 0]),
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        match label {
            240 => Some(Self::ClientEnded { badge: words[0] as u16 }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_words() {
        let request = SupervisionRequest::ClientEnded { badge: 7 };
        let (label, words) = request.encode();
        assert_eq!(SupervisionRequest::decode(label, words), Some(request));
        assert_eq!(SupervisionRequest::decode(241, [7; 4]), None);
    }
}
