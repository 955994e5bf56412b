//! What clients can cause, kept apart from a server's own errors.
//!
//! A server ends by its own errors, which `?` passes on. What a client does must not end it. So what a client can cause
//! is of types that `?` doesn't make an [`Error`] of: [`Call::defer`] returns an `Option`, [`Reply::answer`] a
//! [`Delivery`], and the use of a [`Sent`] object a [`ClientError`].
//!
//! ```compile_fail,E0277
//! # use bellwire::{Event, Reply, Result, Server};
//! fn keep(server: &mut Server) -> Result<Option<Reply>> {
//!     let Event::Call(call) = server.next()? else { return Ok(None) };
//!     Ok(Some(call.defer()?))
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use bellwire::{Reply, Result};
//! fn answer(reply: Reply) -> Result<()> {
//!     reply.answer([0; 4])?;
//!     Ok(())
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use bellwire::{Endpoint, Result, Sent};
//! fn ring(bell: &Sent<Endpoint>) -> Result<()> {
//!     bell.attempt(|endpoint| endpoint.notify(1))?;
//!     Ok(())
//! }
//! ```

use crate::protocol::OVER_LIMIT;
use crate::reply::Ticket;
use crate::{Bound, Call, Error, OwnedHandle, Reply, Result};
use alloc::collections::VecDeque;
use core::fmt;

/// The failure of what a server tried with a client's object. The client can cause it, so it isn't the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientError(pub Error);

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a client's object: {}", self.0)
    }
}

/// A client's object, by a handle that came along with its call. It may be of another kind than the server expects,
/// lack rights, and end at any time.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the handle is closed when this is dropped"]
pub struct Sent<T>(T);

impl Sent<OwnedHandle> {
    pub(crate) const fn new(handle: OwnedHandle) -> Self {
        Self(handle)
    }

    /// The object as one of a kind. If it is of another kind, each use fails.
    pub fn as_kind<T: From<OwnedHandle>>(self) -> Sent<T> {
        Sent(T::from(self.0))
    }
}

impl<T> Sent<T> {
    /// Uses the object.
    pub fn attempt<R>(&self, action: impl FnOnce(&T) -> Result<R>) -> Result<R, ClientError> {
        action(&self.0).map_err(ClientError)
    }

    /// The object, from now on as if it were the server's own: what its client does to it becomes the server's error.
    pub fn vouch_for(self) -> T {
        self.0
    }
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The caller has it.
    Delivered,
    /// The caller has gone: its deadline has passed, or it was ended.
    CallerGone,
}

/// Says that a caller has gone whose call was put off, see [`Call::defer`]. Its [`Reply`] is of no use any more: drop
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerGone {
    pub(crate) ticket: Ticket,
}

impl CallerGone {
    /// Tells whether it is the caller that a Reply would answer.
    pub fn is_of(self, reply: &Reply) -> bool {
        reply.has(self.ticket)
    }
}

/// How many calls [`Callers`] and [`crate::task::Tasks`] hold, so that the server's handle table has room for two of
/// these.
pub(crate) const CALLS: Bound = Bound { of_client: 8, of_all: 16 };

/// Callers that wait, in the order in which they came. A client, known by the badge of its handle, has a bounded number
/// of calls in it; further ones are answered with [`OVER_LIMIT`]. Each client has room for one, whatever others do.
///
/// ```no_run
/// # use bellwire::{Callers, Event, Result, Server};
/// fn serve(mut server: Server) -> Result<()> {
///     let mut callers = Callers::default();
///     loop {
///         match server.next()? {
///             Event::Call(call) => callers.put_off(call, ()),
///             Event::Interrupt(_) => {
///                 if let Some(caller) = callers.take_first() {
///                     // A caller that has gone needs no answer.
///                     let _ = caller.reply.answer([1; 4]);
///                 }
///             }
///             Event::CallerGone(gone) => drop(callers.forget(gone)),
///             _ => {}
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Callers<T> {
    waiting: VecDeque<Caller<T>>,
    /// The client that had the last turn.
    last: u16,
}

/// A caller that waits.
#[derive(Debug)]
pub struct Caller<T> {
    /// The badge of the client's handle.
    pub client: u16,
    /// The right to answer.
    pub reply: Reply,
    /// What the caller asks for.
    pub wish: T,
}

impl<T> Default for Callers<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), last: 0 }
    }
}

impl<T> Callers<T> {
    /// Has a caller wait, behind all others. One that has gone already, or is over its limit, doesn't.
    pub fn put_off(&mut self, call: Call<'_>, wish: T) {
        let client = call.badge;
        if !CALLS.has_room(self.waiting.iter().map(|caller| caller.client), client) {
            return call.answer_as(OVER_LIMIT, [0; 4]);
        }
        if let Some(reply) = call.defer() {
            self.waiting.push_back(Caller { client, reply, wish });
        }
    }

    /// Puts a caller back that was taken out, behind all others.
    pub fn put_back(&mut self, caller: Caller<T>) {
        self.waiting.push_back(caller);
    }

    /// Takes out the caller that has waited longest.
    pub fn take_first(&mut self) -> Option<Caller<T>> {
        self.waiting.pop_front()
    }

    /// Takes out the caller that has waited longest of the client whose turn it is. Clients take turns in the order of
    /// their badges, however many calls each of them makes.
    pub fn take_next(&mut self) -> Option<Caller<T>> {
        let until_turn = |client: u16| client.wrapping_sub(self.last).wrapping_sub(1);
        let clients = self.waiting.iter().enumerate().map(|(at, caller)| (at, caller.client));
        let (at, client) = clients.min_by_key(|(_, client)| until_turn(*client))?;
        self.last = client;
        self.waiting.remove(at)
    }

    /// Forgets a caller that has gone, and returns what it has asked for, if it is one of these.
    pub fn forget(&mut self, gone: CallerGone) -> Option<T> {
        let at = self.waiting.iter().position(|caller| gone.is_of(&caller.reply))?;
        self.waiting.remove(at).map(|caller| caller.wish)
    }

    /// Tells whether no caller waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests;
