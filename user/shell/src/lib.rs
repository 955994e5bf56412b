//! The shell without its entry point, so that host tests can run the parts that need no kernel.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod command;
mod commands;
mod complete;
mod diagnosis;
mod editor;
mod failure;
mod latency;
mod report;
mod service;
mod shell;
mod style;
mod table;
mod terminal;
mod typed;
mod waiter;
mod words;
mod wrap;

pub use command::{COMMANDS, Command, Entry, Line, NotACommand, Typed};
pub use editor::{Editor, Outcome};
pub use failure::Failure;
pub use latency::Latency;
pub use service::{Service, ask};
pub use shell::Shell;
pub use style::{Style, Styled};
pub use table::{Align, Cell, Column, Table};
pub use terminal::Terminal;
pub use words::BadQuoting;
