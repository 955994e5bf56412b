//! Tables of what the kernel and `init` know.

mod holders;
mod interrupts;
mod line;
mod log;
mod memory;
mod programs;
mod time;
mod watch;

pub use interrupts::{Interrupts, InterruptsTop};
pub use log::Log;
pub use memory::Memory;
pub use programs::Programs;
pub use time::Time;

use alloc::vec::Vec;
use bellwire::{Error, Result};

/// Returns everything in a table of slots, of which some are free.
fn each<T>(mut slot: impl FnMut(usize) -> Result<Option<T>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for index in 0.. {
        match slot(index) {
            Ok(Some(found)) => all.push(found),
            Ok(None) => {}
            Err(Error::BadArgument) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}
