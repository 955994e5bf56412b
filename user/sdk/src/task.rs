//! The `async` form: several activities on one thread, over the one receive of a [`Server`].
//!
//! [`Tasks::run`] receives an event, lets the tasks go on that can, and receives again; that answers and completes as
//! [`Server::next`] does, so one interrupt still costs one system call. A call that is answered before the next
//! receive is answered by it; one that a task keeps longer becomes a [`crate::Reply`].
//!
//! What a task awaits are events. System calls that it makes itself wait as they always do. An event that nobody
//! awaits yet is kept: interrupts and timers add up, one message a badge, as they do in the kernel; calls queue.

mod call;
mod inbox;

pub use call::TaskCall;

use crate::{
    Endpoint, Event, Exit, Handle, Interrupt, InterruptMessage, Pending, Result, Server, TimerMessage, Trigger,
};
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use inbox::Inbox;

/// A server's tasks. Clones are the same tasks.
#[derive(Clone)]
pub struct Tasks {
    shared: Rc<Shared>,
}

struct Shared {
    /// Taken by `run`.
    server: RefCell<Option<Server>>,
    /// The server's endpoint once more, since the server is busy while tasks run. Not this one's to close.
    endpoint: ManuallyDrop<Endpoint>,
    inbox: RefCell<Inbox>,
    spawned: RefCell<Vec<Task>>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

impl Tasks {
    /// No tasks yet, on a server.
    pub fn new(server: Server) -> Self {
        let endpoint = ManuallyDrop::new(Endpoint::from_raw(server.endpoint().raw()));
        let server = RefCell::new(Some(server));
        Self { shared: Rc::new(Shared { server, endpoint, inbox: RefCell::default(), spawned: RefCell::default() }) }
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

    /// The next interrupt with that badge. Its line is completed when all tasks wait again: a device is to be served
    /// before the next `await`.
    pub async fn interrupt(&self, badge: u16) -> InterruptMessage {
        self.take(|inbox| inbox.interrupts.remove(&badge)).await
    }

    /// The next expiry of a timer with that badge.
    pub async fn timer(&self, badge: u16) -> TimerMessage {
        self.take(|inbox| inbox.timers.remove(&badge)).await
    }

    /// The next call of a client. Where several tasks await calls, each gets one.
    pub async fn call(&self) -> TaskCall {
        self.take(|inbox| inbox.calls.pop_front()).await
    }

    /// Those of the given bits that were set by `notify`, once there are any.
    pub async fn notified(&self, bits: u32) -> u32 {
        self.take(|inbox| {
            let set = inbox.bits & bits;
            inbox.bits &= !set;
            (set != 0).then_some(set)
        })
        .await
    }

    /// The next end of a process that this one supervises.
    pub async fn exit(&self) -> Exit {
        self.take(|inbox| inbox.exits.pop_front()).await
    }

    async fn take<T>(&self, mut from: impl FnMut(&mut Inbox) -> Option<T>) -> T {
        poll_fn(|_| from(&mut self.shared.inbox.borrow_mut()).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Runs the tasks until receiving fails. Faults of other threads are let try again.
    ///
    /// # Panics
    /// If they are running already.
    pub fn run(&self) -> Result<Infallible> {
        let mut server = self.shared.server.take().expect("tasks run once");
        let mut tasks = Vec::new();
        self.poll(&mut tasks);
        loop {
            let event = server.next()?;
            self.deliver(event, &mut tasks)?;
        }
    }

    /// Lets the tasks have an event. A call is held until they have: what they didn't answer, they keep.
    fn deliver(&self, event: Event<'_>, tasks: &mut Vec<Task>) -> Result<()> {
        match event {
            Event::Call(mut call) => {
                let (kept, state) = TaskCall::new(&mut call);
                self.shared.inbox.borrow_mut().calls.push_back(kept);
                self.poll(tasks);
                return call::settle(call, &state);
            }
            Event::Fault(fault) => fault.retry(),
            other => self.shared.inbox.borrow_mut().add(&other),
        }
        self.poll(tasks);
        Ok(())
    }

    /// Polls all tasks until none has anything to do.
    fn poll(&self, tasks: &mut Vec<Task>) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        while woken.0.swap(false, Ordering::Relaxed) || !self.shared.spawned.borrow().is_empty() {
            tasks.append(&mut self.shared.spawned.borrow_mut());
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        }
    }
}

/// Some task can go on because of another one. Which one doesn't matter: there are few.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
