//! The driver's loop: one system call an event.

use crate::protocol::REFUSED;
use crate::{Endpoint, Error, Event, Handle, Instant, Interrupt, OwnedHandle, Pending, Result, Trigger, raw};
use abi::{Message, Operation, Options, split};

/// What the next receive answers.
#[derive(Debug)]
pub(crate) enum Owed {
    /// Nobody waits.
    Nothing,
    /// The caller gets this.
    Answer {
        label: u8,
        words: [usize; 4],
        /// Kept open until the answer is on its way.
        handle: Option<OwnedHandle>,
    },
    /// Somebody waits and is left waiting: a thread that faulted.
    Withheld,
}

impl Owed {
    /// What a call is answered with if its server doesn't.
    pub(crate) const REFUSAL: Self = Self::Answer { label: REFUSED, words: [0; 4], handle: None };
}

/// Receives what arrives at an endpoint, and answers.
///
/// ```no_run
/// # use bellwire::{Event, Result, Server, Startup};
/// # fn run(startup: Startup) -> Result<()> {
/// let mut server = Server::new(startup.serves("echo")?);
/// loop {
///     if let Event::Call(call) = server.next()? {
///         let words = call.words;
///         call.answer(words);
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    endpoint: Endpoint,
    owed: Owed,
}

impl Server {
    /// A server on an endpoint, whose handle must have the right to receive.
    pub const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, owed: Owed::Nothing }
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

    /// As [`Server::next`], but the last interrupt stays uncompleted (a level line stays masked) until
    /// [`Interrupt::complete`].
    pub fn next_keeping(&mut self) -> Result<Event<'_>> {
        let message = self.reply_receive(Options::KEEP);
        self.event(message)
    }

    /// As [`Server::next`], but gives up at the deadline with [`Error::TimedOut`].
    pub fn next_before(&mut self, deadline: Instant) -> Result<Event<'_>> {
        let [low, high] = split(deadline.cycles());
        self.reply();
        let message = self.receive(Options::DEADLINE, [low, high, 0, 0]);
        self.event(message)
    }

    /// As [`Server::next`], but doesn't wait: nothing if no event is there.
    pub fn poll(&mut self) -> Result<Option<Event<'_>>> {
        self.reply();
        let message = self.receive(Options::NO_WAIT, [0; 4]);
        match self.event(message) {
            Err(Error::WouldBlock) => Ok(None),
            result => result.map(Some),
        }
    }

    #[inline]
    fn reply_receive(&mut self, options: Options) -> Message {
        let (label, with_handle, words, _handle) = match core::mem::replace(&mut self.owed, Owed::Nothing) {
            Owed::Nothing => (0, Options::empty(), [0; 4], None),
            Owed::Answer { label, words, handle: None } => (label, Options::empty(), words, None),
            Owed::Answer { label, words, handle } => (label, Options::HANDLE, words, handle),
            Owed::Withheld => return self.receive(options, [0; 4]),
        };
        let message = raw::invoke(Operation::ReplyReceive, self.endpoint.raw(), label, options | with_handle, words);
        if has_refused(&message) { self.receive(options, [0; 4]) } else { message }
    }

    fn receive(&self, options: Options, words: [usize; 4]) -> Message {
        loop {
            let message = raw::invoke(Operation::Receive, self.endpoint.raw(), 0, options, words);
            if !has_refused(&message) {
                return message;
            }
        }
    }

    /// Answers without receiving. A caller that has gone meanwhile needs no answer.
    fn reply(&mut self) {
        if let Owed::Answer { label, words, handle } = core::mem::replace(&mut self.owed, Owed::Nothing) {
            let options = if handle.is_some() { Options::HANDLE } else { Options::empty() };
            raw::invoke(Operation::Reply, abi::NO_HANDLE, label, options, words);
        }
    }

    fn event(&mut self, message: Message) -> Result<Event<'_>> {
        let message = raw::checked(message)?;
        Event::new(message, &mut self.owed).ok_or(Error::UnknownCall)
    }
}

/// Whether a receive only refused callers whose handles have no room here. Others may wait behind them.
fn has_refused(message: &Message) -> bool {
    raw::checked(*message) == Err(Error::NoHandleSlot)
}
