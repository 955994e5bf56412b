//! Faults: to a handler and back, or to the end.

use super::world::{Actor, ENTRY, World};
use abi::{Error, ExitKind, Kind, Message, Operation, Options, Register, Rights, Tag};

/// A handler that waits on an endpoint of its own, and a thread of another process whose faults go there.
fn handler_and_thread(world: &mut World) -> (Actor, usize, Actor) {
    let handler = world.spawn(20);
    let endpoint = world.endpoint();
    let theirs = world.grant(handler, endpoint, Rights::RECEIVE, 0);
    let faulty = faulty(world, endpoint);
    world.park();
    world.receive(theirs);
    assert!(world.is_running(faulty.thread));
    (handler, theirs, faulty)
}

/// A process whose only running thread sends its faults to an endpoint with badge 0x77.
fn faulty(world: &mut World, endpoint: usize) -> Actor {
    let mut actor = world.spawn_stopped(10);
    let create = Tag::incoming(Operation::ThreadCreate, 0x77, Options::empty());
    let [thread, ..] = world.done_with(create, actor.process_handle, [ENTRY, 0x8000, 10, endpoint]);
    world.done(Operation::ThreadStart, thread, [7; 4]);
    actor.thread = world.object(thread);
    actor.thread_handle = thread;
    actor
}

#[track_caller]
fn assert_fault(message: Message) {
    assert_eq!(message.tag, Tag::outgoing(Kind::Fault, 14, 0x77));
    assert_eq!(message.words, [6, 0xDEAD_0000, ENTRY + 16, 0]);
}

#[test]
fn a_handler_hears_of_a_fault_and_its_reply_means_retry() {
    let mut world = World::new();
    let (handler, endpoint, faulty) = handler_and_thread(&mut world);
    let before = world.message(faulty.thread);
    for _ in 0..2 {
        world.fault(14);
        assert!(world.is_running(handler.thread));
        assert_fault(world.message(handler.thread));
        world.call(Operation::ReplyReceive, endpoint, [9; 4]);
        assert!(world.is_running(faulty.thread));
        assert_eq!(world.message(faulty.thread), before, "the reply changes no register");
    }
    // There and back by the fast path.
    assert_eq!(["fault", "reply_receive"].map(|what| world.fast_paths.get(what).copied()), [Some(2); 2]);
}

/// Its registers are those with which it would go on.
#[test]
fn destroying_a_thread_that_has_faulted_tells_what_it_held() {
    let mut world = World::new();
    let (_, _, faulty) = handler_and_thread(&mut world);
    let Message { tag, words } = world.message(faulty.thread);
    world.fault(14);
    world.ring();
    let told = world.done(Operation::Destroy, faulty.thread_handle, [0; 4]);
    assert_eq!(told, [0, tag.0 as usize, words[3], 0]);
    assert_eq!(words, [7; 4]);
}

#[test]
fn callers_of_a_thread_whose_fault_is_not_answered_get_an_error_before_it_is_reaped() {
    let mut world = World::new();
    let handler = world.spawn(20);
    let [faults, service] = [world.endpoint(), world.endpoint()];
    let handles = world.grant(handler, faults, Rights::RECEIVE, 0);
    let server = faulty(&mut world, faults);
    let serves = world.grant(server, service, Rights::RECEIVE, 0);
    let client = world.spawn(5);
    let calls = world.grant(client, service, Rights::CALL, 0);
    world.park();
    world.receive(handles);
    world.receive(serves);
    assert!(world.is_running(client.thread));
    world.call(Operation::Call, calls, [0; 4]);
    assert!(world.is_running(server.thread));
    world.fault(14);
    assert!(world.is_running(handler.thread));
    // The handler doesn't answer, so the process of the faulted thread ends.
    world.receive(handles);
    world.advance(1_000_000);
    assert_eq!(world.message(client.thread).result(), Err(Error::Gone));
}

