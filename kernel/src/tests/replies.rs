//! Answers that come later or never, and handles that travel with messages.

use super::messages::{Pair, pair, served};
use super::world::World;
use crate::objects::process::Life;
use crate::objects::thread::StateKind;
use abi::{Error, ObjectKind, Operation, Options, Rights, Tag};

#[test]
fn a_server_that_receives_without_answering_gives_its_caller_an_error() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    world.call(Operation::Call, calls, [0; 4]);
    assert_eq!(world.poll(serves), Err(Error::WouldBlock));
    assert!(world.is_running(server.thread));
    world.receive(serves);
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).result(), Err(Error::Gone));
}

#[test]
fn a_server_that_dies_gives_its_caller_an_error_and_its_successor_the_queue() {
    let Pair { mut world, server, client, calls, endpoint, .. } = served(20, 10);
    world.call(Operation::Call, calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    assert_eq!(world.message(client.thread).result(), Err(Error::Gone));
    world.finish_ends();
    assert!(world.is_running(world.init_thread));
    world.reap(server.process_handle);
    world.park();
    assert!(world.is_running(client.thread));
    world.call(Operation::Call, calls, [4; 4]);
    world.ring();
    assert_eq!(world.poll(endpoint).unwrap().words, [4; 4]);
}

#[test]
fn destroying_an_endpoint_gives_everybody_who_waits_on_it_an_error() {
    let Pair { mut world, server, client, serves, calls, endpoint } = pair(10, 20);
    world.call(Operation::Call, calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.ring();
    world.destroy(endpoint);
    world.park();
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).result(), Err(Error::Gone));
    assert_eq!(world.refused(Operation::Call, calls, [0; 4]), Error::BadHandle);
    world.call(Operation::Exit, 0, [0; 4]);
    world.park();
    assert_eq!(world.refused(Operation::Receive, serves, [0; 4]), Error::BadHandle);
}

#[test]
fn a_reply_handle_answers_later_once_and_from_another_thread() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    world.call(Operation::Call, calls, [0; 4]);
    let reply = world.make(Operation::ReplyTake, 0, [0; 4]);
    assert_eq!(world.refused(Operation::ReplyTake, 0, [0; 4]), Error::Stale);
    assert_eq!(world.refused(Operation::HandleCopy, reply, [usize::MAX, 0, 0, 0]), Error::WrongType, "no copies");
    // It goes on receiving meanwhile, and the client goes on waiting.
    assert_eq!(world.poll(serves), Err(Error::WouldBlock));
    assert_eq!(world.state(client.thread).kind(), StateKind::AwaitingReply);
    world.ring();
    let second = world.make(Operation::ThreadCreate, server.process_handle, [0x1000, 0x2000, 30, 0]);
    let second_thread = world.object(second);
    world.done(Operation::ThreadStart, second, [0; 4]);
    world.park();
    assert!(world.is_running(second_thread));
    world.done(Operation::Reply, reply, [6; 4]);
    assert_eq!(world.message(client.thread).words, [6; 4]);
    assert_eq!(world.refused(Operation::Reply, reply, [6; 4]), Error::BadHandle);
}

#[test]
fn a_reply_handle_that_is_closed_unanswered_gives_its_caller_an_error() {
    let Pair { mut world, server, client, calls, .. } = served(20, 10);
    world.call(Operation::Call, calls, [0; 4]);
    let reply = world.make(Operation::ReplyTake, 0, [0; 4]);
    world.done(Operation::HandleClose, reply, [0; 4]);
    assert!(world.is_running(server.thread));
    assert_eq!(world.message(client.thread).result(), Err(Error::Gone));
    assert_eq!(world.kernel.replies.used(), 0);
}

