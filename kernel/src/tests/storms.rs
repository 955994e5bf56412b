//! Storms: a source that interrupts without end takes the CPU from nobody, is off for a while, and comes back. Nothing
//! that it says meanwhile is lost.

use super::interrupts::{EDGE, LEVEL};
use super::world::{Actor, World};
use crate::dispatch::DeadlineOf;
use crate::fake::{Controller, FREQUENCY};
use crate::fast::{FastCall, Origin};
use crate::machine::Line;
use crate::objects::pace::Pace;
use crate::objects::source::Source;
use crate::tables::Link;
use abi::{
    Error, InfoItem, InterruptFlags, InterruptMessage, InterruptPart, Kind, Message, Operation, Options, Rights, Tag,
    join,
};
use std::vec;
use std::vec::Vec;

const WINDOW: u64 = FREQUENCY / crate::ready::SLICES_PER_SECOND;

/// The first time that a source is off.
const FIRST_OFF: u64 = 2 * WINDOW;

/// Eight times what a window allows.
const PERIOD: u64 = WINDOW / 4096;

/// A driver with a share of its own.
struct Driver {
    actor: Actor,
    /// As the driver names it.
    endpoint: usize,
    /// As init names it.
    source: usize,
    line: Line,
    link: Link,
}

/// A device that raises a line, or writes a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Device {
    Edge,
    Level,
    Message,
}

const DEVICES: [Device; 3] = [Device::Edge, Device::Level, Device::Message];

impl Device {
    fn claim(self, world: &mut World) -> (usize, Line) {
        let root = world.init.root as usize;
        let of_line = |line: Line| [line.0 as usize, 0, 0, 0];
        match self {
            Self::Edge => (world.make(Operation::InterruptCreate, root, of_line(EDGE)), EDGE),
            Self::Level => (world.make(Operation::InterruptCreate, root, of_line(LEVEL)), LEVEL),
            Self::Message => {
                let [source, _, _, data] = world.done(Operation::MessageInterruptCreate, root, [0; 4]);
                (source, Line(data as u8))
            }
        }
    }

    fn interrupt(self, world: &mut World, line: Line) {
        match self {
            Self::Level => world.machine.assert(line),
            Self::Edge | Self::Message => world.machine.raise(line),
        }
    }
}

/// A driver of a share in thousandths, which waits for its device. Init waits for its bell.
fn driver(world: &mut World, device: Device, share: usize) -> Driver {
    let actor = world.spawn_sharing(47, share);
    let endpoint = world.endpoint();
    let (source, line) = device.claim(world);
    world.grant(actor, source, Rights::INTERRUPT, 0);
    let link = world.object(source);
    let endpoint = world.grant(actor, endpoint, Rights::RECEIVE | Rights::BIND, 0);
    let driver = Driver { actor, endpoint, source, line, link };
    world.park();
    bind(world, &driver);
    wait(world, &driver);
    driver
}

/// The driver binds its source.
fn bind(world: &mut World, driver: &Driver) {
    assert!(world.is_running(driver.actor.thread));
    let source = world.handle_to(abi::ObjectKind::Interrupt, driver.link);
    world.done(Operation::InterruptBind, source, [driver.endpoint, 0x44, 0, 0]);
}

/// The driver receives until nothing is left.
fn wait(world: &mut World, driver: &Driver) {
    while world.is_running(driver.actor.thread) {
        world.receive(driver.endpoint);
    }
}

fn source<'a>(world: &'a World, driver: &Driver) -> &'a Source {
    world.kernel.interrupts.at(driver.link).unwrap()
}

fn pace<'a>(world: &'a World, driver: &Driver) -> &'a Pace {
    world.kernel.paces.at(driver.link).unwrap()
}

/// What init was told of storms: line, windows off, how often.
type Told = Vec<(u8, u64, usize)>;

/// Notes what init was told, and lets it wait again.
fn listen(world: &mut World, told: &mut Told) {
    while world.is_running(world.init_thread) {
        let message = world.message(world.init_thread);
        if message.tag.kind() == Kind::Storm {
            let [line, low, high, times] = message.words;
            told.push((line as u8, join(low, high) / WINDOW, times));
        }
        world.park();
    }
}

