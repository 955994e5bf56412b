//! What the system's operations cost: measured, shown, compared with the figures in the tree, and written to its pages.
//!
//! | module | |
//! |---|---|
//! | [`rows`] | what is measured, seL4's figures and the targets |
//! | [`measure`] | boots the machines that measure |
//! | [`interrupts_off`] | the longest stretches with interrupts off, and where the kernel was |
//! | [`table`] | the tables on the terminal |

pub mod interrupts_off;
pub mod measure;
pub mod rows;
pub mod table;

use serde_json::{Map, Value};
use xtask::Width;

/// The order of the widths in tables.
pub const WIDTHS: [Width; 2] = [Width::X86_64, Width::I686];

/// A width's figures by their names, as they stand in the file.
///
/// A row `NAME` has its cheapest round as `NAME` and its middle one as `NAME_median`; what the clock leaves out stands in
/// `counts`, by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(pub Map<String, Value>);

impl Figures {
    /// A figure.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    /// One of a row's counts.
    pub fn count(&self, row: &str, name: &str) -> Option<u64> {
        self.0.get("counts")?.get(row)?.get(name)?.as_u64()
    }

    /// Sets a figure.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

/// The figures of both widths, in the order of [`WIDTHS`].
pub type Both = [Figures; 2];
