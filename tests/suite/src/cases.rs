//! All cases, by what they are about.

mod anywhere;
mod budgets;
mod calls;
mod entries;
mod faults;
mod floating;
mod handlers;
mod hostile;
mod interrupts;
mod log;
mod memory;
mod messages;
mod pointers;
mod ports;
mod processes;
mod refusals;
mod safe;
mod slices;
mod timers;

use crate::case::Case;

/// All cases in the order in which they run: those of the basic calls come first.
pub const ALL: &[&[Case]] = &[
    calls::CASES,
    refusals::CASES,
    timers::CASES,
    log::CASES,
    entries::CASES,
    anywhere::CASES,
    interrupts::CASES,
    messages::CASES,
    ports::CASES,
    memory::CASES,
    slices::CASES,
    faults::CASES,
    handlers::CASES,
    floating::CASES,
    pointers::CASES,
    processes::CASES,
    safe::CASES,
    budgets::CASES,
    hostile::returns::CASES,
    hostile::fast_entry::CASES,
    hostile::leftovers::CASES,
    hostile::selectors::CASES,
    hostile::steps::CASES,
    hostile::flags::CASES,
    hostile::endless::CASES,
    hostile::bases::CASES,
    hostile::stacks::CASES,
    hostile::instructions::CASES,
    hostile::random::CASES,
    hostile::ending::CASES,
    hostile::names::CASES,
    hostile::unanswered::CASES,
    hostile::deferred::CASES,
    hostile::spinning::CASES,
    hostile::drivers::CASES,
];
