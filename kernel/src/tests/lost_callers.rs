//! A server that has put a call off is told when the caller goes, and no dead caller takes room in its handle table.

use super::messages::{Pair, pair, served};
use super::world::World;
use crate::objects::thread::StateKind;
use abi::{Error, Kind, Message, ObjectKind, Operation, Options, Rights, Tag};

/// The client calls with a deadline of that many cycles. The server puts the call off, and goes on. Returns the
/// number of the Reply's handle.
fn put_off(pair: &mut Pair, cycles: usize) -> usize {
    let Pair { world, server, calls, .. } = pair;
    world.done(Operation::Deadline, 0, [world.machine.time as usize + cycles, 0, 0, 0]);
    world.call(Operation::Call, *calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.make(Operation::ReplyTake, 0, [0; 4])
}

fn gone(reply: usize) -> Message {
    Message::new(Tag::outgoing(Kind::CallerGone, 0, 0), [reply, 0, 0, 0])
}

/// The handle and the Reply are free.
#[track_caller]
fn check_free(world: &mut World, reply: usize) {
    assert_eq!(world.refused(Operation::Reply, reply, [0; 4]), Error::BadHandle);
    assert_eq!(world.kernel.replies.used(), 0);
}

#[test]
fn a_server_that_waits_is_told_of_a_caller_that_gave_up() {
    let mut pair = served(20, 10);
    let reply = put_off(&mut pair, 100);
    let Pair { mut world, server, client, serves, .. } = pair;
    world.receive(serves);
    world.advance(100);
    assert!(world.is_running(server.thread));
    assert_eq!(world.message(server.thread), gone(reply));
    assert_eq!(world.message(client.thread).result(), Err(Error::TimedOut));
    check_free(&mut world, reply);
}

#[test]
fn a_server_that_is_busy_is_told_before_it_gets_the_next_call() {
    let mut pair = served(20, 10);
    let reply = put_off(&mut pair, 100);
    let Pair { mut world, server, client, serves, calls, .. } = pair;
    world.advance(100);
    assert!(world.is_running(server.thread));
    // The client calls again before the server receives.
    world.ring();
    world.done(Operation::ThreadPriority, client.thread_handle, [30, 0, 0, 0]);
    world.park();
    world.call(Operation::Call, calls, [7; 4]);
    assert!(world.is_running(server.thread));
    world.call(Operation::ReplyReceive, serves, [0; 4]);
    assert_eq!(world.message(server.thread), gone(reply));
    check_free(&mut world, reply);
    world.call(Operation::ReplyReceive, serves, [0; 4]);
    assert_eq!(world.message(server.thread).words, [7; 4]);
}

#[test]
fn a_server_is_told_of_a_caller_that_was_killed_or_destroyed() {
    for ends in [Operation::ProcessKill, Operation::Destroy] {
        let mut pair = served(20, 10);
        let reply = put_off(&mut pair, 1_000_000);
        let Pair { mut world, server, client, serves, .. } = pair;
        world.receive(serves);
        world.ring();
        let handle = if ends == Operation::Destroy { client.thread_handle } else { client.process_handle };
        world.done(ends, handle, [0; 4]);
        world.finish_ends();
        world.park();
        if ends == Operation::ProcessKill {
            // Init was told of the end, and waits again.
            world.park();
        }
        assert!(world.is_running(server.thread));
        assert_eq!(world.message(server.thread), gone(reply));
        check_free(&mut world, reply);
    }
}

#[test]
fn a_reply_that_is_used_or_closed_in_time_leaves_nothing_to_tell() {
    for ends in [Operation::Reply, Operation::HandleClose] {
        let mut pair = served(20, 10);
        let reply = put_off(&mut pair, 100);
        let Pair { mut world, server, serves, .. } = pair;
        world.advance(100);
        assert!(world.is_running(server.thread));
        let result = world.call(ends, reply, [0; 4]).result();
        let expected = if ends == Operation::Reply { Some(Error::Stale) } else { None };
        assert_eq!(result.err(), expected);
        check_free(&mut world, reply);
        assert_eq!(world.poll(serves), Err(Error::WouldBlock));
    }
}

#[test]
fn an_answer_after_a_deadline_that_passed_before_the_reply_was_taken_is_stale() {
    let Pair { mut world, server, serves, calls, .. } = served(20, 10);
    world.done(Operation::Deadline, 0, [world.machine.time as usize + 100, 0, 0, 0]);
    world.call(Operation::Call, calls, [0; 4]);
    world.advance(100);
    assert!(world.is_running(server.thread));
    assert_eq!(world.refused(Operation::ReplyTake, 0, [0; 4]), Error::Stale);
    assert_eq!(world.poll(serves), Err(Error::WouldBlock), "nothing was put off");
}

/// The handle is its owner's until the owner has used it.
#[track_caller]
fn check_kept(world: &mut World, reply: usize) {
    assert_eq!(world.refused(Operation::Reply, reply, [0; 4]), Error::Stale);
    check_free(world, reply);
}

/// Many more than its table has room for.
#[test]
fn callers_that_give_up_never_fill_a_servers_table() {
    let mut pair = served(20, 10);
    for _ in 0..4 * crate::tables::sizes::TABLE_HANDLES {
        let reply = put_off(&mut pair, 100);
        pair.world.advance(100);
        pair.world.receive(pair.serves);
        assert_eq!(pair.world.message(pair.server.thread), gone(reply));
        pair.world.receive(pair.serves);
        assert!(pair.world.is_running(pair.client.thread));
    }
    assert_eq!(pair.world.kernel.replies.used(), 0);
}

#[test]
fn without_the_endpoint_the_reply_to_a_lost_caller_is_kept() {
    // The endpoint goes first, or while it has the event.
    for passes_first in [false, true] {
        let mut pair = served(20, 10);
        let reply = put_off(&mut pair, 100);
        let Pair { mut world, server, endpoint, .. } = pair;
        if passes_first {
            world.advance(100);
        }
        world.ring();
        world.destroy(endpoint);
        world.park();
        world.advance(100);
        assert!(world.is_running(server.thread));
        check_kept(&mut world, reply);
    }
}

#[test]
fn another_process_on_the_endpoint_gets_and_closes_no_handle() {
    let mut pair = served(20, 10);
    let reply = put_off(&mut pair, 100);
    let Pair { mut world, server, endpoint, .. } = pair;
    world.advance(100);
    world.ring();
    assert_eq!(world.poll(endpoint), Ok(gone(0)));
    world.park();
    assert!(world.is_running(server.thread));
    check_kept(&mut world, reply);
}

#[test]
fn a_successor_is_not_told_of_its_predecessors_callers() {
    let mut pair = served(20, 10);
    put_off(&mut pair, 100);
    let Pair { mut world, server, endpoint, .. } = pair;
    world.advance(100);
    assert!(world.is_running(server.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    world.finish_ends();
    assert!(world.is_running(world.init_thread));
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    world.reap(server.process_handle);
}

/// A handler may put a fault off, too.
#[test]
fn a_faulted_thread_that_is_destroyed_is_told_of() {
    let mut world = World::new();
    let handler = world.spawn(20);
    let faults = world.endpoint();
    let receives = world.grant(handler, faults, Rights::all_of(ObjectKind::Endpoint), 0);
    let faulty = world.spawn(10);
    let thread = world.make(Operation::ThreadCreate, faulty.process_handle, [0x1000, 0x2000, 15, faults]);
    let link = world.object(thread);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    world.park();
    world.receive(receives);
    assert!(world.is_running(link));
    world.fault(14);
    assert!(world.is_running(handler.thread));
    let reply = world.make(Operation::ReplyTake, 0, [0; 4]);
    assert_eq!(world.state(link).kind(), StateKind::AwaitingReply);
    world.ring();
    world.done(Operation::Destroy, thread, [0; 4]);
    world.park();
    assert_eq!(world.poll(receives), Ok(gone(reply)));
    check_free(&mut world, reply);
}

#[test]
fn options_of_a_receive_do_not_matter_to_a_lost_caller() {
    for options in [Options::empty(), Options::TAKE_HANDLE, Options::KEEP] {
        let mut pair = pair(20, 10);
        pair.world.receive(pair.serves);
        let reply = put_off(&mut pair, 100);
        pair.world.advance(100);
        assert_eq!(pair.world.poll_with(pair.serves, options), Ok(gone(reply)));
    }
}
