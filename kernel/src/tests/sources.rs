//! Sources: who owns a line, what it is bound to, what is left when either ends, what is counted.

use super::interrupts::{EDGE, LEVEL, driver, interrupt, source};
use super::world::World;
use crate::machine::{Line, Trigger};
use crate::tables::Link;
use abi::{Error, InterruptFlags, InterruptMessage, InterruptPart, ObjectKind, Operation, Rights};
use std::vec::Vec;

fn delivered(world: &World, source: Link) -> u32 {
    world.kernel.interrupts.at(source).unwrap().delivered()
}

#[test]
fn a_driver_says_how_its_line_signals() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    assert_eq!(world.refused(Operation::InterruptBind, source, [endpoint, 0, 3, 0]), Error::BadArgument);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 2, 0]);
    assert_eq!(world.machine.line(EDGE).trigger, Trigger::Level);
    assert_eq!(world.refused(Operation::InterruptBind, source, [endpoint, 0, 1, 0]), Error::Busy);
    world.done(Operation::InterruptUnbind, source, [0; 4]);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 1, 0]);
    assert_eq!(world.machine.line(EDGE).trigger, Trigger::Edge);
}

#[test]
fn an_unbound_source_is_silent_and_what_nobody_read_is_dropped() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.raise(EDGE);
    world.raise(EDGE);
    world.done(Operation::InterruptUnbind, source, [0; 4]);
    assert!(world.machine.line(EDGE).masked);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    let counters = world.kernel.interrupts.at(world.object(source)).unwrap().counters;
    assert_eq!(
        (counters.taken, counters.coalesced, counters.dropped, delivered(&world, world.object(source))),
        (2, 1, 1, 0)
    );
    world.done(Operation::InterruptUnbind, source, [0; 4]);
}

#[test]
fn interrupts_of_lines_that_nobody_bound_are_masked_and_counted() {
    let mut world = World::new();
    world.machine.lines[9].masked = false;
    world.raise(Line(9));
    assert_eq!(world.kernel.account.unowned, 1);
    assert!(world.machine.line(Line(9)).masked);
    assert_eq!(world.machine.ended.last(), Some(&Line(9)));
}

#[test]
fn non_maskable_interrupts_that_nobody_bound_are_all_counted() {
    let mut world = World::new();
    let source = source(&mut world, Line::NMI);
    world.trap(|kernel, machine| kernel.non_maskable(machine, 3));
    let counters = world.kernel.interrupts.at(world.object(source)).unwrap().counters;
    assert_eq!((counters.taken, counters.dropped), (3, 3));
    assert!(!world.machine.ended.contains(&Line::NMI), "no controller waits for its end");
}

#[test]
fn a_source_survives_the_death_of_the_endpoint_that_it_was_bound_to() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.raise(EDGE);
    world.destroy(endpoint);
    // The next object in the endpoint's slot has nothing to do with the source.
    let innocent = world.endpoint();
    world.raise(EDGE);
    assert_eq!(world.poll(innocent), Err(Error::WouldBlock));
    assert!(world.machine.line(EDGE).masked);
    let successor = world.endpoint();
    world.done(Operation::InterruptBind, source, [successor, 0, 0, 0]);
    world.raise(EDGE);
    let message = InterruptMessage::from_message(&world.poll(successor).unwrap());
    assert_eq!((message.count, message.flags), (1, InterruptFlags::REPLAYED));
    let counters = world.kernel.interrupts.at(world.object(source)).unwrap().counters;
    assert_eq!((counters.taken, counters.dropped, delivered(&world, world.object(source))), (2, 1, 1));
}

#[test]
fn a_source_whose_endpoint_died_can_be_bound_anew_without_an_interrupt_in_between() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, LEVEL);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.machine.assert(LEVEL);
    world.serve();
    world.destroy(endpoint);
    let successor = world.endpoint();
    world.done(Operation::InterruptBind, source, [successor, 0, 0, 0]);
    assert_eq!(world.serve(), 1);
    assert!(world.poll(successor).is_ok());
}

#[test]
fn a_source_that_fires_after_its_endpoint_died_falls_silent() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    assert!(world.poll(endpoint).is_ok());
    world.destroy(endpoint);
    let innocent = world.endpoint();
    world.raise(EDGE);
    assert_eq!(world.poll(innocent), Err(Error::WouldBlock));
    assert!(world.machine.line(EDGE).masked);
    assert_eq!(world.kernel.account.unowned, 1);
}

