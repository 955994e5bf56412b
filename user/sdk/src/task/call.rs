//! A client's call in a task's hands.

use crate::protocol::{DONE, REFUSED, Request};
use crate::{Call, CallerGone, OwnedHandle, Reply, Sent};
use alloc::rc::Rc;
use core::cell::RefCell;

/// A client's call, to be answered now or later. Dropped unanswered, it is refused.
pub struct TaskCall {
    /// What is asked, as server and client agreed.
    pub label: u8,
    /// What it is asked with. If a handle came along, word 3 is its number.
    pub words: [usize; 4],
    /// The badge of the client's handle, which says who calls.
    pub badge: u16,
    /// The object whose handle came along; take it to keep it.
    pub handle: Option<Sent<OwnedHandle>>,
    answer: Rc<RefCell<State>>,
}

/// How far a call's answer is. The task that has the call and [`super::Tasks`] both know.
enum State {
    /// The next receive can still answer it.
    Fresh,
    /// The next receive will answer it.
    Answered(u8, [usize; 4]),
    /// The task has this to answer it by.
    Kept(Reply),
    /// The call was answered, or its caller has gone.
    Over,
}

impl TaskCall {
    /// Takes a call over. Returns what a task gets of it, and what [`super::Tasks`] keeps.
    pub(super) fn new(call: &mut Call<'_>) -> (Self, Given) {
        let state = Rc::new(RefCell::new(State::Fresh));
        let (label, words, badge, handle) = (call.label, call.words, call.badge, call.handle.take());
        (Self { label, words, badge, handle, answer: state.clone() }, Given { client: badge, state })
    }

    /// Returns whether nobody waits for the answer any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(*self.answer.borrow(), State::Over)
    }

    /// The call as a request of a protocol, if it is one that any client may make.
    pub fn request<R: Request>(&self) -> Option<R> {
        // A task doesn't know its clients' rights.
        R::decode(self.label, self.words).filter(|request| request.takes().is_none())
    }

    /// Answers. A client that has gone meanwhile needs no answer.
    pub fn answer(self, words: [usize; 4]) {
        self.settle(DONE, words);
    }

    /// Refuses the call.
    pub fn refuse(self) {
        drop(self);
    }

    fn settle(&self, label: u8, words: [usize; 4]) {
        match self.answer.replace(State::Over) {
            State::Fresh => _ = self.answer.replace(State::Answered(label, words)),
            State::Kept(reply) => _ = reply.answer_as(label, words),
            answered @ State::Answered(..) => _ = self.answer.replace(answered),
            State::Over => {}
        }
    }
}

impl Drop for TaskCall {
    fn drop(&mut self) {
        self.settle(REFUSED, [0; 4]);
    }
}

/// A call that the tasks were given.
pub struct Given {
    /// The badge of the client's handle.
    pub client: u16,
    state: Rc<RefCell<State>>,
}

impl Given {
    /// Returns whether the inbox or a task still has the call, though its caller may have gone.
    pub fn is_held(&self) -> bool {
        Rc::strong_count(&self.state) > 1
    }

    /// Takes the call's answer over to the next receive, or keeps the call where the tasks haven't answered it. A call
    /// that can't be kept is over.
    pub fn settle(&self, call: Call<'_>) {
        match self.state.replace(State::Over) {
            State::Fresh => {
                if let Some(reply) = call.defer() {
                    self.state.replace(State::Kept(reply));
                }
            }
            State::Answered(label, words) => call.answer_as(label, words),
            kept => _ = self.state.replace(kept),
        }
    }

    /// Notes that a caller has gone, if it is this call's.
    pub fn note(&self, gone: CallerGone) {
        if matches!(&*self.state.borrow(), State::Kept(reply) if gone.is_of(reply)) {
            self.state.replace(State::Over);
        }
    }
}