/// Lets time pass, with each trap of the timer when it is due. The driver receives whatever comes, until `stop`.
fn pass(world: &mut World, driver: &Driver, cycles: u64, stop: impl Fn(&World) -> bool) -> Told {
    let mut told = Told::new();
    let end = world.machine.time + cycles;
    while world.machine.time < end && !stop(world) {
        let next = world.machine.armed.map_or(end, |armed| armed.0.clamp(world.machine.time, end));
        world.advance(next - world.machine.time);
        listen(world, &mut told);
        wait(world, driver);
    }
    told
}

fn never(_: &World) -> bool {
    false
}

/// The device interrupts again and again for that time; its driver works, receives whatever comes, and doesn't quiet
/// the device. There are too many traps to look at everything after each.
fn storm(world: &mut World, device: Device, driver: &Driver, cycles: u64) -> Told {
    let mut told = Told::new();
    let end = world.machine.time + cycles;
    while world.machine.time < end {
        device.interrupt(world, driver.line);
        interrupt_quickly(world);
        advance_quickly(world, PERIOD);
        if world.is_running(driver.actor.thread) {
            receive_quickly(world, driver);
        }
        listen(world, &mut told);
    }
    super::invariants::check(world);
    told
}

/// The CPU takes an interrupt, if one comes through.
fn interrupt_quickly(world: &mut World) {
    let World { kernel, machine, .. } = world;
    let Some(line) = machine.take_interrupt() else { return };
    let resume = if machine.controller.is_direct() { kernel.fast_interrupt(machine, line) } else { None };
    match resume {
        Some(resume) => kernel.save(resume),
        None => kernel.interrupt(machine, line),
    }
}

fn advance_quickly(world: &mut World, cycles: u64) {
    world.machine.advance(cycles);
    while world.machine.take_timer() {
        world.kernel.timer(&mut world.machine);
    }
}

/// The driver receives, on the fast path if that takes it.
fn receive_quickly(world: &mut World, driver: &Driver) {
    let World { kernel, machine, .. } = world;
    let (tag, handle) = (Tag::incoming(Operation::ReplyReceive, 0, Options::empty()), driver.endpoint as u32);
    let context = kernel.current_context().unwrap();
    (context.message, context.handle) = (Message::new(tag, [0; 4]), handle);
    match kernel.fast_call(machine, FastCall::ReplyReceive, tag, handle, Origin::Saved) {
        Some(resume) => kernel.save(resume),
        None => kernel.call(machine),
    }
}

/// A storm until the source is off. Returns what init was told.
fn storm_until_off(world: &mut World, device: Device, driver: &Driver) -> Told {
    let mut told = Told::new();
    for _ in 0..200 {
        if pace(world, driver).is_off() {
            return told;
        }
        told.extend(storm(world, device, driver, WINDOW / 16));
    }
    panic!("{device:?}: the storm goes on");
}

/// The message that the driver has just got.
#[track_caller]
fn got(world: &World, driver: &Driver) -> InterruptMessage {
    assert!(world.is_running(driver.actor.thread), "it got nothing");
    let message: Message = world.message(driver.actor.thread);
    assert_eq!(message.tag.kind(), Kind::Interrupt);
    InterruptMessage::from_message(&message)
}

/// Lets time pass until the driver gets a message.
fn until_it_gets_one(world: &mut World, driver: &Driver, cycles: u64) -> InterruptMessage {
    let end = world.machine.time + cycles;
    while !world.is_running(driver.actor.thread) {
        assert!(world.machine.time < end, "it gets nothing");
        let next = world.machine.armed.map_or(end, |armed| armed.0.clamp(world.machine.time, end));
        world.advance(next - world.machine.time);
    }
    got(world, driver)
}

