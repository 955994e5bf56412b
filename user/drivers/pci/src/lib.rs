//! The logic of the PCI bus, apart from the program's loop: what a host test can run.
//!
//! Configuration space is reached through [`ConfigurationSpace`], by ports on a machine and by a fake in tests. What
//! stands in it comes from devices, so nothing here trusts it: lists end, sizes that are none are no registers. (The
//! crate `pci_types` 0.10 follows lists of capabilities for ever and panics at types of registers that are reserved; it
//! also doesn't know how many ports a register covers, nor switches a function off while it measures it.)
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod bar;
mod bus;
mod capability;
mod enable;
#[cfg(test)]
mod fake;
mod ghost;
mod quiet;
mod scan;
mod space;

pub use bar::bar;
pub use bus::{Bus, Refusal};
pub use capability::{Capability, MessageCapability, disable_messages};
pub use enable::{Refused, disable, enable};
pub use quiet::{Pin, put_to_rest, quiet};
pub use scan::scan;
pub use space::{ConfigurationSpace, Mechanism};
