//! Budgets: no process gets more of the CPU than its share while others want it, whatever it tries, and none gets less.

mod levels;
mod timers;
mod watch;

use super::world::{Actor, ENTRY, STACK, World};
use crate::fake::FREQUENCY;
use crate::machine::Line;
use crate::objects::thread::{SIBLINGS, StateKind};
use crate::tables::Link;
use abi::{Operation, Options, Tag};

const WINDOW: u64 = FREQUENCY / crate::ready::SLICES_PER_SECOND;
const SECOND: u64 = FREQUENCY;

/// The cycles that a process has used, its former threads' included.
fn used(world: &World, process: Link) -> u64 {
    let kernel = &world.kernel;
    let process = kernel.processes.at(process).unwrap();
    let threads = kernel.threads.walk::<SIBLINGS>(process.threads());
    let of = |link: Link| {
        let now = (link == kernel.current).then_some(crate::machine::Time(world.machine.time));
        kernel.threads.at(link).unwrap().used_cycles(now)
    };
    threads.into_iter().map(of).fold(process.former_usage().1, u64::wrapping_add)
}

/// Lets time pass, with each trap of the timer when it is due, as on a real machine. Init waits again if it was told
/// something.
fn pass(world: &mut World, cycles: u64) {
    let end = world.machine.time + cycles;
    while world.machine.time < end {
        world.advance_to_timer(end);
        if world.is_running(world.init_thread) {
            world.park();
        }
    }
}

/// Lets time pass in steps, and calls `act` before each. Returns what a
/// process used of it, in thousandths.
fn part_used(world: &mut World, process: Link, cycles: u64, step: u64, mut act: impl FnMut(&mut World)) -> u64 {
    let (begin, before) = (world.machine.time, used(world, process));
    while world.machine.time < begin + cycles {
        act(world);
        pass(world, step);
    }
    (used(world, process) - before) * 1_000 / (world.machine.time - begin)
}

fn nothing(_: &mut World) {}

/// Init waits for its bell; actors that were just started run.
fn park(world: &mut World) {
    world.park();
    assert!(!world.is_running(world.init_thread));
}

/// Whether a number is near another, in thousandths.
#[track_caller]
fn assert_near(part: u64, expected: u64) {
    assert!(part.abs_diff(expected) <= 1 + expected / 20, "{part} instead of {expected} thousandths");
}

#[test]
fn a_loop_at_high_priority_gets_its_share_and_no_more() {
    for share in [10, 50, 200, 600] {
        let mut world = World::new();
        let greedy = world.spawn_sharing(47, share);
        let modest = world.spawn(10);
        park(&mut world);
        assert!(world.is_running(greedy.thread));
        let part = part_used(&mut world, greedy.process, 2 * SECOND, WINDOW / 20, nothing);
        assert_near(part, share as u64);
        assert!(used(&world, modest.process) > SECOND / 4);
    }
}

#[test]
fn an_idle_cpu_is_not_wasted_and_its_use_is_not_held_against_anybody() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 200);
    park(&mut world);
    assert_eq!(part_used(&mut world, greedy.process, SECOND, WINDOW / 4, nothing), 1_000);
    world.ring();
    world.spawn(10);
    park(&mut world);
    let part = part_used(&mut world, greedy.process, 2 * SECOND, WINDOW / 20, nothing);
    assert_near(part, 200);
}

#[test]
fn all_that_want_more_than_their_shares_share_what_is_left() {
    let mut world = World::new();
    let greedy = [100, 200].map(|share| world.spawn_sharing(47, share));
    park(&mut world);
    let first = used(&world, greedy[0].process);
    let part = part_used(&mut world, greedy[1].process, 4 * SECOND, WINDOW / 8, nothing);
    let other = (used(&world, greedy[0].process) - first) * 1_000 / (4 * SECOND);
    // Beyond their shares they take turns.
    assert!(part >= 200 && other >= 100 && part + other >= 999, "{part} and {other}");
}

/// The greedy one is lowered at each look, and the modest ones run in between.
#[test]
fn processes_that_run_between_looks_alone_get_their_shares() {
    let mut world = World::new();
    world.spawn_sharing(47, 860);
    let modest = [15, 15, 90].map(|share| world.spawn_sharing(10, share));
    park(&mut world);
    // What is saved is used up first.
    pass(&mut world, SECOND);
    let part = part_used(&mut world, modest[2].process, 4 * SECOND, WINDOW / 20, nothing);
    assert!(part >= 80, "{part} of 90 thousandths");
}

/// Turns of many threads take long, so a process may wait for several windows until it gets what it is owed of them.
#[test]
fn who_waits_long_for_a_turn_gets_the_whole_share() {
    let mut world = World::new();
    let more_threads = |world: &mut World, actor: Actor, count| {
        for _ in 0..count {
            let thread = world.make(Operation::ThreadCreate, actor.process_handle, [ENTRY, STACK, 10, 0]);
            world.done(Operation::ThreadStart, thread, [0; 4]);
        }
    };
    // These run on the share of `init`, with which they take turns of the others' priority too.
    world.spawn(20);
    let own = world.spawn(10);
    more_threads(&mut world, own, 2);
    let low = [150, 90, 40].map(|share| world.spawn_sharing(10, share));
    low.iter().for_each(|actor| more_threads(&mut world, *actor, 1));
    park(&mut world);
    pass(&mut world, SECOND);
    let part = part_used(&mut world, low[0].process, 4 * SECOND, WINDOW / 20, nothing);
    assert!(part >= 145, "{part} of 150 thousandths");
}

