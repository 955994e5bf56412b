//! Reply objects: the right to answer one call, as a handle.

use crate::tables::{Entry, Link, Linked, Links};

/// The right to answer one call.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    caller: Link,
    owner: Link,
    /// Its neighbours among its owner's Replies.
    siblings: Links,
}

/// The kind of list that a process's Replies stand in.
pub const HELD: usize = 0;

impl Linked<HELD> for Reply {
    fn links(&mut self) -> &mut Links {
        &mut self.siblings
    }
    fn links_ref(&self) -> &Links {
        &self.siblings
    }
}

impl Reply {
    /// The right to answer a thread, for a process.
    pub const fn new(caller: Link, owner: Link) -> Self {
        Self { caller, owner, siblings: Links::NONE }
    }

    /// The caller, as long as its state agrees.
    pub const fn caller(&self) -> Link {
        self.caller
    }

    /// The process that may answer, and whose quota pays for the object.
    pub const fn owner(&self) -> Link {
        self.owner
    }
}

impl Entry for Reply {
    const EMPTY: Self = Self::new(Link::NONE, Link::NONE);
}
