//! The interrupt controllers: drivers for 8259A, IOAPIC and local APIC, and the one controller that they are to the
//! core.

pub mod apic;
pub mod controller;
pub mod ioapic;
pub mod msi;
pub mod pic;
pub mod route;