#[test]
fn a_storm_is_ended_told_and_followed_by_a_message() {
    for (device, controller) in [
        (Device::Edge, Controller::Dropping),
        (Device::Edge, Controller::Latching),
        (Device::Level, Controller::Dropping),
        (Device::Level, Controller::Latching),
        (Device::Message, Controller::Dropping),
    ] {
        let mut world = World::new();
        world.machine.controller = controller;
        let driver = driver(&mut world, device, 100);
        let told = storm_until_off(&mut world, device, &driver);
        assert_eq!(told, vec![(driver.line.0, 2, 1)], "{device:?}");
        assert!(device == Device::Message || world.machine.line(driver.line).masked);
        let off_since = world.machine.time;
        world.machine.release(driver.line);
        wait(&mut world, &driver);
        let message = until_it_gets_one(&mut world, &driver, 2 * FIRST_OFF);
        assert!(message.flags.contains(InterruptFlags::OFF | InterruptFlags::REPLAYED), "{device:?}: {message:?}");
        let off = world.machine.time - off_since;
        assert!((FIRST_OFF - WINDOW / 8..=FIRST_OFF).contains(&off), "{device:?}: off for {off}");
        // It goes on as before.
        wait(&mut world, &driver);
        assert!(!world.machine.line(driver.line).masked, "{device:?}");
        device.interrupt(&mut world, driver.line);
        world.serve();
        let message = got(&world, &driver);
        assert!((message.count, message.flags.contains(InterruptFlags::OFF)) == (1, false), "{device:?}: {message:?}");
    }
}

/// Nothing masks a device's messages. Those that come while the source is off are counted, and its driver is told how
/// many came when it comes back.
#[test]
fn messages_that_come_while_their_source_is_off_are_counted() {
    let mut world = World::new();
    let driver = driver(&mut world, Device::Message, 100);
    storm_until_off(&mut world, Device::Message, &driver);
    wait(&mut world, &driver);
    let before = source(&world, &driver).counters.taken;
    let (_, unread, ..) = source(&world, &driver).pending();
    for _ in 0..5 {
        world.raise(driver.line);
        assert!(!world.is_running(driver.actor.thread), "it is off");
    }
    let counters = source(&world, &driver).counters;
    assert_eq!((counters.taken - before, counters.dropped), (5, 0));
    assert_eq!(until_it_gets_one(&mut world, &driver, 2 * FIRST_OFF).count, unread + 5);
}

/// The trap itself costs so much that no program gets anywhere between two interrupts. The timer's interrupt comes all
/// the same, and ends that.
#[test]
fn a_storm_that_leaves_no_instruction_to_programs_is_ended() {
    for device in [Device::Edge, Device::Message] {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        world.ring();
        let modest = world.spawn(10);
        world.park();
        assert!(world.is_running(modest.thread));
        let begin = world.machine.time;
        let is_over = |world: &World| match device {
            // Too many come unread before its budget is used up.
            Device::Edge => world.machine.line(driver.line).masked,
            _ => pace(world, &driver).is_off(),
        };
        while !is_over(&world) {
            assert!(world.machine.time < begin + 10 * WINDOW, "{device:?}: it goes on");
            // The driver never gets to its next receive.
            world.machine.raise(driver.line);
            interrupt_quickly(&mut world);
            advance_quickly(&mut world, 500);
        }
        super::invariants::check(&world);
        if device == Device::Message {
            let message = world.message(world.init_thread);
            assert!(world.is_running(world.init_thread) && message.tag.kind() == Kind::Storm);
            assert_eq!((message.tag.badge(), message.tag.label()), (driver.actor.badge as u16, 1));
        }
    }
}

#[test]
fn each_further_storm_has_twice_the_silence_and_is_told_until_nothing_changes() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        let told = storm(&mut world, device, &driver, 5 * FREQUENCY);
        let silences: Vec<u64> = told.iter().map(|(_, windows, _)| *windows).collect();
        assert_eq!(silences, [2, 4, 8, 16, 32, 64, 128], "{device:?}");
        // All in all little is left of it.
        let before = source(&world, &driver).counters.taken;
        storm(&mut world, device, &driver, 3 * 128 * WINDOW);
        let off = source(&world, &driver).counters.taken.wrapping_sub(before);
        assert!(device == Device::Message || off < 3 * 4_096, "{device:?}: {off}");
    }
}

#[test]
fn a_driver_that_keeps_to_its_share_may_have_as_many_as_come() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 900);
        let begin = world.machine.time;
        while world.machine.time < begin + 10 * WINDOW {
            device.interrupt(&mut world, driver.line);
            interrupt_quickly(&mut world);
            world.machine.release(driver.line);
            while world.is_running(driver.actor.thread) {
                receive_quickly(&mut world, &driver);
            }
            advance_quickly(&mut world, PERIOD);
        }
        assert!(source(&world, &driver).counters.taken > 30_000, "{device:?}");
        assert_eq!(pace(&world, &driver).storms(), 0, "{device:?}");
    }
}

