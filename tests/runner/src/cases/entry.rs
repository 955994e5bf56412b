//! `x86-entry` by itself, in a kernel that has nothing else.

use runner::exit::Exit;
use runner::machine::{Direct, Machine};
use xtask::Width;
use xtask::build::entry_check;

use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: bare_kernel_takes_every_trap_as_it_expects];

/// The kernel takes its program's traps one by one, and ends with 0 only if each was the expected one.
fn bare_kernel_takes_every_trap_as_it_expects(width: Width) {
    let (text, exit) = Machine::boot(width, Direct::kernel(entry_check(width))).output();
    assert_eq!(exit, Exit::Debug(0), "{text}");
    assert!(text.contains(" passed"), "{text}");
}
