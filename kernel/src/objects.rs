//! The objects that programs have handles to, and handles themselves.
//!
//! Each is a type with private invariants and named transitions, and knows nothing of the tables that others stand in.

pub mod endpoint;
pub mod event;
pub mod handle;
pub mod lines;
pub mod memory;
pub mod pace;
pub mod ports;
pub mod process;
pub mod reply;
pub mod source;
pub mod standing;
pub mod thread;
pub mod timer;
