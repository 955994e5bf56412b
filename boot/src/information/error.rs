//! The reasons why the loader's information can't be used.

use core::fmt;

/// The reason why the loader's information can't be used; its text continues "Bellwire can't start: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The register that names the protocol holds something else.
    Loader(u32),
    /// The information isn't where it is said to be, or ends beyond memory.
    Unreadable(&'static str, u64),
    /// A part of the information contradicts the protocol.
    Malformed(&'static str),
    /// A part that the kernel needs is missing.
    Missing(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loader(magic) => write!(to, "the boot loader speaks neither multiboot nor multiboot2 ({magic:#x})"),
            Self::Unreadable(part, address) => write!(to, "the boot loader's {part} at {address:#x} can't be read"),
            Self::Malformed(part) => write!(to, "the boot loader's information is malformed: {part}"),
            Self::Missing(part) => write!(to, "the boot loader gave no {part}"),
        }
    }
}
