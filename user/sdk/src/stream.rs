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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::fake;
    use crate::server::Owed;
    use crate::{Error, Event};
    use abi::{Kind, Message, Operation, Tag};
    use std::cell::RefCell;
    use std::rc::Rc;

    impl Source for Vec<u8> {
        fn peek(&mut self) -> Chunk {
            self.iter().copied().collect()
        }

        fn consume(&mut self, bytes: usize) {
            self.drain(..bytes);
        }
    }

    /// Has a client call, and a server do something with the call.
    fn call(serve: impl FnOnce(Call<'_>)) {
        let mut owed = Owed::Nothing;
        let Some(Event::Call(call)) = Event::new(Message::new(Tag::outgoing(Kind::Call, 2, 1), [0; 4]), &mut owed)
        else {
            panic!("a call")
        };
        serve(call);
    }

    #[test]
    fn a_reader_that_has_gone_leaves_its_bytes_to_the_next() {
        let answered = Rc::new(RefCell::new(Vec::new()));
        fake::answer_with({
            let (answered, mut next) = (answered.clone(), 100);
            move |operation, handle, words| match operation {
                Operation::ReplyTake => {
                    next += 1;
                    Ok([next, 0, 0, 0])
                }
                Operation::Reply if handle == 101 => Err(Error::BadHandle),
                Operation::Reply => {
                    answered.borrow_mut().push((handle, words));
                    Ok(words)
                }
                _ => Ok(words),
            }
        });
        let (mut readers, mut source) = (Readers::new(None), Vec::new());
        for _ in 0..2 {
            call(|call| readers.read(call, &mut source));
        }
        source.extend(b"ab");
        readers.offer(&mut source).unwrap();
        assert_eq!(*answered.borrow(), [(102, Chunk::new(b"ab").to_words())]);
        assert!(source.is_empty());
    }

    #[test]
    fn a_listener_is_told_once_until_it_polls() {
        let told = Rc::new(RefCell::new(0));
        fake::answer_with({
            let told = told.clone();
            move |operation, _, words| {
                *told.borrow_mut() += u32::from(operation == Operation::Notify);
                Ok(words)
            }
        });
        let (mut readers, mut source) = (Readers::new(Some(Endpoint::installed(7))), b"a".to_vec());
        for round in 1..3 {
            for _ in 0..3 {
                readers.offer(&mut source).unwrap();
            }
            assert_eq!(*told.borrow(), round);
            call(|call| readers.poll(call, &mut source));
            assert!(source.is_empty());
            source.extend(b"b");
        }
    }
}
