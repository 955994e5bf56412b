//! What i686 dictates, as plain data: it compiles, and is tested, on any host.
mod frame;
mod gate;
mod segments;

pub use frame::Frame;
pub use gate::Gate;
pub use segments::{GlobalDescriptorTable, tss_descriptor};