#[test]
fn a_line_has_one_owner_who_is_named_to_others() {
    let mut world = World::new();
    let root = world.init.root as usize;
    let actor = world.spawn(20);
    let theirs = world.grant(actor, root, Rights::ROOT_LINES, 0);
    world.park();
    let source = world.make(Operation::InterruptCreate, theirs, [EDGE.0 as usize, 0, 0, 0]);
    let answer = world.call(Operation::InterruptCreate, theirs, [EDGE.0 as usize, 0, 0, 0]);
    assert_eq!(answer.result(), Err(Error::Conflict));
    assert_eq!(answer.words[0], actor.badge);
    for nonsense in [24, 200, 254, 256, usize::MAX] {
        assert_eq!(world.refused(Operation::InterruptCreate, theirs, [nonsense, 0, 0, 0]), Error::BadArgument);
    }
    world.done(Operation::Destroy, source, [0; 4]);
    assert_eq!(world.refused(Operation::InterruptUnbind, source, [0; 4]), Error::BadHandle);
    world.make(Operation::InterruptCreate, theirs, [EDGE.0 as usize, 0, 0, 0]);
}

#[test]
fn destroying_a_bound_source_takes_its_pending_message_along() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.raise(EDGE);
    world.done(Operation::Destroy, source, [0; 4]);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    assert!(world.machine.line(EDGE).masked);
}

#[test]
fn a_driver_that_dies_leaves_its_line_masked_and_its_successor_begins_anew() {
    let mut world = World::new();
    let driver = driver(&mut world, LEVEL);
    world.machine.assert(LEVEL);
    world.serve();
    let sequence = interrupt(&world, &driver).sequence as usize;
    world.call(Operation::Exit, 0, [0; 4]);
    assert!(world.machine.line(LEVEL).masked);
    world.finish_ends();
    world.reap(driver.actor.process_handle);
    // Init claimed the line, so that it is still there.
    let source = world.object_of_line(LEVEL);
    let counters = world.kernel.interrupts.at(source).unwrap().counters;
    assert_eq!((counters.taken, delivered(&world, source), counters.completed), (1, 1, 0));
    let endpoint = world.endpoint();
    let handle = world.handle_to(ObjectKind::Interrupt, source);
    world.done(Operation::InterruptBind, handle, [endpoint, 0, 0, 0]);
    assert_eq!(world.refused(Operation::InterruptComplete, handle, [sequence, 0, 0, 0]), Error::Stale);
    assert_eq!(world.serve(), 1, "the device still waits to be served");
    assert!(world.poll(endpoint).is_ok());
}

#[test]
fn a_driver_that_dies_unread_drops_what_was_pending() {
    let mut world = World::new();
    let driver = driver(&mut world, EDGE);
    world.raise(EDGE);
    interrupt(&world, &driver);
    world.raise(EDGE);
    world.raise(EDGE);
    world.call(Operation::Exit, 0, [0; 4]);
    let counters = world.kernel.interrupts.at(world.object_of_line(EDGE)).unwrap().counters;
    assert_eq!(
        (counters.taken, delivered(&world, world.object_of_line(EDGE)), counters.coalesced, counters.dropped),
        (3, 1, 1, 1)
    );
}

#[test]
fn what_a_source_did_can_be_read() {
    let mut world = World::new();
    let driver = driver(&mut world, LEVEL);
    for _ in 0..3 {
        world.machine.assert(LEVEL);
        world.serve();
        world.machine.release(LEVEL);
        world.receive(driver.endpoint);
    }
    world.ring();
    let root = world.init.root as usize;
    let index = world.object_of_line(LEVEL).index();
    let mut info = |part: InterruptPart| world.done(Operation::Info, root, [3, index, part as usize, 0]);
    assert_eq!(info(InterruptPart::Source), [1, LEVEL.0 as usize, 0b101, driver.actor.badge]);
    assert_eq!(info(InterruptPart::Counts), [3, 3, 0, 0]);
    assert_eq!(info(InterruptPart::More), [0, 0, 3, 3]);
    assert_eq!(info(InterruptPart::Histogram0), [3, 0, 0, 0]);
    assert_eq!(info(InterruptPart::Histogram7), [0; 4]);
}

#[test]
fn the_non_maskable_interrupt_is_a_source_like_another() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    world.trap(|kernel, machine| kernel.non_maskable(machine, 3));
    assert_eq!(world.kernel.account.nmis, 3);
    let source = source(&mut world, Line::NMI);
    world.done(Operation::InterruptBind, source, [endpoint, 9, 0, 0]);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock), "none is ever missed, so none is replayed");
    world.trap(|kernel, machine| kernel.non_maskable(machine, 3));
    let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
    assert_eq!((message.badge, message.count), (9, 3));
}

