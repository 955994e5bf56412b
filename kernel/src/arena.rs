//! Tables of a fixed size whose entries never move, and the lists threaded through them.
//!
//! What comes from outside names an entry by [`Name`], index and generation in one word, so that a name outlives
//! its entry harmlessly. What the core keeps inside names it by [`Link`], a plain index that is cleared when its
//! target dies. Both are looked up by a bounds check that never panics: a link stores the index plus one, so
//! "none" is simply out of bounds.
//!
//! Everything starts as zeros, so that megabytes of tables take no room in the image and no time at boot.

#[cfg(test)]
mod checks;
mod tree;

pub use tree::{Branches, Ordered, Tree};

/// An entry's index plus one; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Link(u32);

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
}

/// An entry's link in the low half, its generation in the high one; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Name(u32);

impl Name {
    /// No entry.
    pub const NONE: Self = Self(0);

    const fn new(index: usize, generation: u16) -> Self {
        Self((generation as u32) << 16 | Link::new(index).0)
    }

    /// The link of the entry that the name was given to; whoever uses it must know that the name still holds.
    #[inline(always)]
    pub const fn link(self) -> Link {
        Link(self.0 & 0xFFFF)
    }

    const fn generation(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

struct Slot<T> {
    value: T,
    /// The entry's present name; none while the slot is free.
    name: Name,
    /// The generation that the slot had last. A slot whose generation would wrap is retired.
    generation: u16,
    next_free: u16,
}

/// What a table holds: something with an all-zero state for slots that aren't in use.
pub trait Entry: Sized {
    /// The state of a free slot.
    const EMPTY: Self;

    /// Makes it what a free slot's is. What nobody looks at there may stay: a slot that is taken anew is written as a whole.
    fn clear(&mut self) {
        *self = Self::EMPTY;
    }
}

/// A table of at most `N` entries.
pub struct Arena<T, const N: usize> {
    slots: [Slot<T>; N],
    /// The first free slot that was used before, plus one.
    free: u16,
    /// How many slots were ever used.
    fresh: u16,
    used: u16,
}

impl<T: Entry, const N: usize> Arena<T, N> {
    /// An empty table.
    pub const EMPTY: Self = Self {
        slots: [const { Slot { value: T::EMPTY, name: Name::NONE, generation: 0, next_free: 0 } }; N],
        free: 0,
        fresh: 0,
        used: 0,
    };

    /// Takes a slot for `value`; nothing if the table is full. Inlined, so that the value is made in its slot.
    #[inline(always)]
    pub fn insert(&mut self, value: T) -> Option<Name> {
        let index = match self.free {
            0 => {
                let index = self.fresh as usize;
                if index >= N || index > u16::MAX as usize - 1 {
                    return None;
                }
                self.fresh += 1;
                index
            }
            link => {
                let index = link as usize - 1;
                self.free = self.slots.get(index)?.next_free;
                index
            }
        };
        let slot = self.slots.get_mut(index)?;
        slot.generation += 1;
        slot.name = Name::new(index, slot.generation);
        slot.value = value;
        self.used += 1;
        Some(slot.name)
    }

    /// Frees a slot whose name is known to nobody any more. The name serves again, so that slots of what comes and goes
    /// with every message don't wear out.
    pub fn recycle(&mut self, link: Link) {
        if let Some(slot) = self.slots.get_mut(link.index()).filter(|slot| slot.name != Name::NONE) {
            slot.generation -= 1;
            self.remove(link);
        }
    }

    /// Frees a slot; names of its entry are stale from now on.
    pub fn remove(&mut self, link: Link) {
        let Some(slot) = self.slots.get_mut(link.index()) else { return };
        if slot.name == Name::NONE {
            return;
        }
        slot.name = Name::NONE;
        slot.value.clear();
        self.used -= 1;
        if slot.generation < u16::MAX {
            slot.next_free = self.free;
            self.free = link.word() as u16;
        }
    }
}

impl<T, const N: usize> Arena<T, N> {
    /// The entry of a link. (The slice's `get` would do, but isn't inlined where code is to be small.)
    #[inline(always)]
    pub fn at(&self, link: Link) -> Option<&T> {
        let index = link.index();
        if index < N { Some(&self.slots[index].value) } else { None }
    }

    /// The entry of a link, to change.
    #[inline(always)]
    pub fn at_mut(&mut self, link: Link) -> Option<&mut T> {
        self.slots.get_mut(link.index()).map(|slot| &mut slot.value)
    }

    /// The entry of a name that may be stale.
    #[inline(always)]
    pub fn get(&self, name: Name) -> Option<&T> {
        match self.slots.get(name.link().index()) {
            Some(slot) if slot.name == name => Some(&slot.value),
            _ => None,
        }
    }

    /// The entry of a name that may be stale, to change.
    #[inline(always)]
    pub fn get_mut(&mut self, name: Name) -> Option<&mut T> {
        match self.slots.get_mut(name.link().index()) {
            Some(slot) if slot.name == name => Some(&mut slot.value),
            _ => None,
        }
    }

    /// The present name of an entry.
    #[inline(always)]
    pub fn name(&self, link: Link) -> Name {
        self.slots.get(link.index()).map_or(Name::NONE, |slot| slot.name)
    }

    /// The link behind a name, if it isn't stale.
    pub fn resolve(&self, name: Name) -> Option<Link> {
        self.get(name).map(|_| name.link())
    }

    /// Whether a slot is in use.
    pub fn is_live(&self, link: Link) -> bool {
        self.name(link) != Name::NONE
    }

    /// How many slots are in use.
    pub fn used(&self) -> usize {
        self.used as usize
    }

    /// Whether there is no slot for a further entry.
    pub const fn is_full(&self) -> bool {
        self.free == 0 && (self.fresh as usize >= N || self.fresh == u16::MAX)
    }

    /// How many slots there are.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// The slots that were ever in use, live or not: an upper bound for walks.
    pub fn extent(&self) -> usize {
        self.fresh as usize
    }

    /// The live entries with their links.
    pub fn iter(&self) -> impl Iterator<Item = (Link, &T)> {
        let live = |(index, slot): (usize, &'_ Slot<T>)| (slot.name != Name::NONE).then_some(Link::new(index));
        let slots = &self.slots;
        slots
            .iter()
            .enumerate()
            .take(self.fresh as usize)
            .filter_map(live)
            .filter_map(|link| Some((link, self.at(link)?)))
    }
}

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

/// A list through a table's entries.
///
/// Lists of one entry are what most of them are: one word says all of such a one, and to make it or to end it is one store.
#[derive(Clone, Copy, Debug, Default)]
pub struct List {
    /// The first entry, marked if it isn't the only one; none if there is none.
    first: Link,
    /// The last entry, if there are several.
    last: Link,
}

impl Link {
    /// Marks a list's first entry that isn't its only one: such a link is out of any table's bounds.
    const SEVERAL: u32 = 1 << 31;
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

    /// The list's one entry. Without one, or with several, it is a link that no table has an entry for.
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

    /// Whether there is none.
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

impl Name {
    /// The name as the bare number that trace entries and counters show.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether it names nothing.
    pub const fn is_none(self) -> bool {
        self.generation() == 0
    }
}
