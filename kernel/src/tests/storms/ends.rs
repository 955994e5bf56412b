//! What doesn't end a storm's time off, and what does: binding anew, ends of drivers, sources and endpoints.

use super::*;

/// A driver whose source is off and whose device is quiet. Init runs.
fn after_a_storm(device: Device) -> (World, Driver) {
    let mut world = World::new();
    let driver = driver(&mut world, device, 100);
    storm_until_off(&mut world, device, &driver);
    world.machine.release(driver.line);
    wait(&mut world, &driver);
    world.ring();
    (world, driver)
}

#[test]
fn a_driver_cannot_end_it_by_binding_anew() {
    for device in DEVICES {
        let (mut world, driver) = after_a_storm(device);
        let back = pace(&world, &driver).back();
        world.done(Operation::InterruptUnbind, driver.source, [0; 4]);
        let endpoint = world.endpoint();
        world.done(Operation::InterruptBind, driver.source, [endpoint, 0, 0, 0]);
        assert!(pace(&world, &driver).is_off(), "{device:?}");
        assert_eq!(world.refused(Operation::InterruptBind, driver.source, [endpoint, 0, 0, 0]), Error::Busy);
        assert_eq!(world.poll(endpoint), Err(Error::WouldBlock), "{device:?}");
        let left = back.0 + WINDOW / 8 - world.machine.time;
        world.pass(left);
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
        let (mut world, driver) = after_a_storm(device);
        world.done(Operation::InterruptUnbind, driver.source, [0; 4]);
        world.pass(2 * FIRST_OFF);
        assert!(!pace(&world, &driver).is_off() && world.machine.line(driver.line).masked, "{device:?}");
    }
}

#[test]
fn a_source_that_is_destroyed_while_it_is_off_leaves_nothing() {
    for device in DEVICES {
        let (mut world, driver) = after_a_storm(device);
        world.destroy(driver.source);
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
        let (mut world, driver) = after_a_storm(device);
        let endpoint = world.last_endpoint();
        world.destroy(endpoint);
        world.pass(2 * FIRST_OFF);
        assert!(source(&world, &driver).endpoint().is_none(), "{device:?}");
        assert!(!pace(&world, &driver).is_off() && world.machine.line(driver.line).masked, "{device:?}");
    }
}