/// As many as need several slices: each caller gets its error before the supervisor is told, without anybody's reaping.
#[test]
fn callers_that_were_put_off_get_an_error_at_the_end_of_their_server() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    let mut callers = std::vec::Vec::from([client.thread]);
    world.call(Operation::Call, calls, [0; 4]);
    world.make(Operation::ReplyTake, 0, [0; 4]);
    for number in 0..3 {
        world.ring();
        let handle = world.make(Operation::ThreadCreate, client.process_handle, [0x1000, 0x2000, 9 - number, 0]);
        callers.push(world.object(handle));
        world.done(Operation::ThreadStart, handle, [0; 4]);
        world.park();
        if world.is_running(server.thread) {
            world.receive(serves);
        }
        world.call(Operation::Call, calls, [0; 4]);
        assert!(world.is_running(server.thread));
        world.make(Operation::ReplyTake, 0, [0; 4]);
    }
    world.call(Operation::Exit, 0, [0; 4]);
    for _ in 0..8 {
        world.advance(10_000);
    }
    assert_eq!(world.kernel.replies.used(), 0);
    for caller in callers {
        assert_eq!(world.message(caller).result(), Err(Error::Gone));
    }
    assert!(world.is_running(world.init_thread), "the supervisor was told");
    world.reap(server.process_handle);
}

#[test]
fn a_handle_travels_with_a_call_and_with_a_reply() {
    let Pair { mut world, server, client, serves, calls, .. } = pair(20, 10);
    world.receive_with_handles(serves);
    let memory = world.make(Operation::MemoryCreate, 0, [1, 0, 0, 0]);
    let with_handle = |operation| Tag::incoming(operation, 1, Options::HANDLE);
    world.call_with(with_handle(Operation::Call), calls, [1, 2, 3, memory]);
    assert!(world.is_running(server.thread));
    let message = world.message(server.thread);
    assert!(message.tag.has_handle());
    assert_eq!(message.words[..3], [1, 2, 3]);
    assert_eq!(world.done(Operation::MemoryInfo, message.words[3], [0; 4])[0], abi::PAGE_BYTES);
    let back = world.endpoint();
    world.call_with(with_handle(Operation::ReplyReceive), serves, [4, 5, 6, back]);
    let answer = world.message(client.thread);
    assert!(answer.tag.has_handle());
    world.done(Operation::Notify, answer.words[3], [1, 0, 0, 0]);
}

#[test]
fn a_handle_that_may_not_travel_sends_nothing() {
    let Pair { mut world, client, calls, .. } = served(20, 10);
    let memory = world.make(Operation::MemoryCreate, 0, [1, 0, 0, 0]);
    let fixed = Rights::READ.bits() as usize;
    let fixed = world.make(Operation::HandleCopy, memory, [fixed, 0, 0, 0]);
    let tag = Tag::incoming(Operation::Call, 1, Options::HANDLE);
    assert_eq!(world.refused_with(tag, calls, [0, 0, 0, fixed]), Error::MissingRight);
    assert_eq!(world.refused_with(tag, calls, [0, 0, 0, 0xDEAD]), Error::BadHandle);
    assert!(world.is_running(client.thread));
}

fn fill_table(world: &mut World, handle: usize) {
    while world.call(Operation::HandleCopy, handle, [usize::MAX, 0, 0, 0]).result().is_ok() {}
}

#[test]
fn a_full_receiver_refuses_a_message_with_a_handle_as_a_whole() {
    let mut pair = pair(20, 10);
    let spare = {
        pair.world.ring();
        let handle = pair.world.grant(pair.server, pair.endpoint, Rights::all_of(ObjectKind::Endpoint), 0);
        pair.world.park();
        handle
    };
    let Pair { mut world, server, client, serves, calls, .. } = pair;
    fill_table(&mut world, spare);
    let tag = Tag::incoming(Operation::Call, 1, Options::HANDLE);
    // The receiver waits: the caller hears at once.
    world.receive_with_handles(serves);
    assert_eq!(world.refused_with(tag, calls, [0, 0, 0, calls]), Error::ReceiverFull);
    assert_eq!(world.state(server.thread).kind(), StateKind::ReceivingHandles);
    // The receiver is busy: the caller hears when its turn comes, and the next caller is served.
    world.call(Operation::Notify, calls, [1, 0, 0, 0]);
    assert!(world.is_running(server.thread));
    world.ring();
    world.done(Operation::ThreadPriority, client.thread_handle, [30, 0, 0, 0]);
    world.park();
    assert!(world.is_running(client.thread));
    world.call_with(tag, calls, [0, 0, 0, calls]);
    assert!(world.is_running(server.thread));
    world.receive_with_handles(serves);
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).result(), Err(Error::ReceiverFull));
}

