//! Who pays for a device's messages that come while its source isn't bound: nothing masks them.

use super::*;

/// Messages that take all of the CPU come for a while. Init listens; the driver doesn't run. Returns the badges and
/// labels of the storms that init was told of.
fn storm_unbound(world: &mut World, line: Line) -> Vec<(u16, u8)> {
    let mut told = Vec::new();
    let end = world.machine.time + 100 * WINDOW;
    while world.machine.time < end {
        world.machine.raise(line);
        interrupt_quickly(world);
        advance_quickly(world, 500);
        while world.is_running(world.init_thread) {
            let tag = world.message(world.init_thread).tag;
            if tag.kind() == Kind::Storm {
                told.push((tag.badge(), tag.label()));
            }
            world.park();
        }
    }
    super::super::invariants::check(world);
    told
}

/// A driver that got a message, and a program of a small share that runs once the driver waits.
fn driver_and_victim(world: &mut World) -> (Driver, Actor) {
    let driver = driver(world, Device::Message, 100);
    world.ring();
    let victim = world.spawn_sharing(10, 100);
    world.park();
    world.raise(driver.line);
    assert!(world.is_running(driver.actor.thread));
    (driver, victim)
}

/// The driver unbinds its source, and waits.
fn unbind(world: &mut World, driver: &Driver) {
    let handle = world.handle_to(abi::ObjectKind::Interrupt, driver.link);
    world.done(Operation::InterruptUnbind, handle, [0; 4]);
    wait(world, driver);
}

fn is_lowered(world: &World, process: Link) -> bool {
    world.kernel.processes.at(process).unwrap().standing.is_lowered()
}

/// The driver pays, and its supervisor is told.
#[track_caller]
fn expect_paid_by(world: &mut World, driver: &Driver, victim: Actor) {
    assert!(world.is_running(victim.thread));
    let dropped = source(world, driver).counters.dropped;
    let told = storm_unbound(world, driver.line);
    assert!(is_lowered(world, driver.actor.process), "the driver pays nothing");
    assert!(!is_lowered(world, victim.process), "the program that was interrupted pays");
    assert_eq!(told.first(), Some(&(driver.actor.badge as u16, 1)), "{told:?}");
    assert!(source(world, driver).endpoint().is_none());
    assert!(source(world, driver).counters.dropped - dropped > 10_000, "no message tells of them");
}

#[test]
fn a_driver_that_unbinds_its_source_pays_all_the_same() {
    let mut world = World::new();
    let (driver, victim) = driver_and_victim(&mut world);
    unbind(&mut world, &driver);
    expect_paid_by(&mut world, &driver, victim);
}

#[test]
fn a_driver_whose_endpoint_has_gone_pays_all_the_same() {
    let mut world = World::new();
    let (driver, victim) = driver_and_victim(&mut world);
    wait(&mut world, &driver);
    world.ring();
    let endpoint = world.last_endpoint();
    world.destroy(endpoint);
    world.park();
    // The driver's receive has failed.
    assert!(world.is_running(driver.actor.thread));
    let own = world.endpoint();
    world.receive(own);
    expect_paid_by(&mut world, &driver, victim);
}

/// A driver has its source bound by a process of its own, which then ends.
#[test]
fn a_driver_pays_for_what_its_child_has_bound() {
    let mut world = World::new();
    let (driver, victim) = driver_and_victim(&mut world);
    wait(&mut world, &driver);
    world.ring();
    let handle = world.grant(driver.actor, driver.source, Rights::INTERRUPT | Rights::COPY, 0);
    world.park();
    world.raise(driver.line);
    assert!(world.is_running(driver.actor.thread));
    world.done(Operation::InterruptUnbind, handle, [0; 4]);
    let child = world.make_with(Tag::incoming(Operation::ProcessCreate, 63, Options::empty()), 0, [12, 8, 0, 1]);
    let thread = world.make(Operation::ThreadCreate, child, [0x40_0000, 0x80_0000, 50, 0]);
    let granted = world.make(Operation::ProcessGrant, child, [handle, Rights::INTERRUPT.bits() as usize, 0, 0]);
    let process = world.object(child);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    assert!(!world.is_running(driver.actor.thread), "the child outranks it");
    let endpoint = world.make(Operation::EndpointCreate, 0, [0; 4]);
    world.done(Operation::InterruptBind, granted, [endpoint, 0, 0, 0]);
    world.call(Operation::Exit, 0, [0; 4]);
    world.finish_ends();
    assert_eq!(source(&world, &driver).payer(), process, "the child isn't torn down yet");
    assert!(world.is_running(driver.actor.thread));
    world.reap(child);
    wait(&mut world, &driver);
    expect_paid_by(&mut world, &driver, victim);
}

