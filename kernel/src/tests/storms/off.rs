//! What a source that is off does: its interrupts are kept back, and it comes back with a message.

use super::*;
use crate::budget::INTERRUPT_CYCLES;

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

/// An interrupt that lets no thread run is the driver's cost all the same, whether its source is on or off.
#[test]
fn interrupts_without_a_message_of_their_own_are_paid_for_by_their_driver() {
    for is_off in [false, true] {
        let mut world = World::new();
        let driver = driver(&mut world, Device::Message, 100);
        if is_off {
            storm_until_off(&mut world, Device::Message, &driver);
            wait(&mut world, &driver);
        } else {
            // The driver gets the first one, and init runs in its place: the second one waits, others join it.
            world.ring();
            world.raise(driver.line);
            world.raise(driver.line);
        }
        let credit = |world: &World| standing(world, &driver).budget.credit();
        let before = credit(&world);
        for _ in 0..100 {
            world.raise(driver.line);
        }
        let charged = (before - credit(&world)) / 1_000;
        // The share of the time that has passed is credited meanwhile.
        assert!(charged >= 50 * INTERRUPT_CYCLES as i64, "off: {is_off}: {charged}");
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
    world.pass(2 * FIRST_OFF);
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
    world.pass(2 * FIRST_OFF);
    assert_eq!(ask(&mut world, InterruptPart::Storm), [1, 0, 0, 0]);
}
