//! The shell: all of it but its first instruction, so that a host test can run what needs no kernel.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod command;
mod editor;
mod latency;
mod pci;
mod power;
mod report;
mod shell;
mod terminal;

pub use command::{COMMANDS, Command, CommandHelp, NotACommand};
pub use editor::{Editor, Outcome};
pub use latency::Latency;
pub use shell::Shell;
pub use terminal::Terminal;
