//! What x86_64 dictates, as plain data: it compiles, and is tested, on any host.
mod gate;
mod registers;
mod segments;
mod trap_frame;

pub use gate::Gate;
pub use segments::{GlobalDescriptorTable, tss_descriptor};
pub use trap_frame::TrapFrame;
