//! The kernel's log: a ring that programs read, the serial line and the screen.

pub mod journal;
pub mod mark;
pub mod output;
pub mod ring;
pub mod screen;
pub mod serial;
mod stamp;