#[test]
fn a_receiver_that_takes_no_handles_gets_none() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    let memory = world.make(Operation::MemoryCreate, 0, [1, 0, 0, 0]);
    let before = world.kernel.handles.used();
    let tag = Tag::incoming(Operation::Call, 1, Options::HANDLE);
    // The receiver waits.
    assert_eq!(world.refused_with(tag, calls, [0, 0, 0, memory]), Error::HandleUnwanted);
    assert_eq!(world.state(server.thread).kind(), StateKind::Receiving);
    // It has taken handles before.
    world.call(Operation::Notify, calls, [1, 0, 0, 0]);
    world.receive_with_handles(serves);
    world.call(Operation::Notify, calls, [1, 0, 0, 0]);
    world.call(Operation::ReplyReceive, serves, [0; 4]);
    assert_eq!(world.refused_with(tag, calls, [0, 0, 0, memory]), Error::HandleUnwanted);
    // It is busy.
    world.call(Operation::Notify, calls, [1, 0, 0, 0]);
    world.ring();
    world.done(Operation::ThreadPriority, client.thread_handle, [30, 0, 0, 0]);
    world.park();
    world.call_with(tag, calls, [0, 0, 0, memory]);
    assert!(world.is_running(server.thread));
    world.receive(serves);
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).result(), Err(Error::HandleUnwanted));
    assert_eq!(world.kernel.handles.used(), before);
    // A call without a handle is taken, and so is one with a handle by a receiver that takes it.
    world.call(Operation::Call, calls, [7; 4]);
    assert_eq!(world.message(server.thread).words, [7; 4]);
    world.call_with(Tag::incoming(Operation::ReplyReceive, 0, Options::TAKE_HANDLE), serves, [8; 4]);
    assert_eq!(world.message(client.thread).words, [8; 4]);
    world.call_with(tag, calls, [1, 2, 3, memory]);
    assert!(world.message(server.thread).tag.has_handle());
}

#[test]
fn a_full_receiver_refuses_a_few_callers_a_call() {
    refuse_a_few_callers_a_call(Options::TAKE_HANDLE);
}

#[test]
fn a_receiver_that_takes_no_handles_refuses_a_few_callers_a_call() {
    refuse_a_few_callers_a_call(Options::empty());
}

fn refuse_a_few_callers_a_call(options: Options) {
    const CALLERS: usize = 5;
    let mut world = World::new();
    let endpoint = world.endpoint();
    let client = world.spawn(20);
    let calls = world.grant(client, endpoint, Rights::all_of(ObjectKind::Endpoint), 0);
    for _ in 1..CALLERS {
        let thread = world.make(Operation::ThreadCreate, client.process_handle, [0x1000, 0x2000, 20, 0]);
        world.done(Operation::ThreadStart, thread, [0; 4]);
    }
    world.park();
    for _ in 0..CALLERS {
        let tag = Tag::incoming(Operation::Call, 1, Options::HANDLE);
        world.call_with(tag, calls, [0, 0, 0, calls]);
    }
    world.ring();
    fill_table(&mut world, endpoint);
    let refused = |world: &World| {
        let senders = world.kernel.endpoints.at(world.object(endpoint)).unwrap().senders();
        CALLERS - world.kernel.threads.walk::<{ crate::dispatch::QUEUE }>(senders).len()
    };
    let mut before = 0;
    while before < CALLERS - 1 {
        assert_eq!(world.poll_with(endpoint, options), Err(Error::NoHandleSlot), "after {before}");
        let now = refused(&world);
        assert!(before < now && now <= before + 2, "{before} refused, then {now}");
        before = now;
    }
    assert_eq!(world.poll_with(endpoint, options), Err(Error::WouldBlock));
}

