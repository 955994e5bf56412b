//! Counts how often each instruction of the kernel ran.

use std::collections::HashMap;
use std::fmt::{self, Write};

/// Counts by address.
#[derive(Debug, Default)]
pub struct Profile(HashMap<u64, u64>);

impl Profile {
    pub fn executed(&mut self, address: u64) {
        *self.0.entry(address).or_default() += 1;
    }

    pub fn report(&self, text: &mut String) -> fmt::Result {
        self.0.iter().try_for_each(|(address, count)| writeln!(text, "ran {address:#x} {count}"))
    }
}
