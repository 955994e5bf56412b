//! Messages between programs: calls, replies, notify, with and without somebody waiting.

use super::world::{Actor, World};
use crate::objects::thread::StateKind;
use abi::{Error, Kind, Message, Operation, Options, Rights, Tag};

/// A server and a client on one endpoint that init owns, both started; init is parked.
pub struct Pair {
    pub world: World,
    pub server: Actor,
    pub client: Actor,
    /// The endpoint as server, client and init name it.
    pub serves: usize,
    pub calls: usize,
    pub endpoint: usize,
}

pub fn pair(server_priority: usize, client_priority: usize) -> Pair {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let server = world.spawn(server_priority);
    let client = world.spawn(client_priority);
    let serves = world.grant(server, endpoint, Rights::RECEIVE | Rights::BIND | Rights::NOTIFY, 0);
    let calls = world.grant(client, endpoint, Rights::CALL | Rights::NOTIFY | Rights::COPY, 0x5A);
    world.park();
    Pair { world, server, client, serves, calls, endpoint }
}

/// The same, with the server waiting and the client running.
pub fn served(server_priority: usize, client_priority: usize) -> Pair {
    let mut pair = pair(server_priority, client_priority);
    if pair.world.is_running(pair.client.thread) {
        // A client above its server runs first: let it wait until the server has begun to.
        let until = pair.world.machine.time as usize + 10;
        let never = pair.world.endpoint();
        pair.world.call_with(Tag::incoming(Operation::Receive, 0, Options::DEADLINE), never, [until, 0, 0, 0]);
    }
    pair.world.receive(pair.serves);
    pair.world.advance(10);
    assert!(pair.world.is_running(pair.client.thread));
    pair
}

fn call(label: u8) -> Tag {
    Tag::incoming(Operation::Call, label, Options::empty())
}

fn reply_receive(label: u8) -> Tag {
    Tag::incoming(Operation::ReplyReceive, label, Options::empty())
}

#[test]
fn a_call_uphill_hands_over_and_its_reply_hands_back() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    for round in 0..3 {
        let switches = world.kernel.account.switches;
        world.call_with(call(3), calls, [round, 2, 3, 4]);
        assert!(world.is_running(server.thread));
        assert_eq!(world.message(server.thread), Message::new(Tag::outgoing(Kind::Call, 3, 0x5A), [round, 2, 3, 4]));
        world.call_with(reply_receive(7), serves, [5, 6, 7, round]);
        assert!(world.is_running(client.thread));
        assert_eq!(world.message(client.thread), Message::new(Tag::outgoing(Kind::Reply, 7, 0), [5, 6, 7, round]));
        assert_eq!(world.kernel.account.switches - switches, 2);
    }
}

#[test]
fn a_call_waits_for_a_server_that_is_busy() {
    let Pair { mut world, server, client, serves, calls, .. } = pair(10, 20);
    assert!(world.is_running(client.thread));
    world.call_with(call(1), calls, [1, 2, 3, 4]);
    assert_eq!(world.state(client.thread).kind(), StateKind::Sending);
    assert!(world.is_running(server.thread));
    world.receive(serves);
    assert!(world.is_running(server.thread), "it has its message at once");
    assert_eq!(world.message(server.thread).words, [1, 2, 3, 4]);
    world.call_with(reply_receive(2), serves, [9; 4]);
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).words, [9; 4]);
}

#[test]
fn a_call_downhill_lets_the_server_run_in_its_turn() {
    let Pair { mut world, server, client, serves, calls, .. } = served(10, 20);
    world.ring();
    let between = world.spawn(15);
    world.park();
    assert!(world.is_running(client.thread));
    world.call_with(call(1), calls, [0; 4]);
    assert!(world.is_running(between.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    world.park();
    assert!(world.is_running(server.thread));
    // An answer to the thread that outranks all others is a switch at once.
    world.call_with(reply_receive(0), serves, [0; 4]);
    assert!(world.is_running(client.thread));
}

#[test]
fn a_reply_goes_on_with_a_higher_thread_than_the_client() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    world.call_with(call(1), calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.ring();
    let between = world.spawn(15);
    world.park();
    assert!(world.is_running(server.thread));
    world.call_with(reply_receive(0), serves, [0; 4]);
    assert!(world.is_running(between.thread), "it outranks the client");
    world.call(Operation::Exit, 0, [0; 4]);
    world.park();
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).tag.kind(), Kind::Reply);
}

