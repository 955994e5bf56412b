//! The driver's loop: one system call an event.

use crate::protocol::REFUSED;
use crate::{Endpoint, Error, Event, Handle, Instant, Interrupt, OwnedHandle, Pending, Result, Trigger, raw};
use abi::{Message, Operation, Options, split};
use core::marker::PhantomData;

/// What the next receive is to answer.
#[derive(Debug)]
pub(crate) enum Owed {
    /// No call: nobody waits.
    Nothing,
    /// A refusal, since the server hasn't answered its caller.
    Refusal,
    /// The answer that the caller gets.
    Answer {
        label: u8,
        words: [usize; 4],
        /// Kept open until the answer is on its way.
        handle: Option<OwnedHandle>,
    },
    /// A thread that faulted waits. Receiving without an answer ends its process.
    Withheld,
}

/// A thread's right to receive and to answer, of which it has one.
///
/// The kernel answers the call that a *thread* received last, whichever endpoint it came from. So a thread has one
/// [`Server`], made with this right. A server can wait at further endpoints ([`Server::next_at`]). The first thread's
/// right is in its [`crate::Startup`]; [`crate::Thread::spawn`] gives each thread its own.
#[derive(Debug)]
pub struct ReceiveRight {
    /// Neither `Send` nor `Sync`.
    thread: PhantomData<*mut ()>,
}

impl ReceiveRight {
    /// Makes the right of the calling thread.
    ///
    /// # Safety
    /// The calling thread has no other.
    pub const unsafe fn assume() -> Self {
        Self { thread: PhantomData }
    }
}

/// Receives what arrives at an endpoint, and answers. A thread has one server at most, see [`ReceiveRight`]. Dropped,
/// it still sends the answer to the call that came last, if there is one.
///
/// ```no_run
/// # use bellwire::{Event, Result, Startup};
/// # fn run(startup: Startup) -> Result<()> {
/// let mut server = startup.server("echo")?;
/// loop {
///     if let Event::Call(call) = server.next()? {
///         let words = call.words;
///         call.answer(words);
///     }
/// }
/// # }
/// ```
///
/// A right makes one server:
///
/// ```compile_fail,E0382
/// # use bellwire::{Endpoint, ReceiveRight, Server};
/// fn two(right: ReceiveRight, one: Endpoint, other: Endpoint) -> [Server; 2] {
///     [Server::new(right, one), Server::new(right, other)]
/// }
/// ```
#[derive(Debug)]
#[must_use = "the endpoint's handle is closed when this is dropped"]
pub struct Server {
    /// The thread's, for as long as it has a server.
    _right: ReceiveRight,
    endpoint: Endpoint,
    owed: Owed,
    /// The option by which handles are taken, or none.
    luggage: Options,
}

impl Server {
    /// Makes the calling thread's server, on an endpoint whose handle must have the right to receive.
    pub const fn new(right: ReceiveRight, endpoint: Endpoint) -> Self {
        Self { _right: right, endpoint, owed: Owed::Nothing, luggage: Options::empty() }
    }

    /// Makes the server one that takes handles that clients send along. To others no client can send any: its call
    /// fails with [`Error::HandleUnwanted`]. Receiving takes the kernel's slow path then.
    pub const fn taking_handles(mut self) -> Self {
        self.luggage = Options::TAKE_HANDLE;
        self
    }

    /// The endpoint, for binding more sources to it.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Lets a device's interrupts arrive here, with a badge to tell several apart.
    pub fn bind(&self, interrupt: &Interrupt, badge: u16) -> Result<Pending> {
        interrupt.bind(&self.endpoint, badge, Trigger::Firmware)
    }

