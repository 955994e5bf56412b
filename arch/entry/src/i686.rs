//! What i686 dictates, as plain data: it compiles, and is tested, on any host.
mod gate;
mod registers;
mod segments;
mod trap_frame;

pub use gate::Gate;
#[cfg(target_arch = "x86")]
pub(crate) use segments::tss_address;
pub use segments::{GlobalDescriptorTable, tss_descriptor};
pub use trap_frame::TrapFrame;
