//! Lines in the kernel's log, for programs with the right `log`. Without it they go nowhere.
//!
//! The log is meant for what a person reads when something is wrong. It needs no other program, so it works when
//! everything else has failed; a program's output belongs on a stream of the console.

use crate::root::{LOG_BYTES, log_write};
use crate::{Grants, Handle, Root};
use abi::StartupEntry;
use core::fmt::{self, Write};
use spin::Once;

/// The log, for the whole life of the program. Empty without the right.
static ROOT: Once<Root> = Once::new();

/// The name that stands before each line.
static NAME: Once<Name> = Once::new();

/// A program's name, as the startup block has it or, for `init`, as its package has it.
enum Name {
    Entry(StartupEntry),
    Package(&'static str),
}

impl Name {
    fn as_str(&self) -> &str {
        match self {
            Self::Entry(entry) => entry.name().strip_prefix(NAME_PREFIX).unwrap_or("?"),
            Self::Package(name) => name,
        }
    }
}

/// What the entry with the program's name starts with.
const NAME_PREFIX: &str = "program ";

pub(crate) fn set_up(package: &'static str, grants: &Grants) {
    let find = |is_it: fn(&StartupEntry) -> bool| grants.entries().find(is_it);
    let name = find(|entry| entry.name().starts_with(NAME_PREFIX));
    NAME.call_once(|| name.map_or(Name::Package(package), Name::Entry));
    // A program without the right has no such entry; the first process has the root of all rights.
    let root = find(|entry| ["log", "root"].contains(&entry.name())).and_then(|entry| grants.take(entry).ok());
    if let Some(root) = root {
        ROOT.call_once(|| Root::from(root));
    }
}

/// The log, if the program may use it.
pub(crate) fn root() -> Option<&'static Root> {
    ROOT.get()
}

/// Writes a line to the log, with the program's name before it.
///
/// ```
/// bellwire::println!("port {:#x} is silent", 0x3F8);
/// ```
#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => { $crate::log::line(::core::format_args!($($argument)*)) };
}

/// Writes a line: what [`crate::println`] expands to.
pub fn line(text: fmt::Arguments<'_>) {
    let Some(root) = root() else { return };
    let name = NAME.get().map_or("?", Name::as_str);
    let mut writer = Writer { handle: root.raw(), bytes: [0; LOG_BYTES], count: 0 };
    // Neither the writer nor what it calls reports errors: there is nowhere to report them to.
    let _ = writeln!(writer, "{name}: {text}");
    writer.flush();
}

/// Collects bytes until they fill a call.
struct Writer {
    handle: u32,
    bytes: [u8; LOG_BYTES],
    count: usize,
}

impl Writer {
    fn flush(&mut self) {
        if self.count != 0 {
            log_write(self.handle, &self.bytes[..self.count]);
            self.count = 0;
        }
    }
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.bytes[self.count] = byte;
            self.count += 1;
            if self.count == LOG_BYTES {
                self.flush();
            }
        }
        Ok(())
    }
}
