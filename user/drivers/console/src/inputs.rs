//! Where the console's input comes from.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bellwire::protocol::{CHUNK_BYTES, Chunk, ConsoleMode, StreamRequest};
use bellwire::stream::Source;
use bellwire::{Endpoint, Error};
use driver_console::{Next, Probe, Scroll, Size};

/// How many bytes of keys are fetched to find those that scroll. The driver has more.
const KEYS: usize = 64;

/// What a key does to the screen.
#[derive(Clone, Copy)]
pub enum Motion {
    /// It scrolls.
    Scroll(Scroll),
    /// It shows what was written last.
    ToEnd,
}

/// The streams of the serial line and the keyboard, and what was fetched from them and not yet read.
pub struct Inputs {
    serial: Endpoint,
    keyboard: Endpoint,
    /// What the stream is.
    pub mode: ConsoleMode,
    fetched: Chunk,
    keys: VecDeque<u8>,
    /// What keys did since this was last taken.
    pub motions: Vec<Motion>,
    /// Waits for the answer of the terminal at the serial line.
    pub probe: Probe,
    /// That terminal, if it answered.
    pub terminal: Option<Size>,
}

impl Inputs {
    /// Nothing is fetched yet.
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

    /// Sends to the serial line. If its driver dies meanwhile, its successor gets the rest.
    pub fn send(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.serial.request(StreamRequest::Write(Chunk::new(bytes))) {
                Ok([taken, ..]) => bytes = &bytes[taken.min(bytes.len())..],
                Err(Error::Gone) => {}
                Err(_) => return,
            }
        }
    }

    /// What was typed at the serial line's other end.
    fn fetch_serial(&mut self) -> Chunk {
        let chunk = fetch(&self.serial);
        if self.mode == ConsoleMode::Text {
            let answer = chunk.bytes().iter().filter_map(|byte| self.probe.look(*byte)).last();
            self.terminal = answer.or(self.terminal);
        }
        chunk
    }

    /// What was typed at the keyboard, without the keys that scroll.
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

/// What a driver has. One that is dead just now has no input; its successor will say when it has some.
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
