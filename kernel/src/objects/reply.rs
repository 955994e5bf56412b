//! Reply objects: the right to answer one call, as a handle.

use crate::tables::{Entry, Link, Links, Name, linked};

/// The right to answer one call.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    caller: Link,
    owner: Link,
    /// The endpoint that the call came from, where the caller's end is told.
    endpoint: Name,
    /// The number of its only handle.
    handle: u32,
    /// Its neighbours among its owner's Replies.
    siblings: Links,
}

/// The kind of list that a process's Replies stand in.
pub const HELD: usize = 0;

linked!(Reply, HELD, siblings);

impl Reply {
    /// The right to answer a thread, for a process that has received its call on an endpoint.
    pub const fn new(caller: Link, owner: Link, endpoint: Name) -> Self {
        Self { caller, owner, endpoint, handle: 0, siblings: Links::NONE }
    }

    /// The caller, as long as its state agrees.
    pub const fn caller(&self) -> Link {
        self.caller
    }

    /// The process that may answer, and whose quota pays for the object.
    pub const fn owner(&self) -> Link {
        self.owner
    }

    /// The endpoint where the caller's end is told.
    pub const fn endpoint(&self) -> Name {
        self.endpoint
    }

    /// The endpoint has gone, and with it the place where the caller's end would be told.
    pub const fn forget_endpoint(&mut self) {
        self.endpoint = Name::GONE;
    }

    /// The number of its only handle, in its owner's table.
    pub const fn handle(&self) -> u32 {
        self.handle
    }

    /// Its only handle has been made.
    pub const fn set_handle(&mut self, handle: u32) {
        self.handle = handle;
    }
}

impl Entry for Reply {
    const EMPTY: Self = Self::new(Link::NONE, Link::NONE, Name::NONE);
}
