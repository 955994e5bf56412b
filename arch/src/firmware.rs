//! What the firmware says of the machine: ACPI's tables.

pub mod acpi;
pub mod madt;
