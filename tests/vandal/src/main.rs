//! A hostile client of all shipped servers, and a guest of the same servers that measures what it notices of that.
//!
//! The program's first argument is its role. The vandal lives several times: each life tries other tricks, and ends
//! with calls at all servers. The guest tells the vandal which life it is, and says on the console how it went.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

mod guest;
mod tricks;
mod vandal;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::{Endpoint, Result, Startup};

bellwire::main!(run);

fn run(startup: Startup) -> Result<(), String> {
    let role = startup.arguments().next().unwrap_or_default();
    match role.as_str() {
        "guest" => guest::run(startup).map_err(|error| alloc::format!("{error}")),
        _ => vandal::run(startup),
    }
}

/// A server that both know.
struct Service {
    name: &'static str,
    endpoint: Arc<Endpoint>,
}

/// The services of all shipped programs.
const SERVICES: [&str; 9] = ["timer", "edu", "serial", "console", "keyboard", "rtc", "pci", "programs", "shell"];

fn services(startup: &Startup) -> Result<Vec<Service>> {
    SERVICES.into_iter().map(|name| Ok(Service { name, endpoint: Arc::new(startup.uses(name)?) })).collect()
}

/// What the vandal asks the guest.
mod to_guest {
    /// Which life of the vandal is it? Answered once the guest is ready for it.
    pub const LIFE: u8 = 250;
    /// The vandal has nothing left to try.
    pub const DONE: u8 = 251;
}