#[test]
fn a_process_is_owed_its_share_while_it_waits() {
    const BUSY: Line = Line(8);
    const WAITING: Line = Line(9);
    for (state, order) in [(StateKind::Ready, [BUSY, WAITING]), (StateKind::Preempted, [WAITING, BUSY])] {
        let mut world = World::new();
        let waiting = world.spawn_sharing(10, 100);
        let busy = world.spawn(20);
        let bells = [(busy, BUSY), (waiting, WAITING)].map(|(actor, line)| (actor, world.bind_for(actor, line)));
        park(&mut world);
        for (actor, bell) in bells {
            while world.is_running(actor.thread) {
                world.receive(bell);
            }
        }
        // The busy one has some credit then, so that it isn't lowered.
        pass(&mut world, 4 * WINDOW);
        order.iter().for_each(|line| world.raise(*line));
        assert_eq!(world.state(waiting.thread).kind(), state);
        pass(&mut world, 6 * WINDOW);
        let standing = world.kernel.processes.at(waiting.process).unwrap().standing;
        let windows = standing.budget.credit() / (100 * WINDOW as i64);
        assert!((4..=7).contains(&windows), "{state:?}: the share of {windows} windows");
    }
}

#[test]
fn giving_up_the_cpu_before_each_look_gains_nothing() {
    let mut world = World::new();
    let dodger = world.spawn_sharing(47, 50);
    let endpoint = world.bind_for(dodger, Line(8));
    let modest = world.spawn(10);
    park(&mut world);
    let part = part_used(&mut world, dodger.process, 4 * SECOND, WINDOW / 64, |world| {
        let close = world.kernel.watch.next() <= world.machine.time + WINDOW / 32;
        match world.is_running(dodger.thread) {
            true if close => {
                world.receive(endpoint);
            }
            false if !close => world.raise(Line(8)),
            _ => {}
        }
    });
    assert!(part <= 53, "{part} of 50 thousandths");
    assert!(used(&world, modest.process) > 3 * SECOND);
}

#[test]
fn many_threads_get_no_more_than_one() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    for priority in [63, 47, 47, 30, 5] {
        let thread = world.make(Operation::ThreadCreate, greedy.process_handle, [ENTRY, STACK, priority, 0]);
        world.done(Operation::ThreadStart, thread, [0; 4]);
    }
    world.spawn(10);
    park(&mut world);
    let part = part_used(&mut world, greedy.process, 4 * SECOND, WINDOW / 30, nothing);
    assert_near(part, 100);
}

/// The running process makes another one, which runs on its share; every other one gets a share of that. Returns the
/// handles to the process and its thread.
fn make_child(world: &mut World, number: usize) -> (usize, usize) {
    let create = Tag::incoming(Operation::ProcessCreate, 47, Options::empty());
    let child = world.make_with(create, 0, [6, 4, 0, 7]);
    if !number.is_multiple_of(2) {
        world.done(Operation::ProcessShare, child, [40, 0, 0, 0]);
    }
    let thread = world.make(Operation::ThreadCreate, child, [ENTRY, STACK, 47, 0]);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    (child, thread)
}

#[test]
fn many_processes_get_no_more_than_one() {
    let mut world = World::new();
    world.spawn_sharing(47, 100);
    let modest = world.spawn(10);
    park(&mut world);
    // It makes others, which run on its share, and gives one of them a share of that.
    for number in 0..2 {
        make_child(&mut world, number);
    }
    let before = used(&world, modest.process);
    let begin = world.machine.time;
    while world.machine.time < begin + 4 * SECOND {
        pass(&mut world, WINDOW / 30);
    }
    let part = (used(&world, modest.process) - before) * 1_000 / (4 * SECOND);
    assert!(part >= 895, "{part} of 900 thousandths are left to others");
}

#[test]
fn a_process_that_ends_before_a_look_is_paid_for() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let modest = world.spawn(10);
    park(&mut world);
    let before = used(&world, modest.process);
    let begin = world.machine.time;
    let mut children = 0;
    while world.machine.time < begin + SECOND {
        if world.is_running(greedy.thread) {
            let (child, thread) = make_child(&mut world, children);
            // The child runs in its place for less than the time to the next look.
            world.done(Operation::Yield, 0, [0; 4]);
            pass(&mut world, WINDOW / 16);
            while !world.is_running(greedy.thread) {
                pass(&mut world, WINDOW / 30);
            }
            world.done(Operation::ProcessKill, child, [0; 4]);
            world.reap(child);
            for handle in [child, thread] {
                world.done(Operation::HandleClose, handle, [0; 4]);
            }
            children += 1;
        }
        pass(&mut world, WINDOW / 30);
    }
    assert!(children > 3);
    let part = (used(&world, modest.process) - before) * 1_000 / (world.machine.time - begin);
    assert!(part >= 880, "{part} of 900 thousandths are left to others");
}
