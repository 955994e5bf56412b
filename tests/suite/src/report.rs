//! The lines that the runner reads. They have no name of a program before them, unlike those of the SDK.

use bellwire::Root;
use core::fmt::{self, Write};

/// How much of a line one call carries.
const BYTES: usize = 16;

/// Writes a line to the kernel's log.
pub fn line(log: &Root, text: fmt::Arguments<'_>) {
    let mut writer = Writer { log, bytes: [0; BYTES], count: 0 };
    // The writer reports no errors: there is nowhere to report them to.
    let _ = writeln!(writer, "{text}");
    writer.flush();
}

struct Writer<'a> {
    log: &'a Root,
    bytes: [u8; BYTES],
    count: usize,
}

impl Writer<'_> {
    fn flush(&mut self) {
        let _ = self.log.log_write(&self.bytes[..self.count]);
        self.count = 0;
    }
}

impl Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.bytes[self.count] = byte;
            self.count += 1;
            if self.count == BYTES {
                self.flush();
            }
        }
        Ok(())
    }
}
