//! What x86_64 dictates, as plain data: it compiles, and is tested, on any host.
mod frame;
mod gate;
mod segments;

pub use frame::TrapFrame;
pub use gate::Gate;
pub use segments::{GlobalDescriptorTable, tss_descriptor};
