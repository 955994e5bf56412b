//! Who runs: priorities, preemption, turns and slices.

use super::world::World;
use crate::fake::FREQUENCY;
use crate::machine::Line;
use abi::{Error, Kind, Operation, Options, Rights, Tag};

const SLICE: u64 = FREQUENCY / crate::ready::SLICES_PER_SECOND;

#[test]
fn the_highest_runs_and_the_next_when_it_waits() {
    let mut world = World::new();
    let low = world.spawn(5);
    let high = world.spawn(10);
    let never = world.endpoint();
    let never = world.grant(high, never, Rights::RECEIVE, 0);
    world.park();
    assert!(world.is_running(high.thread));
    world.receive(never);
    assert!(world.is_running(low.thread));
}

#[test]
fn peers_take_turns_by_yielding() {
    let mut world = World::new();
    let [one, two, three] = [7; 3].map(|priority| world.spawn(priority));
    world.park();
    for expected in [one, two, three, one, two] {
        assert!(world.is_running(expected.thread));
        world.done(Operation::Yield, 0, [0; 4]);
    }
}

#[test]
fn peers_take_turns_by_slices_and_a_lone_thread_is_not_disturbed() {
    let mut world = World::new();
    let one = world.spawn(7);
    let lower = world.spawn(6);
    world.park();
    assert!(world.is_running(one.thread));
    assert_eq!(world.machine.armed, None, "no timer without a peer");
    world.ring();
    let two = world.spawn(7);
    world.park();
    for expected in [one, two, one, two] {
        assert!(world.is_running(expected.thread));
        world.advance(SLICE - 1);
        assert!(world.is_running(expected.thread));
        world.advance(1);
    }
    assert!(!world.is_running(lower.thread));
}

#[test]
fn slices_go_on_where_a_preemption_interrupted_them() {
    let mut world = World::new();
    let driver = world.spawn(20);
    let endpoint = world.bind_for(driver, Line(8));
    let one = world.spawn(7);
    let two = world.spawn(7);
    world.park();
    while world.is_running(driver.thread) {
        world.receive(endpoint);
    }
    assert!(world.is_running(one.thread));
    // A device that interrupts more often than slices end must not keep one of two peers from running.
    let mut turns = [0; 2];
    for _ in 0..100 {
        turns[world.is_running(two.thread) as usize] += 1;
        world.advance(SLICE / 10);
        world.raise(Line(8));
        assert!(world.is_running(driver.thread));
        world.receive(endpoint);
    }
    assert!(turns.iter().all(|turns| *turns >= 40), "{turns:?}");
}

#[test]
fn a_ready_peer_costs_a_running_thread_no_switch() {
    let mut world = World::new();
    let [one, _two] = [7; 2].map(|priority| world.spawn(priority));
    world.park();
    let switches = world.kernel.account.switches;
    world.done(Operation::Null, 0, [0; 4]);
    world.advance(SLICE / 2);
    world.raise(Line(3));
    assert!(world.is_running(one.thread));
    assert_eq!(world.kernel.account.switches, switches);
}

