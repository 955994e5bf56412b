//! Handles: rights, copies, generations, tables that fill up.

use super::world::World;
use crate::tables::sizes::{ENDPOINTS, TABLE_HANDLES};
use abi::{Error, Message, ObjectKind, Operation, Options, Rights, Tag};
use std::vec::Vec;

#[test]
fn a_closed_handle_stays_stale_when_its_entry_is_used_anew() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let old = world.make(Operation::HandleCopy, endpoint, [usize::MAX, 0, 0, 0]);
    world.done(Operation::HandleClose, old, [0; 4]);
    let new = world.make(Operation::HandleCopy, endpoint, [usize::MAX, 0, 0, 0]);
    assert_ne!(old, new);
    assert_eq!(world.refused(Operation::HandleClose, old, [0; 4]), Error::BadHandle);
    assert_eq!(world.refused(Operation::Notify, old, [1, 0, 0, 0]), Error::BadHandle);
    world.done(Operation::Notify, new, [1, 0, 0, 0]);
}

#[test]
fn a_copy_has_the_rights_that_both_allow() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let rights = Rights::NOTIFY | Rights::COPY | Rights::DMA;
    let copy = world.make(Operation::HandleCopy, endpoint, [rights.bits() as usize, 0, 0, 0]);
    world.done(Operation::Notify, copy, [1, 0, 0, 0]);
    assert_eq!(world.refused(Operation::Receive, copy, [0; 4]), Error::MissingRight);
    assert_eq!(world.refused(Operation::Destroy, copy, [0; 4]), Error::MissingRight);
    let more = world.make(Operation::HandleCopy, copy, [usize::MAX, 0, 0, 0]);
    assert_eq!(world.refused(Operation::Call, more, [0; 4]), Error::MissingRight);
    let none = world.make(Operation::HandleCopy, copy, [0, 0, 0, 0]);
    assert_eq!(world.refused(Operation::HandleCopy, none, [0; 4]), Error::MissingRight);
}

/// A server that was granted its service can't give it to a process that outlives it: neither the right to receive nor
/// that to bind events and choose badges goes on, by none of the three ways.
#[test]
fn a_server_cannot_pass_its_service_on() {
    let mut world = World::new();
    let [server, other] = [world.spawn(20), world.spawn(30)];
    let endpoint = world.endpoint();
    let rights = Rights::RECEIVE | Rights::BIND | Rights::NOTIFY | Rights::CALL | Rights::COPY;
    let serves = world.grant(server, endpoint, rights, 0);
    let process = world.grant(server, other.process_handle, Rights::PROCESS, 0);
    let channel = world.endpoint();
    let receives = world.grant(other, channel, Rights::RECEIVE, 0);
    let calls = world.grant(server, channel, Rights::CALL, 0);
    // The other process waits for a message.
    world.park();
    world.receive_with_handles(receives);
    let copy = world.make(Operation::HandleCopy, serves, [usize::MAX, 0, 0, 0]);
    let granted = world.make(Operation::ProcessGrant, process, [serves, usize::MAX, 0, 0]);
    for operation in [Operation::Receive, Operation::ReplyReceive] {
        assert_eq!(world.refused(operation, copy, [0; 4]), Error::MissingRight);
    }
    assert_eq!(world.refused(Operation::TimerCreate, 0, [copy, 0, 0, 0]), Error::MissingRight);
    world.done(Operation::Notify, copy, [1, 0, 0, 0]);
    world.call_with(Tag::incoming(Operation::Call, 0, Options::HANDLE), calls, [0, 0, 0, serves]);
    assert!(world.is_running(other.thread));
    let sent = world.message(other.thread).words[3];
    for handle in [granted, sent] {
        assert_eq!(world.refused(Operation::Receive, handle, [0; 4]), Error::MissingRight);
        assert_eq!(world.refused(Operation::TimerCreate, 0, [handle, 0, 0, 0]), Error::MissingRight);
        world.done(Operation::Notify, handle, [1, 0, 0, 0]);
        // Nor does a copy of the copy get a badge of its maker's choice.
        let badged = world.make(Operation::HandleCopy, handle, [usize::MAX, 7, 0, 0]);
        assert_eq!(world.refused(Operation::Receive, badged, [0; 4]), Error::MissingRight);
    }
}

