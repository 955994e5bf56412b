//! Host tests of the whole core, through its traps only, on the fake machine.
//!
//! After every trap, of every test, [`invariants`] looks at everything the core holds.

mod boot;
mod interrupts;
mod invariants;
mod schedule;
mod world;