#[test]
fn a_supervisor_that_is_told_of_an_end_waits_behind_ready_peers() {
    let mut world = World::new();
    // As high as init, which supervises them.
    let [ending, peer] = [abi::PRIORITIES as usize - 1; 2].map(|priority| world.spawn(priority));
    world.park();
    assert!(world.is_running(ending.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    assert!(world.is_running(peer.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    assert!(world.is_running(world.init_thread));
}

#[test]
fn a_preempted_thread_keeps_its_turn_along_a_falling_chain() {
    let mut world = World::new();
    let middle = world.spawn(20);
    let middle_endpoint = world.bind_for(middle, Line(8));
    let top = world.spawn(30);
    let top_endpoint = world.bind_for(top, Line(9));
    let worker = world.spawn(10);
    let peer = world.spawn(10);
    world.park();
    while world.is_running(top.thread) {
        world.receive(top_endpoint);
    }
    while world.is_running(middle.thread) {
        world.receive(middle_endpoint);
    }
    assert!(world.is_running(worker.thread));
    world.raise(Line(8));
    assert!(world.is_running(middle.thread));
    world.raise(Line(9));
    assert!(world.is_running(top.thread));
    world.receive(top_endpoint);
    assert!(world.is_running(middle.thread));
    world.receive(middle_endpoint);
    assert!(world.is_running(worker.thread), "it goes on before {peer:?}");
}

#[test]
fn an_interrupt_of_a_lower_driver_waits() {
    let mut world = World::new();
    let driver = world.spawn(5);
    let endpoint = world.bind_for(driver, Line(8));
    world.park();
    while world.is_running(driver.thread) {
        world.receive(endpoint);
    }
    world.ring();
    let busy = world.spawn(10);
    world.park();
    world.raise(Line(8));
    assert!(world.is_running(busy.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    world.park();
    assert!(world.is_running(driver.thread));
    assert_eq!(world.message(driver.thread).tag.kind(), Kind::Interrupt);
}

#[test]
fn a_thread_that_lowers_itself_makes_room() {
    let mut world = World::new();
    let driver = world.spawn(20);
    let endpoint = world.bind_for(driver, Line(8));
    let high = world.spawn_stopped(12);
    let own = world.grant(high, high.thread_handle, Rights::THREAD, 0);
    let other = world.spawn(5);
    world.done(Operation::ThreadStart, high.thread_handle, [0; 4]);
    world.park();
    while world.is_running(driver.thread) {
        world.receive(endpoint);
    }
    // The other stands in the chain: it ran, and an interrupt preempted it for the high one.
    assert!(world.is_running(high.thread));
    world.done(Operation::ThreadPriority, own, [3, 0, 0, 0]);
    assert!(world.is_running(other.thread));
    world.raise(Line(8));
    world.receive(endpoint);
    assert!(world.is_running(other.thread));
}

#[test]
fn a_thread_that_lowers_itself_goes_behind_the_chain() {
    let mut world = World::new();
    let low = world.spawn(5);
    let own_thread = world.init_thread;
    world.park();
    assert!(world.is_running(low.thread));
    // Init preempts it, so that it stands in the chain, and goes below it.
    world.ring();
    let own = {
        let name = world.kernel.threads.name(own_thread);
        let grant = crate::objects::handle::Grant::new(name, abi::ObjectKind::Thread, Rights::THREAD);
        world.kernel.install(world.init.process, grant).unwrap() as usize
    };
    world.done(Operation::ThreadPriority, own, [3, 0, 0, 0]);
    assert!(world.is_running(low.thread));
}

#[test]
fn priorities_are_bounded_by_both_ceilings() {
    let mut world = World::new();
    let create = |ceiling| Tag::incoming(Operation::ProcessCreate, ceiling, Options::empty());
    let child = world.make_with(create(9), 0, [40, 30, 0, 1]);
    assert_eq!(world.refused(Operation::ThreadCreate, child, [0x1000, 0x2000, 10, 0]), Error::Priority);
    let thread = world.make(Operation::ThreadCreate, child, [0x1000, 0x2000, 9, 0]);
    assert_eq!(world.refused(Operation::ThreadPriority, thread, [10, 0, 0, 0]), Error::Priority);
    assert_eq!(world.refused(Operation::ThreadPriority, thread, [64, 0, 0, 0]), Error::BadArgument);
    world.done(Operation::ThreadPriority, thread, [0, 0, 0, 0]);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    world.park();
    assert_eq!(world.refused_with(create(10), 0, [2, 2, 0, 1]), Error::Priority);
    assert_eq!(world.refused_with(create(64), 0, [2, 2, 0, 1]), Error::BadArgument);
}

#[test]
fn raising_a_ready_thread_lets_it_run_next() {
    let mut world = World::new();
    let one = world.spawn(5);
    let two = world.spawn(6);
    world.done(Operation::ThreadPriority, one.thread_handle, [7, 0, 0, 0]);
    world.park();
    assert!(world.is_running(one.thread), "before {two:?}");
}
