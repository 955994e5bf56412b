use super::*;
use crate::raw::fake;
use std::cell::RefCell;
use std::rc::Rc;

#[test]
fn an_answer_is_sent_where_receiving_fails() {
    let answers = Rc::new(RefCell::new(Vec::new()));
    fake::answer_with({
        let answers = answers.clone();
        move |operation, _, words| match operation {
            Operation::ReplyReceive => Err(Error::MissingRight),
            Operation::Reply => {
                answers.borrow_mut().push(words);
                Ok(words)
            }
            _ => Ok(words),
        }
    });
    // SAFETY: nothing is received here.
    let mut server = Server::new(unsafe { ReceiveRight::assume() }, Endpoint::installed(7));
    let message = Message::new(abi::Tag::outgoing(abi::Kind::Call, 1, 5), [0; 4]);
    let Ok(Event::Call(call)) = server.event(message) else { panic!() };
    call.answer([1, 2, 3, 4]);
    assert_eq!(server.next_at(&Endpoint::installed(8)).err(), Some(Error::MissingRight));
    assert_eq!(*answers.borrow(), [[1, 2, 3, 4]]);
}

/// A kernel that refuses what a test says, and the calls that it gets with their first words.
fn kernel(mut refusal: impl FnMut(Operation) -> Option<Error> + 'static) -> Rc<RefCell<Vec<(Operation, usize)>>> {
    let calls = Rc::new(RefCell::new(Vec::new()));
    fake::answer_with({
        let calls = calls.clone();
        move |operation, _, words| {
            calls.borrow_mut().push((operation, words[0]));
            refusal(operation).map_or(Ok(words), Err)
        }
    });
    calls
}

#[test]
fn callers_whose_handles_have_no_room_are_no_error() {
    let mut refused = 3;
    let calls = kernel(move |_| {
        refused -= 1;
        (refused > 0).then_some(Error::NoHandleSlot)
    });
    // SAFETY: nothing is received here.
    let mut server = Server::new(unsafe { ReceiveRight::assume() }, Endpoint::installed(7));
    assert_eq!(server.next().err(), Some(Error::UnknownCall), "what comes in the end is no event here");
    let operations: Vec<_> = calls.borrow().iter().map(|(operation, _)| *operation).collect();
    assert_eq!(operations, [Operation::ReplyReceive, Operation::Receive, Operation::Receive]);
}

#[test]
fn a_client_without_room_for_the_handle_is_refused() {
    let mut first = true;
    let calls = kernel(move |operation| {
        let fails = operation == Operation::Reply && core::mem::take(&mut first);
        fails.then_some(Error::ReceiverFull)
    });
    // SAFETY: nothing is received here.
    let mut server = Server::new(unsafe { ReceiveRight::assume() }, Endpoint::installed(7));
    let message = Message::new(abi::Tag::outgoing(abi::Kind::Call, 1, 5), [0; 4]);
    let Ok(Event::Call(call)) = server.event(message) else { panic!() };
    call.answer_with_handle([1, 2, 3], OwnedHandle::installed(9));
    let _ = server.next();
    let calls = calls.borrow();
    let replies: Vec<_> = calls.iter().filter(|call| call.0 == Operation::Reply).map(|call| call.1).collect();
    assert_eq!(replies, [1, 0], "the answer, then the refusal");
}

#[test]
fn one_that_is_dropped_sends_its_last_answer() {
    let answers = Rc::new(RefCell::new(Vec::new()));
    fake::answer_with({
        let answers = answers.clone();
        move |operation, _, words| {
            if operation == Operation::Reply {
                answers.borrow_mut().push(words);
            }
            Ok(words)
        }
    });
    // SAFETY: nothing is received here.
    let mut server = Server::new(unsafe { ReceiveRight::assume() }, Endpoint::installed(7));
    let message = Message::new(abi::Tag::outgoing(abi::Kind::Call, 1, 5), [0; 4]);
    let Ok(Event::Call(call)) = server.event(message) else { panic!() };
    call.answer([1, 2, 3, 4]);
    drop(server);
    assert_eq!(*answers.borrow(), [[1, 2, 3, 4]]);
    // SAFETY: as above.
    let mut server = Server::new(unsafe { ReceiveRight::assume() }, Endpoint::installed(7));
    assert!(matches!(server.event(message), Ok(Event::Call(_))));
    drop(server);
    assert_eq!(answers.borrow().len(), 1, "a call that isn't answered is its successor's");
    // SAFETY: as above.
    drop(Server::new(unsafe { ReceiveRight::assume() }, Endpoint::installed(7)));
    assert_eq!(answers.borrow().len(), 1, "without a call there is no answer");
}
