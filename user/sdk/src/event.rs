//! What arrives at a server: everything that can happen to it, as one enum.

use crate::entry::{ABSENT, FAILED, PANICKED};
use crate::protocol::{DONE, FORBIDDEN, OVER_LIMIT, REFUSED, Request};
use crate::reply::Ticket;
use crate::server::Owed;
use crate::{CallerGone, ClientRight, Handle, OwnedHandle, ReceiveRight, Reply, Sent};
use abi::{Exception, ExitKind, InterruptMessage, Kind, Message, PageFaultCode, Share, join};
use core::cell::Cell;
use core::marker::PhantomData;

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

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The badge that its supervisor gave it.
    pub badge: u16,
    /// How it ended.
    pub how: HowEnded,
}

impl Exit {
    /// The end that a message tells of, if it is of that kind. For programs that receive by [`crate::raw::receive`].
    pub fn from_message(message: &Message) -> Option<Self> {
        let [word0, word1, word2, word3] = message.words;
        let how = match (message.tag.kind(), ExitKind::from_label(message.tag.label())) {
            (Kind::Exit, ExitKind::Exited) => HowEnded::Exited { code: word0 },
            (Kind::Exit, ExitKind::Killed) => HowEnded::Killed { reason: word0 },
            (Kind::Exit, ExitKind::Faulted) => {
                HowEnded::Fault { vector: word0 as u8, code: word1, address: word2, instruction: word3 }
            }
            _ => return None,
        };
        Some(Self { badge: message.tag.badge(), how })
    }
}

/// A process wants more than its share of the CPU. It runs on below all others. The supervisor is told once, until the
/// process has kept to its share for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// The badge that the process's supervisor gave it.
    pub badge: u16,
    /// The share.
    pub share: Share,
    /// For how long when the kernel said so, in cycles.
    pub cycles: u64,
}

impl Overrun {
    /// The overrun that a message tells of, if it is of that kind.
    pub fn from_message(message: &Message) -> Option<Self> {
        let [share, low, high, _] = message.words;
        let share = Share::from_thousandths(share).filter(|_| message.tag.kind() == Kind::Overrun)?;
        Some(Self { badge: message.tag.badge(), share, cycles: join(low, high) })
    }
}

/// A source of interrupts interrupted more often than its budget allows, and its process has used up its share of the
/// CPU. The source is off for a while, and comes back by itself: then its driver gets a message with
/// [`abi::InterruptFlags::OFF`]. The supervisor is told when the while is another than after the storm before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// The badge of the process that had bound the source, as its supervisor gave it.
    pub badge: u16,
    /// The number of the line, or of the message interrupt.
    pub line: u8,
    /// What the source is.
    pub kind: StormOf,
    /// How long the source is off, in cycles.
    pub cycles: u64,
    /// How often the source was switched off so far.
    pub times: u32,
}

/// What a storm came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StormOf {
    /// An interrupt line.
    Line,
    /// A device's messages (MSI). Nothing masks them: those that come while the source is off are counted.
    Message,
}

impl Storm {
    /// The storm that a message tells of, if it is of that kind.
    pub fn from_message(message: &Message) -> Option<Self> {
        let [line, low, high, times] = message.words;
        if message.tag.kind() != Kind::Storm {
            return None;
        }
        let kind = if message.tag.label() == 0 { StormOf::Line } else { StormOf::Message };
        let (badge, line, times) = (message.tag.badge(), line as u8, times as u32);
        Some(Self { badge, line, kind, cycles: join(low, high), times })
    }
}