#[test]
fn a_handle_sets_no_other_bits_than_its_own() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let copy = |world: &mut World, handle, without: u32| {
        world.make(Operation::HandleCopy, handle, [usize::MAX, 0, without as usize, 0])
    };
    let only_5 = copy(&mut world, endpoint, !(1 << 5));
    world.done(Operation::Notify, only_5, [1 << 5 | 1 << 4 | 1 << 20, 0, 0, 0]);
    assert_eq!(world.poll(endpoint).unwrap().words[0], 1 << 5, "the bits that it has");
    for bits in [1 << 4, 1 << 6, 1 << 7, 1 << 31, u32::MAX as usize & !(1 << 5)] {
        assert_eq!(world.refused(Operation::Notify, only_5, [bits, 0, 0, 0]), Error::MissingRight);
    }
    world.done(Operation::Notify, only_5, [0; 4]);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    // A copy has no more than its original.
    let same = copy(&mut world, only_5, 0);
    assert_eq!(world.refused(Operation::Notify, same, [1, 0, 0, 0]), Error::MissingRight);
    let none = copy(&mut world, only_5, 1 << 5);
    assert_eq!(world.refused(Operation::Notify, none, [1 << 5, 0, 0, 0]), Error::MissingRight);
    // The bits from 7 on are allowed together.
    let high = copy(&mut world, endpoint, 0x7F);
    world.done(Operation::Notify, high, [usize::MAX, 0, 0, 0]);
    assert_eq!(world.poll(endpoint).unwrap().words[0] as u32, u32::MAX << 7);
    let low = copy(&mut world, endpoint, 1 << 9);
    world.done(Operation::Notify, low, [usize::MAX, 0, 0, 0]);
    assert_eq!(world.poll(endpoint).unwrap().words[0] as u32, 0x7F);
    // So it is by a grant, and where a receiver waits: the fast path.
    let actor = world.spawn(20);
    let theirs = world.make(Operation::ProcessGrant, actor.process_handle, [endpoint, usize::MAX, 0, !2]);
    world.park();
    assert_eq!(world.refused(Operation::Notify, theirs, [4, 0, 0, 0]), Error::MissingRight);
    world.ring();
    world.receive(endpoint);
    world.done(Operation::Notify, theirs, [7, 0, 0, 0]);
    assert_eq!(world.message(world.init_thread).words[0], 2);
}

#[test]
fn only_who_may_bind_changes_a_badge() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let caller = world.spawn(20);
    let bind = Rights::all_of(ObjectKind::Endpoint).bits() as usize;
    let badged = world.make(Operation::HandleCopy, endpoint, [bind, 7, 0, 0]);
    let weak = (Rights::CALL | Rights::COPY).bits() as usize;
    let plain = world.make(Operation::HandleCopy, badged, [weak, 8, 0, 0]);
    let theirs = world.grant(caller, plain, Rights::CALL, 9);
    world.park();
    world.call(Operation::Call, theirs, [0; 4]);
    world.ring();
    assert_eq!(world.poll(endpoint).unwrap().tag.badge(), 8);
}

#[test]
fn a_full_table_is_an_error_and_leaves_everything_as_it_was() {
    let mut world = World::new();
    let actor = world.spawn(20);
    let endpoint = world.endpoint();
    let theirs = world.grant(actor, endpoint, Rights::all_of(ObjectKind::Endpoint), 0);
    let memory = world.make(Operation::MemoryCreate, 0, [1, 0, 0, 0]);
    let before = world.kernel.frames.free();
    world.park();
    let mut held = Vec::new();
    while let Ok([handle, ..]) = world.call(Operation::HandleCopy, theirs, [usize::MAX, 0, 0, 0]).result() {
        held.push(handle);
    }
    assert_eq!(held.len(), TABLE_HANDLES - 1);
    for operation in [Operation::EndpointCreate, Operation::MemoryCreate] {
        assert_eq!(world.refused(operation, 0, [1, 0, 0, 0]), Error::NoHandleSlot);
    }
    assert_eq!(world.refused(Operation::TimerCreate, 0, [theirs, 0, 0, 0]), Error::NoHandleSlot);
    assert_eq!(world.refused(Operation::ThreadCreate, 0, [0x1000, 0x1000, 1, 0]), Error::NoHandleSlot);
    let create = Tag::incoming(Operation::ProcessCreate, 1, Options::empty());
    assert_eq!(world.refused_with(create, 0, [2, 2, 0, 0]), Error::NoHandleSlot);
    assert_eq!(world.kernel.frames.free(), before);
    world.done(Operation::HandleClose, held[5], [0; 4]);
    world.endpoint();
    world.ring();
    let give = [memory, 0, 0, 0];
    assert_eq!(world.refused(Operation::ProcessGrant, actor.process_handle, give), Error::NoHandleSlot);
}

#[test]
fn a_full_table_of_objects_is_an_error() {
    let mut world = World::new();
    let mut made = 1;
    while let Ok([_, ..]) = world.call(Operation::EndpointCreate, 0, [0; 4]).result() {
        made += 1;
    }
    assert_eq!(made, ENDPOINTS);
    assert_eq!(world.refused(Operation::EndpointCreate, 0, [0; 4]), Error::TableFull);
}