#[test]
fn a_fault_waits_for_a_busy_handler() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let faulty = faulty(&mut world, endpoint);
    world.park();
    world.fault(14);
    assert!(world.is_idle());
    world.ring();
    assert_fault(world.poll(endpoint).unwrap());
    // The handler changes where the thread goes on.
    world.done(Operation::ThreadWrite, faulty.thread_handle, [Register::Ip as usize, ENTRY + 32, 0, 0]);
    let read = world.done(Operation::ThreadRead, faulty.thread_handle, [Register::Ip as usize, 0, 0, 0]);
    assert_eq!(read[0], ENTRY + 32);
    world.done(Operation::Reply, 0, [0; 4]);
    world.park();
    assert!(world.is_running(faulty.thread));
}

#[test]
fn a_fault_without_a_handler_ends_the_process() {
    let mut world = World::new();
    let actor = world.spawn(10);
    world.park();
    world.fault(13);
    assert!(world.is_running(world.init_thread));
    let exit = world.message(world.init_thread);
    assert_eq!(exit.tag, Tag::outgoing(Kind::Exit, 2, actor.badge as u16));
    assert_eq!(exit.words, [13, 6, 0xDEAD_0000, ENTRY + 16]);
    world.reap(actor.process_handle);
}

#[test]
fn a_handler_that_faults_on_its_own_endpoint_ends() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let faulty = faulty(&mut world, endpoint);
    let theirs = world.grant(faulty, endpoint, Rights::RECEIVE, 0);
    world.park();
    assert_eq!(world.poll(theirs), Err(Error::WouldBlock));
    world.fault(14);
    world.finish_ends();
    assert!(world.is_running(world.init_thread));
    assert_eq!(world.message(world.init_thread).tag.kind(), Kind::Exit);
}

#[test]
fn a_thread_is_not_its_own_handler_because_a_dead_endpoint_had_the_same_slot() {
    let mut world = World::new();
    let first = world.endpoint();
    let stopped = world.spawn_stopped(10);
    let theirs = world.grant(stopped, first, Rights::RECEIVE, 0);
    let slot = world.object(first);
    // It serves the first endpoint, which goes away; its handler's endpoint gets the slot.
    world.done(Operation::ThreadStart, stopped.thread_handle, [0; 4]);
    world.park();
    assert_eq!(world.poll(theirs), Err(Error::WouldBlock));
    world.ring();
    world.destroy(first);
    let second = world.endpoint();
    assert_eq!(world.object(second), slot);
    let name = world.kernel.endpoints.name(slot);
    world.kernel.threads.at_mut(stopped.thread).unwrap().set_fault_handler(name, 0);
    world.park();
    world.fault(14);
    assert!(world.is_idle(), "the fault waits for its handler");
    world.ring();
    assert_eq!(world.poll(second).unwrap().tag.kind(), Kind::Fault);
}

