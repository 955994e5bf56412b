use super::*;
use crate::protocol::REFUSED;
use crate::raw::fake;
use crate::server::Owed;
use crate::{Endpoint, Event};
use abi::{Kind, Message, Operation, Tag};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A kernel that numbers the Replies from 100 on, and notes which are closed.
fn kernel() -> Rc<RefCell<Vec<u32>>> {
    let closed = Rc::new(RefCell::new(Vec::new()));
    fake::answer_with({
        let closed = closed.clone();
        let next = Cell::new(100);
        move |operation, handle, words| match operation {
            Operation::ReplyTake => Ok([next.replace(next.get() + 1), 0, 0, 0]),
            Operation::HandleClose => {
                closed.borrow_mut().push(handle);
                Ok(words)
            }
            _ => Ok(words),
        }
    });
    closed
}

/// Has a client call, and a server put the call off. Returns what the next receive would answer.
fn put_off(callers: &mut Callers<usize>, client: u16, wish: usize) -> Owed {
    let mut owed = Owed::Nothing;
    let message = Message::new(Tag::outgoing(Kind::Call, 2, client), [0; 4]);
    let Some(Event::Call(call)) = Event::new(message, &mut owed) else { panic!("a call") };
    callers.put_off(call, wish);
    owed
}

fn gone(reply: usize) -> CallerGone {
    let mut owed = Owed::Nothing;
    let message = Message::new(Tag::outgoing(Kind::CallerGone, 0, 0), [reply, 0, 0, 0]);
    let Some(Event::CallerGone(gone)) = Event::new(message, &mut owed) else { panic!("a caller that has gone") };
    gone
}

#[test]
fn one_client_is_bounded_and_others_have_room() {
    kernel();
    let mut callers = Callers::default();
    for wish in 0..CALLS.of_client {
        assert!(matches!(put_off(&mut callers, 1, wish), Owed::Nothing));
    }
    assert!(matches!(put_off(&mut callers, 1, 99), Owed::Answer { label: OVER_LIMIT, .. }));
    assert!(matches!(put_off(&mut callers, 2, 0), Owed::Nothing));
    // An answer makes room.
    assert_eq!(callers.take_first().map(|caller| caller.reply.answer([0; 4])), Some(Delivery::Delivered));
    assert!(matches!(put_off(&mut callers, 1, 0), Owed::Nothing));
}

#[test]
fn greedy_clients_leave_room_for_one_call_of_each_other() {
    kernel();
    let mut callers = Callers::default();
    for client in 1..=2 {
        for wish in 0..CALLS.of_all / 2 {
            assert!(matches!(put_off(&mut callers, client, wish), Owed::Nothing));
        }
    }
    for client in 3..=5 {
        assert!(matches!(put_off(&mut callers, client, 0), Owed::Nothing));
        assert!(matches!(put_off(&mut callers, client, 1), Owed::Answer { label: OVER_LIMIT, .. }));
    }
}

#[test]
fn a_caller_that_has_gone_is_forgotten_and_its_handle_is_not_closed_again() {
    let closed = kernel();
    let mut callers = Callers::default();
    for wish in 0..3 {
        put_off(&mut callers, 1, wish);
    }
    assert_eq!(callers.forget(gone(101)), Some(1));
    assert_eq!(callers.forget(gone(101)), None);
    assert_eq!(callers.forget(gone(0)), None);
    assert!(closed.borrow().is_empty());
    assert_eq!(callers.take_first().map(|caller| caller.wish), Some(0));
    assert_eq!(*closed.borrow(), [100]);
}

#[test]
fn clients_take_turns() {
    kernel();
    let mut callers = Callers::default();
    for wish in 0..4 {
        put_off(&mut callers, 1, wish);
    }
    put_off(&mut callers, 2, 10);
    let mut order = Vec::new();
    for _ in 0..4 {
        let caller = callers.take_next().expect("some wait");
        order.push(caller.client);
        callers.put_back(caller);
    }
    assert_eq!(order, [1, 2, 1, 2]);
    drop(callers);
    assert!(Callers::<()>::default().take_next().is_none());
}

#[test]
fn three_clients_take_turns_however_many_calls_two_of_them_make() {
    kernel();
    let mut callers = Callers::default();
    for client in 1..=2 {
        for wish in 0..CALLS.of_client {
            put_off(&mut callers, client, wish);
        }
    }
    put_off(&mut callers, 3, 0);
    let mut turns = [0; 4];
    for _ in 0..300 {
        let caller = callers.take_next().expect("some wait");
        turns[usize::from(caller.client)] += 1;
        callers.put_back(caller);
    }
    assert_eq!(turns, [0, 100, 100, 100]);
}

#[test]
fn within_a_client_the_first_call_is_the_first_taken() {
    kernel();
    let mut callers = Callers::default();
    for (client, wish) in [(u16::MAX, 0), (0, 1), (u16::MAX, 2), (0, 3)] {
        put_off(&mut callers, client, wish);
    }
    let order: Vec<_> = core::iter::from_fn(|| callers.take_next().map(|caller| caller.wish)).collect();
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn a_call_that_cannot_be_put_off_is_not_the_servers_error() {
    for error in [Error::Stale, Error::NoHandleSlot, Error::NoMemory, Error::TableFull] {
        fake::answer_with(move |_, _, _| Err(error));
        let mut callers = Callers::default();
        assert!(matches!(put_off(&mut callers, 1, 0), Owed::Answer { label: OVER_LIMIT, .. }));
        assert!(callers.is_empty());
    }
}

#[test]
fn an_answer_to_a_caller_that_has_gone_is_a_value() {
    for error in [Error::Stale, Error::BadHandle] {
        let closed = kernel();
        let mut callers = Callers::default();
        put_off(&mut callers, 1, 0);
        fake::answer_with(move |_, _, _| Err(error));
        let caller = callers.take_first().expect("it waits");
        assert_eq!(caller.reply.answer_as(REFUSED, [0; 4]), Delivery::CallerGone);
        assert!(closed.borrow().is_empty());
    }
}

#[test]
fn the_use_of_a_clients_object_fails_for_the_client() {
    fake::answer_with(|_, _, _| Err(Error::WrongType));
    let bell = Sent::new(OwnedHandle::installed(7)).as_kind::<Endpoint>();
    assert_eq!(bell.attempt(|endpoint| endpoint.notify(1)), Err(ClientError(Error::WrongType)));
}
