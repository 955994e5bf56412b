//! The ways in which the kernel is started, up to its first words.

use xtask::Width;

use super::{Case, cases};
use runner::machine::{Direct, Image, Machine};

pub const CASES: &[Case] = cases![Short: iso_reaches_kernel_log, direct_boot_reaches_kernel_log];

/// What users get: GRUB and multiboot2.
fn iso_reaches_kernel_log(width: Width) {
    Machine::boot(width, Image::Iso).expect("Bellwire");
}

/// What most tests use: QEMU's own loader and multiboot1.
fn direct_boot_reaches_kernel_log(width: Width) {
    Machine::boot(width, Direct::shipped()).expect("Bellwire");
}