/// `line 11`, or `message interrupt 104`.
impl core::fmt::Display for Storm {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.kind {
            StormOf::Line => write!(formatter, "line {}", self.line),
            StormOf::Message => write!(formatter, "message interrupt {}", self.line),
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowEnded {
    /// By its own call.
    Exited {
        /// The code that it gave; 0 for success.
        code: usize,
    },
    /// By another process's call.
    Killed {
        /// The reason that was given.
        reason: usize,
    },
    /// By a fault without a handler.
    Fault {
        /// The processor's number of the fault.
        vector: u8,
        /// Its error code.
        code: usize,
        /// The address that couldn't be accessed, of a page fault.
        address: usize,
        /// Where it was.
        instruction: usize,
    },
}

impl core::fmt::Display for HowEnded {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Exited { code: 0 } => formatter.write_str("ended"),
            Self::Exited { code: FAILED } => formatter.write_str("gave up"),
            Self::Exited { code: ABSENT } => formatter.write_str("has no device"),
            Self::Exited { code: PANICKED } => formatter.write_str("panicked"),
            Self::Exited { code } => write!(formatter, "ended with exit code {code}"),
            Self::Killed { reason } => write!(formatter, "was killed (reason {reason})"),
            Self::Fault { vector, code, address, instruction } if vector == Exception::PAGE_FAULT.0 => {
                let (tried, problem) = PageFaultCode(code).words();
                write!(formatter, "died of a page fault at {instruction:#x}: it {tried} {address:#x}, {problem}")
            }
            Self::Fault { vector, code, instruction, .. } => {
                let exception = Exception(vector);
                let meaning = exception.meaning();
                write!(formatter, "died at {instruction:#x} of {exception}: {meaning}")?;
                if code != 0 { write!(formatter, " (error code {code:#x})") } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_overrun_is_read_from_its_message_alone() {
        let message = Message::new(abi::Tag::outgoing(Kind::Overrun, 0, 7), [200, 5, 1, 0]);
        let share = Share::from_thousandths(200).unwrap();
        let overrun = Overrun { badge: 7, share, cycles: (1 << 32) + 5 };
        assert_eq!(Overrun::from_message(&message), Some(overrun));
        let other = Message::new(abi::Tag::outgoing(Kind::Timer, 0, 7), [200, 5, 1, 0]);
        assert_eq!(Overrun::from_message(&other), None);
    }

    #[test]
    fn a_storm_is_read_from_its_message_alone() {
        let message = |kind, label| Message::new(abi::Tag::outgoing(kind, label, 7), [11, 5, 1, 3]);
        let storm = Storm { badge: 7, line: 11, kind: StormOf::Line, cycles: (1 << 32) + 5, times: 3 };
        assert_eq!(Storm::from_message(&message(Kind::Storm, 0)), Some(storm));
        assert_eq!(storm.to_string(), "line 11");
        let of_message = Storm::from_message(&message(Kind::Storm, 1)).unwrap();
        assert_eq!((of_message.kind, of_message.to_string().as_str()), (StormOf::Message, "message interrupt 11"));
        assert_eq!(Storm::from_message(&message(Kind::Overrun, 0)), None);
    }

    #[test]
    fn ends_are_told_in_words() {
        for (how, text) in [
            (HowEnded::Exited { code: 0 }, "ended"),
            (HowEnded::Exited { code: 101 }, "panicked"),
            (HowEnded::Exited { code: 7 }, "ended with exit code 7"),
            (HowEnded::Killed { reason: 3 }, "was killed (reason 3)"),
            (
                HowEnded::Fault { vector: 14, code: 6, address: 0x10, instruction: 0x40_0000 },
                "died of a page fault at 0x400000: it wrote to 0x10, where nothing is mapped",
            ),
            (
                HowEnded::Fault { vector: 0, code: 0, address: 0, instruction: 0x40_0000 },
                "died at 0x400000 of divide error (vector 0): a division by zero, or a quotient too large",
            ),
            (
                HowEnded::Fault { vector: 13, code: 0x12, address: 0, instruction: 0x40_0000 },
                "died at 0x400000 of general protection (vector 13): a privileged instruction, a port that isn't \
                 granted, or an address that can't be (error code 0x12)",
            ),
        ] {
            assert_eq!(how.to_string(), text);
        }
    }
}