#[test]
fn spurious_interrupts_are_counted_where_they_came_from() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, Line(7));
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.trap(|kernel, _| kernel.spurious(Some(Line(7))));
    world.trap(|kernel, _| kernel.spurious(Some(Line(3))));
    world.trap(|kernel, _| kernel.spurious(None));
    assert_eq!((world.kernel.account.spurious_pic, world.kernel.account.spurious_apic), (2, 1));
    let counters = world.kernel.interrupts.at(world.object(source)).unwrap().counters;
    assert_eq!((counters.taken, counters.spurious), (1, 1));
}

#[test]
fn every_call_on_a_source_checks_its_handle() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    let weak = world.make(Operation::HandleCopy, source, [Rights::COPY.bits() as usize, 0, 0, 0]);
    let root = world.make(Operation::HandleCopy, world.init.root as usize, [Rights::COPY.bits() as usize, 0, 0, 0]);
    let calls = [Operation::InterruptBind, Operation::InterruptComplete, Operation::InterruptUnbind];
    let found: Vec<_> = calls
        .into_iter()
        .flat_map(|operation| [0, weak, endpoint].map(|handle| world.refused(operation, handle, [endpoint, 0, 0, 0])))
        .collect();
    assert_eq!(found, [[Error::BadHandle, Error::MissingRight, Error::WrongType]; 3].concat());
    assert_eq!(world.refused(Operation::InterruptCreate, root, [5, 0, 0, 0]), Error::MissingRight);
    assert_eq!(world.refused(Operation::InterruptBind, source, [source, 0, 0, 0]), Error::WrongType);
    assert_eq!(world.refused(Operation::InterruptBind, source, [0; 4]), Error::BadHandle);
}

fn message_source(world: &mut World) -> (usize, Line) {
    let [source, low, high, data] = world.done(Operation::MessageInterruptCreate, world.init.root as usize, [0; 4]);
    assert_eq!((low, high), (0xFEE0_1000, 0), "the address that the machine gave");
    (source, Line(data as u8))
}

#[test]
fn a_message_interrupt_is_an_edge_that_no_mask_stops() {
    let mut world = World::new();
    let (source, line) = message_source(&mut world);
    let endpoint = world.endpoint();
    // Before the bind it is nobody's; it is ended all the same.
    world.raise(line);
    assert_eq!((world.kernel.account.unowned, world.machine.ended.last()), (1, Some(&line)));
    // What a driver says of its trigger changes nothing.
    world.done(Operation::InterruptBind, source, [endpoint, 7, 2, 0]);
    let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
    assert_eq!((message.count, message.flags), (0, InterruptFlags::REPLAYED));
    world.raise(line);
    world.raise(line);
    let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
    assert_eq!((message.badge, message.count, message.flags), (7, 2, InterruptFlags::empty()));
    assert!(!world.machine.line(line).masked, "a message interrupt was masked");
}

#[test]
fn a_storm_of_messages_is_counted_though_nothing_masks_it() {
    let mut world = World::new();
    let (source, line) = message_source(&mut world);
    let endpoint = world.endpoint();
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.poll(endpoint).unwrap();
    for _ in 0..crate::objects::source::STORM_BUDGET + 10 {
        world.raise(line);
    }
    let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
    let flags = InterruptFlags::STORM | InterruptFlags::REPLAYED;
    assert_eq!((message.count, message.flags), (crate::objects::source::STORM_BUDGET + 10, flags));
    world.raise(line);
    let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
    assert_eq!(message.count, 1, "what came while the storm's message was uncompleted");
}

#[test]
fn message_interrupts_are_claimed_until_there_are_no_more() {
    let mut world = World::new();
    let root = world.init.root as usize;
    let lines: Vec<Line> = crate::fake::MESSAGE_LINES.map(|_| message_source(&mut world).1).collect();
    assert_eq!(lines, crate::fake::MESSAGE_LINES.map(Line).collect::<Vec<_>>());
    assert_eq!(world.refused(Operation::MessageInterruptCreate, root, [0; 4]), Error::TableFull);
    for line in crate::fake::MESSAGE_LINES {
        let refused = world.refused(Operation::InterruptCreate, root, [line as usize, 0, 0, 0]);
        assert_eq!(refused, Error::BadArgument, "a message's number isn't a line's");
    }
}

#[test]
fn a_freed_message_interrupt_can_be_had_again() {
    let mut world = World::new();
    let (source, line) = message_source(&mut world);
    let (_, other) = message_source(&mut world);
    assert_ne!(line, other);
    world.destroy(source);
    assert_eq!(message_source(&mut world).1, line);
}

#[test]
fn a_machine_that_takes_no_messages_says_so() {
    let mut world = World::new();
    world.machine.messages = crate::fake::Messages::Unsupported;
    let root = world.init.root as usize;
    assert_eq!(world.refused(Operation::MessageInterruptCreate, root, [0; 4]), Error::Unsupported);
}