    /// Answers the last call, completes the last interrupt and waits for the next event.
    #[expect(clippy::should_implement_trait, reason = "an event borrows its server, which no iterator can express")]
    pub fn next(&mut self) -> Result<Event<'_>> {
        let message = self.reply_receive(Options::empty());
        self.event(message)
    }

    /// Answers and completes as [`Server::next`] does, and waits for the next event at another endpoint, whose handle
    /// must have the right to receive.
    pub fn next_at(&mut self, endpoint: &Endpoint) -> Result<Event<'_>> {
        let message = self.reply_receive_at(endpoint.raw(), Options::empty());
        self.event(message)
    }

    /// Answers the last call and waits for the next event. The last interrupt stays uncompleted (a level line stays
    /// masked) until [`Interrupt::complete`].
    pub fn next_keeping(&mut self) -> Result<Event<'_>> {
        let message = self.reply_receive(Options::KEEP);
        self.event(message)
    }

    /// Does what [`Server::next`] does, and fails with [`Error::TimedOut`] if no event comes until the deadline.
    pub fn next_before(&mut self, deadline: Instant) -> Result<Event<'_>> {
        let [low, high] = split(deadline.cycles());
        self.reply();
        let message = receive(self.endpoint.raw(), Options::DEADLINE | self.luggage, [low, high, 0, 0]);
        self.event(message)
    }

    /// Answers and completes as [`Server::next`] does, and returns an event if one is there.
    /// Never waits.
    pub fn poll(&mut self) -> Result<Option<Event<'_>>> {
        self.reply();
        let message = receive(self.endpoint.raw(), Options::NO_WAIT | self.luggage, [0; 4]);
        match self.event(message) {
            Err(Error::WouldBlock) => Ok(None),
            result => result.map(Some),
        }
    }

    #[inline]
    fn reply_receive(&mut self, options: Options) -> Message {
        self.reply_receive_at(self.endpoint.raw(), options)
    }

    #[inline]
    fn reply_receive_at(&mut self, endpoint: u32, options: Options) -> Message {
        let options = options | self.luggage;
        let (label, words) = match core::mem::replace(&mut self.owed, Owed::Nothing) {
            Owed::Nothing => (0, [0; 4]),
            Owed::Refusal => (REFUSED, [0; 4]),
            Owed::Answer { label, words, handle: None } => (label, words),
            Owed::Answer { label, words, handle: Some(handle) } => {
                answer_with_handle(label, words, handle);
                (0, [0; 4])
            }
            Owed::Withheld => return receive(endpoint, options, [0; 4]),
        };
        // SAFETY: the thread's right to receive and to answer is this server's. No option says that a word is a handle.
        let message = unsafe { raw::invoke_any(Operation::ReplyReceive, endpoint, label, options, words) };
        match raw::checked(message) {
            Ok(_) => message,
            Err(Error::NoHandleSlot) => receive(endpoint, options, [0; 4]),
            Err(_) => {
                // That the thread can't receive there is found before the caller is answered. A second answer reaches
                // nobody.
                answer(label, words);
                message
            }
        }
    }

    /// Answers without receiving. A caller that has gone meanwhile needs no answer.
    fn reply(&mut self) {
        match core::mem::replace(&mut self.owed, Owed::Nothing) {
            Owed::Answer { label, words, handle: Some(handle) } => answer_with_handle(label, words, handle),
            Owed::Answer { label, words, handle: None } => answer(label, words),
            Owed::Refusal => answer(REFUSED, [0; 4]),
            Owed::Nothing | Owed::Withheld => {}
        }
    }

    fn event(&mut self, message: Message) -> Result<Event<'_>> {
        let message = raw::checked(message)?;
        Event::new(message, &mut self.owed).ok_or(Error::UnknownCall)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The client that was answered last would wait until the thread ends. One that wasn't answered gets `Gone`
        // then, and calls the server's successor.
        if matches!(self.owed, Owed::Answer { .. }) {
            self.reply();
        }
    }
}

/// Answers with a handle, in a call of its own: the client may have no room for it, which isn't this program's error.
/// Then the client is refused.
#[cold]
fn answer_with_handle(label: u8, [word0, word1, word2, _]: [usize; 4], handle: OwnedHandle) {
    let words = [word0, word1, word2];
    // SAFETY: the call that the thread received last is its server's to answer.
    let message = unsafe { raw::invoke_with_handle(Operation::Reply, abi::NO_HANDLE, label, words, &handle) };
    if raw::checked(message).is_err() {
        answer(REFUSED, [0; 4]);
    }
}

/// Answers without a handle. A caller that has gone meanwhile needs no answer.
fn answer(label: u8, words: [usize; 4]) {
    // SAFETY: the call that the thread received last is its server's to answer.
    unsafe { raw::invoke_any(Operation::Reply, abi::NO_HANDLE, label, Options::empty(), words) };
}

/// Receives without answering.
fn receive(endpoint: u32, options: Options, words: [usize; 4]) -> Message {
    loop {
        // SAFETY: the thread's right to receive is its server's, and so are the Replies whose ends are told.
        let message = unsafe { raw::invoke_any(Operation::Receive, endpoint, 0, options, words) };
        if !has_refused(&message) {
            return message;
        }
    }
}

/// Whether a receive only refused callers, whose handles aren't taken or have no room here. Others may wait behind
/// them.
fn has_refused(message: &Message) -> bool {
    raw::checked(*message) == Err(Error::NoHandleSlot)
}

#[cfg(test)]
mod tests;
