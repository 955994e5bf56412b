//! Host tests of the whole core, through its traps only, on the fake machine.
//!
//! After every trap, of every test, [`invariants`] looks at everything the core holds.

mod arena;
mod boot;
mod budgets;
mod diagnosis;
mod fast;
mod faults;
mod handles;
mod interrupts;
mod invariants;
mod lost_callers;
mod memory;
mod messages;
mod ports;
mod processes;
mod quarantine;
mod random;
mod replies;
mod schedule;
mod shares;
mod sources;
mod storms;
mod sweep;
mod timers;
mod world;
