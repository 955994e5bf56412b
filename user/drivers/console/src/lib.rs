//! The logic of the console, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cell;
mod filter;
mod grid;
mod output;
mod pixels;
mod probe;
mod screen;
mod scroll;
mod text;

pub use cell::{Cell, Colour};
pub use filter::Filter;
pub use grid::{Grid, Part, Position};
pub use output::{Colours, CursorState, Output};
pub use pixels::{Layout, Pixels};
pub use probe::{Probe, QUESTION, Size};
pub use screen::{Display, Screen};
pub use scroll::{Next, Scroll, next};
pub use text::{FIRST_PORT, Text};
