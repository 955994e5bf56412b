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
pub enum State {
    /// The next receive can still answer it.
    Fresh,
    /// The next receive will answer it.
    Answered(u8, [usize; 4]),
    /// The task has this to answer it by.
    Kept(Reply),
    /// The call was answered.
    Over,
}

impl TaskCall {
    /// Takes a call over, and what `settle` needs to know of it.
    pub(super) fn new(call: &mut Call<'_>) -> (Self, Rc<RefCell<State>>) {
        let answer = Rc::new(RefCell::new(State::Fresh));
        let (label, words, badge, handle) = (call.label, call.words, call.badge, call.handle.take());
        (Self { label, words, badge, handle, answer: answer.clone() }, answer)
    }

    /// The call as a request of a protocol, if it is one.
    pub fn request<R: Request>(&self) -> Option<R> {
        R::decode(self.label, self.words)
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

/// Takes a call's answer over to the next receive, or keeps the call where the tasks haven't answered it. A call that
/// can't be kept is over.
pub fn settle(call: Call<'_>, state: &RefCell<State>) {
    match state.replace(State::Over) {
        State::Fresh => {
            if let Some(reply) = call.defer() {
                state.replace(State::Kept(reply));
            }
        }
        State::Answered(label, words) => call.answer_as(label, words),
        kept => _ = state.replace(kept),
    }
}

/// Forgets a call whose caller has gone. Returns whether it is this one.
pub fn forget(gone: CallerGone, state: &RefCell<State>) -> bool {
    let is_its = matches!(&*state.borrow(), State::Kept(reply) if gone.is_of(reply));
    if is_its && let State::Kept(reply) = state.replace(State::Over) {
        reply.forget();
    }
    is_its
}