#[test]
fn a_reply_lets_a_peer_of_the_client_that_is_ready_already_run_first() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    world.ring();
    let peer = world.spawn(10);
    world.park();
    assert!(world.is_running(client.thread));
    world.call_with(call(1), calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.call_with(reply_receive(0), serves, [0; 4]);
    assert!(world.is_running(peer.thread));
    world.done(Operation::Yield, 0, [0; 4]);
    assert!(world.is_running(client.thread));
}

#[test]
fn callers_are_served_in_their_order_and_events_before_them() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let clients = [20, 10, 15].map(|priority| world.spawn(priority));
    let handles: std::vec::Vec<_> =
        clients.iter().map(|client| world.grant(*client, endpoint, Rights::CALL, client.badge)).collect();
    world.park();
    for position in [0, 2, 1] {
        assert!(world.is_running(clients[position].thread));
        world.call(Operation::Call, handles[position], [0; 4]);
    }
    assert!(world.is_idle());
    world.ring();
    world.done(Operation::Notify, endpoint, [0b101, 0, 0, 0]);
    world.done(Operation::Notify, endpoint, [0b010, 0, 0, 0]);
    let first = world.poll(endpoint).unwrap();
    assert_eq!((first.tag.kind(), first.words[0]), (Kind::Notify, 0b111));
    for position in [0, 2, 1] {
        assert_eq!(world.poll(endpoint).unwrap().tag.badge() as usize, clients[position].badge);
        world.done(Operation::Reply, 0, [0; 4]);
    }
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
}

#[test]
fn notify_wakes_a_receiver_and_never_waits() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    world.call(Operation::Notify, calls, [0, 0, 0, 0]);
    assert!(world.is_running(client.thread), "no bits, no message");
    world.call(Operation::Notify, calls, [6, 0, 0, 0]);
    assert!(world.is_running(server.thread));
    assert_eq!(world.message(server.thread), Message::new(Tag::outgoing(Kind::Notify, 0, 0), [6, 0, 0, 0]));
    world.receive(serves);
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).tag.kind(), Kind::Done);
}

