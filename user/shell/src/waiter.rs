//! The one place where the shell waits, so that Ctrl-C ends every wait of a command: for an answer, for a time, for a
//! notification. All of these arrive at the endpoint of the service `shell`, as the console's notification of input
//! does.

use crate::Failure;
use crate::typed::{Mode, TypedAhead};
use alloc::sync::Arc;
use bellwire::protocol::{Chunk, Request, StreamRequest};
use bellwire::stream::INPUT;
use bellwire::{Answer, CallThread, Endpoint, Error, Event, Handle, Instant, Result, Rights, Server};
use core::cell::{Cell, RefCell};

/// The bit of the notify word that says that a call has its answer.
const ANSWER: u32 = 1 << 1;
/// The number of the bit that services may set in the notify word, for a command.
pub const NOTICE: u8 = 2;

/// Waits for everything that the shell waits for.
pub struct Waiter {
    server: RefCell<Server>,
    /// A handle to the same endpoint, by which the thread that makes calls says that it has an answer.
    answers: Endpoint,
    /// A handle to the same endpoint, by which services notify the shell.
    notifier: Arc<Endpoint>,
    console: Arc<Endpoint>,
    typed: RefCell<TypedAhead>,
    /// Bits of the notify word that came before a command waited for them.
    bits: Cell<u32>,
    /// The thread that makes calls, as long as none of its calls was given up.
    caller: RefCell<Option<CallThread>>,
    priority: u8,
}

/// A call to be made.
pub struct Job {
    /// The label of the request.
    pub label: u8,
    /// The words of the request.
    pub words: [usize; 4],
    /// A handle to send along in place of the fourth word.
    pub handle: Option<Arc<dyn Handle>>,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    None,
    Until(Instant),
    Endless,
}

impl Waiter {
    /// Makes a waiter at an endpoint, which the shell may receive from and the console notifies. `priority` is the
    /// calling thread's.
    pub fn new(server: Server, console: Arc<Endpoint>, priority: u8) -> Result<Self> {
        Ok(Self {
            answers: server.endpoint().notifier(ANSWER)?,
            notifier: Arc::new(server.endpoint().notifier(1 << NOTICE)?),
            server: RefCell::new(server),
            console,
            typed: RefCell::default(),
            bits: Cell::new(0),
            caller: RefCell::default(),
            priority,
        })
    }

    /// The console.
    pub fn console(&self) -> &Endpoint {
        &self.console
    }

    /// Returns the endpoint, for services that notify it with the bit [`NOTICE`].
    pub fn notifier(&self) -> Arc<Endpoint> {
        self.notifier.clone()
    }

    /// Sets the treatment of bytes as they are typed, and forgets an interruption of the last command.
    pub fn set_mode(&self, mode: Mode) {
        self.typed.borrow_mut().set_mode(mode);
    }

    /// Forgets notifications that came for an earlier command.
    pub fn forget_notices(&self) -> Result<(), Failure> {
        self.check()?;
        self.bits.set(0);
        Ok(())
    }

    /// Fails if Ctrl-C was typed. Every wait from then on fails too, until [`Waiter::set_mode`].
    pub fn check(&self) -> Result<(), Failure> {
        self.turn(Patience::None)
    }

    /// Takes input that has been fetched, `most` bytes at most.
    pub fn take_typed(&self, most: usize) -> Chunk {
        self.typed.borrow_mut().take(most)
    }

    /// Waits for input, and returns `most` bytes of it at most.
    pub fn read(&self, most: usize) -> Result<Chunk, Failure> {
        let mut patience = Patience::None;
        loop {
            self.turn(patience)?;
            let chunk = self.typed.borrow_mut().take(most);
            if !chunk.is_empty() {
                return Ok(chunk);
            }
            patience = Patience::Endless;
        }
    }

    /// Waits until `end`.
    pub fn wait_until(&self, end: Instant) -> Result<(), Failure> {
        while Instant::now() < end {
            self.turn(Patience::Until(end))?;
        }
        self.check()
    }

    /// Waits for a notification with the bit [`NOTICE`]. Fails at `end` if none came.
    pub fn wait_for_notice(&self, end: Instant) -> Result<(), Failure> {
        loop {
            let bits = self.bits.get();
            if bits & 1 << NOTICE != 0 {
                self.bits.set(bits & !(1 << NOTICE));
                return self.check();
            }
            if Instant::now() >= end {
                return Err(Error::TimedOut.into());
            }
            self.turn(Patience::Until(end))?;
        }
    }

    /// Makes a call and waits for its answer. Ctrl-C gives the call up: the service is told that its caller has gone.
    pub fn call(&self, service: Arc<Endpoint>, job: Job) -> Result<Answer, Failure> {
        self.check()?;
        let mut caller = match self.caller.take() {
            Some(caller) => caller,
            None => CallThread::new(self.priority, self.answers.copy(Rights::NOTIFY)?, ANSWER)?,
        };
        caller.begin(service, job.label, job.words, job.handle)?;
        loop {
            let turn = self.turn(Patience::Endless);
            // An answer that came with Ctrl-C counts: there may be something to undo.
            match (caller.take_answer(), turn) {
                (Some(answer), _) => {
                    self.caller.replace(Some(caller));
                    return Ok(answer?);
                }
                (None, Err(failure)) => return Err(failure),
                (None, Ok(())) => {}
            }
        }
    }

    /// Takes one event, if one comes in time, and fetches the input that there is.
    fn turn(&self, patience: Patience) -> Result<(), Failure> {
        if !self.typed.borrow().is_interrupted() {
            let bits = self.receive(patience)?;
            if bits & INPUT != 0 {
                self.typed.borrow_mut().announce();
            }
            self.bits.set(self.bits.get() | bits & !INPUT);
            self.fetch()?;
        }
        if self.typed.borrow().is_interrupted() { Err(Failure::Interrupted) } else { Ok(()) }
    }

    /// Receives, and returns the bits of the notify word that came. Calls are refused: the shell serves nothing.
    fn receive(&self, patience: Patience) -> Result<u32> {
        let mut server = self.server.borrow_mut();
        let event = match patience {
            Patience::None => server.poll()?,
            Patience::Endless => Some(server.next()?),
            Patience::Until(end) => match server.next_before(end) {
                Err(Error::TimedOut) => None,
                event => Some(event?),
            },
        };
        Ok(if let Some(Event::Notify(bits)) = event { bits } else { 0 })
    }

    fn fetch(&self) -> Result<()> {
        let mut typed = self.typed.borrow_mut();
        while typed.wants_more() {
            typed.push(Chunk::from_words(ask_console(&self.console, StreamRequest::Poll)?)?);
        }
        Ok(())
    }
}

/// Asks the console. If it dies before it answers, asks its successor. The console answers at once, so Ctrl-C needn't
/// end the wait.
pub fn ask_console<R: Request + Copy>(console: &Endpoint, request: R) -> Result<[usize; 4]> {
    match console.request(request) {
        Err(Error::Gone) => console.request(request),
        result => result,
    }
}
