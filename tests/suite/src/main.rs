//! The conductor: runs every case and reports each in a line on the kernel's log.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

mod case;
mod cases;
mod emulator;
mod partner;
mod scene;
mod system;
mod victim;
mod watch;
mod worker;

bellwire::main!(watch::run);
