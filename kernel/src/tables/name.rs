//! How entries of tables are named.
//!
//! Handles name an entry by [`Name`], index and generation in one word: a name that outlives its entry is noticed. What
//! the core keeps inside refers to an entry by [`Link`], a plain index that is cleared when its target dies. A link
//! stores the index plus one, so that "none" is out of every table's bounds and one check finds both.

/// An entry's index plus one; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Link(pub(super) u32);

impl Link {
    /// No entry.
    pub const NONE: Self = Self(0);

    /// The link of an index.
    pub const fn new(index: usize) -> Self {
        Self(index as u32 + 1)
    }

    /// A link as [`Link::word`] gave it.
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// Whether it names an entry.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The index; out of any table's bounds for "none".
    #[inline(always)]
    pub const fn index(self) -> usize {
        (self.0 as usize).wrapping_sub(1)
    }

    /// One word that stands for it.
    pub const fn word(self) -> u32 {
        self.0
    }

    /// Marks a list's first entry that isn't its only one: such a link is out of any table's bounds.
    pub(super) const SEVERAL: u32 = 1 << 31;
}

/// An entry's link in the low half, its generation in the high one; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Name(u32);

impl Name {
    /// No entry.
    pub const NONE: Self = Self(0);

    /// An entry that has gone, of whatever table: no table has a slot of that number.
    pub const GONE: Self = Self(u32::MAX);

    pub(super) const fn new(index: usize, generation: u16) -> Self {
        Self((generation as u32) << 16 | Link::new(index).0)
    }

    /// The link of the entry that the name was given to. The caller must know that the name isn't stale.
    #[inline(always)]
    pub const fn link(self) -> Link {
        Link(self.0 & 0xFFFF)
    }

    /// Whether it names nothing: generations count from 1.
    pub const fn is_none(self) -> bool {
        self.0 >> 16 == 0
    }
}