#[test]
fn a_driver_cannot_end_it_by_binding_anew() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        storm_until_off(&mut world, device, &driver);
        let back = pace(&world, &driver).back();
        world.machine.release(driver.line);
        wait(&mut world, &driver);
        world.ring();
        world.done(Operation::InterruptUnbind, driver.source, [0; 4]);
        let endpoint = world.endpoint();
        world.done(Operation::InterruptBind, driver.source, [endpoint, 0, 0, 0]);
        assert!(pace(&world, &driver).is_off(), "{device:?}");
        assert_eq!(world.refused(Operation::InterruptBind, driver.source, [endpoint, 0, 0, 0]), Error::Busy);
        assert_eq!(world.poll(endpoint), Err(Error::WouldBlock), "{device:?}");
        let left = back.0 + WINDOW / 8 - world.machine.time;
        pass_silently(&mut world, left);
        let message = InterruptMessage::from_message(&world.poll(endpoint).unwrap());
        assert!(message.flags.contains(InterruptFlags::OFF), "{device:?}");
        assert!(!pace(&world, &driver).is_off(), "{device:?}");
    }
}

/// A device whose storm ended its driver goes on with it when the next one binds.
#[test]
fn the_end_of_a_driver_does_not_end_it_either() {
    for device in DEVICES {
        let mut world = World::new();
        let mut driver = driver(&mut world, device, 100);
        storm_until_off(&mut world, device, &driver);
        let back = pace(&world, &driver).back();
        world.ring();
        world.done(Operation::ProcessKill, driver.actor.process_handle, [0; 4]);
        world.reap(driver.actor.process_handle);
        for handle in [driver.actor.process_handle, driver.actor.thread_handle] {
            world.done(Operation::HandleClose, handle, [0; 4]);
        }
        assert!(source(&world, &driver).endpoint().is_none() && pace(&world, &driver).is_off(), "{device:?}");
        world.machine.release(driver.line);
        let actor = world.spawn_sharing(47, 100);
        let endpoint = world.endpoint();
        world.grant(actor, driver.source, Rights::INTERRUPT, 0);
        driver.endpoint = world.grant(actor, endpoint, Rights::RECEIVE | Rights::BIND, 0);
        driver.actor = actor;
        world.park();
        while !world.is_running(actor.thread) {
            world.park();
        }
        bind(&mut world, &driver);
        wait(&mut world, &driver);
        let message = until_it_gets_one(&mut world, &driver, 2 * FIRST_OFF);
        assert_eq!(world.machine.time, back.0, "{device:?}");
        assert!(message.flags.contains(InterruptFlags::OFF), "{device:?}");
        wait(&mut world, &driver);
        let told = storm_until_off(&mut world, device, &driver);
        assert_eq!(told, vec![(driver.line.0, 4, 2)], "{device:?}: it is the same device");
    }
}

#[test]
fn a_source_that_nobody_binds_comes_back_in_silence() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        storm_until_off(&mut world, device, &driver);
        world.machine.release(driver.line);
        wait(&mut world, &driver);
        world.ring();
        world.done(Operation::InterruptUnbind, driver.source, [0; 4]);
        pass_silently(&mut world, 2 * FIRST_OFF);
        assert!(!pace(&world, &driver).is_off() && world.machine.line(driver.line).masked, "{device:?}");
    }
}

#[test]
fn a_source_that_is_destroyed_while_it_is_off_leaves_nothing() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        storm_until_off(&mut world, device, &driver);
        world.machine.release(driver.line);
        wait(&mut world, &driver);
        world.ring();
        while world.done(Operation::Destroy, driver.source, [0; 4])[0] != 0 {}
        let owners = world.kernel.deadlines.owners();
        assert!(!owners.contains(&DeadlineOf::Source(driver.link)), "{device:?}: {owners:?}");
        // Who claims it anew has the root's right to lines, and begins with a clean slate.
        let (source, _) = device.claim(&mut world);
        let link = world.object(source);
        assert_eq!(*world.kernel.paces.at(link).unwrap(), Pace::NEW, "{device:?}");
    }
}

