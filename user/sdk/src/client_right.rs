//! What the clients of a service may ask beyond what any client may. The manifest gives a program such a right, for all
//! services that it uses. A server knows a client by its badge alone, so `init` tells each server the badges.
//!
//! A request says which right it takes ([`Request::takes`]). [`Call::request`] knows no such request:
//! [`Call::request_of`] alone does, which checks the client. So a server can't forget to.
//!
//! ```no_run
//! # use bellwire::{Event, Result, Startup, protocol::ClockRequest};
//! # fn run(startup: Startup) -> Result<()> {
//! # let mut server = startup.server("rtc")?;
//! match server.next()? {
//!     Event::Call(call) => match call.request_of(&startup) {
//!         // Only clients with the right `control` get here.
//!         Some(ClockRequest::Rate(rate)) => call.answer([rate as usize, 0, 0, 0]),
//!         // Others are answered with the label `FORBIDDEN`.
//!         _ => call.refuse(),
//!     },
//!     _ => {}
//! }
//! # Ok(())
//! # }
//! ```

use crate::protocol::Request;
use crate::{Call, Grants};
use abi::{StartupEntry, StartupKind};

/// A right that a client of services has by the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientRight {
    /// Resetting the machine (`reset`).
    Reset,
    /// Changing what all clients of a service share (`control`).
    Control,
}

impl ClientRight {
    /// The name of the entry that holds the badge of a program with the right.
    const fn entry_name(self) -> &'static str {
        match self {
            Self::Reset => "may reset",
            Self::Control => "may control",
        }
    }

    /// Makes the entry for a program with the right, for [`Grants::client_may`].
    pub fn entry(self, badge: u16) -> StartupEntry {
        StartupEntry::new(self.entry_name(), StartupKind::Number, 0, [badge.into(), 0])
    }
}

impl Grants {
    /// Tells whether the client with a badge has a right.
    pub fn client_may(&self, badge: u16, right: ClientRight) -> bool {
        let is_its = |entry: StartupEntry| {
            entry.name() == right.entry_name()
                && entry.kind == StartupKind::Number
                && entry.extra[0] == u64::from(badge)
        };
        self.entries().any(is_its)
    }
}

impl Call<'_> {
    /// The call as a request of a protocol, if it is one, and if its client has the right that the request takes.
    /// Where it hasn't, [`Call::refuse`] says so.
    pub fn request_of<R: Request>(&self, grants: &Grants) -> Option<R> {
        self.request_if(|right| grants.client_may(self.badge, right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::protocol::{ClockRequest, FORBIDDEN, REFUSED};
    use crate::server::Owed;
    use abi::{Kind, Message, Tag};

    fn grants() -> Grants {
        let clock = StartupEntry::new("clock", StartupKind::Number, 0, [3, 0]);
        crate::startup::tests::grants(&[ClientRight::Reset.entry(8), clock, ClientRight::Control.entry(0x1_00)])
    }

    #[test]
    fn the_named_badges_alone_have_a_right() {
        let grants = grants();
        let have = |right| (0..=u16::MAX).filter(|&badge| grants.client_may(badge, right)).collect::<Vec<_>>();
        assert_eq!(have(ClientRight::Reset), [8]);
        assert_eq!(have(ClientRight::Control), [0x100]);
    }

    /// Has a client ask for a rate, and a server refuse what it doesn't know.
    fn answer(client: u16, request: ClockRequest, look: impl Fn(&Call<'_>) -> Option<ClockRequest>) -> u8 {
        let (label, words) = request.encode();
        let mut owed = Owed::Nothing;
        let message = Message::new(Tag::outgoing(Kind::Call, label, client), words);
        let Some(Event::Call(call)) = Event::new(message, &mut owed) else { panic!("a call") };
        match look(&call) {
            Some(known) if known == request => call.answer([0; 4]),
            _ => call.refuse(),
        }
        let Owed::Answer { label, .. } = owed else { panic!("an answer") };
        label
    }

    #[test]
    fn a_request_that_takes_a_right_is_one_of_clients_that_have_it() {
        let grants = grants();
        let rate = ClockRequest::Rate(64);
        assert_eq!(answer(0x100, rate, |call| call.request_of(&grants)), 0);
        assert_eq!(answer(8, rate, |call| call.request_of(&grants)), FORBIDDEN);
        assert_eq!(answer(8, ClockRequest::Time, |call| call.request_of(&grants)), 0);
        // A server that doesn't check serves nobody.
        assert_eq!(answer(0x100, rate, |call| call.request()), FORBIDDEN);
        assert_eq!(answer(0x100, ClockRequest::Time, |call| call.request()), 0);
        assert_eq!(answer(8, ClockRequest::Time, |_| None), REFUSED);
    }
}
