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
