//! The machine's serial line: everything it printed so far, and how far the case has read.
//!
//! A thread collects what arrives, so a machine never waits for its case. The deadline of a wait only ends a case that
//! has failed, far beyond what a slow host needs.

use std::io::{Error, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How many lines of a log a failure shows.
const SHOWN_LINES: usize = 60;

/// After this long without the expected event a case has failed.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// The serial line, both directions.
pub struct Console {
    /// The way to the machine; some have none.
    stream: Option<UnixStream>,
    log: Arc<Log>,
    /// Where the case goes on reading.
    cursor: usize,
}

/// The text that a machine printed, for a reader that doesn't keep it.
#[derive(Clone)]
pub struct Printed(Weak<Log>);

/// The text that the machine printed.
#[derive(Default)]
struct Log {
    received: Mutex<Received>,
    changed: Condvar,
}

#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    line: Line,
    reader: Reader,
}

/// Whether the runner reads what the machine prints.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reader {
    /// The runner reads at once.
    #[default]
    Listens,
    /// Not now: the machine finds the line full.
    Pauses,
}

/// Whether more can come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Line {
    #[default]
    Open,
    Closed,
}

/// Why an expected text didn't come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// The machine ended.
    Ended,
    /// The machine runs, but the text didn't come before the deadline.
    Late,
}

impl Console {
    /// Takes over the connection and starts to collect.
    pub fn new(stream: UnixStream) -> std::io::Result<Console> {
        Ok(Console { stream: Some(stream.try_clone()?), ..Console::listening(stream) })
    }

    /// Collects from a line on which the machine only speaks.
    pub fn listening(source: impl Read + Send + 'static) -> Console {
        let log = Arc::new(Log::default());
        let collector = Arc::clone(&log);
        thread::spawn(move || collector.collect(source));
        Console { stream: None, log, cursor: 0 }
    }

    /// Waits for a text behind what was read so far, and reads up to its end. Returns what was read.
    pub fn expect(&mut self, text: &str) -> Result<String, Missing> {
        let bytes = self.read_up_to(|unread| {
            let at = unread.windows(text.len()).position(|window| window == text.as_bytes())?;
            Some(at + text.len())
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits for `count` bytes behind what was read before, and reads them. They are late if none comes for the time of
    /// the deadline: how long all of them take depends on the host.
    pub fn receive(&mut self, count: usize) -> Result<Vec<u8>, Missing> {
        let most = self.cursor.saturating_add(count);
        let mut before = self.count();
        loop {
            match self.read_up_to(|unread| (unread.len() >= count).then_some(count)) {
                Err(Missing::Late) if self.count().min(most) > before => before = self.count(),
                result => return result,
            }
        }
    }

    /// Waits until what isn't read yet has an end, and reads up to there.
    fn read_up_to(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> Result<Vec<u8>, Missing> {
        let mut received = self.log.lock();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let unread = received.bytes.get(self.cursor..).unwrap_or(&[]);
            if let Some(count) = end(unread) {
                let read = unread[..count].to_vec();
                self.cursor += count;
                return Ok(read);
            }
            if received.line == Line::Closed {
                return Err(Missing::Ended);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Missing::Late);
            }
            received = self.log.wait(received, left);
        }
    }

    /// Waits until something new has arrived, or for the given time: for events which announce themselves nowhere.
    pub fn pause(&self, longest: Duration) {
        drop(self.log.wait(self.log.lock(), longest));
    }

    /// Waits until the line is closed, and returns all that was ever printed. The result is late if nothing more comes
    /// for the time of `patience`.
    pub fn read_to_end(&mut self, patience: Duration) -> Result<String, Missing> {
        let mut deadline = Instant::now() + patience;
        let mut received = self.log.lock();
        while received.line == Line::Open {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Missing::Late);
            }
            let count = received.bytes.len();
            received = self.log.wait(received, left);
            if received.bytes.len() > count {
                deadline = Instant::now() + patience;
            }
        }
        self.cursor = received.bytes.len();
        Ok(String::from_utf8_lossy(&received.bytes).into_owned())
    }

    /// Sends bytes to the machine; waits while its receiver is full.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stream {
            Some(stream) => stream.write_all(bytes),
            None => Err(Error::other("the machine only speaks on this line")),
        }
    }

    /// The text that was printed and not read yet.
    pub fn unread(&self) -> String {
        String::from_utf8_lossy(self.log.lock().bytes.get(self.cursor..).unwrap_or(&[])).into_owned()
    }

    /// How many bytes were printed and aren't read yet.
    pub fn unread_count(&self) -> usize {
        self.count().saturating_sub(self.cursor)
    }

    /// Has the line read, or not; what is being read is read yet.
    pub fn set_reader(&self, reader: Reader) {
        self.log.lock().reader = reader;
        self.log.changed.notify_all();
    }

    /// How many bytes were printed so far.
    pub fn count(&self) -> usize {
        self.log.lock().bytes.len()
    }

    /// All that was printed so far.
    pub fn text(&self) -> String {
        self.log.text()
    }

    /// A view of what is printed, for another thread.
    pub fn printed(&self) -> Printed {
        Printed(Arc::downgrade(&self.log))
    }
}

impl Printed {
    /// All that was printed so far; nothing once the console is gone.
    pub fn text(&self) -> String {
        self.0.upgrade().map(|log| log.text()).unwrap_or_default()
    }
}

/// The end of a log, as failures show it.
pub fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    fn collect(&self, mut source: impl Read) {
        let mut buffer = [0; 4096];
        loop {
            self.wait_while_paused();
            let count = source.read(&mut buffer).unwrap_or(0);
            let mut received = self.lock();
            received.bytes.extend_from_slice(&buffer[..count]);
            if count == 0 {
                received.line = Line::Closed;
            }
            drop(received);
            self.changed.notify_all();
            if count == 0 {
                return;
            }
        }
    }

    fn wait_while_paused(&self) {
        let paused = |received: &mut Received| received.reader == Reader::Pauses;
        drop(self.changed.wait_while(self.lock(), paused));
    }

    /// The bytes stay meaningful even if a case panicked while it looked at them.
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, received: MutexGuard<'a, Received>, longest: Duration) -> MutexGuard<'a, Received> {
        self.changed.wait_timeout(received, longest).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UnixStream, Console) {
        let (machine, case) = UnixStream::pair().unwrap();
        (machine, Console::new(case).unwrap())
    }

    #[test]
    fn reading_goes_on_behind_what_was_expected() {
        let (mut machine, mut console) = pair();
        machine.write_all(b"one two one").unwrap();
        assert_eq!(console.expect("one").as_deref(), Ok("one"));
        assert_eq!(console.expect("one").as_deref(), Ok(" two one"));
    }

    #[test]
    fn a_text_in_two_pieces_is_found() {
        let (mut machine, mut console) = pair();
        machine.write_all(b"bell").unwrap();
        let waiter = thread::spawn(move || console.expect("bellwire>"));
        machine.write_all(b"wire>").unwrap();
        assert_eq!(waiter.join().unwrap().as_deref(), Ok("bellwire>"));
    }

    #[test]
    fn the_end_of_the_machine_ends_the_wait() {
        let (machine, mut console) = pair();
        drop(machine);
        assert_eq!(console.expect("Bellwire"), Err(Missing::Ended));
    }

    #[test]
    fn what_is_sent_arrives() {
        let (mut machine, mut console) = pair();
        console.send(b"help\r").unwrap();
        let mut bytes = [0; 5];
        machine.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"help\r");
    }
}
