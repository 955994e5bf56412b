//! First process: starts the others, grants them what the manifest says, and starts them again when they die.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::{Result, Startup};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    for entry in startup.entries() {
        bellwire::println!("{} {:?} {:#x} {:#x?}", entry.name(), entry.kind, entry.value, entry.extra);
    }
    Ok(())
}
