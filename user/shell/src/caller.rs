//! Calls that can be given up.
//!
//! A thread that calls a service waits until the service answers; nothing else ends the wait. So the shell makes calls
//! by a second thread, which notifies it when the answer has come. The shell itself waits for that notification or for
//! something else.

use alloc::sync::Arc;
use bellwire::{Answer, Endpoint, Error, Handle, Mutex, Result, Rights, Server, SpawnedThread, Thread};

const STACK_BYTES: usize = 8 << 10;

/// A call to be made. The job doesn't own its handles: they must stay open until the call is answered.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The service.
    pub service: u32,
    /// The label of the request.
    pub label: u8,
    /// The words of the request.
    pub words: [usize; 4],
    /// A handle to send along in place of the fourth word.
    pub handle: Option<u32>,
}

/// A thread that makes calls, one at a time.
pub struct Caller {
    thread: SpawnedThread,
    begin: Endpoint,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Asked(Job),
    Calling,
    Answered(Result<Answer>),
}

impl Caller {
    /// A caller that sets a bit of an endpoint's notify word when it has an answer.
    pub fn new(priority: u8, tell: Endpoint, bit: u32) -> Result<Self> {
        let begin = Endpoint::new()?;
        let jobs = begin.copy(Rights::RECEIVE)?;
        let state = Arc::new(Mutex::default());
        let theirs = state.clone();
        let thread =
            Thread::spawn(priority, STACK_BYTES, move |right| work(Server::new(right, jobs), &theirs, &tell, bit))?;
        Ok(Self { thread, begin, state })
    }

    /// Returns whether the caller can begin a job. An answer that nobody took is forgotten then.
    pub fn is_free(&self) -> bool {
        matches!(*self.state.lock(), State::Idle | State::Answered(_))
    }

    /// Begins a call. Call this only while [`Caller::is_free`].
    pub fn begin(&self, job: Job) -> Result<()> {
        *self.state.lock() = State::Asked(job);
        self.begin.notify(1)
    }

    /// Returns the answer, once it has come.
    pub fn take_answer(&self) -> Option<Result<Answer>> {
        let mut state = self.state.lock();
        match core::mem::take(&mut *state) {
            State::Answered(answer) => Some(answer),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Ends the thread, and with it the call that it waits for. Its stack stays.
    pub fn end(self) -> Result<()> {
        self.thread.destroy()?;
        self.begin.destroy()
    }
}

/// Runs the thread. It allocates nothing and holds the lock during no call, so it may be ended at any time.
fn work(mut jobs: Server, state: &Mutex<State>, tell: &Endpoint, bit: u32) {
    while jobs.next().is_ok() {
        let asked = core::mem::replace(&mut *state.lock(), State::Calling);
        let State::Asked(job) = asked else { continue };
        let answer = call(job);
        *state.lock() = State::Answered(answer);
        if tell.notify(bit).is_err() {
            return;
        }
    }
}

fn call(Job { service, label, words, handle }: Job) -> Result<Answer, Error> {
    let service = Endpoint::borrowed(service);
    match handle {
        None => service.call(label, words),
        Some(handle) => {
            let [word0, word1, word2, _] = words;
            service.call_with_handle(label, [word0, word1, word2], &Borrowed(handle))
        }
    }
}

struct Borrowed(u32);

impl Handle for Borrowed {
    fn raw(&self) -> u32 {
        self.0
    }
}
