//! The lines on the serial line, as `tests/bench` prints them, and the program's end.

use core::fmt::{self, Write};

use crate::call::{self, CONSOLE, Error};
use crate::cost::Cost;

/// A line, so that it is written at once.
struct Line {
    bytes: [u8; 200],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Prints a row.
pub fn row(name: &str, cost: Cost) {
    print(format_args!("bench: {name} {} {}\n", cost.minimum, cost.median));
}

/// Says that all rows were measured, and ends.
pub fn finish() -> ! {
    print(format_args!("bench: done\n"));
    end()
}

/// Says what failed, and ends.
pub fn fail(what: &str, Error(number): Error) -> ! {
    print(format_args!("bench: {what} failed: error {number}\n"));
    end()
}

/// An error is dropped here, since there is no other place to report it.
fn print(text: fmt::Arguments) {
    let mut line = Line { bytes: [0; 200], length: 0 };
    let _ = line.write_fmt(text);
    let _ = call::write(CONSOLE, &line.bytes[..line.length]);
}

/// Switches the machine off: whichever process got here, there is nothing more to measure.
fn end() -> ! {
    let _ = call::drain(CONSOLE);
    let _ = call::power_off();
    call::exit()
}
