//! A kernel for tests on the host: what a test wants it to answer, thread by thread.

pub mod objects;

use super::unknown;
use abi::{Error, Kind, Message, Operation, Tag};
use std::boxed::Box;
use std::cell::RefCell;

/// What a call is answered with: its words, or an error.
pub type Answer = Result<[usize; 4], Error>;

type Kernel = Box<dyn FnMut(Operation, u32, [usize; 4]) -> Answer>;

std::thread_local! {
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

/// Has the calls of this thread answered by a function.
pub fn answer_with(kernel: impl FnMut(Operation, u32, [usize; 4]) -> Answer + 'static) {
    KERNEL.set(Some(Box::new(kernel)));
}

/// Makes a call: without a function that answers, it is unknown.
///
/// # Safety
/// None: a fake changes nothing but itself.
pub unsafe fn enter(handle: u32, message: Message) -> Message {
    let answer = KERNEL.with_borrow_mut(|kernel| {
        let operation = Operation::from_number(message.tag.0 as u8)?;
        Some(kernel.as_mut()?(operation, handle, message.words))
    });
    match answer {
        Some(Ok(words)) => Message::new(Tag::outgoing(Kind::Done, 0, 0), words),
        Some(Err(error)) => Message::new(Tag::outgoing(Kind::Error, error as u8, 0), [0; 4]),
        None => unknown(),
    }
}
