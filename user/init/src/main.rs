//! The first process: starts the other programs, grants them what the manifest says, and starts them again when they
//! die.
//!
//! The kernel starts `init` with all rights. `init` hands out parts of them, and uses none itself. Otherwise it is one
//! loop around `receive`: ends of programs, its timer, and clients that ask about programs.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

mod backoff;
mod claims;
mod clerk;
mod devices;
mod load;
mod machine;
mod notices;
mod program;
mod server_thread;
mod service;
mod size;
mod stand_in;
mod supervisor;

use alloc::string::String;
use bellwire::{Grants, ReceiveRight, Startup, Thread};
use machine::Machine;
use supervisor::Supervisor;

bellwire::main!(run);

/// The priority at which `init` serves. Drivers run before it, so that nothing it does delays an interrupt.
const PRIORITY: u8 = manifest::INIT_PRIORITY;

const STACK_BYTES: usize = 64 << 10;

/// Starts a thread with `init`'s own priority, which does the work: the kernel starts the first thread at the highest
/// one.
fn run(startup: Startup) -> Result<(), String> {
    let grants = startup.grants();
    let thread = Thread::spawn(PRIORITY, STACK_BYTES, move |right| {
        if let Err(error) = supervise(right, grants) {
            bellwire::println!("gives up: {error}");
            bellwire::entry::exit(bellwire::entry::FAILED);
        }
    });
    thread.map_err(|error| alloc::format!("can't make a thread: {error}"))?;
    bellwire::thread_exit()
}

/// Starts everything and serves for ever.
fn supervise(right: ReceiveRight, grants: Grants) -> Result<(), String> {
    let machine = Machine::new(grants)?;
    let manifest = machine.manifest()?;
    let mut supervisor =
        Supervisor::new(right, machine, manifest).map_err(|error| alloc::format!("can't begin: {error}"))?;
    supervisor.start_all();
    let error = supervisor.serve();
    Err(alloc::format!("can't receive: {error}"))
}
