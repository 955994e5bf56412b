//! Tables of a fixed size, and what is threaded through them: lists and trees. Nothing here knows what the entries
//! mean.

mod arena;
mod list;
mod members;
mod name;
pub mod sizes;
mod tree;

pub use arena::{Arena, Entry};
pub(crate) use list::linked;
pub use list::{Linked, Links, List};
pub use members::Members;
pub use name::{Link, Name};
pub(crate) use tree::ordered;
pub use tree::{Branches, Ordered, Tree};
