//! Interrupts: from the line to the driver and back.

use super::world::{Actor, World};
use crate::fake::Controller;
use crate::machine::Line;
use crate::objects::source::STORM_BUDGET;
use crate::objects::thread::Token;
use abi::{Error, InterruptFlags, InterruptMessage, Kind, ObjectKind, Operation, Options, Rights, Tag};
use std::vec;

pub const EDGE: Line = Line(4);
pub const LEVEL: Line = Line(17);

pub fn source(world: &mut World, line: Line) -> usize {
    world.make(Operation::InterruptCreate, world.init.root as usize, [line.0 as usize, 0, 0, 0])
}

/// What a driver has: its process, its endpoint and its source, as it names them.
pub struct Driver {
    pub actor: Actor,
    pub endpoint: usize,
    pub source: usize,
}

/// A driver of that line that waits for its first interrupt; nobody else runs.
pub fn driver(world: &mut World, line: Line) -> Driver {
    let actor = world.spawn(20);
    let endpoint = world.endpoint();
    let source = source(world, line);
    let driver = Driver {
        actor,
        endpoint: world.grant(actor, endpoint, Rights::RECEIVE | Rights::BIND, 0),
        source: world.grant(actor, source, Rights::INTERRUPT, 0),
    };
    world.park();
    world.done(Operation::InterruptBind, driver.source, [driver.endpoint, 0x44, 0, 0]);
    while world.is_running(actor.thread) {
        world.receive(driver.endpoint);
    }
    driver
}

#[track_caller]
pub fn interrupt(world: &World, driver: &Driver) -> InterruptMessage {
    assert!(world.is_running(driver.actor.thread));
    let message = world.message(driver.actor.thread);
    assert_eq!(message.tag.kind(), Kind::Interrupt);
    InterruptMessage::from_message(&message)
}

#[test]
fn an_edge_reaches_its_driver_and_costs_it_one_call() {
    let mut world = World::new();
    let driver = driver(&mut world, EDGE);
    world.machine.ended.clear();
    let calls = world.kernel.account.calls;
    for round in 1..=5 {
        world.machine.advance(100);
        let fired = world.machine.time;
        world.raise(EDGE);
        let message = interrupt(&world, &driver);
        assert_eq!((message.badge, message.count, message.first), (0x44, 1, fired));
        assert_eq!(message.flags, InterruptFlags::empty());
        assert!(!world.machine.line(EDGE).masked);
        world.receive(driver.endpoint);
        assert!(world.is_idle());
        assert_eq!(world.kernel.account.calls - calls, round);
    }
    assert_eq!(world.machine.ended, vec![EDGE; 5]);
}

#[test]
fn a_level_line_is_masked_until_its_driver_receives_again() {
    let mut world = World::new();
    let driver = driver(&mut world, LEVEL);
    world.machine.assert(LEVEL);
    assert_eq!(world.serve(), 1);
    assert_eq!(interrupt(&world, &driver).flags, InterruptFlags::LEVEL);
    assert!(world.machine.line(LEVEL).masked);
    // It wasn't served: it interrupts again as soon as it may.
    world.receive(driver.endpoint);
    assert_eq!(world.serve(), 1);
    assert_eq!(interrupt(&world, &driver).count, 1);
    world.machine.release(LEVEL);
    world.receive(driver.endpoint);
    assert_eq!(world.serve(), 0);
    assert!(world.is_idle() && !world.machine.line(LEVEL).masked);
}

#[test]
fn edges_that_come_while_the_driver_works_are_one_message() {
    let mut world = World::new();
    let driver = driver(&mut world, EDGE);
    world.raise(EDGE);
    let first = interrupt(&world, &driver);
    world.machine.advance(50);
    let fired = world.machine.time;
    for _ in 0..3 {
        world.raise(EDGE);
        world.machine.advance(10);
    }
    world.receive(driver.endpoint);
    let second = interrupt(&world, &driver);
    assert_eq!((second.count, second.first, second.sequence), (3, fired, first.sequence + 1));
    world.receive(driver.endpoint);
    assert!(world.is_idle());
}

#[test]
fn the_latency_that_is_counted_ends_where_the_driver_gets_the_message() {
    let mut world = World::new();
    let driver = driver(&mut world, EDGE);
    world.raise(EDGE);
    world.raise(EDGE);
    world.machine.advance(5_000);
    world.receive(driver.endpoint);
    interrupt(&world, &driver);
    let source = world.kernel.lines.source(EDGE);
    assert_eq!(world.kernel.interrupts.at(source).unwrap().counters.latency_maximum, 5_000);
}

