//! Calls that can be given up.

mod desk;

use super::Thread;
use super::stacks::Stack;
use crate::handle::Scoped;
use crate::raw;
use crate::{Answer, Endpoint, Error, Handle, OwnedHandle, Result};
use abi::{Options, PAGE_BYTES, Tag};
use alloc::sync::Arc;
use desk::Desk;

/// A thread that makes calls, one at a time, while its owner waits for something else too.
///
/// A thread that calls a service waits until the service answers; nothing else ends the wait. So make such a call by a
/// `CallThread`: it sets a bit of an endpoint's notify word when the answer is there. When this is dropped, the thread
/// is ended, and with it the call that it waits for. The service may or may not have carried that out. All that the
/// thread has comes back: its stack, its objects, its handles, and one that an answer has just brought.
///
/// ```no_run
/// # use bellwire::{CallThread, Endpoint, Event, Result, Server};
/// # use std::sync::Arc;
/// const ANSWER: u32 = 1;
///
/// fn ask(server: &mut Server, service: Arc<Endpoint>) -> Result<()> {
///     let mut call = CallThread::new(10, server.endpoint().notifier(ANSWER)?, ANSWER)?;
///     call.begin(service, 2, [0; 4], None)?;
///     loop {
///         match server.next()? {
///             Event::Notify(ANSWER) => {
///                 if let Some(answer) = call.take_answer() {
///                     bellwire::println!("{:?}", answer?.words);
///                     return Ok(());
///                 }
///             }
///             Event::Call(call) => call.refuse(),
///             _ => {}
///         }
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "the call is given up when this is dropped"]
pub struct CallThread {
    /// It has ended before anything that it uses is dropped.
    thread: Thread,
    _stack: Stack,
    begin: Scoped<Endpoint>,
    _tell: Endpoint,
    desk: Arc<Desk>,
    call: Option<Call>,
}

/// What a call names, which stays open until the call is over.
#[derive(Debug)]
struct Call {
    _service: Arc<Endpoint>,
    _sent: Option<Arc<dyn Handle>>,
}

/// The thread's code needs some hundred bytes.
const STACK_BYTES: usize = PAGE_BYTES;

impl CallThread {
    /// Starts a thread that sets `bit` of an endpoint's notify word when it has an answer.
    pub fn new(priority: u8, tell: Endpoint, bit: u32) -> Result<Self> {
        let begin = Scoped::new(Endpoint::new()?);
        let desk = Arc::new(Desk::new(&begin, &tell, bit));
        let stack = Stack::new(STACK_BYTES)?;
        // SAFETY: `first` is written to be a thread's first code, and nobody else has the stack. The thread may be
        // ended at any instruction (see `desk::work`).
        let thread = unsafe { Thread::new(desk::first as *const () as usize, stack.top(), priority, None) }?;
        let thread = Scoped::new(thread);
        thread.start([Arc::as_ptr(&desk) as usize, 0, 0, 0])?;
        Ok(Self { thread: thread.keep(), _stack: stack, begin, _tell: tell, desk, call: None })
    }

    /// Returns whether the thread can begin a call. An answer that nobody took is forgotten then.
    pub fn is_free(&self) -> bool {
        !self.desk.is_under_way()
    }

    /// Begins a call, which sends a copy of the handle along, if there is one, in place of the fourth word. Keeps both
    /// handles open until the call is over. [`Error::Busy`] unless [`CallThread::is_free`].
    pub fn begin(
        &mut self,
        service: impl Into<Arc<Endpoint>>,
        label: u8,
        words: [usize; 4],
        handle: Option<Arc<dyn Handle>>,
    ) -> Result<()> {
        if !self.is_free() {
            return Err(Error::Busy);
        }
        drop(self.take_answer());
        let service = service.into();
        let [word0, word1, word2, word3] = words;
        let (options, word3) =
            handle.as_ref().map_or((Options::empty(), word3), |sent| (Options::HANDLE, sent.raw() as usize));
        self.desk.ask(&service, label, options, [word0, word1, word2, word3]);
        self.call = Some(Call { _service: service, _sent: handle });
        let begun = self.begin.notify(1);
        if begun.is_err() {
            self.desk.take_back();
            self.call = None;
        }
        begun
    }

    /// Returns the answer, once it has come.
    pub fn take_answer(&mut self) -> Option<Result<Answer>> {
        let message = self.desk.take_answer()?;
        self.call = None;
        Some(raw::checked(message).map(Answer::from_message))
    }
}

impl Drop for CallThread {
    fn drop(&mut self) {
        // An error means that the thread is gone already.
        // SAFETY: the thread is this one's alone, and may be ended at any instruction.
        let Ok(ended) = (unsafe { raw::destroy(self.thread.raw(), [0; 4]) }) else { return };
        let [_, tag, word3, _] = ended.words;
        if self.desk.is_answered_by(Tag(tag as u32)) {
            drop(OwnedHandle::installed(word3));
        }
        if let Some(message) = self.desk.take_answer() {
            drop(raw::checked(message).map(Answer::from_message));
        }
    }
}

#[cfg(test)]
mod tests;
