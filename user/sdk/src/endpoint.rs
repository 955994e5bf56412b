//! Endpoints from the client's side, and the right to answer later.

use crate::handle::{self, handle_type};
use crate::protocol::{DONE, Request, outcome};
use crate::raw::SafeOperation;
use crate::{Delivery, Handle, Instant, OwnedHandle, Result, raw};
use abi::{Message, Options, Rights, split};

handle_type! {
    /// Where messages arrive. What may be done with it (calling, receiving, binding) depends on the handle's rights.
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
    fn from_message(message: Message) -> Self {
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
        self.call_with(label, Options::empty(), words)
    }

    /// Calls the server and waits for its answer until the deadline; then it is [`crate::Error::TimedOut`].
    pub fn call_before(&self, deadline: Instant, label: u8, words: [usize; 4]) -> Result<Answer> {
        set_deadline(deadline)?;
        let answer = self.call(label, words);
        if answer.is_err() {
            // A call that wasn't even sent leaves its deadline to the next one.
            set_deadline(Instant::from_cycles(0))?;
        }
        answer
    }

    /// Calls the server and sends it a copy of a handle, for which the fourth word is taken.
    pub fn call_with_handle(&self, label: u8, words: [usize; 3], handle: &impl Handle) -> Result<Answer> {
        let [word0, word1, word2] = words;
        self.call_with(label, Options::HANDLE, [word0, word1, word2, handle.raw() as usize])
    }

    /// Carries a request of some protocol to its server. [`crate::Error::BadArgument`] if the server refuses it, and
    /// [`crate::Error::Unsupported`] if there is none: its device isn't there, or it was stopped.
    ///
    /// ```no_run
    /// # use bellwire::{Endpoint, Result, protocol::{ClockRequest, DateTime}};
    /// fn print_time(rtc: &Endpoint) -> Result<()> {
    ///     let now = DateTime::from_words(rtc.request(ClockRequest::Time)?);
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
        handle::copy(self.raw(), rights, badge).map(Self)
    }

    /// Makes a second handle that may only notify, and set no other bits than these: for a program that is to say one
    /// thing. Bits from 7 on are allowed only together, so that a mask of single ones of them has none
    /// ([`crate::NotifyMask`]). The handle may be sent in a message.
    pub fn notifier(&self, bits: u32) -> Result<Self> {
        let rights = Rights::NOTIFY | Rights::COPY;
        let message = raw::handle_copy(self.raw(), [rights.bits() as usize, 0, !bits as usize, 0])?;
        Ok(Self::installed(message.words[0]))
    }

    fn call_with(&self, label: u8, options: Options, words: [usize; 4]) -> Result<Answer> {
        raw::checked(raw::invoke(SafeOperation::Call, self.raw(), label, options, words)).map(Answer::from_message)
    }
}

fn accepted(answer: Answer) -> Result<[usize; 4]> {
    outcome(answer.label).map(|()| answer.words)
}

/// Sets the deadline of this thread's next call; 0 is none.
fn set_deadline(deadline: Instant) -> Result<()> {
    let [low, high] = split(deadline.cycles());
    raw::deadline(abi::NO_HANDLE, [low, high, 0, 0]).map(drop)
}

handle_type! {
    /// The right to answer one call, once: see [`crate::Call::defer`]. Dropped unanswered, it gives the caller
    /// [`crate::Error::Gone`].
    Reply
}

impl Reply {
    /// Answers the call.
    pub fn answer(self, words: [usize; 4]) -> Delivery {
        self.answer_as(DONE, words)
    }

    /// Answers the call with a label other than [`DONE`].
    pub fn answer_as(self, label: u8, words: [usize; 4]) -> Delivery {
        let message = raw::invoke(SafeOperation::Reply, self.raw(), label, Options::empty(), words);
        let answered = raw::checked(message).is_ok();
        // The handle is gone with the right: closing it would be one call more.
        self.forget();
        if answered { Delivery::Delivered } else { Delivery::CallerGone }
    }

    /// Gives up a Reply whose handle the kernel has closed, since its caller has gone.
    pub(crate) fn forget(self) {
        self.into_raw();
    }
}
