//! i686: what 32-bit x86 with PAE has its own way of doing.

pub mod layout;
mod zero_window;

pub use zero_window::{prepare_zero_window, zero_outside_direct_map};
