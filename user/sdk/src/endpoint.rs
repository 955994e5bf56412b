//! Endpoints from the client's side.

use crate::handle::{self, handle_type};
use crate::protocol::{Request, outcome};
use crate::{Handle, Instant, OwnedHandle, Result, raw};
use abi::{Message, Operation, Options, Rights, split};

handle_type! {
    /// Where messages arrive. What may be done with it (calling, receiving, binding) depends on the handle's rights;
    /// what they don't allow is [`crate::Error::MissingRight`]. The endpoint goes on when this is dropped;
    /// [`Endpoint::destroy`] ends it, and the calls that wait there with it.
    Endpoint
}

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// What kind of answer it is, as server and client agreed.
    pub label: u8,
    /// The answer. If a handle came along, word 3 is its number.
    pub words: [usize; 4],
    /// The handle that came along.
    pub handle: Option<OwnedHandle>,
}

impl Answer {
    pub(crate) fn from_message(message: Message) -> Self {
        let handle = message.tag.has_handle().then(|| OwnedHandle::installed(message.words[3]));
        Self { label: message.tag.label(), words: message.words, handle }
    }
}

impl Endpoint {
    /// Makes an endpoint, with all rights to it.
    pub fn new() -> Result<Self> {
        let message = raw::endpoint_create(abi::NO_HANDLE, [0; 4])?;
        Ok(Self::installed(message.words[0]))
    }

    /// Calls the server and waits for its answer.
    ///
    /// If the server dies meanwhile, this is [`crate::Error::Gone`]; its successor receives from the same endpoint, so
    /// the client may simply call again.
    pub fn call(&self, label: u8, words: [usize; 4]) -> Result<Answer> {
        // SAFETY: the handle is this endpoint's, and no option says that a word is a handle.
        let message = unsafe { raw::invoke_any(Operation::Call, self.raw(), label, Options::empty(), words) };
        raw::checked(message).map(Answer::from_message)
    }

    /// Calls the server and waits for its answer until the deadline; then it is [`crate::Error::TimedOut`].
    pub fn call_before(&self, deadline: Instant, label: u8, words: [usize; 4]) -> Result<Answer> {
        // To the kernel, 0 is no deadline at all.
        set_deadline(deadline.cycles().max(1))?;
        let answer = self.call(label, words);
        if answer.is_err() {
            // A call that wasn't even sent leaves its deadline to the next one.
            set_deadline(0)?;
        }
        answer
    }

    /// Calls the server and sends it a copy of a handle, for which the fourth word is taken.
    /// [`crate::Error::HandleUnwanted`] from a server that takes none, [`crate::Error::ReceiverFull`] from one that has
    /// no room for a further handle, [`crate::Error::MissingRight`] for a handle that may not be copied.
    pub fn call_with_handle(&self, label: u8, words: [usize; 3], handle: &impl Handle) -> Result<Answer> {
        // SAFETY: the handle is this endpoint's.
        let message = unsafe { raw::invoke_with_handle(Operation::Call, self.raw(), label, words, handle) };
        raw::checked(message).map(Answer::from_message)
    }

    /// Carries a request of some protocol to its server. [`crate::Error::BadArgument`] if the server refuses it, and
    /// [`crate::Error::Unsupported`] if there is none: its device isn't there, or it was stopped.
    ///
    /// ```no_run
    /// # use bellwire::{Endpoint, Result, protocol::{ClockRequest, DateTime}};
    /// fn print_time(rtc: &Endpoint) -> Result<()> {
    ///     let now = DateTime::from_words(rtc.request(ClockRequest::Time)?)?;
    ///     bellwire::println!("{now}");
    ///     Ok(())
    /// }
    /// ```
    pub fn request(&self, request: impl Request) -> Result<[usize; 4]> {
        let (label, words) = request.encode();
        accepted(self.call(label, words)?)
    }

    /// Carries a request to its server, as [`Endpoint::request`] does, and waits until the deadline at most.
    pub fn request_before(&self, deadline: Instant, request: impl Request) -> Result<[usize; 4]> {
        let (label, words) = request.encode();
        accepted(self.call_before(deadline, label, words)?)
    }

    /// Carries a request to its server, as [`Endpoint::request`] does, with a copy of a handle in place of the fourth
    /// word.
    pub fn request_with_handle(&self, request: impl Request, handle: &impl Handle) -> Result<[usize; 4]> {
        let (label, [word0, word1, word2, _]) = request.encode();
        accepted(self.call_with_handle(label, [word0, word1, word2], handle)?)
    }

    /// Sets bits in the endpoint's notify word. Never waits, so this is how to reach a program of lower priority.
    pub fn notify(&self, bits: u32) -> Result<()> {
        raw::notify(self.raw(), [bits as usize, 0, 0, 0]).map(drop)
    }

    /// Makes a second handle with fewer rights, whose calls arrive with a badge: so the server knows who calls.
    pub fn badged(&self, rights: Rights, badge: u16) -> Result<Self> {
        handle::copy(self, rights, badge).map(Self)
    }

    /// Makes a second handle that may only notify, and set no other bits than these: for a program that is to say one
    /// thing. Bits from 7 on are allowed only together, so that a mask of single ones of them has none
    /// ([`crate::NotifyMask`]). The handle may be sent in a message.
    pub fn notifier(&self, bits: u32) -> Result<Self> {
        handle::copy_without(self, Rights::NOTIFY | Rights::COPY, 0, !bits).map(Self)
    }
}

fn accepted(answer: Answer) -> Result<[usize; 4]> {
    outcome(answer.label).map(|()| answer.words)
}

/// Sets the deadline of this thread's next call, in cycles; 0 is none.
fn set_deadline(cycles: u64) -> Result<()> {
    let [low, high] = split(cycles);
    raw::deadline(abi::NO_HANDLE, [low, high, 0, 0]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::fake;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn a_deadline_at_the_beginning_of_time_is_no_missing_one() {
        let set = Rc::new(RefCell::new(Vec::new()));
        fake::answer_with({
            let set = set.clone();
            move |operation, _, words| match operation {
                Operation::Deadline => {
                    set.borrow_mut().push(words[0]);
                    Ok(words)
                }
                _ => Err(crate::Error::TimedOut),
            }
        });
        let endpoint = Endpoint::installed(7);
        for cycles in [0, 1, 5] {
            assert_eq!(endpoint.call_before(Instant::from_cycles(cycles), 0, [0; 4]), Err(crate::Error::TimedOut));
        }
        assert_eq!(*set.borrow(), [1, 0, 1, 0, 5, 0], "each is taken back after a call that failed");
    }
}
