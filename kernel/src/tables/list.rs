//! Lists through the entries of a table: each entry has its neighbours' links, so that a list needs no memory of its
//! own and can't be full.

#[cfg(test)]
mod checks;

use super::{Arena, Link};

/// An entry's neighbours in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    next: Link,
    previous: Link,
}

impl Links {
    /// In no list, or alone in one.
    pub const NONE: Self = Self { next: Link::NONE, previous: Link::NONE };
}

/// An entry that can stand in a list of kind `KIND`; in one of each kind at a time.
pub trait Linked<const KIND: usize> {
    /// Its neighbours in that list.
    fn links(&mut self) -> &mut Links;
    /// Its neighbours, to read.
    fn links_ref(&self) -> &Links;
}

/// Implements [`Linked`] by a field: `linked!(Thread<C>, QUEUE, queue)`.
macro_rules! linked {
    ($entry:ident $(<$parameter:ident>)?, $kind:ident, $field:ident) => {
        impl$(<$parameter>)? $crate::tables::Linked<$kind> for $entry$(<$parameter>)? {
            fn links(&mut self) -> &mut $crate::tables::Links {
                &mut self.$field
            }
            fn links_ref(&self) -> &$crate::tables::Links {
                &self.$field
            }
        }
    };
}
pub(crate) use linked;

/// A list through a table's entries.
///
/// Most lists have one entry. One word describes such a list, and one store makes or ends it.
#[derive(Clone, Copy, Debug, Default)]
pub struct List {
    /// The first entry, marked if it isn't the only one; none if there is none.
    first: Link,
    /// The last entry, if there are several.
    last: Link,
}

impl List {
    /// A list without entries.
    pub const EMPTY: Self = Self { first: Link::NONE, last: Link::NONE };

    /// The first entry.
    #[inline(always)]
    pub const fn head(&self) -> Link {
        Link(self.first.0 & !Link::SEVERAL)
    }

    /// The last entry.
    const fn tail(&self) -> Link {
        if self.first.0 & Link::SEVERAL != 0 { self.last } else { self.first }
    }

    /// The only entry. If there are none or several, this is a link that no table has an entry for.
    #[inline(always)]
    pub const fn only(&self) -> Link {
        self.first
    }

    /// Makes an entry that is in no other list the only one of this.
    #[inline(always)]
    pub const fn set_only(&mut self, entry: Link) {
        self.first = entry;
    }

    /// Forgets the only entry.
    #[inline(always)]
    pub const fn clear_only(&mut self) {
        self.first = Link::NONE;
    }

    /// Whether it has no entry.
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        !self.first.is_some()
    }

    const fn set(&mut self, head: Link, tail: Link) {
        self.first = if head.0 == tail.0 { head } else { Link(head.0 | Link::SEVERAL) };
        self.last = tail;
    }
}

impl<T, const N: usize> Arena<T, N> {
    /// Adds an entry at the end of a list.
    pub fn push_back<const KIND: usize>(&mut self, list: &mut List, link: Link)
    where
        T: Linked<KIND>,
    {
        let (head, tail) = (list.head(), list.tail());
        if let Some(entry) = self.at_mut(link) {
            *entry.links() = Links { next: Link::NONE, previous: tail };
        }
        match self.at_mut(tail) {
            Some(last) => {
                last.links().next = link;
                list.set(head, link);
            }
            None => list.set(link, link),
        }
    }

    /// Adds an entry at the front of a list.
    pub fn push_front<const KIND: usize>(&mut self, list: &mut List, link: Link)
    where
        T: Linked<KIND>,
    {
        let (head, tail) = (list.head(), list.tail());
        if let Some(entry) = self.at_mut(link) {
            *entry.links() = Links { next: head, previous: Link::NONE };
        }
        match self.at_mut(head) {
            Some(first) => {
                first.links().previous = link;
                list.set(link, tail);
            }
            None => list.set(link, link),
        }
    }

    /// Takes an entry out of the list that it is in.
    pub fn unlink<const KIND: usize>(&mut self, list: &mut List, link: Link)
    where
        T: Linked<KIND>,
    {
        let Some(entry) = self.at_mut(link) else { return };
        let Links { next, previous } = core::mem::replace(entry.links(), Links::NONE);
        let (mut head, mut tail) = (list.head(), list.tail());
        match self.at_mut(previous) {
            Some(before) => before.links().next = next,
            None => head = next,
        }
        match self.at_mut(next) {
            Some(after) => after.links().previous = previous,
            None => tail = previous,
        }
        list.set(head, tail);
    }

    /// Takes the first entry.
    pub fn pop_front<const KIND: usize>(&mut self, list: &mut List) -> Link
    where
        T: Linked<KIND>,
    {
        let link = list.head();
        if link.is_some() {
            self.unlink::<KIND>(list, link);
        }
        link
    }

    /// The entry after this one in its list of that kind.
    pub fn next<const KIND: usize>(&self, link: Link) -> Link
    where
        T: Linked<KIND>,
    {
        self.at(link).map_or(Link::NONE, |entry| entry.links_ref().next)
    }
}
