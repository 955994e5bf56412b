//! What i686 dictates, as plain data: it compiles, and is tested, on any host.
mod frame;
mod gate;
mod segments;

pub use frame::TrapFrame;
pub use gate::Gate;
#[cfg(target_arch = "x86")]
pub(crate) use segments::tss_address;
pub use segments::{GlobalDescriptorTable, tss_descriptor};
