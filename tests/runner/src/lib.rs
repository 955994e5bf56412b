//! Machines in QEMU and Bochs for tests and benches: boot them, talk to them, see how they end.
//!
//! Cases use [`machine::Machine`], [`bochs`] and [`suite`]. The other modules are what these are built on.

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
pub mod stepped;
pub mod suite;
pub mod watchdog;
