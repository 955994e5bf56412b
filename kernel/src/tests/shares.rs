//! Shares of the CPU: who gives them, and what giving and taking back does to budgets.

use super::world::World;
use crate::fake::FREQUENCY;
use abi::{Error, Operation, Options, Rights, Tag};

const WINDOW: u64 = FREQUENCY / crate::ready::SLICES_PER_SECOND;
const SECOND: u64 = FREQUENCY;

#[test]
fn shares_come_from_the_maker_and_go_back() {
    let mut world = World::new();
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    let child = world.make_with(create, 0, [6, 4, 0, 7]);
    for bad in [0, 1_001, usize::MAX] {
        assert_eq!(world.refused(Operation::ProcessShare, child, [bad, 0, 0, 0]), Error::BadArgument);
    }
    assert_eq!(world.refused(Operation::ProcessShare, child, [1_000, 0, 0, 0]), Error::NoShare);
    world.done(Operation::ProcessShare, child, [999, 0, 0, 0]);
    assert_eq!(world.refused(Operation::ProcessShare, child, [1, 0, 0, 0]), Error::Busy);
    let second = world.make_with(create, 0, [6, 4, 0, 8]);
    assert_eq!(world.refused(Operation::ProcessShare, second, [1, 0, 0, 0]), Error::NoShare);
    world.done(Operation::ProcessKill, child, [0; 4]);
    world.reap(child);
    world.done(Operation::ProcessShare, second, [999, 0, 0, 0]);
    let own = world.init.own as usize;
    assert_eq!(world.refused(Operation::ProcessShare, own, [1, 0, 0, 0]), Error::BadArgument);
    world.done(Operation::ProcessKill, second, [0; 4]);
    assert_eq!(world.refused(Operation::ProcessShare, second, [1, 0, 0, 0]), Error::Busy);
    world.reap(second);
    let with_thread = world.spawn_stopped(5);
    assert_eq!(world.refused(Operation::ProcessShare, with_thread.process_handle, [1, 0, 0, 0]), Error::Busy);
}

#[test]
fn a_process_that_has_run_gets_no_share() {
    let mut world = World::new();
    // Its children run on what it ran on, and their shares came from there.
    let former = world.spawn_stopped(30);
    world.destroy(former.thread_handle);
    assert_eq!(world.kernel.processes.at(former.process).unwrap().thread_count(), 0);
    assert_eq!(world.refused(Operation::ProcessShare, former.process_handle, [100, 0, 0, 0]), Error::Busy);
}

#[test]
fn only_the_maker_gives_a_share() {
    let mut world = World::new();
    let other = world.spawn(30);
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    let child = world.make_with(create, 0, [6, 4, 0, 7]);
    let theirs = world.grant(other, child, Rights::PROCESS, 0);
    world.park();
    assert_eq!(world.refused(Operation::ProcessShare, theirs, [1, 0, 0, 0]), Error::BadArgument);
}

#[test]
fn a_debt_is_paid_sooner_once_a_share_has_come_back() {
    let mut world = World::new();
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    let child = world.make_with(create, 0, [6, 4, 0, 7]);
    world.done(Operation::ProcessShare, child, [999, 0, 0, 0]);
    let lowered = |world: &World| world.kernel.threads.at(world.init_thread).unwrap().is_lowered();
    // Half a second would take 500 seconds to pay.
    world.advance(SECOND / 2);
    assert!(lowered(&world));
    world.done(Operation::ProcessKill, child, [0; 4]);
    world.reap(child);
    world.advance(SECOND / 5);
    assert!(!lowered(&world), "the whole CPU is its own");
}

#[test]
fn what_was_used_before_there_were_budgets_is_not_charged() {
    let mut world = World::new();
    world.advance(5 * SECOND);
    world.spawn_sharing(5, 50);
    for _ in 0..20 {
        world.advance(WINDOW / 10);
    }
    let init = world.kernel.threads.at(world.init_thread).unwrap().process;
    let credit = world.kernel.processes.at(init).unwrap().standing.budget.credit();
    assert!(credit > -(WINDOW as i64 * 1_000), "a debt of {credit} thousandths of a cycle");
}