/// Makes a call without a look at everything afterwards: there are too many of them.
fn quick_call(world: &mut World, operation: Operation, handle: usize, words: [usize; 4]) -> Result<usize, Error> {
    let caller = world.kernel.current;
    let context = world.kernel.current_context().unwrap();
    context.message = Message::new(Tag::incoming(operation, 0, Options::empty()), words);
    context.handle = handle as u32;
    world.kernel.call(&mut world.machine);
    world.message(caller).result().map(|[first, ..]| first)
}

#[test]
fn a_table_does_not_wear_out() {
    let mut world = World::new();
    let actor = world.spawn(20);
    let endpoint = world.endpoint();
    let theirs = world.grant(actor, endpoint, Rights::all_of(ObjectKind::Endpoint), 0);
    world.park();
    for _ in 0..TABLE_HANDLES - 2 {
        world.make(Operation::HandleCopy, theirs, [usize::MAX, 0, 0, 0]);
    }
    // One entry is left, and used more often than it has generations.
    let mut last = 0;
    for _ in 0..0x1_0010 {
        let handle = quick_call(&mut world, Operation::HandleCopy, theirs, [0; 4]).unwrap();
        assert!(handle != last && handle > 0xFFFF);
        quick_call(&mut world, Operation::HandleClose, handle, [0; 4]).unwrap();
        last = handle;
    }
    world.endpoint();
}

#[test]
fn replies_do_not_wear_out() {
    let mut world = World::new();
    let server = world.spawn(20);
    let client = world.spawn(10);
    let endpoint = world.endpoint();
    let serves = world.grant(server, endpoint, Rights::RECEIVE, 0);
    let calls = world.grant(client, endpoint, Rights::CALL, 0);
    world.park();
    world.receive(serves);
    for _ in 0..0x1_0010 {
        quick_call(&mut world, Operation::Call, calls, [0; 4]).unwrap();
        let reply = quick_call(&mut world, Operation::ReplyTake, 0, [0; 4]).unwrap();
        quick_call(&mut world, Operation::Reply, reply, [0; 4]).unwrap();
        quick_call(&mut world, Operation::Receive, serves, [0; 4]).unwrap();
    }
    world.done(Operation::Null, 0, [0; 4]);
    assert!(world.kernel.replies.extent() == 1 && world.kernel.replies.used() == 0);
}

#[test]
fn unknown_calls_and_handles_that_were_never_given_out_are_errors() {
    let mut world = World::new();
    for number in [abi::DESCRIPTIONS.len() as u32, 100, 255] {
        let answer = world.call_with(Tag(number), 0, [0; 4]);
        assert_eq!(answer.result(), Err(Error::UnknownCall));
    }
    for handle in [0, 1, 0x2_0000, 0x1_0FFF, 0xFFFF_FFFF] {
        for operation in [Operation::Call, Operation::ReplyReceive, Operation::Receive, Operation::Notify] {
            assert_eq!(world.refused(operation, handle, [1; 4]), Error::BadHandle, "{handle:#x}");
        }
    }
    let root = world.init.root as usize;
    assert_eq!(world.refused(Operation::Call, root, [0; 4]), Error::WrongType);
    assert_eq!(world.refused(Operation::MemoryInfo, root, [0; 4]), Error::WrongType);
}

/// Each row of the table of calls names a right: with every other right of the kind, the call is refused.
#[test]
fn every_call_needs_the_right_that_the_table_names() {
    let mut world = World::new();
    let root = world.init.root as usize;
    let actor = world.spawn_stopped(10);
    let endpoint = world.endpoint();
    let handles = [
        endpoint,
        world.make(Operation::InterruptCreate, root, [5, 0, 0, 0]),
        world.make(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]),
        world.make(Operation::MemoryCreate, 0, [1, 0, 0, 0]),
        world.make(Operation::PortsCreate, root, [0x60, 1, 0, 0]),
        actor.process_handle,
        actor.thread_handle,
        root,
    ];
    let mut checked = 0;
    for row in abi::DESCRIPTIONS.iter().filter(|row| !row.needs.is_empty() && row.needs != Rights::DESTROY) {
        let operation = Operation::from_number(row.number).unwrap();
        for handle in handles {
            let rights = Rights::all().difference(row.needs).bits() as usize;
            let weak = world.make(Operation::HandleCopy, handle, [rights, 0, 0, 0]);
            // Words that the call would take, so that nothing but the right is amiss.
            let error = world.refused(operation, weak, [7, 0, 1, 0]);
            assert!(matches!(error, Error::MissingRight | Error::WrongType), "{} says {error}", row.name);
            checked += (error == Error::MissingRight) as usize;
            world.done(Operation::HandleClose, weak, [0; 4]);
        }
    }
    let named = abi::DESCRIPTIONS.iter().filter(|row| !row.needs.is_empty()).count();
    // Destroying and replying aside: their rights belong to all kinds, and to a kind that isn't copied.
    assert!(checked >= named - 2, "{checked} of {named}");
}
