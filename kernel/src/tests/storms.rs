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
use crate::objects::standing::Standing;
use crate::tables::Link;
use abi::{
    Error, InfoItem, InterruptFlags, InterruptMessage, InterruptPart, Kind, Message, Operation, Options, Rights, Tag,
    join,
};
use std::vec;
use std::vec::Vec;

mod ends;
mod off;
mod unbound;

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
    let claim = device.claim(world);
    driver_of(world, claim, share)
}

fn driver_of(world: &mut World, (source, line): (usize, Line), share: usize) -> Driver {
    let actor = world.spawn_sharing(47, share);
    let endpoint = world.endpoint();
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

fn standing<'a>(world: &'a World, driver: &Driver) -> &'a Standing {
    &world.kernel.processes.at(driver.actor.process).unwrap().standing
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
        world.advance_to_timer(end);
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
fn nothing_keeps_a_non_maskable_interrupt_back() {
    let mut world = World::new();
    let claim =
        (world.make(Operation::InterruptCreate, world.init.root as usize, [Line::NMI.0 as usize, 0, 0, 0]), Line::NMI);
    let driver = driver_of(&mut world, claim, 100);
    let end = world.machine.time + 20 * WINDOW;
    let mut lowered = 0;
    while world.machine.time < end {
        world.trap(|kernel, machine| kernel.non_maskable(machine, 100));
        // It works more than its share allows.
        world.advance(WINDOW / 40);
        lowered += standing(&world, &driver).is_lowered() as u32;
        wait(&mut world, &driver);
    }
    assert!(!pace(&world, &driver).is_off() && lowered > 100, "{lowered}");
    assert!(source(&world, &driver).counters.taken > 50_000);
}

/// The driver's process is held to its share meanwhile, and others have the rest.
#[test]
fn others_have_the_processor_meanwhile() {
    for device in DEVICES {
        let mut world = World::new();
        let driver = driver(&mut world, device, 100);
        let told = storm(&mut world, device, &driver, 10 * WINDOW);
        assert!(!told.is_empty(), "{device:?}: init runs, and is told");
    }
}
