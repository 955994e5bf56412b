//! x86_64: what the 64-bit mode has its own way of doing.

mod context;
pub(crate) mod idle;
pub mod layout;
pub(crate) mod segments;
mod trap;

pub(crate) use trap::{SYSENTER_RETURN, TASK_SWITCHES, enable_fast_calls, stop_single_step};

use kernel::memory::Frame;

/// Nothing is needed: the direct map shows every frame.
pub fn prepare_zero_window(_root: Frame, _new_table: &mut impl FnMut() -> Option<Frame>) -> Option<()> {
    Some(())
}

/// Never has anything to do: the direct map shows every frame.
///
/// # Safety
/// None of its own; it stands for the i686 function of that name.
pub unsafe fn zero_outside_direct_map(_frame: Frame) {}
