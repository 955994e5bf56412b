//! Non-maskable interrupts and machine checks at every instruction of the ways into the kernel and back.
//!
//! The suite's cases `anywhere` take all these ways. QEMU's debugger stub stops the machine at each instruction, and
//! the interrupt is raised there. The frame that the CPU saved must name that instruction, and every register must be
//! unchanged when the interrupted code goes on. The machine's clocks count instructions, so that every run is the same.

mod bench;
mod machine_check;
mod nested;
mod paths;
mod sweep;

use runner::machine::Hardware;
use xtask::Width;

use super::{Case, cases};
use machine_check::Extent;

pub const CASES: &[Case] = cases![
    Short:
    nmis_harm_nothing,
    nmis_in_nmis_wait,
    nmis_leave_records_right,
    machine_checks_are_recorded,
];
pub const LONG: &[Case] = cases![Long: machine_checks_are_recorded_everywhere];

/// How many machine checks every run tries.
const SOME: usize = 20;

fn nmis_harm_nothing(width: Width) {
    sweep::run(Hardware::new(width).with(&["-icount", "shift=0"]), width);
}

fn nmis_in_nmis_wait(width: Width) {
    nested::run(width);
}

fn nmis_leave_records_right(width: Width) {
    nested::interrupt_the_dying(width);
}

fn machine_checks_are_recorded(width: Width) {
    machine_check::run(width, Extent::Some(SOME));
}

fn machine_checks_are_recorded_everywhere(width: Width) {
    machine_check::run(width, Extent::All);
}