/// A driver has its device send messages, and binds nothing.
#[test]
fn a_driver_pays_for_a_source_that_it_was_granted_and_never_binds() {
    let mut world = World::new();
    let (source, line) = Device::Message.claim(&mut world);
    let link = world.object(source);
    let payer = |world: &World| world.kernel.interrupts.at(link).unwrap().payer();
    assert_eq!(payer(&world), world.kernel.threads.at(world.init_thread).unwrap().process);
    let victim = world.spawn_sharing(10, 100);
    let actor = world.spawn_sharing(47, 100);
    world.grant(actor, source, Rights::COPY, 0);
    assert_ne!(payer(&world), actor.process, "it can do nothing with such a handle");
    world.grant(actor, source, Rights::INTERRUPT, 0);
    assert_eq!(payer(&world), actor.process);
    world.park();
    let endpoint = world.endpoint();
    world.receive(endpoint);
    let driver = Driver { actor, endpoint, source, line, link };
    expect_paid_by(&mut world, &driver, victim);
}

/// Granting a source that is bound doesn't make others pay. A driver that is torn down leaves it to its maker.
#[test]
fn who_has_bound_a_source_pays_until_it_is_torn_down() {
    let mut world = World::new();
    let init = world.kernel.threads.at(world.init_thread).unwrap().process;
    let driver = driver(&mut world, Device::Message, 100);
    world.ring();
    let other = world.spawn_stopped(10);
    world.grant(other, driver.source, Rights::INTERRUPT, 0);
    let (of_other, _) = Device::Edge.claim(&mut world);
    let of_other_link = world.object(of_other);
    world.grant(other, of_other, Rights::INTERRUPT, 0);
    assert_eq!(source(&world, &driver).payer(), driver.actor.process);
    world.done(Operation::ProcessKill, driver.actor.process_handle, [0; 4]);
    world.finish_ends();
    assert_eq!(source(&world, &driver).payer(), driver.actor.process);
    world.reap(driver.actor.process_handle);
    assert_eq!(source(&world, &driver).payer(), init);
    assert_eq!(world.kernel.interrupts.at(of_other_link).unwrap().payer(), other.process);
}

/// A source that its driver has unbound in a storm is on again after its time off, and can be bound then.
#[test]
fn a_source_that_stormed_while_it_was_unbound_is_of_use_again() {
    let mut world = World::new();
    let (driver, _) = driver_and_victim(&mut world);
    unbind(&mut world, &driver);
    storm_unbound(&mut world, driver.line);
    assert!(pace(&world, &driver).storms() > 0);
    world.pass(200 * WINDOW);
    assert!(!pace(&world, &driver).is_off());
    world.ring();
    let endpoint = world.endpoint();
    world.done(Operation::InterruptBind, driver.source, [endpoint, 0, 0, 0]);
    world.raise(driver.line);
    assert_eq!(InterruptMessage::from_message(&world.poll(endpoint).unwrap()).count, 1);
}

/// A process that a supervisor of its own watches, and that was granted a source. Init runs.
fn watched_payer(world: &mut World, source: usize) -> (Actor, usize) {
    let of_others = world.supervisor;
    world.supervisor = world.endpoint();
    let actor = world.spawn_stopped(10);
    let supervisor = core::mem::replace(&mut world.supervisor, of_others);
    world.grant(actor, source, Rights::INTERRUPT, 0);
    (actor, supervisor)
}

/// A storm of a source, which is on again afterwards.
fn storm_at_once(world: &mut World, link: Link) {
    world.trap(|kernel, machine| {
        let next = kernel.switch_off(machine, link);
        kernel.carry_out(machine, next);
    });
    world.pass(200 * WINDOW);
    assert!(!world.kernel.is_off(link));
}

/// The badge that a supervisor is told of a storm, if it is told of one.
fn told(world: &mut World, supervisor: usize) -> Option<u16> {
    let message = world.poll(supervisor).ok()?;
    assert_eq!(message.tag.kind(), Kind::Storm);
    Some(message.tag.badge())
}

#[test]
fn a_storm_is_told_to_the_supervisor_of_the_process_that_pays() {
    let mut world = World::new();
    let (source, _) = Device::Message.claim(&mut world);
    let link = world.object(source);
    let (_, of_first) = watched_payer(&mut world, source);
    storm_at_once(&mut world, link);
    // It hasn't taken its message when another process pays.
    let (second, of_second) = watched_payer(&mut world, source);
    storm_at_once(&mut world, link);
    assert_eq!(told(&mut world, of_first), None, "the storm is another's");
    assert_eq!(told(&mut world, of_second), Some(second.badge as u16));
}

/// Storms of the same length are told once, but to each supervisor.
#[test]
fn a_storm_is_told_again_when_another_process_pays() {
    let mut world = World::new();
    let (source, _) = Device::Message.claim(&mut world);
    let link = world.object(source);
    let (first, of_first) = watched_payer(&mut world, source);
    storm_at_once(&mut world, link);
    assert_eq!(told(&mut world, of_first), Some(first.badge as u16));
    world.pass(1_000 * WINDOW);
    let (second, of_second) = watched_payer(&mut world, source);
    storm_at_once(&mut world, link);
    assert_eq!(told(&mut world, of_first), None);
    assert_eq!(told(&mut world, of_second), Some(second.badge as u16), "it is as long as the former one");
    world.pass(1_000 * WINDOW);
    storm_at_once(&mut world, link);
    assert_eq!(told(&mut world, of_second), None, "it would only hear the same again");
}
