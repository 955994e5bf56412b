//! The `async` form: several activities on one thread, over the one receive of a [`Server`].
//!
//! [`Tasks::run`] receives an event, lets the tasks go on that can, and receives again. That answers and completes as
//! [`Server::next`] does, so one interrupt still costs one system call. A call that is answered before the next
//! receive is answered by it; one that a task keeps longer becomes a [`crate::Reply`].
//!
//! What a task awaits are events. A system call that a task makes itself waits as it does elsewhere, and all tasks with
//! it. An event that nobody awaits yet is kept: interrupts and timers add up, one message a badge, as they do in the
//! kernel; calls queue, a bounded number for each client. Calls whose callers have gone are given to no task.
//!
//! A task may await other things too: whatever keeps a task's waker may wake it, from any thread.

mod call;
mod inbox;
mod woken;

use call::Given;
pub use call::TaskCall;

use crate::client::CALLS;
use crate::protocol::OVER_LIMIT;
use crate::{
    Borrowed, Call, Endpoint, Event, Exit, Handle, Interrupt, InterruptMessage, Pending, Result, Server, TimerMessage,
    Trigger,
};
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use inbox::Inbox;
use woken::Woken;

/// A server's tasks. Clones are the same tasks.
#[derive(Clone)]
pub struct Tasks {
    shared: Rc<Shared>,
}

struct Shared {
    /// Taken by `run` while that runs.
    server: RefCell<Option<Server>>,
    /// The server's endpoint once more, since the server is busy while tasks run.
    endpoint: Borrowed<'static, Endpoint>,
    inbox: RefCell<Inbox>,
    spawned: RefCell<Vec<Task>>,
    /// The calls that the inbox or a task has.
    given: RefCell<Vec<Given>>,
    woken: Arc<Woken>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.woken.end();
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

impl Tasks {
    /// Makes a server's tasks, of which there are none yet.
    ///
    /// A waker that another thread uses notifies the server's endpoint, for which the server's handle needs the right
    /// to notify, as that of every service has. It sets the notify word's highest bit ([`WAKE`]), which is not for
    /// other use.
    pub fn new(server: Server) -> Self {
        let endpoint = server.endpoint().raw();
        // SAFETY: the server has the handle. `Shared` has the server, or a `run` that borrows `Shared` has it.
        let borrowed = unsafe { Endpoint::borrowed(endpoint) };
        Self {
            shared: Rc::new(Shared {
                server: RefCell::new(Some(server)),
                endpoint: borrowed,
                inbox: RefCell::default(),
                spawned: RefCell::default(),
                given: RefCell::default(),
                woken: Arc::new(Woken::new(endpoint)),
            }),
        }
    }

    /// Lets a device's interrupts arrive, with a badge to await them by.
    pub fn bind(&self, interrupt: &Interrupt, badge: u16) -> Result<Pending> {
        interrupt.bind(&self.shared.endpoint, badge, Trigger::Firmware)
    }

    /// The endpoint, for binding timers to it.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// Adds a task. It may add others.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.shared.spawned.borrow_mut().push(Box::pin(task));
    }

    /// Awaits the next interrupt with that badge. Its line is completed when all tasks wait again: a device is to be
    /// served before the next `await`.
    pub async fn interrupt(&self, badge: u16) -> InterruptMessage {
        self.take(|inbox| inbox.interrupts.remove(&badge)).await
    }

    /// Awaits the next expiry of a timer with that badge.
    pub async fn timer(&self, badge: u16) -> TimerMessage {
        self.take(|inbox| inbox.timers.remove(&badge)).await
    }

    /// Awaits the next call of a client, of which each has a bounded number in the inbox and with tasks; further ones
    /// are answered with [`OVER_LIMIT`]. Where several tasks await calls, each gets one.
    pub async fn call(&self) -> TaskCall {
        self.take(|inbox| inbox.calls.pop_front()).await
    }

    /// Awaits that some of the given bits are set by `notify`, and returns those.
    pub async fn notified(&self, bits: u32) -> u32 {
        self.take(|inbox| {
            let set = inbox.bits & bits;
            inbox.bits &= !set;
            (set != 0).then_some(set)
        })
        .await
    }

    /// Awaits the next end of a process that this one supervises.
    pub async fn exit(&self) -> Exit {
        self.take(|inbox| inbox.exits.pop_front()).await
    }

    async fn take<T>(&self, mut from: impl FnMut(&mut Inbox) -> Option<T>) -> T {
        poll_fn(|context| {
            let mut inbox = self.shared.inbox.borrow_mut();
            match from(&mut inbox) {
                Some(event) => Poll::Ready(event),
                None => {
                    inbox.await_with(context.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Runs the tasks until receiving fails, which ends them. Answers each fault of another thread by letting that
    /// thread try again.
    ///
    /// # Panics
    /// If they are running already.
    pub fn run(&self) -> Result<Infallible> {
        let mut server = self.shared.server.take().expect("the tasks are running already");
        let result = self.serve(&mut server);
        // The handle to the endpoint is the server's, and clones of these tasks still use it.
        self.shared.server.replace(Some(server));
        result
    }

    fn serve(&self, server: &mut Server) -> Result<Infallible> {
        let mut tasks = Vec::new();
        self.poll(&mut tasks);
        loop {
            let event = server.next()?;
            self.deliver(event, &mut tasks);
        }
    }

    /// Lets the tasks have an event.
    fn deliver(&self, event: Event<'_>, tasks: &mut Vec<Task>) {
        match event {
            Event::Call(call) => return self.deliver_call(call, tasks),
            Event::CallerGone(gone) => {
                self.shared.given.borrow().iter().for_each(|given| given.note(gone));
                self.shared.inbox.borrow_mut().drop_calls_that_are_over();
            }
            Event::Fault(fault) => fault.retry(),
            other => self.shared.inbox.borrow_mut().add(&other),
        }
        self.poll(tasks);
    }

    /// Lets the tasks have a call, if its client has room for one more. The call is held until they have: what they
    /// didn't answer, they keep. What a task keeps counts until that task drops it, since the client may go and call
    /// again meanwhile.
    fn deliver_call(&self, mut call: Call<'_>, tasks: &mut Vec<Task>) {
        let shared = &self.shared;
        shared.given.borrow_mut().retain(Given::is_held);
        if !CALLS.has_room(shared.given.borrow().iter().map(|given| given.client), call.badge) {
            return call.answer_as(OVER_LIMIT, [0; 4]);
        }
        let (of_task, given) = TaskCall::new(&mut call);
        shared.inbox.borrow_mut().calls.push_back(of_task);
        self.poll(tasks);
        given.settle(call);
        shared.inbox.borrow_mut().drop_calls_that_are_over();
        shared.given.borrow_mut().push(given);
    }

    /// Wakes what awaits an event, and polls all tasks until none has anything to do. Which task was woken doesn't
    /// matter: there are few.
    fn poll(&self, tasks: &mut Vec<Task>) {
        let shared = &self.shared;
        shared.woken.begin();
        let waiting = core::mem::take(&mut shared.inbox.borrow_mut().waiting);
        waiting.into_iter().for_each(Waker::wake);
        let waker = Waker::from(shared.woken.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            shared.woken.begin();
            tasks.append(&mut shared.spawned.borrow_mut());
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            if shared.spawned.borrow().is_empty() && shared.woken.wait() {
                return;
            }
        }
    }
}

/// The bit of the notify word by which another thread wakes a task.
pub const WAKE: u32 = woken::WAKE;

#[cfg(test)]
mod tests;
