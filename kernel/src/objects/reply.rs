//! Reply objects: the right to answer one call, as a handle.

use crate::tables::{Entry, Link};

/// The right to answer one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply {
    /// The caller, as long as its state agrees.
    pub caller: Link,
    /// Whose Reply it is.
    pub owner: Link,
}

impl Entry for Reply {
    const EMPTY: Self = Self { caller: Link::NONE, owner: Link::NONE };
}
