//! i686: what 32-bit x86 with PAE has its own way of doing.

pub mod call_page;
mod context;
pub(crate) mod idle;
pub mod layout;
pub(crate) mod segments;
mod trap;
mod zero_window;

pub(crate) use trap::{SYSENTER_RETURN, TASK_SWITCHES, enable_fast_calls, stop_single_step};
pub use zero_window::{prepare_zero_window, zero_outside_direct_map};
