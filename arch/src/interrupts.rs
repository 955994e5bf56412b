//! The interrupt controllers: 8259A, IOAPIC and local APIC, each for itself and as the one controller that the core sees.

pub mod apic;
pub mod controller;
pub mod ioapic;
pub mod msi;
pub mod pic;
pub mod route;
