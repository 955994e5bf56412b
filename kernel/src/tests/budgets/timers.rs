//! Timers are paid for by their owners, and the interrupted get back what was used for others.

use super::{SECOND, WINDOW, park, pass};
use crate::budget::EXPIRY_CYCLES;
use crate::fake::FREQUENCY;
use crate::tests::world::{Actor, World};
use abi::{Operation, split};

#[test]
fn timers_are_paid_for_by_their_owner() {
    let mut world = World::new();
    let owner = world.spawn_sharing(20, 50);
    park(&mut world);
    let endpoint = world.endpoint();
    let period = FREQUENCY / 100_000;
    for number in 0..4 {
        let timer = world.make(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]);
        let [low, high] = split(world.machine.time + 1_000 + number * 777);
        world.done(Operation::TimerSet, timer, [low, high, period as usize, 0]);
    }
    let silent = world.endpoint();
    world.receive(silent);
    world.ring();
    let modest = world.spawn(10);
    park(&mut world);
    assert!(world.is_running(modest.thread));
    let _ = owner;
    let before = world.kernel.account.expiries;
    let begin = world.machine.time;
    while world.machine.time < begin + SECOND / 2 {
        pass(&mut world, FREQUENCY / 1_000_000);
    }
    let cost = (world.kernel.account.expiries - before) as u64 * EXPIRY_CYCLES;
    let part = cost * 1_000 / (world.machine.time - begin);
    assert!((20..=53).contains(&part), "{part} thousandths of the time are for timers with a share of 50");
}

/// A process that has timers expire while others run.
fn owner_of_timers(world: &mut World) -> Actor {
    let owner = world.spawn_sharing(20, 50);
    let modest = world.spawn(10);
    park(world);
    let endpoint = world.endpoint();
    for number in 0..4 {
        let timer = world.make(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]);
        let [low, high] = split(world.machine.time + 1_000 + number * 777);
        world.done(Operation::TimerSet, timer, [low, high, FREQUENCY as usize / 100_000, 0]);
    }
    let silent = world.endpoint();
    world.receive(silent);
    assert!(world.is_running(modest.thread));
    owner
}

#[test]
fn timers_that_use_a_share_up_lower_their_owner_before_the_next_look() {
    let mut world = World::new();
    let owner = owner_of_timers(&mut world);
    let look = world.kernel.watch.next();
    let lowered = |world: &World| world.kernel.threads.at(owner.thread).unwrap().is_lowered();
    while !lowered(&world) && world.machine.time < look {
        pass(&mut world, FREQUENCY / 1_000_000);
    }
    assert!(world.machine.time < look, "only a look sees what its timers cost");
}

#[test]
fn what_is_charged_to_a_timers_owner_is_given_back_to_the_interrupted() {
    let mut world = World::new();
    owner_of_timers(&mut world);
    let running = world.kernel.current;
    let payer = world.kernel.processes.at(world.kernel.threads.at(running).unwrap().process).unwrap().standing.payer();
    let credit = |world: &World| world.kernel.processes.at(payer).unwrap().standing.budget.credit();
    let (before, expiries) = (credit(&world), world.kernel.account.expiries);
    while world.kernel.account.expiries == expiries {
        pass(&mut world, 100);
    }
    let share = world.kernel.processes.at(payer).unwrap().standing.budget.share();
    let most = (WINDOW * share.thousandths() as u64) as i64;
    assert!(credit(&world) >= most.min(before + EXPIRY_CYCLES as i64 * 1_000), "{before}, then {}", credit(&world));
}

#[test]
fn timers_of_an_idle_system_are_never_put_off() {
    let mut world = World::new();
    world.spawn_sharing(20, 10);
    park(&mut world);
    let endpoint = world.endpoint();
    let timer = world.make(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]);
    let period = FREQUENCY / 100_000;
    let [low, high] = split(world.machine.time + period);
    world.done(Operation::TimerSet, timer, [low, high, period as usize, 0]);
    let silent = world.endpoint();
    world.receive(silent);
    assert!(world.is_idle());
    let before = world.kernel.account.expiries;
    for _ in 0..5_000 {
        pass(&mut world, period);
    }
    assert_eq!(world.kernel.account.expiries - before, 5_000);
}

/// It can't be lowered any more, so its timers would take all the time that reaping it needs.
#[test]
fn timers_of_a_process_that_has_ended_stop() {
    let mut world = World::new();
    let owner = owner_of_timers(&mut world);
    world.ring();
    world.done(Operation::ProcessKill, owner.process_handle, [0; 4]);
    let before = world.kernel.account.expiries;
    for _ in 0..10_000 {
        pass(&mut world, FREQUENCY / 1_000_000);
    }
    let expiries = world.kernel.account.expiries - before;
    assert!(expiries <= 4, "{expiries} expiries");
    world.ring();
    world.reap(owner.process_handle);
}