#[test]
fn a_fault_whose_handler_dies_goes_to_the_next_one() {
    let mut world = World::new();
    let (handler, _, faulty) = handler_and_thread(&mut world);
    world.fault(14);
    assert!(world.is_running(handler.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    world.finish_ends();
    assert!(world.is_running(world.init_thread));
    world.reap(handler.process_handle);
    // Init owns the endpoint, and is the next handler.
    let endpoint = world.last_endpoint();
    assert_fault(world.poll(endpoint).unwrap());
    world.done(Operation::Reply, 0, [0; 4]);
    world.park();
    assert!(world.is_running(faulty.thread));
}

#[test]
fn a_fault_whose_handler_dies_goes_to_one_that_waits_already() {
    let mut world = World::new();
    let (handler, endpoint, faulty) = handler_and_thread(&mut world);
    world.ring();
    let second = world.make(Operation::ThreadCreate, handler.process_handle, [ENTRY, 0x9000, 15, 0]);
    let second_thread = world.object(second);
    world.done(Operation::ThreadStart, second, [0; 4]);
    world.park();
    assert!(world.is_running(second_thread));
    world.receive(endpoint);
    assert!(world.is_running(faulty.thread));
    world.fault(14);
    assert!(world.is_running(handler.thread));
    world.call(Operation::ThreadExit, 0, [0; 4]);
    assert!(world.is_running(second_thread));
    assert_fault(world.message(second_thread));
    // It was taken and is not answered: that ends its process.
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    world.receive(endpoint);
    world.advance(100_000);
    assert_ended_by_fault(&mut world, faulty);
}

/// Init is told of the end by the fault.
#[track_caller]
fn assert_ended_by_fault(world: &mut World, faulty: Actor) {
    if !world.is_running(world.init_thread) {
        world.ring();
    }
    let mut told = std::vec::Vec::from([world.message(world.init_thread).tag]);
    while let Ok(message) = world.poll(world.supervisor) {
        told.push(message.tag);
    }
    let end = Tag::outgoing(Kind::Exit, ExitKind::Faulted as u8, faulty.badge as u16);
    assert!(told.contains(&end), "{told:?}");
    world.reap(faulty.process_handle);
}

#[test]
fn a_fault_whose_endpoint_is_destroyed_is_retried_and_then_ends_the_process() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let faulty = faulty(&mut world, endpoint);
    world.park();
    world.fault(14);
    world.ring();
    world.destroy(endpoint);
    world.park();
    assert!(world.is_running(faulty.thread));
    world.fault(14);
    world.finish_ends();
    assert_eq!(world.message(world.init_thread).tag, Tag::outgoing(Kind::Exit, 2, faulty.badge as u16));
}

#[test]
fn a_fault_can_be_answered_later_by_a_reply_handle() {
    let mut world = World::new();
    let (handler, endpoint, faulty) = handler_and_thread(&mut world);
    world.fault(14);
    let reply = world.make(Operation::ReplyTake, 0, [0; 4]);
    world.poll(endpoint).unwrap_err();
    world.done(Operation::Reply, reply, [0; 4]);
    assert!(world.is_running(handler.thread));
    world.receive(endpoint);
    assert!(world.is_running(faulty.thread));
}

#[test]
fn a_fault_whose_handler_and_endpoint_are_gone_ends_its_process() {
    let mut world = World::new();
    let (handler, _, faulty) = handler_and_thread(&mut world);
    world.fault(14);
    assert!(world.is_running(handler.thread));
    world.ring();
    let endpoint = world.last_endpoint();
    world.destroy(endpoint);
    world.done(Operation::ProcessKill, handler.process_handle, [0; 4]);
    world.advance(100_000);
    assert_ended_by_fault(&mut world, faulty);
}

#[test]
fn a_fault_whose_reply_handle_is_closed_ends_its_process() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let faulty = faulty(&mut world, endpoint);
    world.park();
    world.fault(14);
    world.ring();
    assert_fault(world.poll(endpoint).unwrap());
    let reply = world.make(Operation::ReplyTake, 0, [0; 4]);
    world.destroy(endpoint);
    world.done(Operation::HandleClose, reply, [0; 4]);
    world.advance(100_000);
    assert_ended_by_fault(&mut world, faulty);
}

#[test]
fn floating_point_is_charged_and_given_back() {
    let mut world = World::new();
    let actor = world.spawn(10);
    world.park();
    let free = world.kernel.frames.free();
    assert!(world.trap(|kernel, _| kernel.attach_floating_point()));
    assert_eq!(world.kernel.frames.free(), free - 1);
    world.call(Operation::Exit, 0, [0; 4]);
    world.reap(actor.process_handle);
    // The process's root frame comes back too.
    assert_eq!(world.kernel.frames.free(), free + 1);
}

#[test]
fn floating_point_beyond_the_quota_is_refused() {
    let mut world = World::new();
    let actor = world.spawn(10);
    world.park();
    world.make(Operation::MemoryCreate, 0, [39 * abi::PAGE_BYTES, 0, 0, 0]);
    assert!(!world.trap(|kernel, _| kernel.attach_floating_point()));
    assert!(world.is_running(actor.thread));
}