#[test]
fn a_storm_masks_the_line_and_completing_it_says_poll_your_device() {
    let mut world = World::new();
    let driver = driver(&mut world, EDGE);
    world.raise(EDGE);
    interrupt(&world, &driver);
    let mut taken = 0;
    while !world.machine.line(EDGE).masked {
        world.machine.raise(EDGE);
        let line = world.machine.take_interrupt().unwrap();
        world.kernel.interrupt(&mut world.machine, line);
        taken += 1;
    }
    super::invariants::check(&world);
    assert_eq!(taken, STORM_BUDGET);
    world.raise(EDGE);
    assert_eq!(world.machine.line(EDGE).lost, 1);
    // The message before the storm is completed by this, which unmasks the line; the flags say what happened.
    world.receive(driver.endpoint);
    let message = interrupt(&world, &driver);
    assert_eq!(message.count, STORM_BUDGET);
    assert!(message.flags.contains(InterruptFlags::STORM | InterruptFlags::REPLAYED));
    assert!(!world.machine.line(EDGE).masked);
    world.receive(driver.endpoint);
    assert!(world.is_idle());
}

#[test]
fn a_storm_that_nobody_reads_stays_masked_until_it_is_completed() {
    for operation in [Operation::Receive, Operation::ReplyReceive] {
        complete_a_storm_by(operation);
    }
}

fn complete_a_storm_by(operation: Operation) {
    let mut world = World::new();
    let actor = world.spawn(20);
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    for _ in 0..STORM_BUDGET + 10 {
        world.machine.raise(EDGE);
        if let Some(line) = world.machine.take_interrupt() {
            world.kernel.interrupt(&mut world.machine, line);
        }
    }
    super::invariants::check(&world);
    let message = InterruptMessage::from_message(&world.receive(endpoint));
    assert_eq!(message.count, STORM_BUDGET);
    assert!(message.flags.contains(InterruptFlags::STORM | InterruptFlags::REPLAYED), "from the bind");
    assert!(world.machine.line(EDGE).masked);
    let again = InterruptMessage::from_message(&world.call(operation, endpoint, [0; 4]));
    assert_eq!((again.count, again.flags), (0, InterruptFlags::REPLAYED));
    assert!(!world.machine.line(EDGE).masked);
    let _ = actor;
}

#[test]
fn a_driver_that_is_alone_hears_of_edges_that_a_storm_may_have_cost() {
    let mut world = World::new();
    let driver = driver(&mut world, EDGE);
    world.raise(EDGE);
    let sequence = interrupt(&world, &driver).sequence as usize;
    // So that receiving again doesn't unmask what masks itself from now on.
    world.done(Operation::InterruptComplete, driver.source, [sequence, 0, 0, 0]);
    while !world.machine.line(EDGE).masked {
        world.machine.raise(EDGE);
        let line = world.machine.take_interrupt().unwrap();
        world.kernel.interrupt(&mut world.machine, line);
    }
    for (count, flags, masked) in [(STORM_BUDGET, InterruptFlags::STORM, true), (0, InterruptFlags::REPLAYED, false)] {
        world.call(Operation::ReplyReceive, driver.endpoint, [0; 4]);
        let message = interrupt(&world, &driver);
        assert_eq!((message.count, message.flags, world.machine.line(EDGE).masked), (count, flags, masked));
    }
}

#[test]
fn a_level_line_is_unmasked_by_whatever_controller_has_it() {
    for controller in [Controller::Dropping, Controller::Latching] {
        let mut world = World::new();
        world.machine.controller = controller;
        let driver = driver(&mut world, LEVEL);
        for _ in 0..3 {
            world.machine.assert(LEVEL);
            assert_eq!(world.serve(), 1);
            interrupt(&world, &driver);
            assert!(world.machine.line(LEVEL).masked);
            world.machine.release(LEVEL);
            world.call(Operation::ReplyReceive, driver.endpoint, [0; 4]);
            assert!(world.is_idle() && !world.machine.line(LEVEL).masked);
        }
    }
}

#[test]
fn binding_unmasks_and_says_that_an_edge_may_have_gone_unseen() {
    let mut world = World::new();
    world.machine.raise(EDGE);
    assert_eq!(world.machine.line(EDGE).lost, 1);
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    assert!(world.machine.line(EDGE).masked);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    assert!(!world.machine.line(EDGE).masked);
    let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
    assert_eq!((message.count, message.flags), (0, InterruptFlags::REPLAYED));
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
}

#[test]
fn a_latched_edge_arrives_with_the_bind() {
    let mut world = World::new();
    world.machine.controller = Controller::Latching;
    world.machine.raise(EDGE);
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    assert_eq!(world.serve(), 1);
    let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
    assert_eq!((message.count, message.flags), (1, InterruptFlags::REPLAYED));
}