#[test]
fn a_full_client_leaves_the_reply_owed() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    fill_table(&mut world, calls);
    world.call(Operation::Call, calls, [0; 4]);
    assert!(world.is_running(server.thread));
    let back = world.endpoint();
    for operation in [Operation::Reply, Operation::ReplyReceive] {
        let tag = Tag::incoming(operation, 0, Options::HANDLE);
        let handle = if operation == Operation::Reply { 0 } else { serves };
        assert_eq!(world.refused_with(tag, handle, [0, 0, 0, back]), Error::ReceiverFull);
    }
    world.done(Operation::Reply, 0, [3; 4]);
    assert_eq!(world.message(client.thread).words, [3; 4]);
}

/// Its server has taken a call, waits itself, and both have deadlines: stopping it is more work than a slice has.
#[test]
fn a_server_whose_end_is_more_than_a_slice_ends() {
    let Pair { mut world, server, client, calls, .. } = served(20, 10);
    let later = world.machine.time as usize + 100_000_000;
    world.ring();
    let busy = world.endpoint();
    let their_busy = world.grant(server, busy, Rights::CALL, 0);
    world.park();
    for (actor, endpoint) in [(client, calls), (server, their_busy)] {
        assert!(world.is_running(actor.thread));
        world.done(Operation::Deadline, 0, [later, 0, 0, 0]);
        world.call(Operation::Call, endpoint, [0; 4]);
    }
    world.ring();
    world.done(Operation::ProcessKill, server.process_handle, [0; 4]);
    world.advance(1_000_000);
    assert_eq!(world.message(client.thread).result(), Err(Error::Gone));
    assert_eq!(world.kernel.processes.at(server.process).unwrap().life(), Life::Dead);
}

#[test]
fn a_caller_that_dies_leaves_its_server_with_nothing_to_answer() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    world.call(Operation::Call, calls, [0; 4]);
    world.ring();
    world.done(Operation::ProcessKill, client.process_handle, [0; 4]);
    world.reap(client.process_handle);
    // Its slot may be another's by now, who must not get the answer.
    let innocent = world.spawn(15);
    assert_eq!(innocent.thread, client.thread);
    let before = world.message(innocent.thread);
    world.park();
    assert!(world.is_running(server.thread));
    assert_eq!(world.refused(Operation::Reply, 0, [9; 4]), Error::Stale);
    assert_eq!(world.message(innocent.thread), before);
    world.receive(serves);
    assert!(world.is_running(innocent.thread));
}

/// An answer brought a thread a handle, and the thread is destroyed before it runs again. Whoever destroys it is told
/// of the handle, and can close it.
#[test]
fn destroying_a_thread_tells_what_an_answer_has_brought_it() {
    for rights in [Rights::all(), Rights::DESTROY] {
        let Pair { mut world, server, client, calls, .. } = served(20, 10);
        world.call(Operation::Call, calls, [0; 4]);
        assert!(world.is_running(server.thread));
        let memory = world.make(Operation::MemoryCreate, 0, [4096, 0, 0, 0]);
        world.done_with(Tag::incoming(Operation::Reply, 5, Options::HANDLE), 0, [1, 2, 3, memory]);
        assert!(world.is_running(server.thread));
        let answer = world.message(client.thread);
        assert!(answer.tag.has_handle());
        world.ring();
        let handle = world.make(Operation::HandleCopy, client.thread_handle, [rights.bits() as usize, 0, 0, 0]);
        let told = world.done(Operation::Destroy, handle, [0; 4]);
        let expected = if rights == Rights::DESTROY { [0; 4] } else { [0, answer.tag.0 as usize, answer.words[3], 0] };
        assert_eq!(told, expected);
    }
}

/// On the fast path, what a caller sends isn't in its saved registers: these may hold an old answer, whose handle names
/// something else by now.
#[test]
fn destroying_a_thread_that_waits_tells_nothing() {
    let Pair { mut world, server, client, calls, .. } = served(20, 10);
    world.call(Operation::Call, calls, [1, 2, 3, 4]);
    assert!(world.is_running(server.thread));
    assert_eq!(world.fast_paths.get("call"), Some(&1));
    world.ring();
    assert_eq!(world.done(Operation::Destroy, client.thread_handle, [0; 4]), [0; 4]);
}