#[test]
fn notify_downhill_goes_on_with_the_notifier() {
    let Pair { mut world, server, client, calls, .. } = served(10, 20);
    world.done(Operation::Notify, calls, [1, 0, 0, 0]);
    assert!(world.is_running(client.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    world.park();
    assert!(world.is_running(server.thread));
    assert_eq!(world.message(server.thread).words[0], 1);
}

#[test]
fn a_receive_can_end_at_a_deadline() {
    let Pair { mut world, server, serves, calls, client, .. } = pair(20, 10);
    let until = world.machine.time as usize + 1_000;
    let receive = Tag::incoming(Operation::Receive, 0, Options::DEADLINE);
    world.call_with(receive, serves, [until, 0, 0, 0]);
    assert!(world.is_running(client.thread));
    world.advance(999);
    assert!(world.is_running(client.thread));
    world.advance(1);
    assert!(world.is_running(server.thread));
    assert_eq!(world.message(server.thread).result(), Err(Error::TimedOut));
    // A message that comes in time clears it.
    world.call_with(receive, serves, [until + 1_000, 0, 0, 0]);
    world.call(Operation::Notify, calls, [1, 0, 0, 0]);
    assert!(world.is_running(server.thread));
    assert_eq!(world.kernel.deadlines.count(), 0);
    // One in the past is due at once.
    world.call_with(receive, serves, [1, 0, 0, 0]);
    world.advance(0);
    assert_eq!(world.message(server.thread).result(), Err(Error::TimedOut));
}

#[test]
fn a_call_can_be_given_up_while_it_waits_and_while_it_is_served() {
    let Pair { mut world, server, client, serves, calls, .. } = pair(10, 20);
    let deadline = |world: &mut World| {
        let until = world.machine.time as usize + 100;
        world.done(Operation::Deadline, 0, [until, 0, 0, 0]);
    };
    deadline(&mut world);
    world.call(Operation::Call, calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.advance(100);
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).result(), Err(Error::TimedOut));
    // Nothing is left of it at the server.
    deadline(&mut world);
    world.call(Operation::Call, calls, [7; 4]);
    assert_eq!(world.poll(serves).unwrap().words, [7; 4]);
    world.advance(100);
    assert_eq!(world.message(client.thread).result(), Err(Error::TimedOut));
    let gone = world.kernel.account.stale_replies;
    world.call(Operation::Call, calls, [8; 4]);
    // The deadline was for one call; and the answer to the call that was given up doesn't answer this one.
    assert!(world.is_running(server.thread));
    assert_eq!(world.kernel.deadlines.count(), 0);
    assert_eq!(world.refused(Operation::Reply, 0, [0; 4]), Error::Stale);
    assert_eq!(world.kernel.account.stale_replies, gone + 1);
    assert_eq!(world.poll(serves).unwrap().words, [8; 4]);
    world.call_with(reply_receive(0), serves, [9; 4]);
    assert_eq!(world.message(client.thread).words, [9; 4]);
}

#[test]
fn a_call_that_is_answered_in_time_hears_no_more_of_its_deadline() {
    let Pair { mut world, server, client, serves, calls, .. } = served(20, 10);
    world.done(Operation::Deadline, 0, [world.machine.time as usize + 100, 0, 0, 0]);
    world.call(Operation::Call, calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.call_with(reply_receive(0), serves, [9; 4]);
    world.advance(100);
    assert!(world.is_running(client.thread));
    assert_eq!(world.message(client.thread).words, [9; 4]);
}

#[test]
fn replying_to_nobody_is_stale_and_does_not_stop_a_loop() {
    let Pair { mut world, server, serves, .. } = pair(20, 10);
    assert_eq!(world.refused(Operation::Reply, 0, [0; 4]), Error::Stale);
    assert_eq!(world.refused(Operation::ReplyTake, 0, [0; 4]), Error::Stale);
    world.call_with(reply_receive(0), serves, [0; 4]);
    assert!(!world.is_running(server.thread));
    assert_eq!(world.state(server.thread).kind(), StateKind::Receiving);
}

#[test]
fn a_client_that_calls_again_at_once_does_not_keep_an_endpoint_alive() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let client = world.spawn(63);
    let calls = world.grant(client, endpoint, Rights::CALL, 0);
    world.done(Operation::Yield, 0, [0; 4]);
    assert!(world.is_running(client.thread));
    world.call(Operation::Call, calls, [0; 4]);
    let mut slices = 0;
    loop {
        assert!(world.is_running(world.init_thread));
        let [left, ..] = world.done(Operation::Destroy, endpoint, [0; 4]);
        if left == 0 {
            break;
        }
        slices += 1;
        assert!(slices < 10);
        world.done(Operation::Yield, 0, [0; 4]);
        while world.is_running(client.thread) {
            if world.call(Operation::Call, calls, [0; 4]).result().is_err() {
                world.done(Operation::Yield, 0, [0; 4]);
            }
        }
    }
}

/// A call that isn't sent uses its deadline up too.
#[test]
fn a_deadline_is_for_one_call_even_if_that_is_refused() {
    let Pair { mut world, client, calls, .. } = pair(10, 20);
    let soon = world.machine.time as usize + 1_000;
    world.done(Operation::Deadline, 0, [soon, 0, 0, 0]);
    assert_eq!(world.refused(Operation::Call, 0xFFFF, [0; 4]), Error::BadHandle);
    world.call(Operation::Call, calls, [0; 4]);
    world.advance(2_000);
    assert!(matches!(world.state(client.thread).kind(), StateKind::Sending | StateKind::Awaiting));
}
