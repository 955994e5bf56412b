//! The reading side of a server that speaks [`crate::protocol::StreamRequest`]: the callers that wait for input, and
//! the listener that is told of it.

use crate::protocol::Chunk;
use crate::{Call, CallerGone, Callers, Delivery, Endpoint, Result};

/// The bit of a listener's notify word that says: there is input, come and poll.
pub const INPUT: u32 = 1;

/// A place where input is kept until it is read.
pub trait Source {
    /// Returns the next bytes, which stay where they are; empty if there are none.
    fn peek(&mut self) -> Chunk;

    /// Takes the next bytes away.
    fn consume(&mut self, bytes: usize);
}

/// The readers of a source: callers that wait, and a listener. A server that outranks its listener can't call it, and
/// notifies it instead.
#[derive(Debug, Default)]
pub struct Readers {
    waiting: Callers<()>,
    listener: Option<Endpoint>,
    listener_knows: Knowledge,
}

#[derive(Debug, Default, PartialEq)]
enum Knowledge {
    #[default]
    Nothing,
    InputIsThere,
}

impl Readers {
    /// Makes the readers of a source: the listener alone, if there is one.
    pub fn new(listener: Option<Endpoint>) -> Self {
        Self { listener, ..Self::default() }
    }

    /// Answers a call to read; the caller waits if there is no input.
    pub fn read(&mut self, call: Call<'_>, source: &mut impl Source) {
        match source.peek() {
            chunk if chunk.is_empty() => self.waiting.put_off(call, ()),
            chunk => {
                source.consume(chunk.bytes().len());
                call.answer(chunk.to_words());
            }
        }
    }

    /// Forgets a caller that has gone, if it is one of these.
    pub fn forget(&mut self, gone: CallerGone) {
        self.waiting.forget(gone);
    }

    /// Answers a call to poll.
    pub fn poll(&mut self, call: Call<'_>, source: &mut impl Source) {
        let chunk = source.peek();
        source.consume(chunk.bytes().len());
        call.answer(chunk.to_words());
        self.listener_knows = Knowledge::Nothing;
    }

    /// Hands out what the source has to the callers that wait, in their order. If something is left, notifies the
    /// listener.
    pub fn offer(&mut self, source: &mut impl Source) -> Result<()> {
        loop {
            let chunk = source.peek();
            if chunk.is_empty() {
                return Ok(());
            }
            let Some(reader) = self.waiting.take_first() else { break };
            // A reader that has gone meanwhile leaves its bytes to the next one.
            if reader.reply.answer(chunk.to_words()) == Delivery::Delivered {
                source.consume(chunk.bytes().len());
            }
        }
        if let Some(listener) = &self.listener
            && self.listener_knows == Knowledge::Nothing
        {
            listener.notify(INPUT)?;
            self.listener_knows = Knowledge::InputIsThere;
        }
        Ok(())
    }
}
