//! How much a server keeps for its clients.

/// The bound of what a server keeps: for one client, and for all of them.
///
/// A client that has nothing yet has room for one thing, whatever others have. So greedy clients shut nobody out, and a
/// server holds `of_all` things at most, and one more for each further client.
///
/// ```
/// # use bellwire::Bound;
/// const BOUND: Bound = Bound { of_client: 2, of_all: 3 };
/// // The clients of the things that are kept.
/// assert!(BOUND.has_room([7].into_iter(), 7));
/// assert!(!BOUND.has_room([7, 7].into_iter(), 7));
/// assert!(!BOUND.has_room([7, 7, 8].into_iter(), 8));
/// assert!(BOUND.has_room([7, 7, 8].into_iter(), 9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The most that one client has.
    pub of_client: usize,
    /// The most that all clients have, but for the first thing of each.
    pub of_all: usize,
}

impl Bound {
    /// Tells whether a client may have one thing more. `clients` are those of the things that are kept, known by the
    /// badges of their handles.
    pub fn has_room(self, clients: impl Iterator<Item = u16>, client: u16) -> bool {
        let count = |(all, own): (usize, usize), other| (all + 1, own + usize::from(other == client));
        let (all, own) = clients.fold((0, 0), count);
        own < self.of_client && (own == 0 || all < self.of_all)
    }
}
