//! The logic of the console, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cell;
mod filter;
mod grid;
mod inlet;
mod outlet;
mod output;
mod pixels;
mod probe;
mod screen;
mod scroll;
mod text;
mod watch;

pub use cell::{Cell, Colour};
pub use filter::Filter;
pub use grid::{Grid, Part, Position};
pub use inlet::{Inlet, Motion, Question};
pub use outlet::{Outlet, Written};
pub use output::{Colours, CursorState, Output};
pub use pixels::{Layout, Pixels};
pub use probe::{Probe, Size};
pub use screen::{Display, Screen};
pub use scroll::Scroll;
pub use text::{FIRST_PORT, Text};
pub use watch::{Verdict, Watch};
