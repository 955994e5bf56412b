//! The kernel's log: a ring of 64 KiB that user mode reads by a call, COM1, and the screen.
//!
//! Every line goes to the ring; COM1 and the screen get it too while they are the kernel's. The kernel gives each of
//! the two up when a driver in user mode takes it over. A crash record takes them back. The ring is made of atomics, so
//! that it can be written from a crash at any point, without a lock that the crash may have interrupted.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use kernel::machine::Time;
use spin::Mutex;

use crate::log::screen::{AnyGrid, Screen};
use crate::log::serial::SerialPort;
use crate::log::stamp;

/// Bytes that the ring keeps.
pub const RING_BYTES: usize = 64 * 1024;

/// The last bytes of the log, by position: a count of all bytes ever written, which wraps.
#[derive(Debug)]
pub struct Ring<const BYTES: usize> {
    bytes: [AtomicU8; BYTES],
    written: AtomicU32,
}

impl<const BYTES: usize> Ring<BYTES> {
    /// Masks a position to an index. The size is a power of two, so that positions may wrap at 2^32.
    const MASK: u32 = {
        assert!(BYTES.is_power_of_two());
        BYTES as u32 - 1
    };

    /// An empty ring.
    pub const fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; BYTES], written: AtomicU32::new(0) }
    }

    /// Appends bytes, in the place of the oldest ones.
    pub fn write(&self, bytes: &[u8]) {
        for &byte in bytes {
            let position = self.written.load(Ordering::Relaxed);
            if let Some(slot) = self.bytes.get((position & Self::MASK) as usize) {
                slot.store(byte, Ordering::Relaxed);
            }
            self.written.store(position.wrapping_add(1), Ordering::Release);
        }
    }

    /// Gives the position of the next byte.
    fn position(&self) -> u32 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes other bytes in the place of those at a position.
    fn overwrite(&self, position: u32, bytes: &[u8]) {
        for (byte, at) in bytes.iter().zip(0..) {
            if let Some(slot) = self.bytes.get((position.wrapping_add(at) & Self::MASK) as usize) {
                slot.store(*byte, Ordering::Relaxed);
            }
        }
    }

    /// Copies the bytes that were written from `position` on and are still kept. Returns the position to go on from,
    /// and the number of bytes copied. A position that was never reached reads from the oldest byte.
    pub fn read(&self, position: u32, to: &mut [u8]) -> (u32, usize) {
        let written = self.written.load(Ordering::Acquire);
        let behind = written.wrapping_sub(position);
        let kept = if behind <= BYTES as u32 { behind } else { written.min(BYTES as u32) };
        let start = written.wrapping_sub(kept);
        let count = to.len().min(kept as usize);
        for (slot, at) in to.iter_mut().zip(0..count as u32) {
            if let Some(byte) = self.bytes.get((start.wrapping_add(at) & Self::MASK) as usize) {
                *slot = byte.load(Ordering::Relaxed);
            }
        }
        (start.wrapping_add(count as u32), count)
    }
}

impl<const BYTES: usize> Default for Ring<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

static RING: Ring<RING_BYTES> = Ring::new();

struct Sinks {
    serial: Option<SerialPort>,
    screen: Option<Screen<AnyGrid>>,
    /// A screen that was left to user mode, for a crash record.
    left: Option<Screen<AnyGrid>>,
}

static SINKS: Mutex<Sinks> = Mutex::new(Sinks { serial: None, screen: None, left: None });

/// Whether the next byte begins a line.
static AT_START: AtomicBool = AtomicBool::new(true);

/// Begins the log, and with it the time that its lines show.
pub fn begin(now: Time) {
    stamp::begin(now);
}

/// Gives the time at which the log began.
pub fn began() -> Time {
    stamp::began()
}

/// Makes later lines show no time.
pub fn without_times() {
    stamp::stop();
}

/// Notes the measured frequency of the clock. The lines so far get their times then, as do those that follow.
pub fn set_frequency(hertz: u64) {
    stamp::set_frequency(hertz, |position, bytes| RING.overwrite(position, bytes));
}

/// Appends bytes to the log, with the time before each line.
pub fn write(bytes: &[u8]) {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if AT_START.swap(line.ends_with(b"\n"), Ordering::Relaxed)
            && let Some(stamp) = stamp::of_line(RING.position())
        {
            put(stamp.bytes());
        }
        put(line);
    }
}

