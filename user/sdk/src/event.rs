//! What arrives at a server: everything that can happen to it, as one enum.

mod supervision;

use crate::protocol::{DONE, FORBIDDEN, OVER_LIMIT, REFUSED, Request};
use crate::reply::Ticket;
use crate::server::Owed;
use crate::{CallerGone, ClientRight, Handle, OwnedHandle, ReceiveRight, Reply, Sent};
use abi::{InterruptMessage, Kind, Message};
use core::cell::Cell;
use core::marker::PhantomData;
pub use supervision::{Exit, HowEnded, Overrun, Storm, StormOf};

/// An event at a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client calls, and waits for an answer.
    Call(Call<'a>),
    /// Others have set these bits by [`crate::Endpoint::notify`] since the last event.
    Notify(u32),
    /// A device interrupts. Receiving the next event completes it.
    Interrupt(InterruptMessage),
    /// A timer expired.
    Timer(TimerMessage),
    /// A thread whose faults come here can't go on.
    Fault(Fault<'a>),
    /// A process that this one supervises has ended.
    Exit(Exit),
    /// A caller has gone whose call was put off by [`Call::defer`].
    CallerGone(CallerGone),
    /// A process that this one supervises has used up its share of the CPU for a while.
    Overrun(Overrun),
    /// A source of interrupts of a process that this one supervises is off, since it interrupted too often.
    Storm(Storm),
}

impl<'a> Event<'a> {
    pub(crate) fn new(message: Message, owed: &'a mut Owed) -> Option<Self> {
        let badge = message.tag.badge();
        let [word0, word1, word2, word3] = message.words;
        Some(match message.tag.kind() {
            Kind::Call => {
                let handle = message.tag.has_handle().then(|| Sent::new(OwnedHandle::installed(word3)));
                *owed = Owed::Refusal;
                let (label, words, refusal) = (message.tag.label(), message.words, Cell::new(REFUSED));
                Self::Call(Call { label, words, badge, handle, refusal, owed, thread: PhantomData })
            }
            Kind::Notify => Self::Notify(word0 as u32),
            Kind::Interrupt => Self::Interrupt(InterruptMessage::from_message(&message)),
            Kind::Timer => Self::Timer(TimerMessage { badge, count: word0 as u32 }),
            Kind::Fault => {
                *owed = Owed::Withheld;
                let vector = message.tag.label();
                Self::Fault(Fault {
                    badge,
                    vector,
                    code: word0,
                    address: word1,
                    instruction: word2,
                    owed,
                    thread: PhantomData,
                })
            }
            Kind::Exit => Self::Exit(Exit::from_message(&message)?),
            Kind::CallerGone => Self::CallerGone(CallerGone { ticket: Ticket::of_lost(word0) }),
            Kind::Overrun => Self::Overrun(Overrun::from_message(&message)?),
            Kind::Storm => Self::Storm(Storm::from_message(&message)?),
            Kind::Done | Kind::Reply | Kind::Error => return None,
        })
    }
}

/// A client's call. It is answered when the server asks for the next event; one that is dropped without an answer is
/// refused, so that no client waits for ever because of a forgotten branch.
///
/// The right to answer is the thread's, so a call stays in its thread. [`Call::defer`] makes a [`Reply`] of it, which
/// may go to another:
///
/// ```compile_fail,E0277
/// # use bellwire::{Event, Server, Thread};
/// fn elsewhere(server: &'static mut Server) {
///     if let Ok(Event::Call(call)) = server.next() {
///         let _ = Thread::spawn(10, 4096, move |_| drop(call.defer()));
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Call<'a> {
    /// What is asked, as server and client agreed.
    pub label: u8,
    /// What it is asked with. If a handle came along, word 3 is its number.
    pub words: [usize; 4],
    /// The badge of the client's handle, which says who calls.
    pub badge: u16,
    /// The object whose handle came along; take it to keep it. Only a server that was made by
    /// [`crate::Server::taking_handles`] gets any.
    pub handle: Option<Sent<OwnedHandle>>,
    /// The label with which the call is refused.
    refusal: Cell<u8>,
    owed: &'a mut Owed,
    thread: PhantomData<ReceiveRight>,
}

impl Call<'_> {
    /// The call as a request of a protocol, if it is one that any client may make. One that takes a right is the
    /// answer of [`Call::request_of`] alone.
    pub fn request<R: Request>(&self) -> Option<R> {
        self.request_if(|_| false)
    }

    /// The call as a request, if the client may make it. If not, the call's refusal says so.
    pub(crate) fn request_if<R: Request>(&self, may: impl Fn(ClientRight) -> bool) -> Option<R> {
        let request = R::decode(self.label, self.words)?;
        if request.takes().is_none_or(may) {
            return Some(request);
        }
        self.refusal.set(FORBIDDEN);
        None
    }

    /// Answers with the label [`DONE`].
    pub fn answer(self, words: [usize; 4]) {
        self.answer_as(DONE, words);
    }

    /// Answers with a label of the server's choice.
    pub fn answer_as(self, label: u8, words: [usize; 4]) {
        *self.owed = Owed::Answer { label, words, handle: None };
    }

    /// Answers with a handle, of which the client gets a copy, in place of the fourth word.
    pub fn answer_with_handle(self, words: [usize; 3], handle: impl Into<OwnedHandle>) {
        let handle: OwnedHandle = handle.into();
        let [word0, word1, word2] = words;
        let words = [word0, word1, word2, handle.raw() as usize];
        *self.owed = Owed::Answer { label: DONE, words, handle: Some(handle) };
    }

    /// Refuses the call: answers with the label [`REFUSED`], or with [`FORBIDDEN`] if it turned out that the client
    /// lacks a right.
    pub fn refuse(self) {
        let label = self.refusal.get();
        self.answer_as(label, [0; 4]);
    }

    /// Keeps the right to answer for later, when what the client waits for is there. None if the client has gone
    /// already, or if there is no room for a further Reply, which is answered with [`OVER_LIMIT`]: then nothing is left
    /// to do. If the client goes later, that is an [`Event::CallerGone`]. [`crate::Callers`] keeps several of these.
    #[must_use = "dropped, it gives the caller `Gone`"]
    pub fn defer(self) -> Option<Reply> {
        match Reply::take() {
            Ok(reply) => {
                *self.owed = Owed::Nothing;
                Some(reply)
            }
            Err(_) => {
                self.answer_as(OVER_LIMIT, [0; 4]);
                None
            }
        }
    }
}

/// A timer's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerMessage {
    /// The badge that the timer was made with.
    pub badge: u16,
    /// How often it expired since the last event.
    pub count: u32,
}

/// A thread's fault. If it is dropped, the thread's process ends at the server's next receive.
#[derive(Debug)]
#[must_use = "the thread's process ends unless this is answered"]
pub struct Fault<'a> {
    /// The badge of the fault endpoint's handle.
    pub badge: u16,
    /// The processor's number of the fault.
    pub vector: u8,
    /// Its error code.
    pub code: usize,
    /// The address that couldn't be accessed, of a page fault.
    pub address: usize,
    /// Where the thread was.
    pub instruction: usize,
    owed: &'a mut Owed,
    thread: PhantomData<ReceiveRight>,
}

impl Fault<'_> {
    /// Lets the thread try again.
    pub fn retry(self) {
        *self.owed = Owed::Answer { label: DONE, words: [0; 4], handle: None };
    }
}
