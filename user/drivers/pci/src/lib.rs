//! The logic of the PCI bus, apart from the program's loop, so that host tests can run it.
//!
//! The code reaches configuration space through [`ConfigurationSpace`], by ports on a machine and by a fake in tests.
//! Its contents come from devices, so nothing here trusts them: each list ends, and an impossible size is no register.
//! (The crate `pci_types` 0.10 follows lists of capabilities for ever, and panics at reserved types of registers. Nor
//! does it know how many ports a register covers, or turn a function off while it measures it.)
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
pub use enable::{Refused, disable, enable, master};
pub use quiet::{Pin, put_to_rest, quiet};
pub use scan::scan;
pub use space::{ConfigurationSpace, Mechanism};
