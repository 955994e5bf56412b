//! Access to devices: I/O ports and registers in memory.

pub mod pc;
pub mod port;
pub mod registers;