#[test]
fn a_level_line_that_is_asserted_before_the_bind_arrives_with_it() {
    let mut world = World::new();
    world.machine.assert(LEVEL);
    assert_eq!(world.serve(), 0);
    let endpoint = world.endpoint();
    let source = source(&mut world, LEVEL);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    assert_eq!(world.serve(), 1);
    assert!(world.poll(endpoint).is_ok());
}

#[test]
fn a_kept_interrupt_is_completed_by_name_once() {
    let mut world = World::new();
    let driver = driver(&mut world, LEVEL);
    world.machine.assert(LEVEL);
    world.serve();
    let sequence = interrupt(&world, &driver).sequence as usize;
    let keep = Tag::incoming(Operation::Receive, 0, Options::KEEP | Options::NO_WAIT);
    assert_eq!(world.refused_with(keep, driver.endpoint, [0; 4]), Error::WouldBlock);
    assert!(world.machine.line(LEVEL).masked);
    // Receiving again without the flag has nothing to complete any more.
    assert_eq!(world.poll(driver.endpoint), Err(Error::WouldBlock));
    assert!(world.machine.line(LEVEL).masked);
    world.machine.release(LEVEL);
    for wrong in [0, sequence - 1, sequence + 1, usize::MAX] {
        assert_eq!(world.refused(Operation::InterruptComplete, driver.source, [wrong, 0, 0, 0]), Error::Stale);
        assert!(world.machine.line(LEVEL).masked);
    }
    world.done(Operation::InterruptComplete, driver.source, [sequence, 0, 0, 0]);
    assert!(!world.machine.line(LEVEL).masked);
    assert_eq!(world.refused(Operation::InterruptComplete, driver.source, [sequence, 0, 0, 0]), Error::Stale);
}

#[test]
fn completing_by_name_early_leaves_nothing_to_the_next_receive() {
    let mut world = World::new();
    let driver = driver(&mut world, LEVEL);
    world.machine.assert(LEVEL);
    world.serve();
    let sequence = interrupt(&world, &driver).sequence as usize;
    world.done(Operation::InterruptComplete, driver.source, [sequence, 0, 0, 0]);
    assert_eq!(world.serve(), 1);
    // The new message must not be completed by the token of the old one: it is received first.
    world.receive(driver.endpoint);
    assert_eq!(interrupt(&world, &driver).sequence as usize, sequence + 1);
    assert!(world.machine.line(LEVEL).masked);
}

#[test]
fn a_call_in_between_completes_nothing_and_neither_does_another_endpoint() {
    let mut world = World::new();
    let driver = driver(&mut world, LEVEL);
    world.machine.assert(LEVEL);
    world.serve();
    interrupt(&world, &driver);
    world.machine.release(LEVEL);
    let other = world.endpoint();
    assert_eq!(world.poll(other), Err(Error::WouldBlock));
    assert!(world.machine.line(LEVEL).masked, "it was received on another endpoint");
    world.done(Operation::Null, 0, [0; 4]);
    assert_eq!(world.poll(driver.endpoint), Err(Error::WouldBlock));
    assert!(!world.machine.line(LEVEL).masked, "now it was received on this one again");
}

#[test]
fn a_kept_interrupt_survives_an_answer() {
    let mut world = World::new();
    let driver = driver(&mut world, LEVEL);
    world.machine.assert(LEVEL);
    world.serve();
    let sequence = interrupt(&world, &driver).sequence as usize;
    world.machine.release(LEVEL);
    let keep = Tag::incoming(Operation::ReplyReceive, 0, Options::KEEP);
    world.call_with(keep, driver.endpoint, [0; 4]);
    assert!(world.is_idle() && world.machine.line(LEVEL).masked);
    world.ring();
    let handle = world.handle_to(ObjectKind::Interrupt, world.object_of_line(LEVEL));
    world.done(Operation::InterruptComplete, handle, [sequence, 0, 0, 0]);
    assert!(!world.machine.line(LEVEL).masked);
}

/// A token that nothing can complete would send the driver's every receive by the slow path.
#[test]
fn a_driver_whose_source_was_unbound_is_on_the_fast_path_again() {
    let mut world = World::new();
    let driver = driver(&mut world, EDGE);
    world.raise(EDGE);
    interrupt(&world, &driver);
    world.done(Operation::InterruptUnbind, driver.source, [0; 4]);
    world.call(Operation::ReplyReceive, driver.endpoint, [0; 4]);
    assert!(world.is_idle());
    assert_eq!(world.kernel.threads.at(driver.actor.thread).unwrap().completes(), Token::NONE);
}
