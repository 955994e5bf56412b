//! Reply objects: the right to answer one call, as a handle.

use crate::tables::{Entry, Link};

/// The right to answer one call.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    caller: Link,
    owner: Link,
}

impl Reply {
    /// The right to answer a thread, for a process.
    pub const fn new(caller: Link, owner: Link) -> Self {
        Self { caller, owner }
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