#[test]
fn a_source_whose_endpoint_goes_while_it_is_off_is_unbound_when_it_comes_back() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        storm_until_off(&mut world, device, &driver);
        world.machine.release(driver.line);
        wait(&mut world, &driver);
        world.ring();
        let endpoint = world.last_endpoint();
        while world.done(Operation::Destroy, endpoint, [0; 4])[0] != 0 {}
        pass_silently(&mut world, 2 * FIRST_OFF);
        assert!(source(&world, &driver).endpoint().is_none(), "{device:?}");
        assert!(!pace(&world, &driver).is_off() && world.machine.line(driver.line).masked, "{device:?}");
    }
}

/// The line of a level is masked until its message is completed, so there is nothing to let through.
#[test]
fn a_level_that_is_in_service_comes_back_when_it_is_completed() {
    let mut world = World::new();
    let driver = driver(&mut world, Device::Level, 100);
    world.machine.assert(LEVEL);
    world.serve();
    let sequence = got(&world, &driver).sequence;
    world.trap(|kernel, machine| {
        let next = kernel.switch_off(machine, driver.link);
        kernel.carry_out(machine, next);
    });
    listen(&mut world, &mut Told::new());
    pass_silently(&mut world, 2 * FIRST_OFF);
    assert!(pace(&world, &driver).is_off());
    world.machine.release(LEVEL);
    world.call(Operation::ReplyReceive, driver.endpoint, [0; 4]);
    let message = got(&world, &driver);
    assert_eq!((message.count, message.sequence), (0, sequence + 1));
    assert!(message.flags.contains(InterruptFlags::OFF | InterruptFlags::LEVEL));
    assert!(world.machine.line(LEVEL).masked && !pace(&world, &driver).is_off());
    wait(&mut world, &driver);
    assert!(!world.machine.line(LEVEL).masked);
}

fn pass_silently(world: &mut World, cycles: u64) {
    let end = world.machine.time + cycles;
    while world.machine.time < end {
        let next = world.machine.armed.map_or(end, |armed| armed.0.clamp(world.machine.time, end));
        world.advance(next - world.machine.time);
    }
}

#[test]
fn completing_while_it_is_off_lets_nothing_through() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        storm_until_off(&mut world, device, &driver);
        for _ in 0..3 {
            wait(&mut world, &driver);
            world.advance(WINDOW / 4);
            assert!(pace(&world, &driver).is_off(), "{device:?}");
            assert!(device == Device::Message || world.machine.line(driver.line).masked, "{device:?}");
        }
    }
}

#[test]
fn nothing_keeps_a_non_maskable_interrupt_back() {
    let mut world = World::new();
    let actor = world.spawn_sharing(47, 100);
    let endpoint = world.bind_for(actor, Line::NMI);
    let link = world.object_of_line(Line::NMI);
    world.park();
    let end = world.machine.time + 20 * WINDOW;
    while world.machine.time < end {
        world.trap(|kernel, machine| kernel.non_maskable(machine, 100));
        if world.is_running(actor.thread) {
            world.receive(endpoint);
        }
        world.advance(WINDOW / 40);
    }
    assert!(!world.kernel.is_off(link));
    assert!(world.kernel.interrupts.at(link).unwrap().counters.taken > 50_000);
}

#[test]
fn what_is_off_is_shown() {
    let mut world = World::new();
    let driver = driver(&mut world, Device::Edge, 100);
    storm_until_off(&mut world, Device::Edge, &driver);
    wait(&mut world, &driver);
    world.ring();
    let ask = |world: &mut World, part: InterruptPart| {
        let root = world.init.root as usize;
        world.done(Operation::Info, root, [InfoItem::Interrupt as usize, driver.link.index(), part as usize, 0])
    };
    let back = pace(&world, &driver).back();
    let [times, is_off, low, high] = ask(&mut world, InterruptPart::Storm);
    assert_eq!((times, is_off, join(low, high)), (1, 1, back.0));
    assert_ne!(ask(&mut world, InterruptPart::Binding)[0], 0, "it is bound");
    pass_silently(&mut world, 2 * FIRST_OFF);
    assert_eq!(ask(&mut world, InterruptPart::Storm), [1, 0, 0, 0]);
}

/// The driver's process is held to its share meanwhile, and others have the rest.
#[test]
fn others_have_the_processor_meanwhile() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        let told = storm(&mut world, device, &driver, 10 * WINDOW);
        assert!(!told.is_empty(), "{device:?}: init runs, and is told");
        pass(&mut world, &driver, WINDOW, never);
    }
}