/// Appends bytes as they are.
fn put(bytes: &[u8]) {
    RING.write(bytes);
    // A crash inside the lines below finds the lock taken; then the ring alone gets the bytes.
    if let Some(mut sinks) = SINKS.try_lock() {
        if let Some(screen) = &mut sinks.screen {
            screen.put(bytes);
        }
        // The serial line comes last, since it may wait.
        if let Some(serial) = &mut sinks.serial {
            serial.put(bytes);
        }
    }
}

/// Copies the log from a position on: see [`Ring::read`].
pub fn read(position: u32, to: &mut [u8]) -> (u32, usize) {
    RING.read(position, to)
}

/// Sends the log to COM1 too.
pub fn take_serial() {
    SINKS.lock().serial = Some(SerialPort::take());
}

/// Leaves COM1 to user mode.
pub fn release_serial() {
    SINKS.lock().serial = None;
}

/// Sends the log to the screen too, which it clears, beginning with the lines so far.
pub fn take_screen(grid: AnyGrid) {
    let mut screen = Screen::new(grid);
    let (mut position, mut bytes) = (0, [0; 128]);
    loop {
        let (next, count) = RING.read(position, &mut bytes);
        if count == 0 {
            break;
        }
        screen.put(&bytes[..count]);
        position = next;
    }
    SINKS.lock().screen = Some(screen);
}

/// Leaves the screen to user mode.
pub fn release_screen() {
    let mut sinks = SINKS.lock();
    if let Some(screen) = sinks.screen.take() {
        sinks.left = Some(screen);
    }
}

/// Takes COM1 and the screen for a crash record, from the drivers that have them. The record begins a line and shows no
/// times: its lines are as wide as the screen.
pub fn seize() {
    stamp::stop();
    if !AT_START.swap(true, Ordering::Relaxed) {
        RING.write(b"\n");
    }
    // SAFETY: if the lock is taken, the code that holds it was interrupted by the crash and never goes on.
    unsafe { SINKS.force_unlock() };
    let mut sinks = SINKS.lock();
    sinks.serial = Some(SerialPort::take_back());
    if let Some(mut screen) = sinks.left.take() {
        screen.clear();
        sinks.screen = Some(screen);
    }
}

/// Waits until COM1 has sent all bytes.
pub fn finish() {
    if let Some(mut sinks) = SINKS.try_lock()
        && let Some(serial) = &mut sinks.serial
    {
        serial.finish();
    }
}

/// The log as the target of formatted text.
#[derive(Clone, Copy, Debug)]
pub struct Writer;

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text.as_bytes());
        Ok(())
    }
}

/// Makes the macros of the crate `log` write here, one line a call.
pub fn install() {
    static LOGGER: Lines = Lines;
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let prefix = match record.level() {
                log::Level::Error => "error: ",
                log::Level::Warn => "warning: ",
                _ => "",
            };
            // Writing to the log can't fail.
            let _ = writeln!(Writer, "{prefix}{}", record.args());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_follows_sees_every_byte() {
        let ring = Ring::<8>::new();
        let mut to = [0; 8];
        ring.write(b"abc");
        assert_eq!(ring.read(0, &mut to), (3, 3));
        assert_eq!(&to[..3], b"abc");
        ring.write(b"defgh");
        assert_eq!(ring.read(3, &mut to[..2]), (5, 2));
        assert_eq!(&to[..2], b"de");
        assert_eq!(ring.read(8, &mut to), (8, 0));
    }

    #[test]
    fn a_late_reader_gets_what_is_kept() {
        let ring = Ring::<8>::new();
        let mut to = [0; 16];
        ring.write(b"0123456789");
        assert_eq!(ring.read(0, &mut to), (10, 8));
        assert_eq!(&to[..8], b"23456789");
        assert_eq!(ring.read(500, &mut to), (10, 8));
    }

    #[test]
    fn what_is_kept_can_be_put_right() {
        let ring = Ring::<8>::new();
        ring.write(b"0123456789");
        ring.overwrite(7, b"xy");
        let mut to = [0; 8];
        ring.read(2, &mut to);
        assert_eq!(&to, b"23456xy9");
    }

    #[test]
    fn positions_wrap() {
        let ring = Ring::<8>::new();
        ring.written.store(u32::MAX - 1, Ordering::Relaxed);
        let mut to = [0; 8];
        ring.write(b"abcd");
        assert_eq!(ring.read(u32::MAX - 1, &mut to), (2, 4));
        assert_eq!(&to[..4], b"abcd");
    }
}
