//! Machines in QEMU and Bochs for tests and benches: boot them, talk to them, see how they end.
//!
//! [`machine::Machine`] is what cases use; but for [`bochs`] and [`suite`], the rest is what it stands on.

pub mod abi;
pub mod abi_table;
pub mod bench;
pub mod bochs;
pub mod console;
pub mod counter;
pub mod cpio;
pub mod exit;
pub mod figures;
pub mod folder;
pub mod fuzz;
pub mod gdb;
pub mod keys;
pub mod listing;
pub mod machine;
pub mod process;
pub mod qemu;
pub mod qmp;
pub mod reach;
pub mod suite;
pub mod watchdog;
