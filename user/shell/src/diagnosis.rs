//! Why an interrupt doesn't come: what is known of a line, and what follows from it.

mod driver;
mod facts;
mod show;
mod verdict;

pub use driver::{Doing, Thread, doing};
pub use facts::{Earlier, Facts, Owner};
pub use show::write;
pub use verdict::Verdict;
