//! The sources of the console's input.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bellwire::protocol::{CHUNK_BYTES, Chunk, ConsoleMode, StreamRequest};
use bellwire::stream::Source;
use bellwire::{Endpoint, Error};
use driver_console::{Next, Probe, Scroll, Size};

/// How many bytes of keys are fetched ahead, to find keys that scroll. Further ones stay in the driver.
const KEYS: usize = 64;

/// A key's effect on the screen.
#[derive(Clone, Copy)]
pub enum Motion {
    /// The screen scrolls.
    Scroll(Scroll),
    /// The screen shows what was written last.
    ToEnd,
}

/// The streams of the serial line and the keyboard, and the input that was fetched from them and not read yet.
pub struct Inputs {
    serial: Endpoint,
    keyboard: Endpoint,
    /// The mode of the console's stream.
    pub mode: ConsoleMode,
    fetched: Chunk,
    keys: VecDeque<u8>,
    /// The effects of keys since these were last taken.
    pub motions: Vec<Motion>,
    /// The question to the terminal at the serial line.
    pub probe: Probe,
    /// The size of that terminal, if it answered.
    pub terminal: Option<Size>,
}

impl Inputs {
    /// Makes inputs from which nothing is fetched yet.
    pub fn new(serial: Endpoint, keyboard: Endpoint) -> Self {
        Self {
            serial,
            keyboard,
            mode: ConsoleMode::Text,
            fetched: Chunk::default(),
            keys: VecDeque::with_capacity(KEYS + CHUNK_BYTES),
            motions: Vec::new(),
            probe: Probe::default(),
            terminal: None,
        }
    }

    /// Sends bytes to the serial line. If the driver dies meanwhile, its successor gets the rest.
    pub fn send(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.serial.request(StreamRequest::Write(Chunk::new(bytes))) {
                Ok([taken, ..]) => bytes = &bytes[taken.min(bytes.len())..],
                Err(Error::Gone) => {}
                Err(_) => return,
            }
        }
    }

    /// Fetches input from the serial line.
    fn fetch_serial(&mut self) -> Chunk {
        let chunk = fetch(&self.serial);
        if self.mode == ConsoleMode::Text {
            let answer = chunk.bytes().iter().filter_map(|byte| self.probe.look(*byte)).last();
            self.terminal = answer.or(self.terminal);
        }
        chunk
    }

    /// Fetches input from the keyboard, without the keys that scroll.
    fn fetch_keys(&mut self) -> Chunk {
        while self.keys.len() < KEYS {
            let chunk = fetch(&self.keyboard);
            if chunk.is_empty() {
                break;
            }
            self.keys.extend(chunk.bytes());
        }
        let count = match self.mode {
            ConsoleMode::Bytes => self.keys.len(),
            ConsoleMode::Text => loop {
                match driver_console::next(&mut self.keys) {
                    Next::Scroll(scroll) => self.motions.push(Motion::Scroll(scroll)),
                    Next::Bytes(count) => {
                        self.motions.push(Motion::ToEnd);
                        break count;
                    }
                    Next::Nothing => break 0,
                }
            },
        };
        let chunk: Chunk = self.keys.iter().copied().take(count).collect();
        self.keys.drain(..chunk.bytes().len());
        chunk
    }
}

/// Fetches input from a driver. A driver that is dead has none; its successor notifies the console when it has some.
fn fetch(stream: &Endpoint) -> Chunk {
    stream.request(StreamRequest::Poll).map(Chunk::from_words).unwrap_or_default()
}

impl Source for Inputs {
    fn peek(&mut self) -> Chunk {
        if self.fetched.is_empty() {
            self.fetched = self.fetch_serial();
        }
        if self.fetched.is_empty() {
            self.fetched = self.fetch_keys();
        }
        self.fetched
    }

    fn consume(&mut self, bytes: usize) {
        self.fetched = Chunk::new(&self.fetched.bytes()[bytes..]);
    }
}
