//! Input on its way from a driver that may be slow, dead or stuck: what was asked and not answered yet, and the bytes
//! that were fetched and not read yet.

use crate::scroll::{End, Next, Scroll, next};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bellwire::Instant;
use bellwire::protocol::{CHUNK_BYTES, Chunk};
use core::time::Duration;

/// How many bytes are fetched ahead. Further ones stay in the driver.
const AHEAD: usize = 64;

/// How long the begin of a key is kept from when the driver is asked for more, while it says neither how the key goes
/// on nor that there is no more.
const HOLD: Duration = Duration::from_millis(100);

/// A question that a driver answers at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Is there input?
    Input,
    /// Is the driver there? It may say no more than that it doesn't know such a request.
    Presence,
}

/// A key's effect on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// The screen scrolls.
    Scroll(Scroll),
    /// The screen shows what was written last.
    ToEnd,
}

/// What is known of a driver's input. The driver says once that it has some, and then waits to be asked.
#[derive(Debug)]
pub struct Inlet {
    /// There may be input that the driver wasn't asked for.
    more: bool,
    /// The question that the driver hasn't answered, and when it was asked.
    asked: Option<(Question, Instant)>,
    bytes: VecDeque<u8>,
}

impl Default for Inlet {
    /// The driver may have told a predecessor of input.
    fn default() -> Self {
        let bytes = VecDeque::with_capacity(AHEAD + CHUNK_BYTES);
        Self { more: true, asked: None, bytes }
    }
}

impl Inlet {
    /// Notes that the driver has input, or may have. Call this when it says so.
    pub fn announce(&mut self) {
        self.more = true;
    }

    /// Returns whether to ask the driver for input now, and notes that it was asked.
    pub fn ask(&mut self, now: Instant) -> Option<Question> {
        if !self.more || self.asked.is_some() || self.bytes.len() >= AHEAD {
            return None;
        }
        // What is announced from now on isn't what the answer tells.
        self.more = false;
        self.begin(Question::Input, now)
    }

    /// Returns whether to ask the driver whether it is there, and notes that it was asked. A question that it hasn't
    /// answered says as much.
    pub fn ask_for_presence(&mut self, now: Instant) -> Option<Question> {
        if self.asked.is_some() { None } else { self.begin(Question::Presence, now) }
    }

    fn begin(&mut self, question: Question, now: Instant) -> Option<Question> {
        self.asked = Some((question, now));
        Some(question)
    }

    /// Takes the driver's answer to the question; an empty one, if the driver died over it. Input says that there may
    /// be more.
    pub fn answered(&mut self, chunk: Chunk) {
        if let Some((Question::Input, _)) = self.asked.take() {
            self.push(chunk);
        }
    }

    /// Adds input that was fetched.
    pub fn push(&mut self, chunk: Chunk) {
        if !chunk.is_empty() {
            self.more = true;
            self.bytes.extend(chunk.bytes());
        }
    }

    /// Returns since when the driver owes an answer.
    pub fn silent_since(&self) -> Option<Instant> {
        self.asked.map(|(_, since)| since)
    }

    /// Takes the next bytes as they are. Returns also what to ask the driver, now that there is room. The driver says
    /// only once that it has input, so it has to be asked whenever there is room again.
    pub fn take(&mut self, now: Instant) -> (Chunk, Option<Question>) {
        let chunk = self.take_first(CHUNK_BYTES);
        (chunk, self.ask(now))
    }

    /// Takes the next keys, and adds the effects of all keys up to them to `motions`. The keys that scroll aren't among
    /// those returned. The begin of a key may wait a little for its rest, and nothing else is withheld, whether the
    /// driver answers or not. Returns also what to ask the driver, as [`Inlet::take`] does: keys that scroll make room
    /// where no key is returned.
    pub fn take_keys(&mut self, now: Instant, motions: &mut Vec<Motion>) -> (Chunk, Option<Question>) {
        let end = if self.is_settled(now) { End::OfInput } else { End::Open };
        let chunk = loop {
            match next(&mut self.bytes, end) {
                Next::Scroll(scroll) => motions.push(Motion::Scroll(scroll)),
                Next::Bytes(count) => {
                    motions.push(Motion::ToEnd);
                    break self.take_first(count);
                }
                Next::Nothing => break Chunk::default(),
            }
        };
        (chunk, self.ask(now))
    }

    /// Returns until when bytes are withheld as the begin of a key, unless the driver answers before. While the driver
    /// wasn't asked for more, there is no such time: taking the bytes before asks it.
    pub fn withholds_until(&self, now: Instant) -> Option<Instant> {
        let (_, since) = self.asked?;
        (!self.bytes.is_empty() && !self.is_settled(now)).then(|| since + HOLD)
    }

    fn take_first(&mut self, count: usize) -> Chunk {
        let chunk: Chunk = self.bytes.iter().copied().take(count).collect();
        self.bytes.drain(..chunk.bytes().len());
        chunk
    }

    /// Returns whether nothing can follow soon that belongs to the bytes that are there.
    fn is_settled(&self, now: Instant) -> bool {
        match self.asked {
            None => !self.more,
            Some((_, since)) => now >= since + HOLD,
        }
    }
}

#[cfg(test)]
mod tests;
