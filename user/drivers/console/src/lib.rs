//! The logic of the console, apart from its loop: what a host test can run.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod grid;
mod pixels;
mod screen;
mod text;

pub use grid::{Grid, Position};
pub use pixels::{Layout, Pixels};
pub use screen::{Display, Screen};
pub use text::Text;
