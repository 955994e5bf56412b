//! The right to answer a call later.
//!
//! The kernel closes a Reply's handle when the caller goes, and says so by an event. From then on the number may become
//! another handle's, also another Reply's. So the SDK notes which Replies are good: one whose caller has gone names
//! nothing any more, whatever the program does with the event.

use crate::protocol::DONE;
use crate::{Delivery, Mutex, Result, raw};
use abi::{Error, Operation, Options};
use alloc::vec::Vec;

/// The right to answer one call, once: see [`crate::Call::defer`]. Dropped unanswered, it gives the caller
/// [`crate::Error::Gone`].
///
/// It can't be made of a handle, nor copied:
///
/// ```compile_fail,E0308
/// # use bellwire::{OwnedHandle, Reply};
/// fn other(handle: OwnedHandle) -> Reply {
///     Reply::from(handle)
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "dropped, it gives the caller `Gone`"]
pub struct Reply {
    /// The number of the handle, as long as the Reply is in the list.
    handle: u32,
    ticket: Ticket,
}

/// What tells Replies apart that had the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// Of no Reply.
    const NONE: Self = Self(0);

    /// The ticket of the Reply with a number, whose handle the kernel has closed since its caller has gone. That Reply
    /// names nothing from here on.
    pub(crate) fn of_lost(handle: usize) -> Self {
        let mut good = list();
        let at = good.replies.iter().position(|(number, _)| *number as usize == handle);
        at.map_or(Self::NONE, |at| good.replies.remove(at).1)
    }
}

/// The Replies whose callers haven't gone, in the order in which they were taken.
struct List {
    replies: Vec<(u32, Ticket)>,
    last: Ticket,
}

impl List {
    const fn new() -> Self {
        Self { replies: Vec::new(), last: Ticket::NONE }
    }
}

#[cfg(not(test))]
fn list() -> crate::MutexGuard<'static, List> {
    static LIST: Mutex<List> = Mutex::new(List::new());
    LIST.lock()
}

/// Each test's thread has a kernel of its own.
#[cfg(test)]
fn list() -> crate::MutexGuard<'static, List> {
    std::thread_local! {
        static LIST: &'static Mutex<List> = std::boxed::Box::leak(std::boxed::Box::new(Mutex::new(List::new())));
    }
    LIST.with(|list| list.lock())
}

impl Reply {
    /// Takes the right to answer the call that the calling thread has received last.
    pub(crate) fn take() -> Result<Self> {
        // Locked before the call: the caller may go at once, and another thread hear of it.
        let mut good = list();
        good.replies.try_reserve(1).map_err(|_| Error::NoMemory)?;
        let [handle, ..] = raw::reply_take(abi::NO_HANDLE, [0; 4])?.words;
        let (handle, ticket) = (handle as u32, Ticket(good.last.0 + 1));
        good.last = ticket;
        good.replies.push((handle, ticket));
        Ok(Self { handle, ticket })
    }

    /// Answers the call.
    pub fn answer(self, words: [usize; 4]) -> Delivery {
        self.answer_as(DONE, words)
    }

    /// Answers the call with a label other than [`DONE`].
    pub fn answer_as(self, label: u8, words: [usize; 4]) -> Delivery {
        if !self.give_up() {
            return Delivery::CallerGone;
        }
        // SAFETY: the handle is this Reply's, which was in the list. No option says that a word is a handle.
        let message = unsafe { raw::invoke_any(Operation::Reply, self.handle, label, Options::empty(), words) };
        // The handle is gone with the right: closing it would be one call more.
        core::mem::forget(self);
        if raw::checked(message).is_ok() { Delivery::Delivered } else { Delivery::CallerGone }
    }

    /// Returns whether it is the Reply of a ticket.
    pub(crate) fn has(&self, ticket: Ticket) -> bool {
        self.ticket == ticket
    }

    /// Takes it off the list. Returns whether the handle was still its own, which is the caller's to use once then.
    fn give_up(&self) -> bool {
        let mut good = list();
        let at = good.replies.iter().position(|(_, ticket)| *ticket == self.ticket);
        at.map(|at| good.replies.remove(at)).is_some()
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.give_up() {
            // SAFETY: the handle is this Reply's, which was in the list.
            let _ = unsafe { raw::handle_close(self.handle, [0; 4]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::fake;
    use crate::server::Owed;
    use crate::{CallerGone, Event};
    use abi::{Kind, Message, Tag};
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A kernel that gives each Reply the same number, as it does after 65,535 uses of a place. Returns which calls it
    /// gets that use the number.
    fn kernel() -> Rc<RefCell<Vec<Operation>>> {
        let uses = Rc::new(RefCell::new(Vec::new()));
        fake::answer_with({
            let uses = uses.clone();
            move |operation, _, words| match operation {
                Operation::ReplyTake => Ok([100, 0, 0, 0]),
                _ => {
                    uses.borrow_mut().push(operation);
                    Ok(words)
                }
            }
        });
        uses
    }

    fn put_off() -> Reply {
        let mut owed = Owed::Nothing;
        let message = Message::new(Tag::outgoing(Kind::Call, 2, 1), [0; 4]);
        let Some(Event::Call(call)) = Event::new(message, &mut owed) else { panic!("a call") };
        call.defer().expect("a reply")
    }

    fn lose(reply: usize) -> CallerGone {
        let mut owed = Owed::Nothing;
        let message = Message::new(Tag::outgoing(Kind::CallerGone, 0, 0), [reply, 0, 0, 0]);
        let Some(Event::CallerGone(gone)) = Event::new(message, &mut owed) else { panic!("a caller that has gone") };
        gone
    }

    /// A server ignores the event of a caller that has gone, and keeps the Reply.
    #[test]
    fn a_stale_number_never_answers_a_later_caller() {
        let uses = kernel();
        let first = put_off();
        lose(100);
        let second = put_off();
        lose(100);
        let good = put_off();
        assert_eq!(first.answer([7; 4]), Delivery::CallerGone);
        drop(second);
        assert!(uses.borrow().is_empty(), "{uses:?}");
        assert_eq!(good.answer([8; 4]), Delivery::Delivered);
        assert_eq!(*uses.borrow(), [Operation::Reply]);
    }

    #[test]
    fn an_event_is_of_the_reply_whose_caller_has_gone() {
        let uses = kernel();
        let stale = put_off();
        assert!(lose(100).is_of(&stale));
        let good = put_off();
        let gone = lose(100);
        assert_eq!((gone.is_of(&stale), gone.is_of(&good)), (false, true));
        // Another process's caller, and one that was answered meanwhile.
        for number in [0, 100] {
            let gone = lose(number);
            assert_eq!((gone.is_of(&stale), gone.is_of(&good)), (false, false));
        }
        drop((stale, good));
        assert!(uses.borrow().is_empty(), "{uses:?}");
    }

    #[test]
    fn one_that_is_dropped_is_closed_once() {
        let uses = kernel();
        drop(put_off());
        assert_eq!(put_off().answer([0; 4]), Delivery::Delivered);
        assert_eq!(*uses.borrow(), [Operation::HandleClose, Operation::Reply]);
    }
}
