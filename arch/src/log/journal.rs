//! The kernel's log: a ring of 64 KiB that user mode reads by a call, COM1, and the screen.
//!
//! Every line goes to the ring; COM1 and the screen get it too while they are the kernel's. The kernel gives each of
//! the two up when a driver in user mode takes it over. A crash record takes them back.
//!
//! Once user mode runs, the kernel never waits for COM1: see [`crate::log::output`].

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use kernel::machine::Time;
use spin::Mutex;

use crate::log::output::{Output, Pace};
use crate::log::ring::Ring;
use crate::log::screen::{AnyGrid, Screen};
use crate::log::serial::{Com1, SerialPort};
use crate::log::stamp;

/// Bytes that the ring keeps.
pub const RING_BYTES: usize = 64 * 1024;

static RING: Ring<RING_BYTES> = Ring::new();

struct Sinks {
    serial: Option<Output<Com1>>,
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

/// Appends bytes to the log, with the time before each line, and gives COM1 what it takes.
pub fn write(bytes: &[u8]) {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if AT_START.swap(line.ends_with(b"\n"), Ordering::Relaxed)
            && let Some(stamp) = stamp::of_line(RING.position())
        {
            put(stamp.bytes());
        }
        put(line);
    }
    send();
}

/// Appends bytes as they are.
fn put(bytes: &[u8]) {
    RING.write(bytes);
    // A crash while the lock is held finds it taken; then the ring alone gets the bytes.
    if let Some(mut sinks) = SINKS.try_lock()
        && let Some(screen) = &mut sinks.screen
    {
        screen.put(bytes);
    }
}

/// Gives COM1 what it hasn't got yet: all of it while the kernel may wait, else what the chip takes at once.
pub fn send() {
    with_serial(|serial| serial.send(&RING));
}

/// Gives the number of bytes that COM1 hasn't got yet: 0 once the kernel has left it to user mode.
pub fn waiting() -> usize {
    with_serial(|serial| serial.waiting(&RING)).unwrap_or(0)
}

/// Gives the microseconds until [`send`] should be called again, if bytes wait.
pub fn next_send() -> Option<u32> {
    with_serial(|serial| serial.next_send(&RING)).flatten()
}

/// Keeps later writes from waiting for COM1. Call this before the first instruction of user mode.
pub fn stop_waiting() {
    with_serial(|serial| serial.set_pace(Pace::AtOnce));
}

fn with_serial<R>(use_serial: impl FnOnce(&mut Output<Com1>) -> R) -> Option<R> {
    SINKS.try_lock()?.serial.as_mut().map(use_serial)
}

/// Copies the log from a position on: see [`Ring::read`].
pub fn read(position: u32, to: &mut [u8]) -> (u32, usize) {
    RING.read(position, to)
}

/// Sends the log to COM1 too.
pub fn take_serial() {
    SINKS.lock().serial = Some(Output::new(SerialPort::take(Com1), RING.position()));
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

/// Takes COM1 and the screen for a crash record, from the drivers that have them. COM1 first gets what it hasn't got of
/// the log, if the kernel still had it. The record begins a line and shows no times: its lines are as wide as the
/// screen.
pub fn seize() {
    stamp::stop();
    let start = RING.position();
    if !AT_START.swap(true, Ordering::Relaxed) {
        RING.write(b"\n");
    }
    // SAFETY: if the lock is taken, the code that holds it was interrupted by the crash and never goes on.
    unsafe { SINKS.force_unlock() };
    let mut sinks = SINKS.lock();
    let port = SerialPort::take_back(Com1);
    sinks.serial = Some(match sinks.serial.take() {
        Some(output) => output.with_port(port),
        None => Output::new(port, start),
    });
    if let Some(mut screen) = sinks.left.take() {
        screen.clear();
        sinks.screen = Some(screen);
    }
}

/// Waits until COM1 has sent all bytes.
pub fn finish() {
    with_serial(Output::finish);
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
