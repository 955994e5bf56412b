//! Why an interrupt doesn't come: the facts about a line, and the verdict on them.

mod driver;
mod facts;
mod show;
mod verdict;

pub use driver::{Doing, Thread, doing};
pub use facts::{Earlier, Facts, Owner};
pub use show::write;
pub use verdict::Verdict;
