//! Why the kernel can't start.

use core::fmt;

use crate::information;

/// Why the kernel can't start; its text continues "Bellwire can't start: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// What the loader left can't be used.
    Information(information::Error),
    /// The loader loaded nothing but the kernel.
    NoModules,
    /// A module, by its number, isn't where a module can be.
    MisplacedModule(usize, &'static str),
    /// Less memory than the kernel needs, in KiB.
    TooLittleMemory(u64),
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Information(error) => error.fmt(to),
            Self::NoModules => write!(to, "the boot loader gave no modules; the first must be init"),
            Self::MisplacedModule(number, problem) => write!(to, "module {number} {problem}"),
            Self::TooLittleMemory(free) => write!(to, "too little memory: {free} KiB are free"),
        }
    }
}

impl From<information::Error> for Failure {
    fn from(error: information::Error) -> Self {
        Self::Information(error)
    }
}

impl From<arch::paging::OutOfMemory> for Failure {
    fn from(_: arch::paging::OutOfMemory) -> Self {
        Self::TooLittleMemory(0)
    }
}
