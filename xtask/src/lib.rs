//! The common code of the host tools: the widths, the places of files in `target/`, and running other programs.
//!
//! This is a library so that the test runner finds an image by the same code that wrote it.

pub mod abi;
pub mod arrows;
pub mod build;
pub mod calls;
pub mod check;
pub mod debian;
pub mod docs_index;
pub mod editor;
pub mod faults;
pub mod hook;
pub mod iso;
pub mod lines;
pub mod manifest;
pub mod output;
pub mod pages;
pub mod place;
pub mod process;
pub mod reference;
pub mod steps;
pub mod test;
pub mod width;

use std::path::PathBuf;

pub use width::Width;

/// The result of a host tool. Its errors are sentences for a person.
pub type Result<T = ()> = std::result::Result<T, String>;

/// Returns the root of the source tree.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the tree").to_owned()
}

/// Tells the person at the terminal what a long step is doing.
pub fn say(message: &str) {
    eprintln!("==> {message}");
}
