//! Page tables: one kernel half that all address spaces share, and their user halves.
//!
//! The kernel's half is built once, by [`install`], and changes afterwards only inside the window region, whose tables
//! all spaces share. The core owns the user halves: it says what is mapped where, and gives the frames of the tables.

mod entry;
mod geometry;
#[cfg(target_arch = "x86")]
mod i686;
mod kernel_half;
mod space;
mod tables;
mod walk;
pub mod window;
#[cfg(target_arch = "x86_64")]
mod x86_64;
mod zero;

pub use entry::{Entry, Flags};
pub use geometry::{FourLevel, Geometry, PAGE_BITS, Pae};
#[cfg(target_arch = "x86")]
use i686 as width;
#[cfg(target_arch = "x86")]
pub(crate) use i686::call_page;
pub(crate) use kernel_half::KernelTables;
#[cfg(target_arch = "x86")]
pub(crate) use kernel_half::root as kernel_root;
pub use kernel_half::{Image, OutOfMemory, install};
pub use space::Space;
pub use walk::{EntryRun, Root, Tables};
#[cfg(target_arch = "x86_64")]
use x86_64 as width;
pub use zero::zero;

/// The tables that this build uses.
#[cfg(target_arch = "x86")]
pub type Width = Pae;
/// The tables that this build uses.
#[cfg(target_arch = "x86_64")]
pub type Width = FourLevel;

/// The bytes of a large page, on both widths.
pub const LARGE_PAGE_BYTES: usize = 2 << 20;

/// Makes an entry for a page, as this CPU takes it.
fn encode(frame: kernel::frames::Frame, flags: Flags) -> Entry {
    let entry = Entry::page(frame, flags);
    if crate::cpu::features::features().no_execute { entry } else { entry.without_no_execute() }
}
