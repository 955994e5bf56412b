//! Lines in the kernel's log, for programs with the right `log`. Without it they go nowhere.
//!
//! The log is meant for what a person reads when something is wrong. It needs no other program, so it works when
//! everything else has failed; a program's output belongs on a stream of the console.

use crate::root::{LOG_BYTES, log_write};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering};

/// The handle of the log, or 0.
static HANDLE: AtomicU32 = AtomicU32::new(abi::NO_HANDLE);

/// The name that lines start with.
static NAME: spin::Once<&'static str> = spin::Once::new();

pub(crate) fn set_up(name: &'static str, handle: Option<u32>) {
    NAME.call_once(|| name);
    HANDLE.store(handle.unwrap_or(abi::NO_HANDLE), Ordering::Relaxed);
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
    let handle = HANDLE.load(Ordering::Relaxed);
    if handle == abi::NO_HANDLE {
        return;
    }
    let name = NAME.get().copied().unwrap_or("?");
    let mut writer = Writer { handle, bytes: [0; LOG_BYTES], count: 0 };
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
